"""The alerting and recording rules for Prometheus, one line a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import AlertCode, HubAlertCode, Severity
from fleet.domain.problems import NOT_OK
from fleet.domain.severities import OF_THE_HUB

JOB: Final = "fleet"
"""Name of the scrape job; the rules ask for it where an absent hub is the point."""

ROOM: Final = 1 << 30
"""Bytes of free disk under which the store is at risk: some days of a busy fleet."""

BACKLOG: Final = 1000
"""Messages in a sidecar's outbox: a tenth of what it holds."""


QUEUED: Final = 900
"""Seconds that a task waits before somebody should know: an agent may be at another one."""


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


OWN_RULE: Final = (
    HubAlertCode.AGENT_LATE,
    HubAlertCode.AGENT_STALE,
    HubAlertCode.AGENT_OFFLINE,
    HubAlertCode.AGENT_GHOST,
    HubAlertCode.CLOCK_SKEW,
    HubAlertCode.SEQ_GAP,
    HubAlertCode.AUDIT_VIOLATION,
    HubAlertCode.ACL_OPEN,
    HubAlertCode.BROKER_DOWN,
    HubAlertCode.CAPACITY_LOW,
    HubAlertCode.QUOTA_NEAR,
)
"""Codes with a rule of their own, for what a name, a wait and a remedy are worth; `FleetAgentAlert`
and `FleetHubAlert` pass all others on."""

_CRITICAL, _WARNING, _INFO = Severity.CRITICAL.value, Severity.WARNING.value, Severity.INFO.value
_FULL: Final = OF_THE_HUB[AlertCode.DISK_PRESSURE].value
_AGENT: Final = "agent {{ $labels.agent }}"
_LOOK: Final = "fleet status {{ $labels.agent }}"
_SEVERITY: Final = "{{ $labels.severity }}"

_FILLING: Final = "fleet_store_free_bytes < 0.2 * fleet_store_size_bytes" + "".join(
    f" and predict_linear(fleet_store_free_bytes[{look}], 259200) < 0"
    for look in ("6h", "1d", "7d")
)
"""Little is left, and hours, a day and a week all see the end: of six hours alone, without a floor,
a nightly rotation or a package update wakes somebody (`benchmarks/forecast.py`)."""

UNWELL: Final = f"{NOT_OK}|.+:.+"
"""Codes of problems that are no alerts: what an agent says of itself, or a plane of it."""


def _problem(*codes: str, of: str = "agents") -> str:
    """What is wrong, as every other door tells it; what is silenced or in maintenance is not.

    Codes that have a rule of their own are left out where none is named.
    """
    agent = '{agent="hub",' if of == "hub" else '{agent!="hub",'
    named = f'code=~"{"|".join(codes)}"' if codes else f'code!~"{"|".join((*OWN_RULE, UNWELL))}"'
    return f'fleet_problem{agent}{named},held=""}} == 1'


