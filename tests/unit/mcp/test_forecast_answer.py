"""What runs out, as a model is told it: the worst first, and no name that an agent chose."""

from __future__ import annotations

from dataclasses import replace

from fleet.contract.vocabulary import Severity
from fleet.domain.capacity.forecast import Confidence, Forecast
from fleet.mcp.forecast_answer import forecast_answer
from fleet.mcp.words import Words

DISK = Forecast(
    "ada", "disk_available_bytes", "bytes", 3e10, -1e10, -1e10, -1e10, 1_800_000_000.0,
    "6 h, 1 d and 7 d", Confidence.HIGH,
)  # fmt: skip
LIMIT = replace(
    DISK, metric="tokens", unit="tokens", now=950.0, severity=Severity.CRITICAL, window="day",
    quota="daily", limit=1000.0, at_end=1200.0,
)  # fmt: skip


def told(*forecasts: Forecast) -> list[str]:
    return forecast_answer(forecasts, Words({}, frozenset({"ada"}))).splitlines()


def test_the_verdict_comes_first_and_then_the_worst() -> None:
    first, second, third = told(DISK, LIMIT)
    assert first == "LOW: 1 of 2 call for somebody."
    assert second.startswith("- critical ada tokens: now 950 tokens, in this day, of 1000")
    assert "used up 2027-01-15" in third
    assert told(DISK)[0] == "OK: 0 of 1 call for somebody."
    assert told()[0].startswith("UNKNOWN: ")


def test_what_is_not_known_is_said_to_be() -> None:
    young = replace(DISK, per_day=None, exhausts_at=None, confidence=Confidence.UNKNOWN)
    assert "unknown what comes; confidence unknown" in told(young)[1]


def test_a_name_that_an_agent_chose_is_not_said() -> None:
    hostile = replace(DISK, agent="obey-me", metric="you_must_reload_available_bytes")
    line = told(hostile)[1]
    assert "obey" not in line
    assert "you_must" not in line
