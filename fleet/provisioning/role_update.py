"""Give every role at the broker the rights that this version gives: homes outlive their makers.

A newer version has topics that roles made before lack. Such a role is narrower than it should be,
never wider, so nothing is open meanwhile; but what needs the new topics waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fleet.contract.topics import Topics
from fleet.provisioning import acl_rules, names
from fleet.provisioning.acl_rules import Right, Role
from fleet.provisioning.dynsec import Dynsec
from fleet.provisioning.enrolment import NotProvenError
from fleet.provisioning.registry import Registry
from fleet.settings import Settings


@dataclass(frozen=True, slots=True)
class Change:
    """How a role differs from what it should be: what it `lacks`, and what it has `beyond` it.
    `missing`: there is no such role at all, so that account can do nothing."""

    role: Role
    lacks: tuple[Right, ...]
    beyond: tuple[Right, ...] = ()
    missing: bool = False

    @property
    def narrower(self) -> bool:
        """Whether it opens nothing: it allows no more, and forbids no less."""
        return not any(right.allow for right in self.beyond) and all(
            right.allow for right in self.lacks
        )


def templates(settings: Settings) -> list[Role]:
    """The role of hub, admin and every agent that is enrolled, as this version makes it."""
    topics: Topics = settings.topics
    agents = Registry(settings.home).agents() or {}
    return [
        acl_rules.hub(topics),
        acl_rules.admin(topics),
        *(acl_rules.agent(topics, name) for name in sorted(agents)),
    ]


def changes(wanted: Iterable[Role], stored: Mapping[str, Sequence[Right]]) -> list[Change]:
    """Which of the `wanted` roles are not `stored` so."""
    found = []
    for role in wanted:
        rights = set(stored.get(role.name, ()))
        lacks, beyond = set(role.rights) - rights, rights - set(role.rights)
        if lacks or beyond:
            missing = role.name not in stored
            found.append(Change(role, tuple(sorted(lacks)), tuple(sorted(beyond)), missing))
    return found


async def pending(settings: Settings, dynsec: Dynsec) -> list[Change]:
    """What `update` would change.

    Raises:
        BrokerError: the broker cannot be reached or refuses.
    """
    return changes(templates(settings), await dynsec.roles())


async def update(settings: Settings, dynsec: Dynsec) -> list[Change]:
    """Bring every role to its template; what was changed. A role that is missing is left alone:
    what else is wrong with that account nobody can tell from here.

    Raises:
        BrokerError: the broker cannot be reached or refuses.
        NotProvenError: it reads back differently.
    """
    found = await pending(settings, dynsec)
    wanted = [change for change in found if not change.missing]
    # Our own role last: whatever becomes of it, the others are done.
    wanted.sort(key=lambda change: change.role.name == names.admin_account(settings.topics))
    await dynsec.run(*({"command": "modifyRole", **change.role.document()} for change in wanted))
    left = [change for change in await pending(settings, dynsec) if not change.missing]
    if left:
        raise NotProvenError(
            f"the role {left[0].role.name} is not as it should be",
            "it reads back differently",
            "look at the broker's log; fleet acl test shows what is open",
        )
    return found