ALARMS: Final = (
    AlertRule("FleetHubDown", f'up{{job="{JOB}"}} == 0 or absent(up{{job="{JOB}"}})', "2m",
              _CRITICAL, "the hub cannot be scraped", "fleet doctor"),
    AlertRule("FleetLinkDown", _problem(HubAlertCode.BROKER_DOWN, of="hub"), "1m", _SEVERITY,
              "the hub has no link to the broker", "fleet doctor"),
    AlertRule("FleetLinkFlapping", "increase(fleet_link_losses_total[1h]) > 3", "0m", _WARNING,
              "the hub keeps losing the broker", "fleet doctor"),
    AlertRule("FleetIntakePaused", "fleet_intake_paused == 1", "1m", _FULL,
              "the store's disk is full or the store away; the hub takes nothing in",
              "free space on its disk, or start the database"),
    AlertRule("FleetStoreDiskLow", f"fleet_store_free_bytes < {ROOM}", "5m",
              _WARNING, "the store's disk is nearly full",
              "free space, or shorten [retention] in fleet.toml"),
    AlertRule("FleetStoreDiskFilling", _FILLING,
              "1h", _WARNING, "the store's disk will be full within three days",
              "free space, or shorten [retention] in fleet.toml"),
    AlertRule("FleetAgentOffline", _problem(HubAlertCode.AGENT_OFFLINE), "1m", _SEVERITY,
              f"{_AGENT} is offline", _LOOK),
    AlertRule("FleetAgentStale", _problem(HubAlertCode.AGENT_STALE), "1m", _SEVERITY,
              f"{_AGENT} has been silent for 2.5 intervals", _LOOK),
    AlertRule("FleetAgentLate", _problem(HubAlertCode.AGENT_LATE), "5m", _SEVERITY,
              f"{_AGENT} has been silent for 1.5 intervals", _LOOK),
    AlertRule("FleetAgentDegraded", _problem(UNWELL), "5m", _SEVERITY,
              f"{_AGENT} runs, but does not work as it should", _LOOK),
    AlertRule("FleetAgentGhost", _problem(HubAlertCode.AGENT_GHOST), "5m", _SEVERITY,
              f"{_AGENT} is on the bus but not enrolled", "fleet agent add, or revoke its account"),
    AlertRule("FleetManyAgentsDown", "fleet:agents:up_ratio < 0.5", "5m", _CRITICAL,
              "more than half of the fleet is down: think of the network first", "fleet doctor"),
    AlertRule("FleetClockSkew", _problem(HubAlertCode.CLOCK_SKEW), "10m", _SEVERITY,
              f"the clock of {_AGENT} is off", "set up time synchronisation there"),
    AlertRule("FleetHubClock", _problem(HubAlertCode.HUB_CLOCK, of="hub"), "1m", _SEVERITY,
              "the clock of the hub's machine is not believed; nothing is deleted meanwhile",
              "timedatectl on the hub's machine"),
    AlertRule("FleetMessagesMissing", _problem(HubAlertCode.SEQ_GAP), "5m", _SEVERITY,
              f"numbered messages of {_AGENT} were lost", "fleet history; fleet doctor"),
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
    AlertRule("FleetCommandForged", 'increase(fleet_facts_total{fact="command-refused"}[15m]) > 0',
              "0m", _CRITICAL, "a sidecar refused a command as forged, or as played again",
              "fleet acl test; fleet audit run"),
    AlertRule("FleetCommandsSlow", "fleet:command_latency_seconds:p95_15m > 5", "10m", _WARNING,
              "commands take more than 5 seconds", "fleet doctor"),
    AlertRule("FleetOutboxBacklog", f"fleet_agent_metric_outbox_messages > {BACKLOG}", "10m",
              _WARNING, f"the sidecar of {_AGENT} has messages the hub does not confirm", _LOOK),
    AlertRule("FleetOutboxDropped", "increase(fleet_agent_metric_outbox_dropped_total[15m]) > 0",
              "0m", _CRITICAL, f"the sidecar of {_AGENT} had to give messages up", _LOOK),
    AlertRule("FleetAuditViolation", _problem(HubAlertCode.AUDIT_VIOLATION, of="hub"), "0m",
              _SEVERITY, "the audit found something on the bus that is not operations",
              "fleet audit report"),
    AlertRule("FleetAclOpen", _problem(HubAlertCode.ACL_OPEN, of="hub"), "0m", _SEVERITY,
              "the broker allows what it must forbid", "fleet acl test"),
    AlertRule("FleetHubAlert", _problem(of="hub"), "0m", _SEVERITY,
              "the hub: {{ $labels.code }}", "fleet doctor"),
    AlertRule("FleetAgentAlert", _problem(), "0m", _SEVERITY, f"{_AGENT}: {{{{ $labels.code }}}}",
              _LOOK),
    AlertRule("FleetCapacityLow", _problem(HubAlertCode.CAPACITY_LOW), "0m", _SEVERITY,
              f"disk or memory of {_AGENT} will be full within days",
              "fleet forecast {{ $labels.agent }}"),
    AlertRule("FleetQuotaNear", _problem(HubAlertCode.QUOTA_NEAR), "0m", _SEVERITY,
              f"a limit of what {_AGENT} uses is nearly reached, or soon will be",
              "fleet forecast {{ $labels.agent }}"),
    AlertRule("FleetSharedQuotaNear", _problem(HubAlertCode.QUOTA_NEAR, of="hub"), "0m", _SEVERITY,
              "a limit of a group, or of the fleet, is nearly reached, or soon will be",
              "fleet forecast"),
    AlertRule("FleetAgentFlood", "increase(fleet_messages_left_out_total[1h]) > 0", "0m", _WARNING,
              "an agent sends more in a day than is stored of one", "fleet history --since 1h"),
    AlertRule("FleetRouteFailing", "fleet_route_up == 0", "5m", _CRITICAL,
              "the alert route {{ $labels.route }} does not deliver",
              "fleet alerts test {{ $labels.route }}"),
    AlertRule("FleetRouteDropped", "increase(fleet_route_dropped_total[15m]) > 0", "0m", _CRITICAL,
              "the alert route {{ $labels.route }} gave messages up",
              "fleet alerts test {{ $labels.route }}"),
    AlertRule("FleetRouteRefused", "fleet_route_set_aside_messages > 0", "0m", _CRITICAL,
              "the receiver of the alert route {{ $labels.route }} refuses messages",
              "fleet alerts; fleet alerts retry {{ $labels.route }}"),
    AlertRule("FleetTasksWait", f"fleet_task_queue_age_seconds > {QUEUED}", "5m", _WARNING,
              "a task waits for an agent that can do it", "fleet task list --state submitted"),
    AlertRule("FleetTasksForPeople", 'sum(fleet_tasks{state=~"auth-required|input-required"}) > 0',
              "15m", _INFO, "tasks wait for a person: an approval, or an answer",
              "fleet task list --state auth-required --state input-required"),
    AlertRule("FleetTasksLost", 'increase(fleet_tasks_ended_total{state="lost"}[15m]) > 0', "0m",
              _WARNING, "a task was given up: its workers vanished too often",
              "fleet task list --state lost"),
    AlertRule("FleetLeasesExpire", "increase(fleet_task_lease_expiries_total[15m]) > 3", "0m",
              _WARNING, "workers vanish under their tasks", "fleet task list --open; fleet status"),
    AlertRule("FleetRollbackFailed", 'fleet_rollout_agents{state="rollback-failed"} > 0', "0m",
              _CRITICAL, "an update failed on an agent, and so did the way back",
              "fleet rollout list; fleet rollout status ID"),
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
