"""What is wrong with each of many agents at one moment, without a view of each: 100,000 that fell
silent together say the same, and are looked at once.

It asks, and changes nothing. What is found of an agent is what `problems_of` its view says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fleet.domain.reported_state import ReportedState
from fleet.domain.silences import Silence
from fleet.domain.tally import Facts, facts_of
from fleet.domain.verdict import Verdict
from fleet.hub.committer import Committer
from fleet.hub.read_model import ReadModel


class Examination:
    """At `now` (s since the epoch)."""

    def __init__(self, committer: Committer, model: ReadModel, now: float) -> None:
        self._committer = committer
        self._model = model
        self._now = now
        lasting = [one for one in committer.book.silences.values() if one.until > now]
        self._of_many = tuple(one for one in lasting if one.scope or not one.agent)
        self._are_silences = bool(lasting)
        self._of_one: dict[str, list[Silence]] = {}
        for silence in lasting:
            if not silence.scope and silence.agent:
                self._of_one.setdefault(silence.agent, []).append(silence)
        self._known: dict[Any, tuple[ReportedState, Facts]] = {}
        """With whose words it is of: while they are held, no other has their address."""

    def doubtful(self, state: Verdict, names: Iterable[str]) -> Sequence[str]:
        """Those of one verdict with which something may be wrong."""
        standing, roster = self._committer.book.firing_of, self._committer.roster
        if state is Verdict.OK:
            return [name for name in names if standing(name)]
        if state is Verdict.UNKNOWN:  # who was never heard has said nothing
            return [name for name in names if name in roster or standing(name)]
        return list(names)

    def facts(self, name: str) -> Facts:
        state, codes, reported = self._committer.roster.signs(name, self._now)
        standing = self._committer.book.firing_of(name)
        key = (
            state,
            codes,
            id(reported),
            tuple((code, a.severity, a.flapping) for code, a in standing.items()),
            tuple(silence.id for silence in self._holding(name)) if self._are_silences else (),
        )
        known = self._known.get(key)
        if known is None:
            facts = facts_of(self._model.view(name, self._now))
            known = self._known[key] = reported, facts
        return known[1]

    def _holding(self, name: str) -> Iterable[Silence]:
        yield from (silence for silence in self._of_many if silence.concerns(name))
        yield from self._of_one.get(name, ())
