"""Which topics a bus asked for (MQTT 5, 4.7), and what came that it did not ask for.

A broker is to deliver what matches a subscription, and some deliver more: what others asked for,
or their own traffic. A bus passes on only what its own filters match, whatever the broker sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

EVERYTHING: Final = "#"
"""All topics but those that begin with `$`."""

_SHARED: Final = "$share/"


def pattern(filters: Iterable[str]) -> re.Pattern[str]:
    """What matches a topic that any of `filters` does."""
    return re.compile("|".join(map(_expression, filters)) or "(?!)", re.DOTALL)


def _expression(topic_filter: str) -> str:
    if topic_filter.startswith(_SHARED):
        topic_filter = topic_filter.split("/", 2)[-1]
    levels = topic_filter.split("/")
    below = levels[-1] == "#" and levels.pop() == "#"
    text = "/".join("[^/]*" if level == "+" else re.escape(level) for level in levels)
    # `a/#` is `a` too; a wildcard in front stands for no topic of the broker's own.
    tail = ("(?:/.*)?" if levels else ".*") if below else ""
    own = r"(?!\$)" if topic_filter[0] in "+#" else ""
    return f"{own}{text}{tail}"


class TopicFilters:
    """The filters of one bus.

    Args:
        resumed: the session may go on from an earlier bus, whose filters the broker alone knows:
            until the first are added here, everything but `$` matches.

    Attributes:
        everything: whether all topics match but those that begin with `$`: to be asked before
            `match`, which takes longer.
        unasked: messages that no filter matched.
    """

    def __init__(self, *, resumed: bool = False) -> None:
        self.everything = resumed
        self.unasked = 0
        self._filters: dict[str, None] = {}
        self._pattern = pattern(())

    def add(self, filters: Iterable[str]) -> None:
        self._filters |= dict.fromkeys(filters)
        self.everything = EVERYTHING in self._filters
        self._pattern = pattern(self._filters)

    def match(self, topic: str) -> bool:
        """Whether a filter matches; if not, it is counted."""
        if (self.everything and topic[:1] != "$") or self._pattern.fullmatch(topic):
            return True
        self.unasked += 1
        return False
