"""Every measured goal of the issues: how its number is read, and why it is missed if it is.

Here and nowhere else. A reason says what the floor is and where the rest goes; it is shown only
while the goal is missed, so one whose number changes from run to run keeps its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

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


PAHO: Final = "times bare paho"
PUB: Final = "times `mosquitto_pub`"
SHELL: Final = (
    "Floor: `date` and `mosquitto_pub` from a shell, without any work of ours, take 1.7 times the"
    " bare program, since each program that sh starts costs about 1 ms. The rest reads `agent.env`"
    " and checks the call."
)
DURABLE: Final = (
    "The floor is bare paho and one commit on this disk, which the next command to the same sidecar"
    " waits for. It answers first, then makes the command's id and its reply durable in one commit,"
    " and only then acknowledges the command; the rest is Python. By cProfile of the sidecar's one"
    " thread more than a quarter of a command is paho, which reads and writes four packets for it,"
    " an eighth the status that is the answer, a tenth the commit, a fifteenth the line in the log"
    " after it, a twenty-fifth the judges, and most of the rest the loop's two turns."
)
INTAKE: Final = (
    "The floor is the same link with nothing behind it, which only acknowledges. The rest is what"
    " mosquitto_sub does not do: each message is judged, observed, recorded for the audit, written"
    " and committed before it is acknowledged, on two cores that broker and generator use too. A"
    " heartbeat that says nothing new and an answer take a short way, of which decoding and the"
    " agent's record take 2 microseconds each, the capture 1, and the tuples it passes through as"
    " much; what says something new is judged whole, and that is most of what a fleet's mix costs"
    " (`intake_mixed`, `cProfile`). More needs a judge that is compiled."
)
BROADCAST: Final = (
    "Floor: the bare client that only counts replies, on the same two cores as the broker and the"
    " simulated agents. Ours judges each answer; through the hub each is also stored, receipted,"
    " the end of a command, and told to the caller by its event stream. By `py-spy` of a hub at"
    " work, a third of its CPU is receipts, which go out after the answers as long as those take"
    " no more than 2 s, a quarter to judge and enter an answer and a beat, an eighth to read the"
    " link, a tenth the command's record and a tenth the caller's stream and its events. Fewer"
    " packets would need one receipt for many agents, which the contract does not have."
)
REST: Final = (
    "Floor: a Python process that only keeps a paho connection takes 0.6 CPU seconds an hour. The"
    " rest is five probes and a beat every 10 s, 60 times as often as the default. By cProfile of"
    " each thread two fifths are the probes, the call of the endpoint most of all, a fifth to"
    " build, judge and send the beat, and the rest alerts, link and the loop, which sleeps three"
    " times a beat: until it is due, until the probes have answered, until the broker has."
)
BURSTY: Final = "Near its goal: which side it falls on varies with what else the machine does."
FIRST_SCRAPE: Final = (
    "Floor: whoever changed is looked at anew, some 4 microseconds of CPU each (10 more after a"
    " start, when it is made of its record), and then every line is written anew. Agents whose"
    " lines differ in name and numbers alone are written together: the numbers of a family become"
    " text in one call (`orjson`), and are joined to the names in C. Half is that looking, the"
    " other half to write and join. No text is kept, so a scrape in which nothing changed costs"
    " half of one in which everything did; what would change it: text kept for each agent, which"
    " took 190 MB of 100,000 where numbers take 20."
)
AUDIT_PACE: Final = (
    "Near its goal: which side it falls on varies with the machine. To read a line of the capture"
    " is a tenth of what a message takes, and to decode a heartbeat an eighth (`orjson`,"
    " `msgspec`). The corpus draws other metrics for each heartbeat, and a seventh of it are"
    " statuses, alerts and commands, which are read whole and take a third of the time."
)
WHOLE: Final = (
    "The floor is a Python that asks the same hub the same question with urllib, and prints"
    " nothing; the hub's own answer is in both. By CPU a bare Python is a fifteenth of the command,"
    " click a fifth, the rest of what is loaded (settings, vocabulary, views: each record type is"
    " compiled at every start) two fifths, and a third the answer, read, judged and shown as a"
    " table of all agents. A hub of this machine is asked over a plain socket: no HTTP client, no"
    " OpenSSL, no MQTT and no judge is loaded; a test counts modules. What would change it: a"
    " command line without click, or a process that stays."
)
ONE_BEAT: Final = (
    "The floor is a Python with paho that publishes one message and hangs up. The rest is what a"
    " one-shot is for: it finds the agent, probes it while its link comes about, keeps its session"
    " on disk, and waits for commands that lie at the broker until it has been quiet for 80 ms or"
    " eight times as long as the broker took to answer. MQTT promises no answer behind which"
    " nothing more is queued, so that wait stays a time."
)
TAKE_OVER: Final = (
    "Floor: the lease, of which 10 to 15 s are left when a hub dies (`lease_s` of the run); a"
    " shorter one would make a slow disk of the database end a hub that lives. The rest is the"
    " start of the other hub, which goes on with the roster that it has followed."
)
THERE: Final = (
    "Floor: the server's own work, 7 to 11 microseconds of CPU a row (5 of them for the row"
    " itself, 5 for the index by agent), on the same two cores as broker, generator and hub. With"
    " the server on another machine that part is gone."
)
START: Final = (
    "Each record is read out of the store (25 microseconds of CPU) and made in Python (15), one"
    " after the other by one thread. What would change it: records that stay as they are stored"
    " until somebody asks for them."
)
ROOM: Final = (
    "By what is left without each part, some 65 MiB are the program and its libraries, 60 the"
    " roster, 32 SQLite's pages where that is the store, 20 the numbers of a scrape, 15 names and"
    " numbers of rows of the store; the rest lies between blocks in use. What would change it:"
    " records as packed bytes, not as Python objects."
)
PAGE: Final = (
    "Who is of which verdict is kept from page to page, so the page is its hundred rows: a view"
    " of each, what is wrong with it, and both as JSON, some 50 microseconds of CPU each. What is"
    " beyond that is what else the hub does in the same moment."
)

WORK: Final = (
    "The floor is the three writes of a task, each for as many tasks at once, where nobody awaits"
    " an answer and nothing is judged. The rest is that each call is judged and answered by itself,"
    " in Python, beside the database on two cores. By CPU seconds a task costs both sides together"
    " 0.5 ms on PostgreSQL, half of it the server's, which keeps 23 entries of indices for it;"
    " pgqueuer takes 2 ms. What would change it: fewer indices, and judges that are not in Python."
)
START: Final = (
    "A start is a request, a commit, a signed message through the broker, a claim with its commit,"
    " and a process that is made. The figure was taken while some twenty other processes wanted the"
    " same two cores: it is to be measured again by itself."
)
BLOBS: Final = (
    "`cp` copies in the kernel. Content of a task is hashed and written while it comes, and is on"
    " the disk before it is acknowledged; it passes through a socket and an interpreter, on the two"
    " cores that its sender uses, too."
)

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
         lambda f: f["hub_to"]["mosquitto_sub"], 1, "times `mosquitto_sub`, which counts",
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
    Goal(4, "round trip through a real sidecar, median", "round_trip",
         lambda f: f["p50_p99_to_paho"]["command"][0], 1.5, PAHO, reason=DURABLE,
         floor=lambda f: f["p50_p99_to_paho"]["floor"][0]),
    Goal(4, "round trip through a real sidecar, 99th percentile", "round_trip",
         lambda f: f["p50_p99_to_paho"]["command"][1], 2, PAHO, reason=DURABLE,
         floor=lambda f: f["p50_p99_to_paho"]["floor"][1]),
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
         lambda f: f["start_ms"]["p50"], 20, "ms", reason=START),
    Goal(22, "from submission to an idle worker's start, 99th percentile", "work",
         lambda f: f["start_ms"]["p99"], 100, "ms", reason=START),
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
