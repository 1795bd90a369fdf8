"""What the store remembers is of use: sums of hours long gone, and a copy that can be put back."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind
from fleet.store.records import Batch, StoredMessage
from fleet.store.sqlite import FILE_NAME, SqliteStore
from fleet.store.sqlite.backup import back_up
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.served import Served, environment, fleet
from tests.support.waiting import wait_until

HOUR = 3600


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    served = Served(tmp_path / "home", broker)
    yield served
    served.stop()


@pytest.fixture
def ada(broker: Mosquitto) -> Iterator[Publisher]:
    publisher = Publisher(broker, "ada")
    yield publisher
    publisher.close()


def beat(at: float, **fields: object) -> bytes:
    return json.dumps({"ok": True, "ts": timestamp(at), **fields}).encode()


def lines(hub: Served, *words: str) -> list[dict[str, Any]]:
    done = fleet("history", *words, "-o", "jsonl", environ=hub.environ)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def beats(hub: Served) -> list[dict[str, Any]]:
    return lines(hub, "--kind", "heartbeat", "--oldest")


@pytest.mark.timeout(120)
async def test_hours_are_summed_up_by_the_hub_and_read_by_command_and_http(hub: Served) -> None:
    then = time.time() // HOUR * HOUR - 30 * HOUR
    store = SqliteStore(hub.home)
    store.open()
    old = [
        StoredMessage(n + 1, then + n * 1200, "ada", MessageKind.HEARTBEAT, False,
               beat(then + n * 1200, metrics={"memory_bytes": 100 + n}))
        for n in range(6)
    ]  # fmt: skip
    await store.commit(Batch(old))
    await store.close()

    hub.start()
    hours = wait_until(lambda: lines(hub, "--hourly", "--since", "2d"), what="the sums")
    assert [(hour["hour"], hour["beats"]) for hour in hours] == [
        (timestamp(then), 3),
        (timestamp(then + HOUR), 3),
    ]
    assert hours[1]["metrics"] == {"memory_bytes": {"min": 103, "max": 105, "last": 105}}
    assert lines(hub, "--hourly", "--agent", "bob") == []
    assert lines(hub, "--hourly", "-n", "1") == hours[:1]
    text = fleet("history", "--hourly", environ=hub.environ).stdout.splitlines()
    assert text[0].endswith("3 beats, 0 not ok, 0 statuses, 0 alerts  memory_bytes=100..102")

    page = hub.ask("GET", "/v1/rollups?limit=1&agent=ada", "viewer")[1]
    assert page["hours"] == hours[:1]
    following = hub.ask("GET", f"/v1/rollups?agent=ada&cursor={page['next']}", "viewer")[1]
    assert following == {"hours": hours[1:], "next": None}
    assert hub.ask("GET", "/v1/rollups?cursor=12", "viewer")[0] == 422
    wrong = fleet("history", "--hourly", "--kind", "alert", environ=hub.environ)
    assert wrong.returncode == 3


@pytest.mark.timeout(120)
def test_the_page_on_backups_works_sentence_by_sentence(
    tmp_path: Path, hub: Served, ada: Publisher
) -> None:
    hub.start()
    ada.publish_all("heartbeat", [beat(time.time(), boot=7, seq=n) for n in range(20)])
    wait_until(lambda: len(beats(hub)) == 20, what="20 stored messages")

    copy = tmp_path / "fleet.db"
    assert fleet("backup", str(copy), environ=hub.environ).returncode == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    folder = tmp_path / "copies"
    for name in ("fleet-20200101T000000Z.db", "fleet-20200102T000000Z.db"):
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
    done = fleet("backup", "--keep", "2", str(folder), environ=hub.environ)
    assert done.returncode == 0
    kept = sorted(path.name for path in folder.iterdir())
    assert (len(kept), kept[0]) == (2, "fleet-20200102T000000Z.db")

    # What happened since the copy; the last heartbeat is retained, as a sidecar's is.
    ada.publish("heartbeat", beat(time.time(), boot=7, seq=20, uptime=4711), retain=True)
    wait_until(lambda: len(beats(hub)) == 21, what="one more")
    assert fleet("restore", str(copy), environ=hub.environ).returncode == 3, "a hub serves it"
    hub.kill()  # with a log that is not yet in its database
    assert (hub.home / f"{FILE_NAME}-wal").stat().st_size
    done = fleet("restore", str(copy), environ=hub.environ)
    assert done.returncode == 0, done.stderr
    assert not (hub.home / f"{FILE_NAME}-wal").exists()
    assert stat.S_IMODE((hub.home / FILE_NAME).stat().st_mode) == 0o600
    with closing(sqlite3.connect(hub.home / "fleet.sqlite3.before")) as before:
        assert before.execute("SELECT count(*) FROM message WHERE kind = 0").fetchone() == (21,)
    assert len(beats(hub)) == 20
    hub.start()
    wait_until(lambda: len(beats(hub)) == 21, what="the copy, and what the broker retains")
    assert [line["message"]["seq"] for line in beats(hub)] == list(range(21))
    agent = hub.ask("GET", "/v1/agents/ada")[1]
    assert (agent["uptime"], agent["seq"], agent["missing"]) == (4711, 20, 0)


def test_what_is_no_whole_copy_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    environ = environment(tmp_path / "home")
    noise, half, other = (tmp_path / name for name in ("noise", "half", "other"))
    noise.write_bytes(b"x" * 10_000)
    store = SqliteStore(tmp_path / "elsewhere")
    store.open()
    back_up(store.path, half)
    asyncio.run(store.close())
    half.write_bytes(half.read_bytes()[:9_000])
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE t (x)")
    for wrong in (noise, half, other):
        done = fleet("restore", str(wrong), environ=environ)
        assert (done.returncode, "Try:" in done.stderr) == (3, True), wrong
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / FILE_NAME).exists()
    assert fleet("restore", str(tmp_path / "absent"), environ=environ).returncode == 3
