"""What one route was given, alert by alert: another hub, or this one before it was killed, may have
put a group together otherwise, and what ends may matter less by then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

from fleet.contract.vocabulary import AlertState, Severity
from fleet.notifier.notification import Notification

GIVEN: Final = 5_000
"""Ids of single alerts kept for the next hub to lead, 35 bytes each: more than one tells while it
takes over. And alerts of which a route is to be told the end, at most."""


class GivenAlerts:
    """By ids of their own; beyond `GIVEN` the oldest go. `least`: how much matters that is told.

    Attributes:
        open: agents and codes of what was told as firing, where not all is: a group is told for its
            worst alert, and the end of each is told, however bad that is by then.
    """

    def __init__(self, least: Severity = Severity.INFO) -> None:
        self._least = least
        self._ids: OrderedDict[str, None] = OrderedDict()
        self.open: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def restore(self, ids: Iterable[str], is_open: Iterable[tuple[str, str]] = ()) -> None:
        self._ids.update(dict.fromkeys(ids))
        self.open.update(dict.fromkeys(is_open))

    def news(self, group: Notification) -> Notification | None:
        """What of a group matters and is news, which counts as given from now on; None: nothing of
        it."""
        wanted = self._wanted(group)
        if wanted is None:
            return None
        members = wanted.news(self._ids)
        self.restore(members)
        self._note_open(wanted)
        for known in (self._ids, self.open):
            while len(known) > GIVEN:
                known.popitem(last=False)
        return wanted.with_only(members.values())

    def _wanted(self, group: Notification) -> Notification | None:
        if group.state is AlertState.FIRING:
            return group if self._matters(group.severity) else None
        return self.told_of(group)

    def told_of(self, group: Notification) -> Notification | None:
        """What of a group matters by itself, or was told beside what does."""
        return group.with_only(
            one
            for one in group.members
            if self._matters(one.severity) or (one.agent, group.code) in self.open
        )

    def _matters(self, severity: Severity) -> bool:
        return severity.rank >= self._least.rank

    def _note_open(self, group: Notification) -> None:
        for member in group.members if self._least is not Severity.INFO else ():
            key = member.agent, group.code
            self.open.pop(key, None)
            if group.state is AlertState.FIRING:
                self.open[key] = None
