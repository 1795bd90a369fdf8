"""Every agent as the hub knows it: what all doors of a hub render, and nobody judges again.

The roster says what messages and time support; the alert book what fires beside that, as after
`fleet verify`; silences what is held back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from fleet.domain.agent_view import AgentView
from fleet.domain.alert import Alert
from fleet.domain.apply_silences import apply_silences
from fleet.domain.liveness import PRESENCE_CODES
from fleet.domain.problems import HUB as THE_HUB
from fleet.domain.problems import Problem, in_order, problems_of, weighed
from fleet.domain.severities import UNSTATED, severity_of_plane
from fleet.domain.verdict import Verdict
from fleet.hub.committer import HUB, Committer
from fleet.store.sites import SUBJECT

_TELLS_PLANES: Final = (Verdict.DEGRADED, Verdict.LATE, Verdict.GHOST, Verdict.UNKNOWN)
"""Verdicts beside which a plane that fails is a problem, also where it raised no alert. Of who is
well none fails, and of who is gone none is told."""

_DISTINCT: Final = 1_024
"""Combinations of failing planes that are remembered: a fleet has some dozens."""


class ReadModel:
    """Asks the committer's roster and alert book; changes nothing."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    def view(self, name: str, now: float) -> AgentView:
        """One agent at `now` (s since the epoch)."""
        book = self._committer.book
        view = self._committer.roster.view(name, now)
        firing = book.firing_of(name)
        if not firing and not book.silences:
            return view
        more = {code: a.severity for code, a in firing.items() if code not in view.severities}
        for code in _outlived(view, firing):
            del more[code]
        if more:
            severities = dict(sorted({**view.severities, **more}.items()))
            view = replace(view, alerts=tuple(severities), severities=severities)
        flapping = frozenset(code for code, alert in firing.items() if alert.flapping)
        if flapping:
            view = replace(view, flapping=flapping)
        return apply_silences([view], book.silences.values(), now)[0]

    def suspects(self) -> list[tuple[int, str]]:
        """Whoever may have a problem, the worst first, then by name: (-rank, name), where the
        severity of that rank is the worst that it can be. It costs no view."""
        ranks: dict[str, int] = {}
        for alert in self._committer.book.firing():  # the worst first
            if not alert.agent.startswith(SUBJECT):
                ranks.setdefault(alert.agent, alert.severity.rank)
        ranks.pop(HUB, None)
        parts, failing = self._committer.roster.by_verdict(), self._committer.roster.failing
        for verdict in _TELLS_PLANES:
            is_degraded = verdict is Verdict.DEGRADED
            for name in parts.get(verdict, ()):
                planes = failing(name)
                if (planes or is_degraded) and (rank := _rank_of(planes)) > ranks.get(name, -1):
                    ranks[name] = rank
        return sorted((-rank, name) for name, rank in ranks.items())

    def problems(self, now: float) -> list[Problem]:
        """What is wrong with the hub itself, then with all agents, worst first, at `now`. It costs
        some 25 µs for each agent with a problem."""
        views = (self.view(name, now) for _, name in self.suspects())
        return [*self.own_problems(), *problems_of(views)]

    def own_problems(self) -> list[Problem]:
        """What is wrong with the hub itself, or with a site, worst first."""
        book = self._committer.book
        silences = book.silences.values()
        owners = (HUB, *book.subjects(SUBJECT))
        firing = [alert for owner in owners for alert in book.firing(owner)]
        return in_order(
            weighed(silences, a.agent, a.severity, a.code, a.agent or THE_HUB, flapping=a.flapping)
            for a in firing
        )


def _outlived(view: AgentView, firing: Mapping[str, Alert]) -> list[str]:
    """What an agent's presence raised a moment ago and is past: a view is of now, the book of the
    last tick, and silence has one name at a time. What flaps stays, as it is to stay."""
    if PRESENCE_CODES.get(view.state) is None:
        return []
    codes = PRESENCE_CODES.values()
    past = (code for code in codes if code in firing and code not in view.severities)
    return [code for code in past if not firing[code].flapping]


@lru_cache(_DISTINCT)
def _rank_of(planes: tuple[str, ...]) -> int:
    """How much it can matter at most that these fail; none: that an agent says it is unwell."""
    return max((severity_of_plane(plane).rank for plane in planes), default=UNSTATED.rank)
