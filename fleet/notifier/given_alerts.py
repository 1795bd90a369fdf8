"""What one route was given, alert by alert: another hub, or this one before it was killed, may have
put a group together otherwise."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

from fleet.notifier.notification import Notification

GIVEN: Final = 5_000
"""Ids of single alerts kept for the next hub to lead, 35 bytes each: more than one tells while it
takes over."""


class GivenAlerts:
    """By ids of their own; beyond `GIVEN` the oldest go."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def restore(self, ids: Iterable[str]) -> None:
        self._ids.update(dict.fromkeys(ids))

    def news(self, group: Notification) -> Notification | None:
        """What of a group is news, which counts as given from now on; None: nothing of it."""
        members = group.news(self._ids)
        self.restore(members)
        while len(self._ids) > GIVEN:
            self._ids.popitem(last=False)
        return group.with_only(members.values())
