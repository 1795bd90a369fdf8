"""What the hub's log says of its link: once a change."""

from __future__ import annotations

import logging

import pytest

from fleet.contract.broker_capabilities import Lack, Need
from fleet.hub import link_log
from fleet.hub.counters import Counters
from fleet.hub.link_log import LinkLog

RETAINED, SHARED = Lack(Need.RETAINED), Lack(Need.SHARED)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    caplog.clear()
    return found


def test_a_lack_is_told_once_and_again_after_the_broker_could(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = LinkLog(Counters())
    log.up("MQTT 5", [RETAINED, SHARED])
    assert lines(caplog) == [f"{RETAINED.sentence}; try: {RETAINED.remedy}"]
    log.up("MQTT 5", [RETAINED])
    assert lines(caplog) == []
    log.up("MQTT 5", [])
    log.up("MQTT 5", [RETAINED])
    assert len(lines(caplog)) == 1


def test_each_reason_is_told_once_an_absence(caplog: pytest.LogCaptureFixture) -> None:
    log = LinkLog(Counters())
    log.lost("the broker hung up")
    for _ in range(3):
        log.failed("refused")
        log.failed("the broker hung up")
    assert lines(caplog) == ["link to the broker lost: the broker hung up",
                             "no link to the broker: refused"]  # fmt: skip
    log.up("MQTT 5", [])
    log.failed("refused")
    assert len(lines(caplog)) == 1


@pytest.mark.parametrize("counts", [True, False])
async def test_a_broker_that_stays_mute_is_found_out(
    counts: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_log, "STATISTICS_PATIENCE", 0.0)
    counters = Counters()
    if counts:
        counters.broker["clients/connected"] = 1
    await LinkLog(counters).watch_statistics()
    assert len(lines(caplog)) == (0 if counts else 1)


def test_reasons_without_end_neither_fill_the_log_nor_the_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = LinkLog(Counters())
    for number in range(1_000):
        log.failed(f"refused for reason {number}")
    assert len(lines(caplog)) == link_log.MAX_TOLD
