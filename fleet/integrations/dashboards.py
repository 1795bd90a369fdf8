"""The dashboards as tables: what each panel asks, and how it shows the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import Check, Word
from fleet.domain.verdict import Verdict


class Look(Word):
    """How a panel shows its numbers; the values are Grafana's panel types."""

    STAT = "stat", "the last value, large"
    LINES = "timeseries", "values over time"
    TABLE = "table", "the last values, one line each"
    STATES = "state-timeline", "words over time"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL question; `legend` names its series."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """`width` is of 24 columns; `unit` is one of Grafana's. `words`: what 0, 1, … mean, each with
    a colour."""

    title: str
    look: Look
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 12
    height: int = 8
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`per_agent` adds the choice of an agent, `$agent` in queries."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    per_agent: bool = False


def _stat(title: str, expr: str, unit: str = "short") -> Panel:
    return Panel(title, Look.STAT, (Query(expr),), unit, width=4, height=4)


def _lines(title: str, *queries: Query, unit: str = "short") -> Panel:
    return Panel(title, Look.LINES, queries, unit)


def _declared(name: str, legend: str) -> Query:
    return Query(f'rate(fleet_agent_metric_{name}{{agent=~"$agent"}}[$__rate_interval])', legend)


VERDICTS: Final[dict[Word, str]] = {
    Verdict.OK: "green", Verdict.DEGRADED: "yellow", Verdict.LATE: "orange", Verdict.STALE: "red",
    Verdict.OFFLINE: "dark-red", Verdict.UNKNOWN: "gray", Verdict.GHOST: "purple",
}  # fmt: skip
CHECKS: Final[dict[Word, str]] = {
    Check.PASS: "green", Check.WARN: "yellow", Check.FAIL: "red", Check.UNKNOWN: "gray",
}  # fmt: skip


CHOSEN: Final = ', agent=~"$agent"'


def _words(
    title: str, metric: str, label: str, colours: dict[Word, str], of: str, chosen: str = ""
) -> Panel:
    """One line for each `of`: the word in `label`, over time."""
    numbered = enumerate(colours)
    terms = (f'{metric}{{{label}="{word}"{chosen}}} * {number}' for number, word in numbered)
    query = Query(f"max by ({of}) ({' or '.join(terms)})", f"{{{{{of}}}}}")
    words = tuple((word.value, colour) for word, colour in colours.items())
    return Panel(title, Look.STATES, (query,), words=words)


FLEET: Final = Dashboard(
    "fleet",
    "Fleet",
    (
        _stat("Agents ok", 'fleet_agents{state="ok"}'),
        _stat("Agents not ok", 'sum(fleet_agents{state!="ok"})'),
        _stat("Problems", 'count(fleet_problem{held=""}) or vector(0)'),
        _stat("Link to the broker", "fleet_link_up"),
        _stat("Commands open", "fleet_commands_open"),
        _stat("Room for the store", "fleet_store_free_bytes", "bytes"),
        _words("Verdicts", "fleet_agent_state", "state", VERDICTS, "agent"),
        Panel("Problems", Look.TABLE, (Query("fleet_problem"),)),
        _lines("Time since the last bus heartbeat",
               Query("topk(10, fleet_agent_heartbeat_age_seconds)", "{{agent}}"), unit="s"),
        _lines("Agents by verdict", Query("fleet_agents", "{{state}}")),
        _lines("Messages",
               Query("sum by (kind) (rate(fleet_bus_messages_total[$__rate_interval]))",
                     "{{kind}}"), unit="cps"),
        _lines("Rejects, losses and drops",
               Query("sum by (reason) (rate(fleet_bus_rejects_total[$__rate_interval]))",
                     "rejected: {{reason}}"),
               Query("rate(fleet_missing_messages_total[$__rate_interval])", "missing"),
               Query("rate(fleet_broker_dropped_messages_total[$__rate_interval])",
                     "dropped by the broker"), unit="cps"),
        _lines("Commands by outcome",
               Query("sum by (outcome) (increase(fleet_commands_total[$__rate_interval]))",
                     "{{outcome}}")),
        _lines("Latency of commands",
               Query("histogram_quantile(0.5, sum by (le) "
                     "(rate(fleet_command_latency_seconds_bucket[$__rate_interval])))", "median"),
               Query("histogram_quantile(0.95, sum by (le) "
                     "(rate(fleet_command_latency_seconds_bucket[$__rate_interval])))", "95 %"),
               unit="s"),
        _lines("Broker's clients", Query("fleet_broker_clients_connected", "connected"),
               Query("fleet_broker_clients_away", "away")),
        _lines("Store", Query("fleet_store_bytes", "{{file}}"), unit="bytes"),
        _lines("Time spent in commits",
               Query("rate(fleet_commit_seconds_total[$__rate_interval])", "commits"),
               unit="percentunit"),
        _lines("The hub's own process", Query("process_resident_memory_bytes", "memory"),
               unit="bytes"),
    ),
)  # fmt: skip

AGENT: Final = Dashboard(
    "fleet-agent",
    "Fleet: one agent",
    (
        _stat("Up", 'fleet_agent_up{agent=~"$agent"}'),
        _stat("Since the last bus heartbeat",
              'fleet_agent_heartbeat_age_seconds{agent=~"$agent"}', "s"),
        _stat("Uptime", 'fleet_agent_uptime_seconds{agent=~"$agent"}', "s"),
        _stat("Clock skew", 'fleet_agent_clock_skew_seconds{agent=~"$agent"}', "s"),
        _stat("Missing messages", 'fleet_agent_missing_messages{agent=~"$agent"}'),
        _stat("Availability, 1 day",
              'avg_over_time(fleet_agent_up{agent=~"$agent"}[1d])', "percentunit"),
        _words("Verdict", "fleet_agent_state", "state", VERDICTS, "agent", CHOSEN),
        _words("Checks", "fleet_agent_check", "result", CHECKS, "plane", CHOSEN),
        Panel("Problems", Look.TABLE, (Query('fleet_problem{agent=~"$agent"}'),)),
        Panel("What runs", Look.TABLE, (Query('fleet_agent_info{agent=~"$agent"}'),)),
        _lines("Tokens", _declared("tokens_input_total", "input"), unit="cps"),
        _lines("Cost", _declared("cost_usd_total", "USD"), unit="currencyUSD"),
        _lines("Errors", _declared("errors_total", "errors"), unit="cps"),
        _lines("Memory",
               Query('fleet_agent_metric_memory_bytes{agent=~"$agent"}', "used"),
               Query('fleet_agent_metric_memory_available_bytes{agent=~"$agent"}', "available"),
               unit="bytes"),
        _lines("Outbox", Query('fleet_agent_metric_outbox_messages{agent=~"$agent"}', "messages")),
        _lines("All declared metrics",
               Query('{__name__=~"fleet_agent_metric_.+", agent=~"$agent"}', "{{__name__}}")),
    ),
    per_agent=True,
)  # fmt: skip

WORK: Final = Dashboard(
    "fleet-work",
    "Fleet: work",
    (
        _stat("Waiting for an agent", 'fleet_tasks{state="submitted"}'),
        _stat("At work", 'fleet_tasks{state="working"}'),
        _stat("Waiting for a person", 'sum(fleet_tasks{state=~"auth-required|input-required"})'),
        _stat("Waits longest", "fleet_task_queue_age_seconds", "s"),
        _stat("Ended badly, 1 day", "sum(increase(fleet_tasks_ended_total"
              '{state=~"failed|lost|timed-out|rejected"}[1d]))'),
        _stat("Leases run out, 1 day", "increase(fleet_task_lease_expiries_total[1d])"),
        _lines("Tasks that have not ended", Query("fleet_tasks", "{{state}}")),
        _lines("Ends", Query("sum by (state) (increase(fleet_tasks_ended_total[$__rate_interval]))",
                             "{{state}}")),
        _lines("Longest wait for an agent", Query("fleet_task_queue_age_seconds", "waits"),
               unit="s"),
        _lines("Seconds of an attempt that completed, by kind",
               Query("sum by (kind) (rate(fleet_task_seconds_total[$__rate_interval])) / "
                     "sum by (kind) (rate(fleet_task_completed_attempts_total[$__rate_interval]))",
                     "{{kind}}"), unit="s"),
        _lines("Attempts, and leases that ran out",
               Query("rate(fleet_task_attempts_total[$__rate_interval])", "attempts"),
               Query("rate(fleet_task_lease_expiries_total[$__rate_interval])", "expired"),
               unit="cps"),
    ),
)  # fmt: skip

DASHBOARDS: Final = (FLEET, AGENT, WORK)
