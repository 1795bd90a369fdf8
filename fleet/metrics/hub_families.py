"""Every metric family about the hub itself and its broker; the docs are made from this table."""

from __future__ import annotations

from typing import Final

from fleet.contract.vocabulary import MessageKind, Reason
from fleet.domain.events import Fact
from fleet.domain.verdict import Verdict
from fleet.metrics.agent_families import Family
from fleet.metrics.capacity_families import CAPACITY_FAMILIES
from fleet.metrics.pair_families import PAIR_FAMILIES
from fleet.metrics.rollout_families import ROLLOUT_FAMILIES
from fleet.metrics.work_families import WORK_FAMILIES

_NONE: Final[tuple[str, ...]] = ()


def _counter(name: str, text: str, *labels: str, series: str = "1") -> Family:
    return Family(name, "counter", text, labels, series)


def _gauge(name: str, text: str, *labels: str, series: str = "1") -> Family:
    return Family(name, "gauge", text, labels, series)


MESSAGES: Final = _counter(
    "fleet_bus_messages_total",
    "messages received, repetitions included",
    "kind",
    series=f"one a kind of message: {len(MessageKind)}",
)
REJECTS: Final = _counter(
    "fleet_bus_rejects_total",
    "messages the contract rejected; the newest are kept as dead letters",
    "reason",
    series=f"one a reason: {len(Reason)}",
)
DEAD_LETTERS_DROPPED: Final = _counter(
    "fleet_dead_letters_dropped_total", "dead letters that had to make room for newer ones"
)
FACTS: Final = _counter(
    "fleet_facts_total",
    "what the hub learned of agents, such as births, gaps and ignored wills",
    "fact",
    series=f"one a fact: {len(Fact)}",
)
LOST: Final = _counter(
    "fleet_missing_messages_total", "messages that gaps in numbered sessions showed to be missing"
)
REPEATED: Final = _counter(
    "fleet_repeated_messages_total", "unnumbered messages the broker delivered again, ignored"
)
LEFT_OUT: Final = _counter(
    "fleet_messages_left_out_total",
    "messages applied and not stored: more than agent_mb_a_day of their agent",
)
VALUES_LEFT_OUT: Final = _counter(
    "fleet_rollup_values_left_out_total",
    "values left out of hourly sums: their agent had too many names of metrics",
)
RECEIPTS: Final = _counter("fleet_receipts_total", "receipts sent to sidecars")
RECEIPTS_FAILED: Final = _counter(
    "fleet_receipt_failures_total", "receipts that could not be sent; the next one covers them"
)
LINK_UP: Final = _gauge("fleet_link_up", "1 while the hub is linked to the broker, else 0")
BROKER_IN_USE: Final = _gauge(
    "fleet_broker_in_use",
    "1 for the broker of FLEET_BROKER at which the hub is, or whose turn it is; 0 for the others",
    "broker",
)
BRIDGE_UP: Final = _gauge(
    "fleet_bridge_up", "1 while a bridge between brokers is up, as the broker says", "bridge"
)
LINK_LOSSES: Final = _counter("fleet_link_losses_total", "times the link to the broker was lost")
UNASKED: Final = _counter(
    "fleet_unasked_messages_total",
    "messages the broker sent though no subscription of the hub matches them: dropped",
)
OVERFLOWED: Final = _counter(
    "fleet_overflowed_messages_total",
    "messages at QoS 0 that came faster than the hub takes them, beyond 64 MiB: dropped",
)
FEED_DROPPED: Final = _counter(
    "fleet_feed_dropped_total", "events that services of the hub were too slow for; all are stored"
)
FEED_QUEUE: Final = _gauge(
    "fleet_feed_queue_events", "events that the slowest service of the hub has yet to take"
)

