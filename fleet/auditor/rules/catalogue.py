"""Every rule, by id and in the order of the reference."""

from __future__ import annotations

from typing import Final

from fleet.auditor.rules import contract, pii, retained, scope, secret, text, traffic, work
from fleet.auditor.rules.rule import Rule
from fleet.contract.errors import FleetError

RULES: Final[tuple[Rule, ...]] = tuple(
    rule
    for module in (contract, traffic, retained, work, pii, secret, text, scope)
    for rule in module.RULES
)
_BY_ID: Final = {rule.id: rule for rule in RULES}


def rule_named(name: str) -> Rule:
    """
    Raises:
        FleetError: there is no such rule.
    """
    try:
        return _BY_ID[name]
    except KeyError:
        raise FleetError(f"there is no rule {name!r}", "", "fleet audit explain") from None
