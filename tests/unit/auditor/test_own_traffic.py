"""A fleet's own traffic, rounded as its sidecars round it, is no finding: births, commands,
restarts, a hub that was away for a night, and an agent's own heartbeats beside."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from agent_sidecar.telemetry.quantiser import Quantiser
from fleet.auditor.allowance import Allowance
from fleet.auditor.audit import Audit
from fleet.contract.timestamps import timestamp, ulid
from fleet.domain.daily_bounds import DAY, Bounds
from tests.support.audits import NOON, an_audit

MIDNIGHT = NOON // DAY * DAY
GAUGES = (
    "memory_bytes", "cpu_ratio", "threads", "open_files", "queue_depth", "work_age_seconds",
    "endpoint_latency_seconds", "disk_available_bytes", "sessions_active_count",
    "temperature_celsius", "cache_hit_ratio", "outbox_messages",
)  # fmt: skip
COUNTERS = (
    "cpu_seconds_total", "tokens_input_total", "tokens_output_total", "cost_usd_total",
    "requests_total", "errors_total", "connects_total", "network_receive_bytes_total",
)  # fmt: skip
MOMENTS = ("last_work_timestamp_seconds",)


class Agent:
    """What one sidecar publishes; each message goes to `sent` with the time of its arrival."""

    def __init__(self, name: str, interval: float, seed: int) -> None:
        self.name, self.interval = name, interval
        self._values = random.Random(seed)
        self._counted = dict.fromkeys(COUNTERS, 0.0)
        self.sent: list[tuple[float, str, bytes]] = []
        self.restart(MIDNIGHT)

    def restart(self, at: float) -> None:
        self._quantiser, self._boot, self._seq = Quantiser(), int(at * 1000), 0
        self.status(at)

    def say(self, at: float, topic: str, /, **fields: Any) -> None:
        said = self._quantiser.message({"ts": timestamp(at), **fields})
        payload = json.dumps({**said, "boot": self._boot, "seq": self._seq}, separators=(",", ":"))
        self._seq += 1
        self.sent.append((at, f"fleet/{self.name}/{topic}", payload.encode()))

    def beat(self, at: float, **fields: Any) -> None:
        r = self._values
        for name in COUNTERS:
            self._counted[name] += r.expovariate(1 / 5_000)
        metrics = {
            **{name: r.lognormvariate(12, 1) for name in GAUGES},
            **self._counted,
            **dict.fromkeys(MOMENTS, at - r.uniform(0, 900)),
        }
        uptime = at - self._boot / 1000
        checks = {"process": "pass", "endpoint": r.choice(("pass",) * 19 + ("warn",))}
        self.say(at, "heartbeat", ok=True, uptime=uptime, interval=self.interval,
                 checks=checks, metrics=metrics, **fields)  # fmt: skip

    def status(self, at: float, **fields: Any) -> None:
        versions = {"agent": "2026.9.6", "sidecar": "0.1.0", "runtime": "3.11.7"}
        self.say(at, "status", state="running", kind="nanobot", versions=versions,
                 config="sha256:" + "0" * 64, **fields)  # fmt: skip

    def alert(self, at: float, state: str) -> None:
        self.say(at, "alert", code="disk-pressure", severity="warning", state=state, id=ulid(at),
                 value=self._values.uniform(85, 95), threshold=90)  # fmt: skip


def a_day(agent: Agent, day: int) -> None:
    since, r = MIDNIGHT + day * DAY, random.Random(day)
    for number in range(int(DAY / agent.interval)):
        at = since + number * agent.interval + r.uniform(0, 0.2)
        agent.beat(at)
        if r.random() < 0.05:
            agent.alert(at + 0.1, "firing")
            agent.alert(at + 0.2, "resolved")
        if r.random() < 0.01:
            agent.restart(at + 0.3)


def examine(audit: Audit, messages: list[tuple[float, str, bytes]]) -> None:
    for line, (at, topic, payload) in enumerate(messages, audit.tally.messages + 1):
        audit.examine(line, at, topic, payload, False)


def found(audit: Audit) -> list[tuple[str, str]]:
    return [(finding.rule.id, finding.field) for finding in audit.findings]


def counting(interval: float, *names: str) -> Audit:
    enrolled = frozenset(names)
    audit = an_audit(enrolled=enrolled)
    audit.allowance = Allowance(Bounds(interval=interval), enrolled)
    return audit


@pytest.mark.parametrize("interval", [600.0, 60.0])
def test_days_of_a_sidecar_are_no_finding(interval: float):
    audit, agent = counting(interval, "alpha"), Agent("alpha", interval, 1)
    for day in range(3 if interval == 600 else 1):
        a_day(agent, day)
    examine(audit, agent.sent)
    assert found(audit) == []
    assert audit.allowance is not None
    assert audit.allowance.most.bits < 0.85 * audit.allowance.bounds.bits(interval)


def test_a_hub_that_was_away_for_a_night_is_no_finding():
    audit, agent = counting(600, "alpha"), Agent("alpha", 600, 1)
    for day in range(3):
        a_day(agent, day)
    night = MIDNIGHT + 1.75 * DAY, MIDNIGHT + 2.3 * DAY
    late = [(max(at, night[1]) if at > night[0] else at, *rest) for at, *rest in agent.sent]
    examine(audit, late)  # type: ignore[arg-type]
    assert found(audit) == []


def test_a_collector_that_asks_each_ten_minutes_is_no_finding():
    audit, agent = counting(600, "alpha"), Agent("alpha", 600, 1)
    for number in range(144):
        at = MIDNIGHT + 600 * number
        agent.beat(at)
        command = {"verb": "health-check", "id": ulid(at + 60), "ts": timestamp(at + 60)}
        payload = json.dumps(command, separators=(",", ":")).encode()
        agent.sent.append((at + 60, "fleet/alpha/command", payload))
        agent.beat(at + 61)
        reply = {"to": command["id"], "verb": "health-check", "result": "done", "took": 0.123}
        agent.status(at + 61.1, reply=reply)
    examine(audit, agent.sent)
    assert found(audit) == []


def test_a_hub_that_restarts_often_gets_births_and_retained_messages_again():
    audit, agent = counting(600, "alpha"), Agent("alpha", 600, 1)
    a_day(agent, 0)
    examine(audit, agent.sent)
    for number in range(50):
        at = MIDNIGHT + DAY - 60 + number
        for _, topic, payload in agent.sent[-3:]:
            audit.examine(9_000 + number, at, topic, payload, True)
        notice = json.dumps({"notice": "hub-online", "ts": timestamp(at)}, separators=(",", ":"))
        audit.examine(9_000 + number, at, "zephyr/broadcast", notice.encode(), False)
        agent.sent.clear()
        agent.status(at + 0.5)
        examine(audit, agent.sent)
        agent.sent *= 3
    assert found(audit) == []
