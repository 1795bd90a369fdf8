"""How much an alert matters: one table for all codes, which everybody reads.

What an agent raises carries its own severity, which wins; where only its code or the plane that
fails is known, as from a heartbeat, the table says what such a thing usually is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fleet.contract.vocabulary import AlertCode, HubAlertCode, Plane, Severity

SEVERITIES: Final[Mapping[str, Severity]] = {
    HubAlertCode.AGENT_LATE: Severity.WARNING,
    HubAlertCode.AGENT_STALE: Severity.CRITICAL,
    HubAlertCode.AGENT_OFFLINE: Severity.CRITICAL,
    HubAlertCode.AGENT_GHOST: Severity.WARNING,
    HubAlertCode.AGENT_DEGRADED: Severity.WARNING,  # or as the worst plane: see `degraded`
    HubAlertCode.CLOCK_SKEW: Severity.WARNING,
    HubAlertCode.SEQ_GAP: Severity.WARNING,
    HubAlertCode.TELEMETRY_DISSENT: Severity.WARNING,
    HubAlertCode.CONFIG_DRIFT: Severity.WARNING,
    HubAlertCode.AUDIT_VIOLATION: Severity.CRITICAL,
    HubAlertCode.BROKER_DOWN: Severity.CRITICAL,
    HubAlertCode.HUB_DEAF: Severity.CRITICAL,
    HubAlertCode.CREDENTIAL_USED_TWICE: Severity.CRITICAL,
    HubAlertCode.ACL_OPEN: Severity.CRITICAL,
    HubAlertCode.HUB_CLOCK: Severity.WARNING,
    HubAlertCode.STORE_DOWN: Severity.CRITICAL,
    HubAlertCode.CERTIFICATE_EXPIRY: Severity.WARNING,
    HubAlertCode.FAILOVER: Severity.WARNING,
    HubAlertCode.FAILOVER_MANUAL: Severity.CRITICAL,
    HubAlertCode.FAILOVER_FROZEN: Severity.CRITICAL,
    HubAlertCode.QUOTA_NEAR: Severity.WARNING,
    HubAlertCode.CAPACITY_LOW: Severity.WARNING,
    HubAlertCode.SITE_LOST: Severity.CRITICAL,
}
"""How much each alert of the hub matters."""

AFTER_GOODBYE: Final[Mapping[str, Severity]] = {HubAlertCode.AGENT_OFFLINE: Severity.WARNING}
"""How much it matters of an agent that said goodbye: who was stopped on purpose woke nobody up."""

OF_THE_HUB: Final[Mapping[str, Severity]] = {AlertCode.DISK_PRESSURE: Severity.CRITICAL}
"""What else the hub raises of itself: without room for its store it takes nothing in."""

USUAL: Final[Mapping[str, Severity]] = {
    AlertCode.PROCESS_DOWN: Severity.CRITICAL,
    AlertCode.ENDPOINT_DOWN: Severity.CRITICAL,
    AlertCode.CONFIG_INVALID: Severity.CRITICAL,
    AlertCode.RESTART_LOOP: Severity.CRITICAL,
    AlertCode.UPDATE_AVAILABLE: Severity.INFO,
}
"""What a code of an agent means where only the code is known, as the probes state it."""

UNSTATED: Final = Severity.WARNING
"""What counts where neither an agent nor a table says more."""

PLANES: Final[Mapping[str, AlertCode]] = {
    Plane.PROCESS: AlertCode.PROCESS_DOWN,
    Plane.ENDPOINT: AlertCode.ENDPOINT_DOWN,
    Plane.WORK: AlertCode.WORK_STALLED,
    Plane.CRON: AlertCode.CRON_FAILURE,
    Plane.CONFIG: AlertCode.CONFIG_INVALID,
    Plane.DISK: AlertCode.DISK_PRESSURE,
    Plane.MEMORY: AlertCode.MEMORY_PRESSURE,
}
"""The code that a failing plane usually raises."""


def severity_of(code: str, *, goodbye: bool = False) -> Severity:
    """How much `code` matters of an agent that did, or did not, say goodbye, unless it was stated
    otherwise."""
    severity = SEVERITIES.get(code) or USUAL.get(code, UNSTATED)
    return AFTER_GOODBYE.get(code, severity) if goodbye else severity


def severity_of_plane(plane: str) -> Severity:
    """How much it matters that `plane` fails."""
    code = PLANES.get(plane)
    return severity_of(code) if code else UNSTATED
