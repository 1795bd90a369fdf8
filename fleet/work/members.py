"""Who belongs to which group, and what each may do of work: from the list of enrolled agents."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.contract.work_vocabulary import BuiltInKind
from fleet.domain.work.errors import InvalidTaskError
from fleet.provisioning.registry import Enrolled, Registry

_log = logging.getLogger(__name__)

BUILT_IN: Final = frozenset(kind.value for kind in BuiltInKind)


@dataclass(frozen=True, slots=True)
class Member:
    """An agent as work sees it.

    Attributes:
        group: whose tasks, content and boards it shares; empty: none, and it may nothing.
        kinds: what it may claim, the kinds built in included.
        may_delegate: whether it may submit tasks.
    """

    name: str
    group: str
    kinds: frozenset[str] = BUILT_IN
    may_delegate: bool = False

    def and_also(self, kind: str) -> str:
        """Its kinds and one more, as `--can` takes them: it says the whole list."""
        return ",".join(sorted((self.kinds - BUILT_IN) | {kind}))


class Members:
    """The list of a home, read again when it changes. One that is damaged opens nothing: what was
    read last stays in force."""

    def __init__(self, home: Path) -> None:
        self._registry = Registry(home)
        self._version = -1
        self._members: dict[str, Member] = {}
        self._groups: dict[str, list[str]] = {}
        self._gone: frozenset[str] = frozenset()

    def of(self, agent: str) -> Member:
        """An agent; one that is not enrolled has no group."""
        self._look()
        return self._members.get(agent) or Member(agent, "", frozenset())

    def group_of(self, agent: str) -> str:
        """Whose work goes to an agent.

        Raises:
            InvalidTaskError: it is not enrolled, or of no group.
        """
        if group := self.of(agent).group:
            return group
        why = f"no agent {agent} is enrolled, or it has no part in work"
        raise InvalidTaskError("to", why, "fleet agent list")

    def in_group(self, group: str) -> list[Member]:
        """The enrolled agents of a group, by name."""
        self._look()
        return [self._members[name] for name in self._groups.get(group, ())]

    def gone(self) -> frozenset[str]:
        """Who was revoked."""
        self._look()
        return self._gone

    def groups(self) -> list[str]:
        self._look()
        return sorted(self._groups)

    def _look(self) -> None:
        version = self._registry.version()
        if version == self._version:
            return
        try:
            everyone = self._registry.everyone() or {}
            here = {name: one for name, one in everyone.items() if one.revoked_at is None}
            self._members = members_of(here)
            self._gone = frozenset(everyone.keys() - here.keys())
        except ConfigError as error:
            _log.error("the list of agents is not usable: %s", error.what)
        self._version = version
        groups = defaultdict(list)
        for name, member in sorted(self._members.items()):
            if member.group:
                groups[member.group].append(name)
        self._groups = dict(groups)


def members_of(agents: Mapping[str, Enrolled]) -> dict[str, Member]:
    """Everyone by name. Who has no group of its own has its name for one, or the name that it had;
    where others call their group so, it has none at all: it must not fall into theirs. Who is to
    be called what another one is, is no other."""
    named = {agent.groups[0] for agent in agents.values() if agent.groups}
    kept = {a.works_as: a.succeeds for a in agents.values() if a.works_as and not a.groups}
    members = {}
    for name, agent in agents.items():
        group = agent.work_group
        taken = group in named or (group in kept and not agent.works_as and kept[group] != name)
        if taken and not agent.groups:
            group = ""
        members[name] = Member(name, group, BUILT_IN | frozenset(agent.can), agent.may_delegate)
    return members
