"""Names of accounts and roles at the broker, and which names no agent may have."""

from __future__ import annotations

from fleet.contract.errors import ConfigError
from fleet.contract.reserved import NAMES
from fleet.contract.topics import Topics, is_agent_name

THE_HUB = "hub"
"""What the hub's own alerts stand under, everywhere: an agent of that name could pass for it."""


def hub_account(topics: Topics) -> str:
    """The hub's account, and the role of the same name."""
    return topics.manager


def admin_account(topics: Topics) -> str:
    """The account of `fleet agent` and `fleet broker`, which makes the others."""
    return f"{topics.manager}-admin"


def bridge_account(topics: Topics) -> str:
    """The account, and client id, by which a second broker logs in to the first."""
    return f"{topics.manager}-bridge"


def agent_role(name: str) -> str:
    """The role of one agent: `%u` is not expanded in dynamic security's ACLs."""
    return f"agent-{name}"


def check_agent_name(topics: Topics, name: str) -> None:
    """
    Raises:
        ConfigError: not an agent's name, or taken by the fleet itself.
    """
    if not is_agent_name(name):
        raise ConfigError(
            f"agent name {name!r} is not usable",
            "a name is 1 to 40 of a-z, 0-9 and -, and neither starts nor ends with -",
            "fleet agent add alpha-1",
        )
    if name in (
        THE_HUB,
        hub_account(topics),
        admin_account(topics),
        bridge_account(topics),
        *NAMES,
    ):
        why = "the fleet itself goes by that name"
        raise ConfigError(f"agent name {name!r} is taken", why, f"fleet agent add {name}-1")


def next_account(name: str, accounts: tuple[str, ...]) -> str:
    """The account after `accounts`: `alpha`, then `alpha.2`, `alpha.3`, …

    A dot cannot stand in an agent's name, so no agent can own another's next account.
    """
    if not accounts:
        return name
    number = accounts[-1].removeprefix(name).removeprefix(".")
    return f"{name}.{int(number or 1) + 1}"
