"""Who is enrolled: `agents.json` in the home, written by `fleet agent`, read by the hub.

Holds no secret. A revoked name stays as a tombstone, so that it is not given away by accident.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.contract.kept_file import MAX_LIST, read_json
from fleet.contract.secret_file import write_secret
from fleet.contract.vocabulary import Kind
from fleet.domain.enrolment import Enrolment
from fleet.lock import in_turn

FILE: Final = "agents.json"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What is known of an agent before it ever speaks.

    Attributes:
        accounts: its account names at the broker, newest last; two during a rotation.
        enrolled_at, revoked_at: epoch seconds; `revoked_at` None while it may connect.
        serials: serial numbers (hex) of its certificates that are not revoked.
        succeeds: the agent that is to be called so (`fleet agent rename`); empty once it is.
        can: kinds of task that it may claim, beside those built in.
        may_delegate: whether it may submit tasks.
        works_as: the name of its group of one, where that is not its own: what it was called when
            its content was stored.
    """

    name: str
    kind: Kind = Kind.GENERIC
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    enrolled_at: float = 0.0
    revoked_at: float | None = None
    serials: tuple[str, ...] = ()
    succeeds: str = ""
    can: tuple[str, ...] = ()
    may_delegate: bool = False
    works_as: str = ""

    @property
    def work_group(self) -> str:
        """Whose tasks, content and boards it shares; its own name, so that nothing is shared by
        accident."""
        return self.groups[0] if self.groups else self.works_as or self.name

    def as_member(self) -> Enrolment:
        """What the roster is told; the first group is the one that its members are held against."""
        labels = dict(self.labels)
        if self.groups:
            labels.setdefault("group", self.groups[0])
        return Enrolment(labels, self.kind, self.groups)


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
        return read_json(
            self._path,
            lambda document: {item["name"]: _parse(item) for item in document["agents"]},
            shape="a list of agents",
            remedy=f"restore {self._path} from a copy",
            most=MAX_LIST,
            secret=True,
        )

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
        """Leave a tombstone. It knows the credentials until nothing of them is left."""
        with self._changing() as agents:
            if agents[name].revoked_at is None:
                self._write({**agents, name: replace(agents[name], revoked_at=now)})

    def forget_credentials(self, name: str) -> None:
        """Nothing of a revoked agent is left at the broker."""
        with self._changing() as agents:
            if agents[name].revoked_at is not None:
                self._write({**agents, name: replace(agents[name], accounts=(), serials=())})

    def allow(
        self, name: str, *, can: tuple[str, ...] | None = None, may_delegate: bool | None = None
    ) -> Enrolled:
        """Say what an enrolled agent may do of work; None leaves it as it is. The agent as it is.

        Raises:
            ConfigError: nobody of that name is enrolled.
        """
        with self._changing() as agents:
            known = agents.get(name)
            if known is None or known.revoked_at is not None:
                raise ConfigError(f"no agent {name} is enrolled", "", "fleet agent list")
            agent = replace(
                known,
                can=known.can if can is None else can,
                may_delegate=known.may_delegate if may_delegate is None else may_delegate,
            )
            if agent != known:
                self._write({**agents, name: agent})
            return agent

    def inherit(self, name: str, work_of: Enrolled) -> None:
        """Let `name` be in all that concerns work what another agent was, its group of one
        included. Again it changes nothing; whoever may do something of its own keeps to that."""
        with self._changing() as agents:
            known = agents[name]
            heir = replace(known, works_as="" if work_of.groups else work_of.work_group)
            if not (known.can or known.may_delegate):
                heir = replace(heir, can=work_of.can, may_delegate=work_of.may_delegate)
            if heir != known:
                self._write({**agents, name: heir})

    def succeeded(self, name: str) -> None:
        """The rename that made `name` is over."""
        with self._changing() as agents:
            if name in agents:
                self._write({**agents, name: replace(agents[name], succeeds="")})

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Enrolled]]:
        """Hold the list alone: two `fleet agent add` at once must not lose one."""
        with in_turn(self._path.with_suffix(".lock")):
            yield self.everyone() or {}

    def _write(self, agents: Mapping[str, Enrolled]) -> None:
        items = [asdict(agents[name]) for name in sorted(agents)]
        for item in items:
            for newer in ("succeeds", "can", "may_delegate", "works_as"):
                if not item[newer]:  # so that a release which knows no such field reads the list
                    del item[newer]
        write_secret(self._path, json.dumps({"agents": items}, indent=1))


def _parse(item: dict[str, object]) -> Enrolled:
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in item.items()}
    found = Enrolled(**fields | {"kind": Kind(item["kind"])})  # type: ignore[arg-type]
    lists = (found.groups, found.accounts, found.serials, found.can)
    texts = [
        found.name,
        found.succeeds,
        found.works_as,
        *found.labels.keys(),
        *found.labels.values(),
    ]
    texts += [text for texts in lists if isinstance(texts, tuple) for text in texts]
    times = (found.enrolled_at, found.revoked_at or 0.0)
    if not (
        all(isinstance(texts, tuple) for texts in lists)
        and all(isinstance(text, str) for text in texts)
        and isinstance(found.may_delegate, bool)
        and all(type(moment) in (int, float) for moment in times)
    ):
        raise TypeError
    return found


def enrolled_here(home: Path) -> dict[str, Enrolled] | None:
    """The list of agents in this home; None where there is none. A damaged one is the hub's to
    tell of: health is needed now."""
    with suppress(ConfigError):
        return Registry(home).agents()
    return None