AGENTS: Final = _gauge(
    "fleet_agents", "agents by the hub's verdict", "state", series=f"one a verdict: {len(Verdict)}"
)
FIRING: Final = _gauge(
    "fleet_alert_firing",
    "1 for each alert that fires; agent is hub for the hub's own",
    "agent",
    "code",
    "severity",
    series="one a firing alert",
)
PROBLEM: Final = _gauge(
    "fleet_problem",
    "1 for each thing that is wrong, as `fleet status` names it; held says why it wakes nobody; "
    "flapping, that it comes and goes",
    "agent",
    "code",
    "severity",
    "held",
    "flapping",
    series="one a problem",
)
SILENCES: Final = _gauge("fleet_silences", "silences in force, maintenance included")
DEAD_MAN_UP: Final = _gauge(
    "fleet_dead_man_up", "1 if the monitor elsewhere took the last ping; absent without [dead_man]"
)
ROUTE_UP: Final = _gauge(
    "fleet_route_up",
    "1 if the last attempt of an alert route was taken, else 0",
    "route",
    series="one a route",
)
ROUTE_SENT: Final = _counter(
    "fleet_route_sent_total", "messages an alert route delivered", "route", series="one a route"
)
ROUTE_FAILURES: Final = _counter(
    "fleet_route_failures_total",
    "attempts of an alert route that failed",
    "route",
    series="one a route",
)
ROUTE_DROPPED: Final = _counter(
    "fleet_route_dropped_total",
    "messages an alert route gave up: too many waited or were set aside",
    "route",
    series="one a route",
)
ROUTE_WAITING: Final = _gauge(
    "fleet_route_waiting_messages",
    "messages an alert route has yet to deliver",
    "route",
    series="one a route",
)
ROUTE_PAUSED: Final = _gauge(
    "fleet_route_paused",
    "1 while an alert route tries nothing: its receiver failed, or asked for a pause",
    "route",
    series="one a route",
)
ROUTE_REFUSED: Final = _counter(
    "fleet_route_refused_total",
    "messages set aside: the receiver of an alert route will not take them as they are",
    "route",
    series="one a route",
)
ROUTE_SET_ASIDE: Final = _gauge(
    "fleet_route_set_aside_messages",
    "messages set aside that wait for `fleet alerts retry`",
    "route",
    series="one a route",
)
COMMANDS: Final = _counter(
    "fleet_commands_total",
    "commands that ended",
    "verb",
    "outcome",
    series="4 verbs times 6 outcomes",
)
COMMANDS_OPEN: Final = _gauge(
    "fleet_commands_open", "commands without an end yet: waiting for an agent, or for its reply"
)
NAMES_REFUSED: Final = _counter(
    "fleet_metric_names_refused_total",
    "agents' metrics left out: too many names, or one that another name rules out",
)
LATENCY: Final = Family(
    "fleet_command_latency_seconds",
    "histogram",
    "from sending a command to the arrival of its reply",
    _NONE,
    "12",
)

STORED: Final = _counter("fleet_stored_messages_total", "messages committed")
COMMITS: Final = _counter("fleet_commits_total", "batches committed")
COMMIT_SECONDS: Final = _counter("fleet_commit_seconds_total", "time spent in commits")
COMMIT_FAILURES: Final = _counter("fleet_commit_failures_total", "commits that failed")
PAUSED: Final = _gauge(
    "fleet_intake_paused",
    "1 while the store takes nothing and nothing is acknowledged, else 0",
)
STORE_BYTES: Final = _gauge(
    "fleet_store_bytes", "size of the store", "file", series="2: database and log"
)
STORE_FREE: Final = _gauge("fleet_store_free_bytes", "room left on the disk of the store")
STORE_SIZE: Final = _gauge("fleet_store_size_bytes", "size of the disk of the store")
TICKS: Final = _counter("fleet_liveness_ticks_total", "times the hub looked for silent agents")
TICK_SECONDS: Final = _counter("fleet_liveness_seconds_total", "time spent in these looks")
VIEW_AGE: Final = _gauge(
    "fleet_view_age_seconds", "how old what this hub shows is; 0 where it leads"
)
SITE_UP: Final = _gauge(
    "fleet_site_up",
    "1 while the site is known of, 0 while it is lost",
    "site",
    series="one a site",
)
SITE_AGENTS: Final = _gauge(
    "fleet_site_agents", "agents that are known of at the site", "site", series="one a site"
)
SITE_VIEW_AGE: Final = _gauge(
    "fleet_site_view_age_seconds",
    "how old what this hub shows of the site is",
    "site",
    series="one a site",
)
STARTED: Final = _gauge("fleet_hub_start_time_seconds", "when the hub started, since the epoch")
BUILD: Final = _gauge("fleet_build_info", "1, with what runs", "version", "python")

