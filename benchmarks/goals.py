"""Every measured goal of the issues: how its number is read, and why it is missed if it is.

Here and nowhere else. A reason says what the floor is and where the rest goes; it is shown only
while the goal is missed, so one whose number changes from run to run keeps its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.reasons import (
    ALIVE,
    AUDIT_PACE,
    BLOBS,
    BROADCAST,
    BURSTY,
    DURABLE,
    FIRST_HEARD,
    FIRST_SCRAPE,
    IDLE_WORKER,
    INTAKE,
    MIXED,
    ONE_BEAT,
    PAGE,
    REST,
    ROOM,
    SECURED,
    SHELL,
    START,
    TAKE_OVER,
    THERE,
    WHOLE,
    WORK,
)

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the page. `read` takes the number out of the JSON of benchmark `name`."""

    issue: int
    what: str
    name: str
    read: Callable[[Any], float]
    limit: float
    unit: str
    at_least: bool = False
    reason: str = ""
    floor: Callable[[Any], float] | None = None
    """The best that was measured in the same run without the work that is asked for."""

    @property
    def text(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g} {self.unit}".rstrip()

    def measured(self, results: Mapping[str, Result]) -> float | None:
        """None: not run, or the peer was not there."""
        try:
            return float(self.read(results[self.name]))
        except (KeyError, StopIteration, TypeError):
            return None

    def lowest(self, results: Mapping[str, Result]) -> float | None:
        """The floor of that run, where one was measured."""
        try:
            return float(self.floor(results[self.name])) if self.floor else None
        except (KeyError, TypeError):
            return None

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def row(found: Any, agents: int) -> Any:
    """The row of so many agents."""
    return next(one for one in found["rows"] if one["agents"] == agents)


def scenario(found: Any, name: str) -> Any:
    """One fault of scripts/chaos.sh, run whole."""
    return next(one for one in found["scenarios"] if one["name"] == name and one["form"] == "whole")


def mixed(found: Any, links: int) -> Any:
    """The row of a fleet's mix from so many links."""
    return next(one for one in found["rows"] if one["links"] == links)


