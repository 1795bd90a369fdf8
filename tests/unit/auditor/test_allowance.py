"""What is tolerated of an agent in a day bounds what it can hide, by whatever channel."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from fleet.auditor.allowance import Allowance
from fleet.auditor.audit import Audit
from fleet.contract.timestamps import timestamp, ulid
from fleet.domain.daily_bounds import BITS_A_COMMAND, DAY, Bounds
from tests.support import covert
from tests.support.audits import NOON, an_audit, examine

ALPHA = frozenset({"alpha"})
MIDNIGHT = NOON // DAY * DAY


def counting(enrolled: frozenset[str] | None = ALPHA, **bounds: Any) -> Audit:
    audit = an_audit(enrolled=enrolled)
    audit.allowance = Allowance(Bounds(**bounds), enrolled)
    return audit


def found(audit: Audit) -> list[tuple[str, str]]:
    return [(finding.rule.id, finding.field) for finding in audit.findings]


def flood(audit: Audit, count: int, seconds: float, **fields: object) -> None:
    """Heartbeats of 32 random values."""
    values = random.Random(1)
    for number in range(count):
        at = NOON + seconds * number / count
        metrics = {name: values.random() for name in covert.METRICS}
        body = {"ok": True, "ts": timestamp(at), **fields, "metrics": metrics}
        examine(audit, "fleet/alpha/heartbeat", body, at=at)


def test_twenty_thousand_heartbeats_of_random_values_are_a_violation():
    audit = counting()
    flood(audit, 20_000, 18 * 60)
    assert set(found(audit)) == {
        ("traffic.budget", ""),
        ("traffic.precision", ""),
        ("traffic.rate", ""),
    }
    assert audit.findings[0].line < 50


@pytest.mark.parametrize("enrolled", [ALPHA, None])
def test_so_they_are_where_the_agent_announces_every_second(enrolled: frozenset[str] | None):
    audit = counting(enrolled)
    flood(audit, 2_000, 108, interval=1)
    assert ("traffic.rate", "") in found(audit)
    assert (("traffic.interval", "interval") in found(audit)) is (enrolled is not None)


@pytest.mark.parametrize("name", covert.CHANNELS)
def test_who_stays_within_what_is_tolerated_carries_no_more_than_is_stated(name: str):
    audit, carried, taken = counting(), 0, 0
    bound = Bounds().bits(600)
    channel = covert.CHANNELS[name]()
    for at, kind, payload, bits in covert.messages(channel, MIDNIGHT):
        if at >= MIDNIGHT + DAY:
            break
        examine(audit, f"fleet/alpha/{kind}", payload, at=at)
        if any(f.rule.group.value == "traffic" for f in audit.findings):
            break
        carried += bits
        taken += 1
    assert audit.allowance is not None
    assert taken > 0
    assert carried <= audit.allowance.most.bits <= bound < 100_000


def test_all_channels_by_turns_share_the_one_budget():
    audit, carried = counting(), 0
    streams = [
        covert.messages(make(), MIDNIGHT, seed)
        for seed, make in enumerate(covert.CHANNELS.values())
    ]
    last, turns = MIDNIGHT, 0
    while not any(f.rule.group.value == "traffic" for f in audit.findings):
        at, kind, payload, bits = next(streams[turns % len(streams)])
        last = max(last, at)
        examine(audit, f"fleet/alpha/{kind}", payload, at=last)
        carried, turns, held = carried + bits, turns + 1, bits
    assert audit.allowance is not None
    assert carried - held <= audit.allowance.most.bits <= Bounds().bits(600)


def honest(audit: Audit, day: int, *, metrics: int = 32, every: float = 600.0) -> None:
    """A day of a sidecar: every value new, every tenth heartbeat with a problem and its alerts."""
    values = random.Random(day)
    boot = int(MIDNIGHT * 1000)
    for number in range(int(DAY / every)):
        at = MIDNIGHT + day * DAY + every * number
        ill = number % 10 == 9
        names = [f"queue_{n}_bytes" for n in range(metrics)]
        body: dict[str, Any] = {
            "ok": not ill, "ts": timestamp(at), "uptime": int(at - MIDNIGHT), "interval": every,
            "checks": {"process": "pass", "disk": "fail" if ill else "pass"},
            "metrics": {name: values.randint(100, 999) * 1000 for name in names},
            "boot": boot, "seq": number * 2,
        }  # fmt: skip
        if ill:
            body["alerts"] = ["disk-pressure"]
        examine(audit, "fleet/alpha/heartbeat", body, at=at)
        if ill or number % 10 == 0:
            alert = {
                "code": "disk-pressure", "severity": "warning", "ts": timestamp(at),
                "state": "firing" if ill else "resolved", "boot": boot, "seq": number * 2 + 1,
                "value": values.randint(90, 99), "threshold": 90,
                "id": ulid(at),
            }  # fmt: skip
            examine(audit, "fleet/alpha/alert", alert, at=at)


def test_a_sidecar_with_all_metrics_and_a_bad_day_stays_within():
    audit = counting()
    for day in range(3):
        honest(audit, day)
    assert found(audit) == []


def test_a_faster_fleet_may_say_more_where_it_says_so():
    audit = counting(interval=60)
    honest(audit, 0, every=60)
    assert found(audit) == []
    audit = counting(shortest=60)
    honest(audit, 0, every=60)
    assert found(audit) == []
    audit = counting()
    honest(audit, 0, every=60)
    assert ("traffic.interval", "interval") in found(audit)


def test_a_backlog_of_yesterday_is_no_violation():
    audit = counting()
    honest(audit, 0, metrics=4)
    for number in range(2 * 144):
        body = {"ok": True, "ts": timestamp(MIDNIGHT + DAY + 600 * number), "boot": 1,
                "seq": number, "metrics": {"queue_bytes": 100 + number}}  # fmt: skip
        examine(audit, "fleet/alpha/heartbeat", body, at=MIDNIGHT + 3 * DAY + number / 1000)
    assert found(audit) == []


def test_answers_to_commands_are_paid_by_the_hub():
    audit, asked = counting(), counting()
    for number in range(300):
        at = NOON + number * 60
        command = {"verb": "health-check"}
        examine(asked, "fleet/alpha/command", command, at=at)
        for one in (audit, asked):
            values = {name: 100 + number * k % 900 for k, name in enumerate(covert.METRICS)}
            body = {"ok": True, "ts": timestamp(at), "metrics": values}
            examine(one, "fleet/alpha/heartbeat", body, at=at)
    assert set(found(audit)) == {("traffic.budget", ""), ("traffic.rate", "")}
    assert found(asked) == []
    assert BITS_A_COMMAND > 660


def test_new_names_beyond_those_of_a_day_are_a_violation_of_the_vocabulary():
    audit = counting()
    for number in range(70):
        body = {"ok": True, "ts": timestamp(NOON + number), "metrics": {f"queue_{number}_bytes": 1}}
        examine(audit, "fleet/alpha/heartbeat", body, at=NOON + number)
    assert found(audit) == [("traffic.vocabulary", "metrics")]


def test_versions_that_change_more_often_than_releases_do_are_found():
    audit = counting()
    for number in range(20):
        body = {"state": "running", "ts": timestamp(NOON), "versions": {"agent": f"1.0.{number}"}}
        examine(audit, "fleet/alpha/status", body, at=NOON + number)
    assert found(audit) == [("traffic.churn", "versions")]


def test_an_excess_is_told_once_a_day_and_again_the_next():
    audit = counting(events=400)
    for day in range(2):
        for number in range(500):
            body = json.dumps({"state": "running", "ts": "2026-03-18T12:00:00Z"}).replace(" ", "")
            examine(audit, "fleet/alpha/status", body.encode(), at=NOON + day * DAY + number)
    assert found(audit) == [("traffic.rate", "")] * 2


def test_agents_beyond_those_counted_share_an_account(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fleet.auditor.allowance.MAX_AGENTS", 5)
    audit = counting(None)
    for number in range(100):
        body = {"ok": True, "ts": timestamp(NOON)}
        examine(audit, f"fleet/alpha-{number}/heartbeat", body, at=NOON)
    assert audit.allowance is not None
    assert len(audit.allowance._accounts) == 6
