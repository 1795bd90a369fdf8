"""Which alerts follow from forecasts: `capacity-low` of room, `quota-near` of limits (ADR-0032)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Final, NamedTuple

from fleet.contract.vocabulary import HubAlertCode, Severity
from fleet.domain.capacity.forecast import DAY, Confidence, Forecast
from fleet.domain.capacity.quota import matters

CODES: Final = (HubAlertCode.CAPACITY_LOW, HubAlertCode.QUOTA_NEAR)

MARGIN: Final = 0.05
"""Of a limit, by which it must be further off than where an alert began, for that one to end: what
ended where it began would flap with the noise of each hour."""

_RANK: Final = attrgetter("rank")


class Due(NamedTuple):
    """An alert that is to fire; `amount`: whole days left of room, percent used of a limit."""

    severity: Severity
    amount: float


def due(
    forecasts: Iterable[Forecast], now: float, fires: Mapping[str, Severity]
) -> dict[tuple[str, str], Due]:
    """The worst alert of each (agent, code). `fires`: how bad the `quota-near` of an agent is that
    fires by now. What is over of a group's limit, or of the fleet's, is
    of the hub, whose agent has no name: no member of it is at fault alone."""
    found: dict[tuple[str, str], Due] = {}
    for one in forecasts:
        severity = one.severity if one.share is None else _kept(one, fires.get(one.agent))
        if severity is None:
            continue
        if one.share is not None:
            code, amount = HubAlertCode.QUOTA_NEAR, float(int(one.share * 100))
        else:
            left = max(0.0, (one.exhausts_at or now) - now)
            code, amount = HubAlertCode.CAPACITY_LOW, float(left // DAY)
        key = one.agent, code.value
        if key not in found or found[key].severity.rank < severity.rank:
            found[key] = Due(severity, amount)
    return found


def _kept(one: Forecast, fires: Severity | None) -> Severity | None:
    """How bad a limit is; one that fires is as bad as it was until it is clearly less."""
    if fires is None or one.share is None or one.limit is None:
        return one.severity
    at_end = one.at_end if one.at_end is not None else 2 * one.now
    nearly = at_end >= one.limit * (1 - MARGIN) and one.confidence is Confidence.HIGH
    softly = matters(one.share + MARGIN, coming=nearly)
    if softly is None:
        return one.severity
    least = min(softly, fires, key=_RANK)
    return least if one.severity is None else max(least, one.severity, key=_RANK)
