from __future__ import annotations

from agent_sidecar.telemetry.quantiser import Quantiser


def test_gauges_have_three_digits_and_moments_none_left_out() -> None:
    said = Quantiser().message(
        {
            "ok": True,
            "uptime": 86_400.123,
            "metrics": {
                "memory_bytes": 103_456_789,
                "cpu_ratio": 0.123456,
                "last_work_timestamp_seconds": 1_773_869_400.25,
            },
        }
    )
    assert said == {
        "ok": True,
        "uptime": 86_400,
        "metrics": {
            "memory_bytes": 103_000_000,
            "cpu_ratio": 0.123,
            "last_work_timestamp_seconds": 1_773_869_400,
        },
    }


def test_a_counter_never_falls_from_one_message_to_the_next() -> None:
    quantiser = Quantiser()
    told = [
        quantiser.message({"metrics": {"tokens_total": 1_000_003 + 12_345 * n}})["metrics"]
        for n in range(50)
    ]
    values = [metrics["tokens_total"] for metrics in told]
    assert values[:2] == [1_000_003, 1_012_303]
    assert values == sorted(values)
    assert abs(values[-1] - (1_000_003 + 12_345 * 49)) < 124


def test_the_value_of_an_alert_is_rounded_and_its_threshold_is_not() -> None:
    said = Quantiser().message({"value": 91.2345, "threshold": 90.125})
    assert said == {"value": 91.2, "threshold": 90.125}


def test_a_young_process_keeps_its_fractions() -> None:
    assert Quantiser().message({"uptime": 12.5})["uptime"] == 12.5
