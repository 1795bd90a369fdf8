"""The alerting and recording rules for Prometheus, one line a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import AlertCode, HubAlertCode, Severity
from fleet.domain.clock_skew import SKEW_FIRES
from fleet.domain.severities import OF_THE_HUB, SEVERITIES, UNSTATED
from fleet.domain.verdict import Verdict

JOB: Final = "fleet"
"""Name of the scrape job; the rules ask for it where an absent hub is the point."""

ROOM: Final = 1 << 30
"""Bytes of free disk under which the store is at risk: some days of a busy fleet."""

BACKLOG: Final = 1000
"""Messages in a sidecar's outbox: a tenth of what it holds."""

OWN_RULE: Final = (
    *(code.value for code in HubAlertCode if code.value.startswith("agent-")),
    HubAlertCode.CLOCK_SKEW.value,
    HubAlertCode.SEQ_GAP.value,
    HubAlertCode.AUDIT_VIOLATION.value,
    HubAlertCode.ACL_OPEN.value,
    HubAlertCode.BROKER_DOWN.value,
)
"""Codes that have a rule of their own; `FleetAgentAlert` passes all others on."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alerting rule. `hold` is how long it must be true; `severity` a word or a template."""

    name: str
    expr: str
    hold: str
    severity: str
    summary: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule: what dashboards ask often."""

    name: str
    expr: str


_CRITICAL, _WARNING, _INFO = Severity.CRITICAL.value, Severity.WARNING.value, Severity.INFO.value
_FULL: Final = OF_THE_HUB[AlertCode.DISK_PRESSURE].value
_AGENT: Final = "agent {{ $labels.agent }}"
_LOOK: Final = "fleet status {{ $labels.agent }}"


def _own(code: HubAlertCode) -> str:
    """How much it matters to the hub, for the rule that looks at the same by a metric."""
    return SEVERITIES[code].value


def _fires(*codes: HubAlertCode) -> str:
    return f'fleet_alert_firing{{code=~"{"|".join(codes)}"}} == 1'


def _state(state: Verdict) -> str:
    return f'fleet_agent_state{{state="{state}"}} == 1'


_OFFLINE: Final = (
    f"({_state(Verdict.OFFLINE)}) * on (agent) group_left (severity)"
    f' fleet_alert_firing{{code="{HubAlertCode.AGENT_OFFLINE}"}}'
)
"""With the hub's own severity: a clean stop is a warning, a last will critical."""

