"""Every message the sidecar makes satisfies the contract, whatever the probes say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.commands.queue import CommandReply
from agent_sidecar.config import load
from agent_sidecar.probes.base import AlertEvent, ProbeResult
from agent_sidecar.state.directory import StateDirectory
from agent_sidecar.telemetry.messages import MessageBuilder
from agent_sidecar.telemetry.observed_state import ObservedState
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import (
    AlertState,
    Check,
    MessageKind,
    ReplyCode,
    Result,
    Severity,
    State,
)

NOON = 1_800_000_000.0
JUDGES = schema_validators()


class Bench:
    def __init__(self, folder: Path) -> None:
        config = load({}, {"FLEET_AGENT": "alpha", "FLEET_HOME": str(folder)})
        config.state.mkdir(parents=True, exist_ok=True)
        self.state = StateDirectory.open(config.state, NOON, resume=False)
        self.observed = ObservedState(max_age=25)
        self.builder = MessageBuilder(config, "generic", self.state, self.observed, JUDGES)

    def heartbeat(self, said: dict[str, Any] | None = None) -> dict[str, Any]:
        payload = self.builder.heartbeat(1, NOON, {"outbox_messages": 0}, said)
        assert payload is not None
        return JUDGES[MessageKind.HEARTBEAT].read(payload)

    def rows(self, kind: MessageKind) -> list[dict[str, Any]]:
        return [JUDGES[kind].read(row.payload) for row in self.state.outbox.after(0, 10)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_alerts_of_the_agents_heartbeat_add_to_the_sidecars_and_stay_for_a_while(
    bench: Bench,
) -> None:
    bench.state.hysteresis.record_own("process-down", "firing")
    said = {"ok": True, "ts": "2027-01-15T08:00:00Z", "interval": 10, "alerts": ["disk-pressure"]}
    bench.observed.record_heartbeat(said, 0.0)
    both = ["disk-pressure", "process-down"]
    assert bench.heartbeat(said)["alerts"] == both
    assert bench.heartbeat()["alerts"] == both, "the hub would take it for over"
    bench.observed.record_heartbeat({**said, "alerts": []}, 0.0)
    assert bench.heartbeat()["alerts"] == ["process-down"]


def test_a_heartbeat_without_probes_says_only_what_is_known(bench: Bench) -> None:
    message = bench.heartbeat()
    assert message == {
        "ok": True, "ts": "2027-01-15T08:00:00.000Z", "interval": 600,
        "metrics": {"outbox_messages": 0}, "boot": 1_800_000_000_000, "seq": 0,
    }  # fmt: skip


def test_what_a_probe_may_not_say_does_not_leave(bench: Bench) -> None:
    nonsense = {
        "Bad Name": 1.0,
        "nan_total": float("nan"),
        "inf_total": float("inf"),
        "ok_total": 1,
    }
    bench.observed.record("p", ProbeResult("process", Check.PASS, metrics=nonsense), 0)
    assert bench.heartbeat()["metrics"] == {"ok_total": 1, "outbox_messages": 0}


def test_metrics_are_bounded_and_the_agents_come_first(bench: Bench) -> None:
    bench.observed.record(
        "p", ProbeResult("process", Check.PASS, metrics={f"m{i}": i for i in range(40)}), 0
    )
    said = {"ok": True, "metrics": {"errors_total": 3, "m1": 99}}
    metrics = bench.heartbeat(said)["metrics"]
    assert len(metrics) == 32
    assert (metrics["errors_total"], metrics["m1"]) == (3, 99)


def test_the_agents_own_fields_win_except_for_the_numbers_of_the_session(bench: Bench) -> None:
    said = {"ok": False, "ts": "2026-03-18T21:30:00Z", "uptime": 5, "boot": 1, "seq": 999}
    message = bench.heartbeat(said)
    assert (message["ok"], message["uptime"], message["ts"]) == (False, 5, "2026-03-18T21:30:00Z")
    assert (message["boot"], message["seq"]) == (1_800_000_000_000, 0)


def test_a_message_that_the_contract_would_reject_is_withheld_and_counted(bench: Bench) -> None:
    bench.observed.record("p", ProbeResult("gpu", Check.PASS), 0)
    assert bench.builder.heartbeat(1, NOON, {}) is None
    assert bench.builder.withheld == 1


def test_a_status_is_kept_and_retained(bench: Bench) -> None:
    bench.observed.record("p", ProbeResult("process", Check.PASS, versions={"agent": "1.2"}), 0)
    bench.builder.status(State.RUNNING, 1, NOON)
    (row,) = bench.state.outbox.after(0, 10)
    assert row.retain
    (message,) = bench.rows(MessageKind.STATUS)
    assert message["versions"]["agent"] == "1.2"
    assert message["kind"] == "generic"


def test_a_reply_is_not_retained(bench: Bench) -> None:
    answer = CommandReply("health-check", Result.DONE, ReplyCode.OK, took=0.1)
    bench.builder.status(State.RUNNING, 1, NOON, answer)
    (row,) = bench.state.outbox.after(0, 10)
    assert not row.retain
    (message,) = bench.rows(MessageKind.STATUS)
    assert message["reply"] == {
        "verb": "health-check", "result": "done", "code": "ok", "took": 0.1,
    }  # fmt: skip


def test_an_alert_keeps_its_id_and_weight_and_three_digits(bench: Bench) -> None:
    event = AlertEvent(
        "disk-pressure", Severity.CRITICAL, AlertState.FIRING, NOON,
        "01JZ0000000000000000000000", 97.123456789, 90,
    )  # fmt: skip
    bench.builder.alert(event)
    (row,) = bench.state.outbox.after(0, 10)
    assert row.rank == 2
    (message,) = bench.rows(MessageKind.ALERT)
    assert (message["value"], message["threshold"], message["id"]) == (97.1, 90, event.id)


def test_the_will_carries_this_boot_and_satisfies_the_contract(bench: Bench) -> None:
    will = JUDGES[MessageKind.STATUS].read(bench.builder.will(NOON))
    assert will == json.loads(bench.builder.will(NOON))
    assert (will["state"], will["boot"]) == ("offline", 1_800_000_000_000)
    assert "seq" not in will
