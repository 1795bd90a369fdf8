"""Agents of one group should be alike: who has another configuration than most of its group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

FEWEST: Final = 3
"""Members that tell a configuration before there is a majority to differ from."""


class ConfigGroup:
    """The fingerprints of one group, and the one that more than half of its members share.

    Where everyone differs (each with a port or key of its own, say) nobody differs from the group.
    """

    __slots__ = ("_counts", "_digests", "_usual")

    def __init__(self) -> None:
        self._digests: dict[str, int] = {}
        self._counts: Counter[int] = Counter()
        self._usual: int | None = None

    def tell(self, name: str, digest: int) -> bool:
        """`name` has this configuration now. True if by that another one became usual."""
        before = self._digests.get(name)
        if before is not None:
            self._counts[before] -= 1
            if not self._counts[before]:
                del self._counts[before]
        self._digests[name] = digest
        self._counts[digest] += 1
        usual, self._usual = self._usual, self._majority(digest)
        return self._usual != usual

    def _majority(self, told: int) -> int | None:
        known = len(self._digests)
        if known < FEWEST:
            return None
        # Beyond the fewest only two can have it: members do not leave, so nothing else gains.
        likely: Iterable[int | None] = self._counts if known == FEWEST else (self._usual, told)
        return next((d for d in likely if d is not None and self._counts[d] * 2 > known), None)

    @property
    def members(self) -> Iterable[str]:
        return self._digests

    def differs(self, name: str) -> bool:
        return self._usual is not None and self._digests.get(name, self._usual) != self._usual
