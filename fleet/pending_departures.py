"""Agents that left, or got another name, while no hub served: `departures.json` in the home.

The command line clears what the broker retains, and notes here what only a hub can do; the next one
does it at its start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fleet.contract.kept_file import MAX_LIST, read_json
from fleet.contract.secret_file import write_secret
from fleet.contract.topics import is_agent_name
from fleet.lock import in_turn

FILE: Final = "departures.json"


@dataclass(frozen=True, slots=True)
class Departure:
    """An agent to be forgotten, or that is called `to` from now on; `history`: erase what is
    stored of it, too."""

    agent: str
    history: bool = False
    to: str = ""


def _parsed(item: dict[str, Any]) -> Departure:
    found = Departure(**item)
    if not is_agent_name(found.agent) or not is_agent_name(found.to or found.agent):
        raise ValueError("not a name")
    return found


class PendingDepartures:
    """What the hub of one home is still to do, in order."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def read(self) -> list[Departure]:
        """
        Raises:
            ConfigError: the file is not readable, open to others, or damaged.
        """
        found = read_json(
            self._path,
            lambda document: [_parsed(item) for item in document["departures"]],
            shape="a list of agents",
            remedy=f"move {self._path} away, and forget the agents again",
            most=MAX_LIST,
            secret=True,
        )
        return found or []

    def add(self, departure: Departure) -> None:
        """Once is enough: the same one again changes nothing."""
        with self._changing() as pending:
            self._write([*(one for one in pending if one != departure), departure])

    def remove(self, departure: Departure) -> None:
        """It is done."""
        with self._changing() as pending:
            self._write([one for one in pending if one != departure])

    @contextmanager
    def _changing(self) -> Iterator[list[Departure]]:
        with in_turn(self._path.with_suffix(".lock")):
            yield self.read()

    def _write(self, pending: Sequence[Departure]) -> None:
        if pending:
            text = json.dumps({"departures": [asdict(one) for one in pending]}, indent=1)
            write_secret(self._path, text)
        else:
            self._path.unlink(missing_ok=True)
