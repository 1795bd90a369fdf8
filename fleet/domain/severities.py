"""How much an alert matters that the hub raises itself: one table, which everybody reads.

What an agent raises carries its own severity; where only a code or a plane is known, see UNSTATED.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fleet.contract.vocabulary import AlertCode, HubAlertCode, Severity

SEVERITIES: Final[Mapping[str, Severity]] = {
    HubAlertCode.AGENT_LATE: Severity.WARNING,
    HubAlertCode.AGENT_STALE: Severity.CRITICAL,
    HubAlertCode.AGENT_OFFLINE: Severity.CRITICAL,
    HubAlertCode.AGENT_GHOST: Severity.WARNING,
    HubAlertCode.CLOCK_SKEW: Severity.WARNING,
    HubAlertCode.SEQ_GAP: Severity.WARNING,
    HubAlertCode.TELEMETRY_DISSENT: Severity.WARNING,
    HubAlertCode.CONFIG_DRIFT: Severity.WARNING,
    HubAlertCode.AUDIT_VIOLATION: Severity.CRITICAL,
    HubAlertCode.BROKER_DOWN: Severity.CRITICAL,
    HubAlertCode.ACL_OPEN: Severity.CRITICAL,
}
"""How much each alert of the hub matters."""

AFTER_GOODBYE: Final[Mapping[str, Severity]] = {HubAlertCode.AGENT_OFFLINE: Severity.WARNING}
"""How much it matters of an agent that said goodbye: who was stopped on purpose woke nobody up."""

OF_THE_HUB: Final[Mapping[str, Severity]] = {AlertCode.DISK_PRESSURE: Severity.CRITICAL}
"""What else the hub raises of itself: without room for its store it takes nothing in."""

UNSTATED: Final = Severity.WARNING
"""What counts where nobody states a severity: a code in a heartbeat's list, a plane that fails."""


def severity_of(code: str, *, goodbye: bool = False) -> Severity:
    """How much `code` matters of an agent that did, or did not, say goodbye."""
    severity = SEVERITIES.get(code, UNSTATED)
    return AFTER_GOODBYE.get(code, severity) if goodbye else severity
