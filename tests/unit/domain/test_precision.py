from __future__ import annotations

import pytest

from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.vocabulary import AlertState, Severity, State
from fleet.domain.precision import UPTIME, exact, numbers_of, unknown
from tests.support.audits import NOON, TS


@pytest.mark.parametrize(
    ("name", "value", "before"),
    [
        ("load", 0.123, None),
        ("memory_bytes", 123_000_000, None),
        ("memory_bytes", 123_456_789, 123_456_789),
        ("temperature", -1.23e-07, None),
        ("tokens_input_total", 1_000_123_000, 1_000_000_000),
        ("cost_usd_total", 12.345678 + 0.0123, 12.345678),
        ("last_work_timestamp_seconds", NOON - 43_211, None),
        ("last_work_timestamp_ms", (NOON - 43_211) * 1000 + 7, None),
        (UPTIME, 86_400 + 601, 86_400),
    ],
)
def test_what_a_sidecar_sends_has_no_digit_too_many(name: str, value: float, before: float | None):
    assert exact({name: value}, {name: before}.get, NOON) == 0


@pytest.mark.parametrize(
    ("name", "value", "before"),
    [
        ("load", 0.1234, None),
        ("memory_bytes", 123_456_789, 123_456_788),
        ("tokens_input_total", 1_000_123_400, 1_000_000_000),
        ("tokens_input_total", 999_999_999, 1_000_000_000),
        ("tokens_input_total", 1_234_567, None),
        ("last_work_timestamp_seconds", NOON - 10.5, None),
        ("last_work_timestamp_seconds", 1_234_567_890, None),
        (UPTIME, 123_456, 1_000),
    ],
)
def test_any_other_digit_is_one_too_many(name: str, value: float, before: float | None):
    assert exact({name: value}, {name: before}.get, NOON) == 1


def test_all_measured_numbers_of_a_message_count():
    beat = Heartbeat(ok=True, ts=TS, uptime=7, metrics={"load": 1})
    assert numbers_of(beat) == {"load": 1, UPTIME: 7}
    assert numbers_of(Status(state=State.RUNNING, ts=TS, metrics={"load": 2})) == {"load": 2}
    firing, info = AlertState.FIRING, Severity.INFO
    alert = Alert(code="error-rate", severity=info, state=firing, ts=TS, value=1, threshold=2)
    assert numbers_of(alert) == {"value": 1, "threshold": 2}
    assert exact({}, unknown, NOON) == 0