COUNTS: Final = "times `mosquitto_sub`, which counts"
PAHO: Final = "times bare paho"
PUB: Final = "times `mosquitto_pub`"
GOALS: Final[tuple[Goal, ...]] = (
    # 2: the walking skeleton
    Goal(2, "`bus-publish alert`, direct", "one_liner",
         lambda f: f["ratio"]["direct alert"], 2, PUB, reason=SHELL),
    Goal(2, "`bus-publish heartbeat`, direct", "one_liner",
         lambda f: f["ratio"]["direct heartbeat"], 2, PUB, reason=SHELL),
    Goal(2, "`bus-publish alert`, by drop directory", "one_liner",
         lambda f: f["ratio"]["drop alert"], 1.2, PUB, reason=SHELL),
    Goal(2, "`bus-publish heartbeat`, by drop directory", "one_liner",
         lambda f: f["ratio"]["drop heartbeat"], 1.2, PUB, reason=SHELL),
    Goal(2, "`fleet --version`", "one_liner",
         lambda f: f["ratio"]["fleet --version"], 3, "times `python -c pass`", reason=BURSTY),
    Goal(2, "sidecar at rest, memory", "sidecar",
         lambda f: f["cost"]["sidecar"]["mib"], 28, "MiB"),
    Goal(2, "sidecar at rest, CPU", "sidecar",
         lambda f: f["cost"]["sidecar"]["cpu_s_an_hour"], 1, "s an hour", reason=REST),
    # 3: the sidecar
    Goal(3, "sidecar with five probes, memory", "sidecar",
         lambda f: f["sidecar_to"]["node_exporter"]["mib"], 1.4, "times node_exporter",
         reason="node_exporter is a static Go program whose memory varies with its collectors;"
         " ours is the Python interpreter, SQLite and paho."),
    Goal(3, "sidecar with five probes, CPU", "sidecar",
         lambda f: f["sidecar_to"]["node_exporter"]["cpu_s_an_hour"], 0.4, "times node_exporter",
         reason=REST),
    # 4: the hub
    Goal(4, "intake: judged, committed, acknowledged", "intake",
         lambda f: f["hub_to"]["mosquitto_sub"], 1, COUNTS,
         at_least=True, reason=INTAKE, floor=lambda f: f["link_to_mosquitto_sub"]),
    Goal(4, "intake: judged, committed, acknowledged", "intake",
         lambda f: f["hub_to"]["prometheus-mqtt-exporter"], 2, "times prometheus-mqtt-exporter",
         at_least=True, reason=INTAKE,
         floor=lambda f: f["per_s"]["link"] / f["per_s"]["prometheus-mqtt-exporter"]),
    Goal(4, "memory of the roster at 100,000 agents", "state",
         lambda f: f["bytes_an_agent"], 700, "bytes an agent"),
    Goal(4, "staleness of 100,000 agents", "state",
         lambda f: f["staleness_median_ms"], 2, "ms", reason=BURSTY),
    Goal(4, "round trip by our bus, median", "round_trip",
         lambda f: f["p50_p99_to_paho"]["bus"][0], 1.5, PAHO, reason=BURSTY),
    Goal(4, "round trip by our bus, 99th percentile", "round_trip",
         lambda f: f["p50_p99_to_paho"]["bus"][1], 2, PAHO, reason=BURSTY),
    Goal(25, "round trip through a real sidecar, median", "round_trip",
         lambda f: f["p50_p99_to_paho"]["command"][0], 2, PAHO, reason=DURABLE,
         floor=lambda f: f["p50_p99_to_paho"]["bus"][0]),
    Goal(25, "round trip through a real sidecar, 99th percentile", "round_trip",
         lambda f: f["p50_p99_to_paho"]["command"][1], 3, PAHO, reason=DURABLE,
         floor=lambda f: f["p50_p99_to_paho"]["bus"][1]),
    Goal(4, "broadcast answered by 1,000 agents", "broadcast",
         lambda f: row(f, 1_000)["to_paho"]["direct"], 1.5, PAHO, reason=BROADCAST),
    Goal(4, "broadcast answered by 10,000 agents", "broadcast",
         lambda f: row(f, 10_000)["to_paho"]["direct"], 1.5, PAHO, reason=BROADCAST),
    Goal(4, "the same through a hub that stores: 1,000 agents", "broadcast",
         lambda f: row(f, 1_000)["to_paho"]["hub"], 1.5, PAHO, reason=BROADCAST),
    Goal(4, "the same through a hub that stores: 10,000 agents", "broadcast",
         lambda f: row(f, 10_000)["to_paho"]["hub"], 1.5, PAHO, reason=BROADCAST),
    Goal(4, "lost of 100,000 at once and 100,000 queued while the hub is down", "chaos",
         lambda f: scenario(f, "R14")["numbers"]["lost"], 0, ""),
    Goal(4, "a page of history out of 10 million rows", "history",
         lambda f: max(f["page_ms"].values()), 50, "ms", reason=BURSTY),
    # 6: the auditor
    Goal(6, "leaks with any alarm", "audit",
         lambda f: f["recall"]["any_alarm"], 0.98, "", at_least=True),
    Goal(6, "leaks inside the contract", "audit",
         lambda f: f["recall"]["within_contract"], 0.90, "", at_least=True),
    Goal(6, "personal data, by detectors", "audit",
         lambda f: f["recall"]["by_family"]["pii"], 0.90, "", at_least=True),
    Goal(6, "secrets, by detectors", "audit",
         lambda f: f["recall"]["by_family"]["secret"], 0.95, "", at_least=True),
    Goal(6, "right family", "audit",
         lambda f: f["recall"]["right_family"], 0.90, "", at_least=True),
    Goal(6, "clean messages flagged, of 300,000", "audit",
         lambda f: f["clean"]["flagged"], 0, ""),
    Goal(6, "leaked values in reports", "audit",
         lambda f: f["recall"]["values_in_reports"], 0, ""),
    Goal(6, "speed on clean traffic", "audit",
         lambda f: f["speed"]["per_s_per_core"], 60_000, "messages/s/core", at_least=True,
         reason=AUDIT_PACE),
    Goal(6, "memory of the audit, at most", "audit",
         lambda f: max(f["flat"]["mib"]), 100, "MiB"),
    Goal(6, "growth after the first quarter of a million messages", "audit",
         lambda f: f["flat"]["grew_mib"], 5, "MiB"),
    # 7: to be seen
    Goal(7, "rendering 10,000 agents of 12 series each, all changed", "exposition",
         lambda f: row(f, 10_000)["full_s"], 1, "s"),
    Goal(7, "100,000 agents, every one changed", "exposition",
         lambda f: row(f, 100_000)["full_times_faster"], 10, "times faster than prometheus-client",
         at_least=True, reason=FIRST_SCRAPE),
    Goal(7, "100,000 agents, a tenth changed", "exposition",
         lambda f: row(f, 100_000)["changed_times_faster"], 10,
         "times faster than prometheus-client", at_least=True, reason=FIRST_SCRAPE),
    Goal(7, "100,000 agents, none changed", "exposition",
         lambda f: row(f, 100_000)["still_times_faster"], 10,
         "times faster than prometheus-client", at_least=True, reason=FIRST_SCRAPE),
    Goal(7, "a scrape of 10,000 agents over HTTP, all changed", "scrape",
         lambda f: f["scraped"]["hub"]["changed_s"], 1, "s", reason=BURSTY),
    # 21: several hubs on PostgreSQL
    Goal(21, "intake on PostgreSQL", "intake_postgres",
         lambda f: f["postgres_to"]["sqlite"], 0.6, "times SQLite", at_least=True, reason=THERE),
    Goal(21, "a page of history out of 10 million rows, PostgreSQL", "history_postgres",
         lambda f: max(f["postgres"]["page_ms"].values()), 50, "ms", reason=BURSTY),
    Goal(21, "take-over, 100,000 agents known", "known_agents",
         lambda f: f["taken_over"]["s"], 20, "s", reason=TAKE_OVER,
         floor=lambda f: f["taken_over"]["lease_s"]),
    Goal(21, "start of the hub that leads, 100,000 agents known", "known_agents",
         lambda f: f["leader"]["start_s"], 30, "s", reason=START),
    Goal(21, "start of the hub that reads, 100,000 agents known", "known_agents",
         lambda f: f["reader"]["start_s"], 30, "s", reason=START),
    Goal(21, "a page of 100,000 agents, first and of either hub", "known_agents",
         lambda f: max(f[hub]["agents_page"]["first_s"] for hub in ("leader", "reader")), 1, "s"),
    Goal(21, "`/metrics` of 100,000 agents, first and of either hub", "known_agents",
         lambda f: max(f[hub]["metrics"]["first_s"] for hub in ("leader", "reader")), 5, "s",
         reason=FIRST_SCRAPE),
    # 22: work by reference
    Goal(22, "tasks a second, submitted to completed, on SQLite", "tasks",
         lambda f: f["ratio"], 2, "times huey", at_least=True, reason=WORK,
         floor=lambda f: f["per_s"]["floor"] / f["per_s"]["huey"]),
    Goal(22, "tasks a second, submitted to completed, on PostgreSQL", "tasks_postgres",
         lambda f: f["ratio"], 2, "times the better of procrastinate and pgqueuer", at_least=True,
         reason=WORK,
         floor=lambda f: f["per_s"]["floor"] / max(
             rate for who, rate in f["per_s"].items() if who in ("procrastinate", "pgqueuer")
         )),
    Goal(22, "a claim where 10,000 tasks wait", "tasks",
         lambda f: f["claim_us"]["10000"] / f["claim_us"]["100"], 1.5, "times one where 100 wait",
         reason=BURSTY),
    Goal(22, "from submission to an idle worker's start, median", "work",
         lambda f: f["start_ms"]["p50"], 20, "ms", reason=IDLE_WORKER),
    Goal(22, "from submission to an idle worker's start, 99th percentile", "work",
         lambda f: f["start_ms"]["p99"], 100, "ms", reason=IDLE_WORKER),
    Goal(22, "content of a task, put", "work",
         lambda f: f["put_ratio"], 0.5, "times `cp`", at_least=True, reason=BLOBS),
    Goal(22, "content of a task, got", "work",
         lambda f: f["get_ratio"], 0.5, "times `cp`", at_least=True, reason=BLOBS),
    # 25: a fleet of 100,000
    Goal(25, "memory of the roster at 100,000 agents", "state",
         lambda f: f["bytes_an_agent"], 700, "bytes an agent"),
    Goal(25, "a hub that leads and knows 100,000 agents, memory", "known_agents",
         lambda f: f["leader"]["memory_mib"], 250, "MiB", reason=ROOM),
    Goal(25, "a page of 100,000 agents, asked for again", "known_agents",
         lambda f: 1e3 * f["leader"]["agents_page"]["s"], 50, "ms", reason=PAGE),
    Goal(25, "first full snapshot of 100,000 agents by a hub that knew nobody", "large_fleet",
         lambda f: f["snapshot"], 20, "s", reason=FIRST_HEARD),
    Goal(25, "a hub with 100,000 agents that speak, memory", "large_fleet",
         lambda f: f["hub_mib"], 250, "MiB", reason=ALIVE),
    Goal(25, "a page of 100,000 agents that speak, asked for again", "large_fleet",
         lambda f: 1e3 * f["asked"]["page"]["s"], 50, "ms", reason=PAGE),
    Goal(25, "`fleet status`, start to end, with 100,000 agents that speak", "large_fleet",
         lambda f: f["asked"]["status_s"], 2, "s", reason=WHOLE),
    Goal(25, "sidecar at rest with TLS and signing, memory", "sidecar",
         lambda f: f["secured_mib"]["both"], 24, "MiB", reason=SECURED),
    Goal(25, "sidecar at rest, wake-ups", "sidecar",
         lambda f: f["cost"]["sidecar"]["wake_ups_an_hour"], 2_500, "an hour", reason=REST),
    Goal(25, "intake of a fleet's mix from one link", "intake_mixed",
         lambda f: mixed(f, 1)["hub_to"]["mosquitto_sub"], 1.05, COUNTS, at_least=True,
         reason=MIXED, floor=lambda f: mixed(f, 1)["link_to_mosquitto_sub"]),
    Goal(25, "intake of a fleet's mix from 1,000 links", "intake_mixed",
         lambda f: mixed(f, 1_000)["hub_to"]["mosquitto_sub"], 1.05, COUNTS, at_least=True,
         reason=MIXED, floor=lambda f: mixed(f, 1_000)["link_to_mosquitto_sub"]),
    # 23: capacity
    Goal(23, "false alarms of room that ends, on made courses of a disk", "forecast",
         lambda f: f["sums"]["ours"]["false_alarms"], 0, ""),
    Goal(23, "true ends told at least a day before, on the same", "forecast",
         lambda f: f["sums"]["ours"]["told_a_day_before"] / f["sums"]["ours"]["ends"], 1, "of 1",
         at_least=True),
    # 25: what was missed
    Goal(25, "`fleet status`, start to end, with a hub of 1,000 agents", "commands",
         lambda f: f["ms"]["fleet status"], 250, "ms", reason=WHOLE,
         floor=lambda f: f["ms"]["python and urllib"]),
    Goal(25, "`agent-sidecar beat`, start to end", "commands",
         lambda f: f["ms"]["agent-sidecar beat"], 250, "ms", reason=ONE_BEAT,
         floor=lambda f: f["ms"]["python and paho"]),
    # 26: a broker that restarts
    Goal(26, "links that come back in the busiest tenth of a second, of 1,000", "reconnect",
         lambda f: f["rule"]["busiest_tenth"], 100, ""),
    Goal(26, "the broker's CPU in the busiest second of that", "reconnect",
         lambda f: max(f["rule"]["broker_cpu_percent"]), 25, "% of a core"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proof:
    """A goal that a test holds, not a stopwatch."""

    issue: int
    what: str
    goal: str
    test: str


PROOFS: Final[tuple[Proof, ...]] = (
    Proof(5, "forged, tampered, replayed, re-targeted, retained commands", "0 of 100,000 run",
          "tests/fuzz/test_forged_commands.py"),
    Proof(5, "fuzzed payloads into contract and ingest", "0 crashes in 1,000,000",
          "tests/fuzz/test_hostile_payloads.py"),
    Proof(5, "revocation by password and by certificate", "≤ 1 s",
          "tests/integration/provisioning/test_enrolment.py"),
    Proof(7, "every query of every dashboard on a real Prometheus", "none empty",
          "tests/integration/observe/test_prometheus.py"),
    Proof(7, "accessibility of the web page, by axe", "no finding",
          "tests/acceptance/test_web_page.py"),
    Proof(8, "a real nanobot is watched, and uses the tools", "each fault seen",
          "tests/integration/sidecar_probes/test_nanobot.py"),
)  # fmt: skip
