"""Two hubs on one broker by accident: the second ends with words, and the first notices nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.served import Served
from tests.support.twins import UNASKED, connects
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

LONG = 120.0
"""Seconds: several of the waits of a hub that gave way, on a busy machine."""

SERVE = [sys.executable, "-m", "fleet", "serve"]
AT_WORK = "another hub is at work as zephyr at "


@pytest.fixture
def first(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    """The hub that was there before."""
    hub = Served(tmp_path / "first", broker)
    hub.start()
    yield hub
    hub.stop()


def ended(hub: Served) -> subprocess.CompletedProcess[str]:
    """What a hub says that does not stay."""
    return subprocess.run(
        SERVE, env=hub.environ, capture_output=True, text=True, timeout=60, check=False
    )


def undisturbed(first: Served, broker: Mosquitto) -> bool:
    """Whether nobody pushed it out, not for a moment."""
    return connects(broker, "zephyr") == 1 and first.ask("GET", "/readyz")[0] == 200


def test_a_hub_of_another_home_ends_and_says_who_serves(
    tmp_path: Path, broker: Mosquitto, first: Served
) -> None:
    second = ended(Served(tmp_path / "second", broker))
    assert second.returncode == 3
    assert f"{AT_WORK}{broker.url}" in second.stderr
    assert "\nTry: fleet status" in second.stderr
    assert undisturbed(first, broker)
    assert "another hub asked for this broker's place" in first.log.read_text()


def test_so_does_one_of_a_home_that_was_copied(
    tmp_path: Path, broker: Mosquitto, first: Served
) -> None:
    on_its_way = shutil.ignore_patterns(".*.new")  # the hub may be writing a file
    shutil.copytree(first.home, tmp_path / "copy", ignore=on_its_way)
    second = ended(Served(tmp_path / "copy", broker))
    assert second.returncode == 3
    assert AT_WORK in second.stderr
    assert undisturbed(first, broker)


def test_one_of_the_same_home_is_told_of_its_lock(broker: Mosquitto, first: Served) -> None:
    second = ended(Served(first.home, broker))
    assert second.returncode == 3
    assert f"another hub uses {first.home}: its lock is held\nTry: stop it" in second.stderr
    assert undisturbed(first, broker)


def test_a_hub_that_starts_again_is_no_second_one(broker: Mosquitto, first: Served) -> None:
    first.stop()
    first.start()
    wait_until(lambda: first.ask("GET", "/readyz")[0] == 200, LONG, what="its return")
    assert "another hub" not in first.log.read_text()


def test_of_two_that_start_at_once_one_gives_way_and_ends(
    tmp_path: Path, broker: Mosquitto
) -> None:
    """Neither answers the other, since neither has the place yet. Who is pushed out asks again."""
    two = [Served(tmp_path / name, broker, **UNASKED) for name in ("one", "two")]
    running = [
        subprocess.Popen(
            SERVE, env=hub.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for hub in two
    ]
    try:
        wait_until(lambda: any(one.poll() is not None for one in running), LONG, "that one ends")
        (loser,) = [one for one in running if one.poll() is not None]
        assert loser.returncode == 3
        assert AT_WORK in loser.communicate()[1]
    finally:
        for one in running:
            if one.poll() is None:
                one.terminate()
            one.communicate(timeout=30)
