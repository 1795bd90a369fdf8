"""Records of the roster as a store keeps them, read when they are asked for: those of 100,000
agents as values at once would take some 300 MB, their texts take 60."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, overload

PART: Final = 500
"""Texts that are read together: one reader and one set of keys for all of them."""

Record = tuple[str, int, dict[str, Any]]
"""An agent, the id of the last message that its state knows of, and the state."""


class StoredRecords(Sequence[Record]):
    """`rows`: agent, id and state as JSON. `wrong`: the error of a text that is not JSON; None: as
    `json` has it."""

    def __init__(
        self,
        rows: Sequence[tuple[str, int, str]],
        wrong: Callable[[ValueError], Exception] | None = None,
    ) -> None:
        self._rows = rows
        self._wrong = wrong

    def upto(self) -> dict[str, int]:
        """The id of the last message that each agent's record knows of, without its state."""
        return {agent: upto for agent, upto, _text in self._rows}

    def __iter__(self) -> Iterator[Record]:
        for first in range(0, len(self._rows), PART):
            part = self._rows[first : first + PART]
            states = self._read([text for _agent, _upto, text in part])
            for (agent, upto, _text), state in zip(part, states, strict=True):
                yield agent, upto, state

    def _read(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        try:
            states: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")
        except ValueError as error:
            raise (self._wrong(error) if self._wrong else error) from None
        return states

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...

    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        rows = self._rows[place] if isinstance(place, slice) else [self._rows[place]]
        found = list(StoredRecords(rows, self._wrong))
        return found if isinstance(place, slice) else found[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
