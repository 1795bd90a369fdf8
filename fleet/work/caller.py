"""Who asks about work, and what a role may do with it: the table that every door goes by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import Word
from fleet.tokens import Principal, Role
from fleet.work.errors import NoGroupError, NotAllowedError
from fleet.work.members import Member, Members


class Act(Word):
    """What can be asked of work."""

    LOOK = "look", "list tasks and see their states"
    SUBMIT = "submit", "submit, call off and answer tasks"
    WORK = "work", "claim tasks, renew leases, report ends"
    DECIDE = "decide", "approve tasks, and give ended ones another life"
    CONTENT = "content", "read and write blobs and boards"


ROLES: Final = {
    Role.ADMIN: frozenset({Act.LOOK, Act.SUBMIT, Act.DECIDE, Act.CONTENT}),
    Role.OPERATOR: frozenset({Act.LOOK, Act.SUBMIT, Act.DECIDE, Act.CONTENT}),
    Role.VIEWER: frozenset({Act.LOOK}),
    Role.SCRAPER: frozenset[Act](),
    Role.AGENT: frozenset({Act.LOOK, Act.SUBMIT, Act.WORK, Act.CONTENT}),
}
"""An operator decides and does no agent's work; a viewer sees states and no content."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        by: for the record: `agent:NAME`, or the token's id and role.
        member: the agent that it is; None: a person, or what a person runs.
    """

    by: str
    member: Member | None = None

    @property
    def group(self) -> str | None:
        """The group whose rows alone it sees; None: all."""
        return self.member.group if self.member else None


def caller_of(principal: Principal, members: Members, act: Act) -> Caller:
    """
    Raises:
        NotAllowedError: its role may not do this.
        NoGroupError: it is an agent without a group.
    """
    if act not in ROLES[principal.role]:
        able = " or ".join(str(role) for role, acts in ROLES.items() if act in acts)
        raise NotAllowedError(
            f"the role {principal.role} may not do this",
            f"it may not {act.meaning}",
            f"a token of role {able}",
        )
    if principal.role is not Role.AGENT:
        return Caller(f"{principal.id} {principal}")
    member = members.of(principal.agent)
    if not member.group:
        raise NoGroupError(principal.agent)
    return Caller(str(principal), member)