ALARMS: Final = (
    AlertRule("FleetHubDown", f'up{{job="{JOB}"}} == 0 or absent(up{{job="{JOB}"}})', "2m",
              _CRITICAL, "the hub cannot be scraped", "fleet doctor"),
    AlertRule("FleetLinkDown", "fleet_link_up == 0", "1m", _own(HubAlertCode.BROKER_DOWN),
              "the hub has no link to the broker", "fleet doctor"),
    AlertRule("FleetLinkFlapping", "increase(fleet_link_losses_total[1h]) > 3", "0m", _WARNING,
              "the hub keeps losing the broker", "fleet doctor"),
    AlertRule("FleetIntakePaused", "fleet_intake_paused == 1", "1m", _FULL,
              "the store's disk is full; the hub takes nothing in", "free space in FLEET_HOME"),
    AlertRule("FleetStoreDiskLow", f"fleet_store_free_bytes < {ROOM}", "5m",
              _WARNING, "the store's disk is nearly full",
              "free space, or shorten [retention] in fleet.toml"),
    AlertRule("FleetStoreDiskFilling", "predict_linear(fleet_store_free_bytes[6h], 86400) < 0",
              "1h", _WARNING, "the store's disk will be full within a day",
              "free space, or shorten [retention] in fleet.toml"),
    AlertRule("FleetAgentOffline", _OFFLINE, "1m", "{{ $labels.severity }}", f"{_AGENT} is offline",
              _LOOK),
    AlertRule("FleetAgentStale", _state(Verdict.STALE), "1m", _own(HubAlertCode.AGENT_STALE),
              f"{_AGENT} has been silent for 2.5 intervals", _LOOK),
    AlertRule("FleetAgentLate", _state(Verdict.LATE), "5m", _own(HubAlertCode.AGENT_LATE),
              f"{_AGENT} has been silent for 1.5 intervals", _LOOK),
    AlertRule("FleetAgentDegraded", _state(Verdict.DEGRADED), "5m", UNSTATED.value,
              f"{_AGENT} runs, but does not work as it should", _LOOK),
    AlertRule("FleetAgentGhost", _state(Verdict.GHOST), "5m", _own(HubAlertCode.AGENT_GHOST),
              f"{_AGENT} is on the bus but not enrolled", "fleet agent add, or revoke its account"),
    AlertRule("FleetAgentDown", "fleet_agent_up == 0", "30m", _CRITICAL,
              f"{_AGENT} has been down for half an hour", _LOOK),
    AlertRule("FleetManyAgentsDown", "fleet:agents:up_ratio < 0.5", "5m", _CRITICAL,
              "more than half of the fleet is down: think of the network first", "fleet doctor"),
    AlertRule("FleetClockSkew", f"abs(fleet_agent_clock_skew_seconds) > {SKEW_FIRES:g}", "10m",
              _own(HubAlertCode.CLOCK_SKEW), f"the clock of {_AGENT} is off",
              "set up time synchronisation there"),
    AlertRule("FleetMessagesMissing", "increase(fleet_missing_messages_total[15m]) > 0", "5m",
              _own(HubAlertCode.SEQ_GAP), "numbered messages were lost",
              "fleet history; fleet doctor"),
    AlertRule("FleetRejects", "increase(fleet_bus_rejects_total[10m]) > 0", "0m", _WARNING,
              "messages break the contract: {{ $labels.reason }}", "fleet dead-letters"),
    AlertRule("FleetDeadLetterFlood", "sum(rate(fleet_bus_rejects_total[5m])) > 1", "5m", _CRITICAL,
              "somebody floods the bus with what the contract rejects", "fleet dead-letters"),
    AlertRule("FleetBrokerDropped", "increase(fleet_broker_dropped_messages_total[10m]) > 0", "0m",
              _CRITICAL, "the broker dropped messages it had acknowledged",
              "max_queued_messages 0 in mosquitto.conf; fleet doctor"),
    AlertRule("FleetEventsDropped", "increase(fleet_feed_dropped_total[15m]) > 0", "0m", _INFO,
              "a service of the hub is too slow for its events",
              "read what was missed: fleet history"),
    AlertRule("FleetReceiptsFailing", "increase(fleet_receipt_failures_total[15m]) > 0", "5m",
              _WARNING, "sidecars get no receipts, so their outboxes grow", "fleet doctor"),
    AlertRule("FleetCommandSilent", 'increase(fleet_commands_total{outcome="silent"}[15m]) > 0',
              "0m", _WARNING, "{{ $labels.verb }} was sent, and no reply came", "fleet status"),
    AlertRule("FleetCommandFailed",
              'increase(fleet_commands_total{outcome=~"failed|rejected"}[15m]) > 0', "0m", _WARNING,
              "{{ $labels.verb }} ended as {{ $labels.outcome }}", "fleet history --kind status"),
    AlertRule("FleetCommandsSlow", "fleet:command_latency_seconds:p95_15m > 5", "10m", _WARNING,
              "commands take more than 5 seconds", "fleet doctor"),
    AlertRule("FleetOutboxBacklog", f"fleet_agent_metric_outbox_messages > {BACKLOG}", "10m",
              _WARNING, f"the sidecar of {_AGENT} has messages the hub does not confirm", _LOOK),
    AlertRule("FleetOutboxDropped", "increase(fleet_agent_metric_outbox_dropped_total[15m]) > 0",
              "0m", _CRITICAL, f"the sidecar of {_AGENT} had to give messages up", _LOOK),
    AlertRule("FleetAuditViolation", _fires(HubAlertCode.AUDIT_VIOLATION), "0m",
              _own(HubAlertCode.AUDIT_VIOLATION),
              "the audit found something on the bus that is not operations", "fleet audit report"),
    AlertRule("FleetAclOpen", _fires(HubAlertCode.ACL_OPEN), "0m",
              _own(HubAlertCode.ACL_OPEN), "the broker allows what it must forbid",
              "fleet acl test"),
    AlertRule("FleetAgentAlert",
              f'fleet_alert_firing{{agent!="hub", code!~"{"|".join(OWN_RULE)}"}} == 1', "0m",
              "{{ $labels.severity }}", f"{_AGENT}: {{{{ $labels.code }}}}", _LOOK),
    AlertRule("FleetRouteFailing", "fleet_route_up == 0", "5m", _CRITICAL,
              "the alert route {{ $labels.route }} does not deliver",
              "fleet alerts test {{ $labels.route }}"),
    AlertRule("FleetRouteDropped", "increase(fleet_route_dropped_total[15m]) > 0", "0m", _CRITICAL,
              "the alert route {{ $labels.route }} gave messages up",
              "fleet alerts test {{ $labels.route }}"),
    AlertRule("FleetMetricNamesRefused", "increase(fleet_metric_names_refused_total[1h]) > 0", "0m",
              _INFO, "agents declare metrics that have no place", "fewer names of metrics"),
    AlertRule("FleetWatchdog", "vector(1)", "0m", _INFO,
              "always fires: whoever misses it knows that alerting is broken", "nothing to do"),
)  # fmt: skip

RECORDINGS: Final = (
    Recording("fleet:agents:up_ratio", "avg(fleet_agent_up)"),
    Recording("agent:fleet_agent_up:avg_1d", "avg_over_time(fleet_agent_up[1d])"),
    Recording(
        "kind:fleet_bus_messages:rate5m", "sum by (kind) (rate(fleet_bus_messages_total[5m]))"
    ),
    Recording(
        "reason:fleet_bus_rejects:rate5m", "sum by (reason) (rate(fleet_bus_rejects_total[5m]))"
    ),
    Recording(
        "fleet:command_latency_seconds:p95_15m",
        "histogram_quantile(0.95, sum by (le) (rate(fleet_command_latency_seconds_bucket[15m])))",
    ),
)
