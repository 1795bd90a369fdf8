"""A hub that falls silent is told of beside the sidecar, once; a sleep is no silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_sidecar import hub_watch
from agent_sidecar.check import explain
from agent_sidecar.config import Config, load
from agent_sidecar.config_check import problems
from agent_sidecar.hub_watch import KNOWN, NEWS, HubWatch, kept_in
from tests.support.waiting import wait_until

Configured = Callable[..., Config]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    def configure(**more: str) -> Config:
        settings = {"FLEET_AGENT": "alpha", "FLEET_HOME": str(tmp_path), "FLEET_KIND": "generic",
                    "FLEET_DROP": "-", "FLEET_INTERVAL": "60", **more}  # fmt: skip
        config = load({}, settings)
        config.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        return config

    return configure


class World:
    """A sidecar that looks each ten seconds, and a hub that repeats its receipt each sixty."""

    def __init__(self, config: Config) -> None:
        self.now = 960.0
        self.config = config
        self.watch = HubWatch(config, lambda: True, self.now)

    def passes(self, seconds: float, *, hub: bool = False) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 10
            self.watch.look(self.now)
            if hub and self.now % 60 == 0:
                self.watch.receipt(7, 3, self.now)

    @property
    def silent(self) -> bool:
        return kept_in(self.config.state).silent


def test_a_hub_that_falls_silent_is_told_once_and_so_is_its_return(
    configured: Configured, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(configured())
    world.passes(600, hub=True)
    world.passes(190)
    assert not world.silent
    world.passes(600)
    assert world.silent
    assert [r.message for r in caplog.records if "no word of the hub" in r.message] == [
        "no word of the hub for 200 s: the broker is there"
    ]
    [line] = [line for line in explain(world.config) if line.startswith("hub ")]
    assert "SILENT" in line

    # The next process of this sidecar knows it, and says it no second time.
    world.watch = HubWatch(world.config, lambda: False, world.now)
    caplog.clear()
    world.passes(600)
    world.watch.heard(world.now)
    assert not world.silent
    assert [record.message for record in caplog.records] == ["the hub is heard again"]


def test_silence_of_a_hub_that_never_repeated_itself_tells_nothing(configured: Configured) -> None:
    world = World(configured())
    for seq in range(20):  # an older release: a receipt for news, and again where it was sent twice
        world.watch.receipt(7, seq, world.now)
        world.watch.receipt(7, seq, world.now + NEWS / 2)
        world.passes(100)
    world.passes(3600)
    assert not world.silent
    assert kept_in(world.config.state).repeated == 0


def test_what_the_broker_brings_again_after_an_outage_is_no_repetition(
    configured: Configured,
) -> None:
    world = World(configured())
    for seq in range(20):
        world.watch.receipt(7, seq, world.now)
        world.passes(100)
        world.watch.link_down()
        world.passes(100)
        world.watch.link_up(world.now, 20)
        world.watch.receipt(7, seq, world.now + 1)  # it was not acknowledged
        world.watch.receipt(7, seq, world.now + 2)  # what was sent twice is answered twice
        world.passes(100)
    world.passes(3600)
    assert not world.silent
    assert kept_in(world.config.state).repeated == 0


def test_an_older_hub_in_place_of_one_that_repeated_itself_is_called_silent_once(
    configured: Configured, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(configured())
    world.passes(600, hub=True)
    for seq in range(20):
        world.watch.receipt(8, seq, world.now)
        world.passes(300)
    assert [r.message[:14] for r in caplog.records if "no word" in r.message] == ["no word of the"]
    assert not world.silent


def test_a_hub_that_comes_back_and_repeats_itself_is_told_when_it_falls_silent_again(
    configured: Configured,
) -> None:
    world = World(configured())
    world.passes(600, hub=True)
    for seq in (4, 5):
        world.passes(300)
        assert world.silent
        world.watch.receipt(7, seq, world.now)
        assert not world.silent
        world.passes(NEWS)
        world.watch.receipt(7, seq, world.now)


def test_a_process_that_did_not_run_has_not_waited(configured: Configured) -> None:
    world = World(configured())
    world.passes(600, hub=True)
    for _ in range(3):
        world.now += 3600  # stopped, or its container frozen: then it looks at once
        world.watch.look(world.now)
        world.passes(50)
        world.watch.receipt(7, 3, world.now)
    assert not world.silent
    world.passes(300)
    assert world.silent


def test_who_speaks_seldom_waits_for_three_of_its_own_intervals(configured: Configured) -> None:
    world = World(configured(FLEET_INTERVAL="600"))
    world.passes(600, hub=True)
    world.passes(1800)
    assert not world.silent
    world.passes(100)
    assert world.silent


def test_a_command_is_run_at_both_and_is_no_shell(configured: Configured, tmp_path: Path) -> None:
    tell, told = tmp_path / "tell", tmp_path / "told"
    tell.write_text(f'#!/bin/sh\necho "$*" >>{told}\n')
    tell.chmod(0o700)
    world = World(configured(FLEET_HUB_SILENT=f"{tell} 'a;b'"))
    world.passes(600, hub=True)
    world.passes(300)
    wait_until(lambda: told.exists() and told.read_text() == "a;b silent\n", what="the command")
    world.watch.heard(world.now)
    wait_until(lambda: told.read_text() == "a;b silent\na;b back\n", what="the command again")


def test_a_command_that_cannot_be_read_is_told_before_the_start(tmp_path: Path) -> None:
    settings = {"FLEET_AGENT": "alpha", "FLEET_HOME": str(tmp_path), "FLEET_DROP": "-"}
    found = problems({}, {**settings, "FLEET_HUB_SILENT": "tell 'me"})
    assert ["FLEET_HUB_SILENT is not usable" in str(one) for one in found] == [True]


def test_a_damaged_note_is_none(configured: Configured) -> None:
    world = World(configured())
    world.passes(600, hub=True)
    file = world.config.state / hub_watch.FILE
    assert json.loads(file.read_text())["repeated"] == KNOWN
    file.write_text('{"at": "x"}')
    assert kept_in(world.config.state).repeated == 0
