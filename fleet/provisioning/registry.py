"""Who is enrolled: `agents.json` in the home, written by `fleet agent`, read by the hub.

Holds no secret. A revoked name stays as a tombstone, so that it is not given away by accident.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_secret, write_secret
from fleet.contract.trusted_path import make_folder, open_file
from fleet.contract.vocabulary import Kind
from fleet.domain.enrolment import Enrolment

FILE: Final = "agents.json"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What is known of an agent before it ever speaks.

    Attributes:
        accounts: its account names at the broker, newest last; two during a rotation.
        enrolled_at, revoked_at: epoch seconds; `revoked_at` None while it may connect.
        serials: serial numbers (hex) of its certificates that are not revoked.
    """

    name: str
    kind: Kind = Kind.GENERIC
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    enrolled_at: float = 0.0
    revoked_at: float | None = None
    serials: tuple[str, ...] = ()

    def as_member(self) -> Enrolment:
        """What the roster is told; the first group is the one that its members are held against."""
        labels = dict(self.labels)
        if self.groups:
            labels.setdefault("group", self.groups[0])
        return Enrolment(labels, self.kind)


class Registry:
    """The list of enrolled agents in one home."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def agents(self) -> dict[str, Enrolled] | None:
        """Everyone who may connect, by name; None where nobody keeps a list (so none is a ghost).

        Raises:
            ConfigError: the file is not readable, open to others, or damaged.
        """
        everyone = self.everyone()
        if everyone is None:
            return None
        return {name: agent for name, agent in everyone.items() if agent.revoked_at is None}

    def everyone(self) -> dict[str, Enrolled] | None:
        """Like `agents`, with the revoked."""
        if not self._path.exists():
            return None
        text = read_secret(self._path)
        try:
            return {item["name"]: _parse(item) for item in json.loads(text)["agents"]}
        except (ValueError, TypeError, KeyError):
            remedy = f"restore {self._path} from a copy"
            raise ConfigError(f"{self._path} is damaged", "not a list of agents", remedy) from None

    def group(self, name: str) -> list[str]:
        """The enrolled members of a group, sorted."""
        return sorted(a.name for a in (self.agents() or {}).values() if name in a.groups)

    def version(self) -> int:
        """Changes whenever the list does; 0 where there is none."""
        try:
            return self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def create(self) -> None:
        """Start keeping a list: from now on an agent that is not on it is a ghost."""
        with self._changing() as agents:
            self._write(agents)

    def save(self, agent: Enrolled) -> None:
        """Add or replace one agent."""
        with self._changing() as agents:
            self._write({**agents, agent.name: agent})

    def revoke(self, name: str, now: float) -> None:
        """Leave a tombstone."""
        with self._changing() as agents:
            gone = replace(agents[name], revoked_at=now, accounts=(), serials=())
            self._write({**agents, name: gone})

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Enrolled]]:
        """Hold the list alone: two `fleet agent add` at once must not lose one."""
        make_folder(self._path.parent)
        lock = open_file(self._path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.everyone() or {}
        finally:
            os.close(lock)

    def _write(self, agents: Mapping[str, Enrolled]) -> None:
        items = [asdict(agents[name]) for name in sorted(agents)]
        write_secret(self._path, json.dumps({"agents": items}, indent=1))


def _parse(item: dict[str, object]) -> Enrolled:
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in item.items()}
    return Enrolled(**fields | {"kind": Kind(item["kind"])})  # type: ignore[arg-type]
