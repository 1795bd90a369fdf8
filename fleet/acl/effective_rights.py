"""What the broker lets each of its accounts do, held against what the fleet's list says it should.

An account has the rights of its roles, of its groups' roles, and the defaults; whoever has no name
has those of the anonymous group. The proof by delivery tries two accounts of its own, so it would
not see that somebody put another one into a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from fleet.acl.proof_report import Opening, ProofReport, Way
from fleet.contract import reserved
from fleet.contract.topics import CONTROL, Topics
from fleet.provisioning import acl_rules, role_update
from fleet.provisioning.acl_rules import DEFAULTS, Right, Role
from fleet.provisioning.dynsec import Account, Dynsec
from fleet.provisioning.registry import Registry
from fleet.settings import Settings

TABLE: Final = "acl"
"""Of `fleet.toml`."""

_SHARE: Final = "$share/"
_UNSUBSCRIBE: Final = "unsubscribe"


async def compare(settings: Settings, dynsec: Dynsec, report: ProofReport) -> None:
    """Add to `report` whatever an account may do beyond its template, and what accounts that are
    nobody's of the fleet may do to the fleet's topics. A role that a version before made, and that
    lacks what this one gives, opens nothing: it is named as one that `lacks` something."""
    topics = settings.topics
    roles, groups = await dynsec.roles(), await dynsec.groups()
    expected = _expected(settings)
    # Such as the broker's own admin.
    stale = role_update.changes(role_update.templates(settings), roles)
    report.lacking += [change.role.name for change in stale if change.narrower]
    trusted = settings.tables.get(TABLE, {}).get("trusted", [])
    for account in await dynsec.everybody():
        report.attempts += 1 + len(account.groups)
        if account.username in trusted:
            continue
        template = expected.get(account.username)
        if template is None:
            report.openings += _of_a_stranger(account, roles, groups, topics)
        else:
            report.openings += _of_a_member(account, *template, roles, groups, topics)
    anonymous = await dynsec.anonymous_group()
    report.attempts += 2
    if anonymous and _touching(_rights(groups.get(anonymous, ()), roles), topics):
        report.openings.append(Opening("", Way.ANONYMOUS, anonymous))
    if await dynsec.defaults() != {str(kind): allow for kind, allow in DEFAULTS.items()}:
        report.openings.append(Opening("", Way.DEFAULTS, ""))


def _expected(settings: Settings) -> dict[str, tuple[str, str, Role]]:
    """(whose, client id or empty for any, role) of each account that belongs to the fleet."""
    topics = settings.topics
    own = acl_rules.hub(topics), acl_rules.admin(topics)
    found = {role.name: (role.name, "", role) for role in own}
    bridge = acl_rules.bridge(topics)  # where there is a second broker
    found[bridge.name] = bridge.name, bridge.name, bridge
    for agent in (Registry(settings.home).agents() or {}).values():
        template = agent.name, agent.name, acl_rules.agent(topics, agent.name)
        found |= dict.fromkeys(agent.accounts, template)
    for name in reserved.PROBES:  # there for the moment
        found[name] = name, name, acl_rules.agent(topics, name)
    return found


def _of_a_member(
    account: Account,
    owner: str,
    client_id: str,
    role: Role,
    roles: Mapping[str, Sequence[Right]],
    groups: Mapping[str, Sequence[str]],
    topics: Topics,
) -> Iterable[Opening]:
    if any(not change.narrower for change in role_update.changes([role], roles)):
        yield Opening(owner, Way.ROLE, role.name)
    if account.client_id != client_id or account.roles != (role.name,):
        yield Opening(owner, Way.ROLE, account.username)
    for group in account.groups:
        if _touching(_rights(groups.get(group, ()), roles), topics):
            yield Opening(owner, Way.GROUP, group)


def _of_a_stranger(
    account: Account,
    roles: Mapping[str, Sequence[Right]],
    groups: Mapping[str, Sequence[str]],
    topics: Topics,
) -> Iterable[Opening]:
    """A broker may serve others; what is the fleet's must be out of their reach. A revoked agent's
    account is a stranger's, too."""
    own = (*account.roles, *(role for group in account.groups for role in groups.get(group, ())))
    for right in _touching(_rights(own, roles), topics):
        yield Opening(account.username, Way.FOREIGN, right.topic)


def _rights(names_: Iterable[str], roles: Mapping[str, Sequence[Right]]) -> set[Right]:
    return {right for name in names_ for right in roles.get(name, ())}


def _touching(rights: Iterable[Right], topics: Topics) -> list[Right]:
    """Those that allow something in the fleet's topics, or with the broker's own accounts."""
    spaces = (*topics.everything, f"{CONTROL}/#", CONTROL)
    return sorted(
        right
        for right in rights
        if right.allow
        and not right.acltype.startswith(_UNSUBSCRIBE)
        and any(overlap(_plain(right.topic), space) for space in spaces)
    )


def _plain(pattern: str) -> str:
    """What a shared subscription reads: `$share/GROUP/FILTER`; `$share/#` reads anything."""
    if not pattern.startswith(_SHARE):
        return pattern
    return pattern.removeprefix(_SHARE).partition("/")[2] or "#"


def overlap(one: str, other: str) -> bool:
    """Whether some topic matches both filters (MQTT 5, 4.7.1 and 4.7.2)."""
    a, b = one.split("/"), other.split("/")
    for first, second in ((a[0], b[0]), (b[0], a[0])):
        if first in ("+", "#") and second.startswith("$"):
            return False
    for left, right in zip(a, b, strict=False):
        if "#" in (left, right):
            return True
        if left != right and "+" not in (left, right):
            return False
    longer = a if len(a) > len(b) else b
    return len(a) == len(b) or longer[min(len(a), len(b))] == "#"
