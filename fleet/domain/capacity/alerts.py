"""Which alerts follow from forecasts: `capacity-low` of room, `quota-near` of limits (ADR-0032)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from fleet.contract.vocabulary import HubAlertCode, Severity
from fleet.domain.capacity.forecast import DAY, Forecast

CODES: Final = (HubAlertCode.CAPACITY_LOW, HubAlertCode.QUOTA_NEAR)


class Due(NamedTuple):
    """An alert that is to fire; `amount`: whole days left of room, percent used of a limit."""

    severity: Severity
    amount: float


def due(forecasts: Iterable[Forecast], now: float) -> dict[tuple[str, str], Due]:
    """The worst alert of each (agent, code). What is over of a group's limit, or of the fleet's, is
    of the hub, whose agent has no name: no member of it is at fault alone."""
    found: dict[tuple[str, str], Due] = {}
    for one in forecasts:
        if one.severity is None:
            continue
        if one.share is not None:
            code, amount = HubAlertCode.QUOTA_NEAR, float(int(one.share * 100))
        else:
            left = max(0.0, (one.exhausts_at or now) - now)
            code, amount = HubAlertCode.CAPACITY_LOW, float(left // DAY)
        key = one.agent, code.value
        if key not in found or found[key].severity.rank < one.severity.rank:
            found[key] = Due(one.severity, amount)
    return found
