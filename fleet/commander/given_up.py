"""Commands that were given up without a reply, which a late one still corrects."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from fleet.domain.commands import CommandState, IssuedCommand

MOST: Final = 10_000
"""Commands remembered, the newest: some MB."""


class GivenUp:
    """Those that are silent, by agent and by the id on the bus; memory is bounded by `MOST`."""

    def __init__(self) -> None:
        self._silent: dict[tuple[str, str], IssuedCommand] = {}

    def add(self, commands: Iterable[IssuedCommand]) -> None:
        """Remember those of `commands` that are silent."""
        silent = [one for one in commands if one.state is CommandState.SILENT]
        self._silent |= {(one.agent, one.wire): one for one in silent}
        for key in list(islice(self._silent, max(0, len(self._silent) - MOST))):
            del self._silent[key]

    def take(self, agent: str, wire: str | None) -> IssuedCommand | None:
        """The one that a reply of `agent` to `wire` is about; it has its reply by that."""
        return None if wire is None else self._silent.pop((agent, wire), None)

    def clear(self) -> None:
        self._silent.clear()
