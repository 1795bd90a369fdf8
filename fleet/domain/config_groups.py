"""Agents of one group should be alike: who has another configuration than most of its group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

FEWEST: Final = 3
"""Members that report a configuration before there is a majority to differ from."""


class ConfigGroup:
    """The fingerprints of one group, and the one that more than half of its members share.

    Where everyone differs (each with a port or key of its own, say) nobody differs from the group.
    """

    __slots__ = ("_counts", "_digests", "_usual")

    def __init__(self) -> None:
        self._digests: dict[str, int] = {}
        self._counts: Counter[int] = Counter()
        self._usual: int | None = None

    def enter(self, name: str, digest: int) -> bool:
        """`name` has this configuration now. True if by that another one became usual."""
        self._take(name)
        self._digests[name] = digest
        self._counts[digest] += 1
        usual, self._usual = self._usual, self._majority(digest)
        return self._usual != usual

    def leave(self, name: str) -> None:
        """`name` is no member any more; who differs by that is known when it is judged next."""
        self._take(name)
        self._usual = self._majority(None)

    def _take(self, name: str) -> None:
        digest = self._digests.pop(name, None)
        if digest is not None:
            self._counts[digest] -= 1
            if not self._counts[digest]:
                del self._counts[digest]

    def _majority(self, entered: int | None) -> int | None:
        known = len(self._digests)
        if known < FEWEST:
            return None
        # Beyond the fewest only two can have it: where nobody left, nothing else gains.
        few = known == FEWEST or entered is None
        likely: Iterable[int | None] = self._counts if few else (self._usual, entered)
        return next((d for d in likely if d is not None and self._counts[d] * 2 > known), None)

    @property
    def members(self) -> Iterable[str]:
        return self._digests

    def differs(self, name: str) -> bool:
        return self._usual is not None and self._digests.get(name, self._usual) != self._usual


class ConfigGroups:
    """Every group of the fleet by its name; None stands for no group, and no configuration."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[str, ConfigGroup] = {}

    def clear(self) -> None:
        """Forget all: who belongs to which group is told anew."""
        self._groups.clear()

    def enter(self, group: str | None, agent: str, digest: int | None) -> Iterable[str]:
        """`agent` has this configuration now; whoever is to be judged anew since by that another
        one became usual in its group."""
        if group is None or digest is None:
            return ()
        members = self._groups.setdefault(group, ConfigGroup())
        return members.members if members.enter(agent, digest) else ()

    def leave(self, group: str | None, agent: str) -> None:
        """`agent` is gone."""
        members = self._groups.get(group or "")
        if members is not None:
            members.leave(agent)

    def differs(self, group: str | None, agent: str) -> bool:
        """Whether `agent` has another configuration than most of its group."""
        members = self._groups.get(group or "")
        return members is not None and members.differs(agent)
