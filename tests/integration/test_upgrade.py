"""Homes and sidecars' states of earlier releases go on with this one, in whatever order a fleet is
updated; the way back says what it cannot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.old_release import RELEASES, ROOT, Side, program, unpacked
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(120)

every = pytest.mark.parametrize("release", RELEASES)


@contextmanager
def running(hub: Side, sidecar: Side) -> Iterator[None]:
    """A broker, and hub and sidecar by the programs of theirs."""
    try:
        hub.start("broker", "hub")
        sidecar.start("sidecar")
        yield
    finally:
        sidecar.stop("sidecar")
        hub.stop("hub", "broker")


def acknowledged(home: Path, code: str) -> bool:
    with closing(sqlite3.connect(f"file:{home / 'fleet.sqlite3'}?mode=ro", uri=True)) as database:
        query = "SELECT acknowledged_by FROM alert WHERE agent = 'alpha' AND code = ?"
        return bool(database.execute(query, (code,)).fetchone()[0])


def arrives(hub: Side, sidecar: Side, code: str) -> None:
    """What the old sidecar never got confirmed is there, and so is what is new."""
    wait_until(lambda: hub.stored("rate-limited"), what="what was left in the outbox")
    sidecar.say(code)
    wait_until(lambda: hub.stored(code), what="a new alert")


@every
def test_a_home_and_a_sidecars_state_of_an_earlier_release_open(
    release: str, tmp_path: Path
) -> None:
    side = unpacked(release, tmp_path / "site")
    assert "broker/data" not in side.fleet("init"), "what is there stays"
    assert side.fleet("config", "check") == "ok\n"
    assert "alpha" in side.fleet("agent", "list")
    assert "viewer" in side.fleet("token", "list")
    with running(side, side):
        arrives(side, side, "queue-backlog")
        side.fleet("command", "health-check", "alpha")
        assert acknowledged(side.home, "disk-pressure")
        assert "disk-pressure" in side.fleet("history", "--kind", "alert", "--since", "9999d")
        assert side.fleet("acl", "test").strip().endswith(" 0 openings")
    side.fleet("backup", "--home", str(tmp_path / "site" / "fleet.home"))
    new = tmp_path / "new"
    side.fleet("restore", "--home", str(tmp_path / "site" / "fleet.home"), "--to", str(new))
    assert str(tmp_path / "site") not in (new / "fleet.toml").read_text()


@pytest.mark.parametrize("first", ["hub", "sidecar"])
def test_hub_and_sidecars_are_updated_in_either_order(first: str, tmp_path: Path) -> None:
    """In between, both sides hold what they have; signed commands wait for both (ADR-0018)."""
    old = unpacked("0.1.0", tmp_path / "site", program("0.1.0", tmp_path))
    new = Side(old.folder, ROOT, old.ports)
    hub, sidecar = (new, old) if first == "hub" else (old, new)
    with running(hub, sidecar):
        arrives(hub, sidecar, "queue-backlog")
    with running(new, new):
        assert new.stored("queue-backlog")
        arrives(new, new, "endpoint-down")
        new.fleet("command", "health-check", "alpha")


def test_the_way_back_says_that_the_store_is_newer(tmp_path: Path) -> None:
    old = unpacked("0.1.0", tmp_path / "site", program("0.1.0", tmp_path))
    new = Side(old.folder, ROOT, old.ports)
    new.start("broker", "hub")
    new.stop()
    said = old.fleet("serve", code=3)
    assert "written by a newer fleet" in said
    assert "Try: upgrade fleet, or restore a backup" in said


def test_this_release_too_opens_no_store_of_a_later_one(tmp_path: Path) -> None:
    side = unpacked("0.1.0", tmp_path / "site")
    with closing(sqlite3.connect(side.home / "fleet.sqlite3")) as database:
        database.execute("PRAGMA user_version = 99")
    before = (side.home / "fleet.sqlite3").read_bytes()
    for words in (["serve"], ["history"], ["restore", str(side.home / "fleet.sqlite3")]):
        said = side.fleet(*words, code=3)
        assert "its schema is 99, this program knows " in said
        assert "Try: " in said
    assert (side.home / "fleet.sqlite3").read_bytes() == before
