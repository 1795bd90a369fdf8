"""When the sidecar tries its link again, and what it says of that."""

from __future__ import annotations

import logging

import pytest

from agent_sidecar.mqtt.reconnect import (
    LONGEST_FIRST,
    MAX_TOLD,
    REPLACED,
    SHORTEST,
    SILENT,
    TAKEN_OVER,
    Reconnect,
)
from fleet.contract.backoff import STEADY
from fleet.contract.takeovers import FIRST_RETURN, LAST_RETURN, SUDDEN, TURNS

BROKER = "mqtt://broker"


def reconnect(interval: float = 600.0, *, newcomer: bool = False) -> Reconnect:
    return Reconnect("alpha", BROKER, interval, newcomer=newcomer)


def short_life(link: Reconnect, now: float, why: str = SILENT, lived: float = 0.3) -> float:
    """A link that comes about at `now` and ends after `lived` s; the wait that follows."""
    link.up(now, "MQTT 5")
    return link.lost(why, now + lived)


@pytest.mark.parametrize("why", [SILENT, TAKEN_OVER])
def test_who_is_pushed_out_again_and_again_gives_way_for_longer_each_time(why: str) -> None:
    link = reconnect()
    waits = [short_life(link, 10.0 * number, why) for number in range(TURNS + 8)]
    assert max(waits[: TURNS - 1]) <= LONGEST_FIRST * 2
    assert waits[TURNS - 1] >= FIRST_RETURN / 2 >= SUDDEN
    assert LAST_RETURN / 2 <= waits[-1] <= LAST_RETURN
    assert link.replaced


def test_a_copy_gives_way_at_the_first_sign() -> None:
    assert short_life(reconnect(newcomer=True), 0.0) >= FIRST_RETURN / 2
    assert short_life(reconnect(), 0.0) <= LONGEST_FIRST


def test_a_struggle_is_said_in_four_lines_however_long_it_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    link = reconnect()
    for number in range(200):
        short_life(link, 1000.0 * number)
    said = [record.message for record in caplog.records]
    assert sum(REPLACED in line for line in said) == 1
    assert sum(line.startswith("Try: ") for line in said) == 1
    assert sum(line.startswith("link down") for line in said) == TURNS - 1
    assert len(said) <= TURNS + 2


def test_a_place_that_is_free_again_is_kept_and_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    kept: list[str] = []
    link = Reconnect("alpha", BROKER, 600.0, newcomer=True, lasted=lambda: kept.append("kept"))
    short_life(link, 0.0)
    link.up(100.0, "MQTT 5")
    link.look(100.0 + STEADY - 1)
    assert (link.replaced, kept) == (True, [])
    for moment in range(10):
        link.look(100.0 + STEADY + moment)
    assert (link.replaced, kept) == (False, ["kept"])
    assert sum("ours alone again" in record.message for record in caplog.records) == 1


def test_a_broker_that_stays_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    link = reconnect()
    link.up(0.0, "MQTT 5")
    waits = [link.lost(SILENT, STEADY, listens=False)]
    waits += [link.failed("nothing listens there", STEADY + n) for n in range(20)]
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"link down: {SILENT}",
        f"no link to {BROKER}: nothing listens there",
    ]
    assert max(waits) <= 60.0
    assert not link.replaced


def test_a_broker_that_dies_again_and_again_is_no_twin() -> None:
    """It is away in the moment in which its links end, however soon it is started again."""
    link = reconnect()
    for number in range(TURNS * 3):
        link.up(10.0 * number, "MQTT 5")
        link.lost(SILENT, 10.0 * number + 0.3, listens=False)
    assert not link.replaced


def test_who_had_its_place_for_long_hears_once_that_another_may_want_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    link = reconnect()
    link.up(0.0, "MQTT 5")
    link.lost(SILENT, STEADY * 5, listens=False)
    assert "another client" not in caplog.text
    link.up(STEADY * 5 + 3, "MQTT 5")
    link.lost(SILENT, STEADY * 10)
    assert "another client" in caplog.records[-1].message
    assert not link.replaced


@pytest.mark.parametrize(("interval", "first"), [(1, SHORTEST), (20, 2.0), (86_400, LONGEST_FIRST)])
def test_the_first_wait_is_a_part_of_the_interval(interval: float, first: float) -> None:
    waits = []
    for _ in range(200):
        link = reconnect(interval)
        link.up(0.0, "MQTT 5")
        waits.append(link.lost(SILENT, STEADY))
    assert first / 2 <= min(waits) < max(waits) <= first
    assert max(waits) - min(waits) > first / 4  # a fleet spreads over it


def test_reasons_without_end_neither_fill_the_log_nor_the_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    link = reconnect()
    for number in range(1_000):
        link.failed(f"refused for reason {number}", float(number))
    said = [one for one in caplog.records if "refused for reason" in one.getMessage()]
    assert len(said) == MAX_TOLD