AUDIT_FINDINGS: Final = _gauge(
    "fleet_audit_findings", "violations that the newest audit of this hub found"
)
AUDIT_GAPS: Final = _gauge(
    "fleet_audit_gaps", "gaps in the capture that the newest audit of this hub judged"
)
AUDIT_LOST: Final = _counter(
    "fleet_capture_lost_messages_total", "messages that could not be captured: audits show a gap"
)
LEAK_BUDGET: Final = _gauge(
    "fleet_leak_budget_bytes",
    "the most that one agent can say in a day without a finding of the audit, whatever it is",
)

BROKER_DROPPED: Final = _counter(
    "fleet_broker_dropped_messages_total", "messages the broker says it dropped: queues were full"
)
BROKER: Final = {
    "publish/messages/dropped": BROKER_DROPPED,
    "clients/connected": _gauge("fleet_broker_clients_connected", "clients linked to the broker"),
    "clients/disconnected": _gauge(
        "fleet_broker_clients_away", "clients whose session the broker keeps while they are away"
    ),
    "messages/received": _counter(
        "fleet_broker_messages_received_total", "MQTT packets the broker received"
    ),
    "messages/sent": _counter("fleet_broker_messages_sent_total", "MQTT packets the broker sent"),
    "retained messages/count": _gauge(
        "fleet_broker_retained_messages", "messages the broker retains, its own statistics included"
    ),
    "store/messages/count": _gauge(
        "fleet_broker_stored_messages", "messages the broker holds: retained and queued"
    ),
    "store/messages/bytes": _gauge(
        "fleet_broker_stored_bytes", "size of the messages the broker holds"
    ),
}
"""Mosquitto's own statistics, by their topic below `$SYS/broker/`; other brokers have none."""

HUB_FAMILIES: Final = (
    MESSAGES, REJECTS, DEAD_LETTERS_DROPPED, FACTS, LOST, REPEATED, LEFT_OUT,
    VALUES_LEFT_OUT, RECEIPTS, RECEIPTS_FAILED,
    LINK_UP, BROKER_IN_USE, BRIDGE_UP, LINK_LOSSES, UNASKED, OVERFLOWED, FEED_DROPPED, FEED_QUEUE,
    AGENTS, FIRING, PROBLEM,
    SILENCES, DEAD_MAN_UP, ROUTE_UP,
    ROUTE_SENT, ROUTE_FAILURES, ROUTE_DROPPED, ROUTE_WAITING, ROUTE_PAUSED, ROUTE_REFUSED,
    ROUTE_SET_ASIDE, COMMANDS, COMMANDS_OPEN, LATENCY,
    NAMES_REFUSED, STORED, COMMITS, COMMIT_SECONDS, COMMIT_FAILURES, PAUSED, STORE_BYTES,
    STORE_FREE, STORE_SIZE, TICKS, TICK_SECONDS, VIEW_AGE, SITE_UP, SITE_AGENTS, SITE_VIEW_AGE,
    STARTED, BUILD, AUDIT_FINDINGS, AUDIT_GAPS,
    AUDIT_LOST, LEAK_BUDGET, *WORK_FAMILIES, *PAIR_FAMILIES, *ROLLOUT_FAMILIES,
    *CAPACITY_FAMILIES, *BROKER.values(),
)  # fmt: skip
