"""A hub that reads beside the one that leads shows the same, of the same moment, and says of when;
what changes something goes to the one that leads."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import epoch, timestamp
from fleet.tokens import Tokens
from tests.support import postgres
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.served import Served, fleet
from tests.support.shifted_clock import SteeredClock
from tests.support.stores import PostgresPlace
from tests.support.waiting import wait_until

pytestmark = [postgres.needs_postgres, pytest.mark.timeout(400)]

LONG = 90.0

DEAF = """\
[routes.oncall]
channel = "webhook"
url = "http://127.0.0.1:9/"
secret_file = "hook.secret"
"""
"""Nobody listens there."""

TRIED = {("oncall", "waiting", "connection refused")}

NEW = {"as_of", "as_of_age", "role", "leader"}


class Two:
    """One that leads, one that reads; each has a home, with the same tokens."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        place = PostgresPlace(folder)
        self.clock = SteeredClock(folder / "clock")
        self.leader, self.reader = (
            Served(
                folder / name, broker, inside=words, FLEET_STORE=str(place.url), FLEET_INTERVAL="5"
            )
            for name, words in (("leader", self.clock.words), ("reader", ()))
        )

    def start(self) -> None:
        self.leader.home.mkdir(parents=True)
        (self.leader.home / "hook.secret").touch(0o600)
        (self.leader.home / "hook.secret").write_text("a long random word")
        (self.leader.home / "fleet.toml").write_text(DEAF)
        self.leader.start()
        self.reader.home.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.leader.home / "tokens.json", self.reader.home)
        self.reader.tokens = self.leader.tokens
        self.reader.start()

    def close(self) -> None:
        self.reader.stop()
        self.leader.stop()


@pytest.fixture
def two(tmp_path: Path, broker: Mosquitto) -> Iterator[Two]:
    two = Two(tmp_path, broker)
    try:
        two.start()
        yield two
    finally:
        two.close()


def beat(seq: int, **more: Any) -> bytes:
    said = {"ok": True, "ts": timestamp(time.time()), "boot": 7, "seq": seq, **more}
    return json.dumps(said).encode()


def undated(document: Any) -> Any:
    """Without what tells the moment, and which hub said so."""
    if isinstance(document, dict):
        dated = NEW | {"age", "skew"}
        return {name: undated(one) for name, one in document.items() if name not in dated}
    return [undated(one) for one in document] if isinstance(document, list) else document


def same(two: Two, path: str) -> bool:
    return bool(undated(two.leader.get(path)) == undated(two.reader.get(path)))


def told_of(hub: Served) -> set[tuple[str, str, str]]:
    """What came of telling that eve's queue is long."""
    alerts = hub.get("/v1/alerts?agent=eve&code=queue-backlog&told=true")["alerts"]
    told = [one for alert in alerts for one in alert["told"]]
    return {(one["route"], one["outcome"], one["answer"]) for one in told}


def past(hub: Served) -> tuple[list[str], bool]:
    """Ada's last intervals, and whether anything of the day is known."""
    [told] = hub.get("/v1/beats?agent=ada&metric=x_total")["agents"]
    return told["beats"], told["heard"]["24h"]["known"] > 0


PATHS = (
    "/v1/agents", "/v1/agents/ada", "/v1/agents/bob", "/v1/agents?brief=true", "/v1/alerts",
    "/v1/history", "/v1/history?newest=true&agent=ada&limit=3", "/v1/dead-letters",
    "/v1/silences", "/v1/rollups", "/v1/labels", "/v1/alerts?history=true&told=true",
    "/v1/history?agent=ada&fold=true", "/v1/rollups?agent=ada&step=24", "/v1/names",
)  # fmt: skip
"""What anybody may read of either hub."""


def test_both_show_the_same_and_what_is_asked_of_either_is_done(
    two: Two, broker: Mosquitto
) -> None:
    ada, bob, eve = (Publisher(broker, name) for name in ("ada", "bob", "eve"))
    ada.listen("fleet/ada/command", "zephyr/broadcast")
    ada.publish_all("heartbeat", [beat(n, interval=300) for n in range(20)])
    bob.publish_all("heartbeat", [beat(1, interval=1)])  # late, then stale: by time alone
    said = {"code": "queue-backlog", "severity": "warning", "state": "firing"}
    eve.publish_all("alert", [json.dumps(said | {"ts": timestamp(time.time())}).encode()])
    eve.publish_all("heartbeat", [b'{"ok": "perhaps"}'])

    def stale(hub: Served) -> bool:
        return {a["agent"]: a["state"] for a in hub.get("/v1/agents")["agents"]}.get(
            "bob"
        ) == "stale"

    wait_until(lambda: stale(two.leader) and stale(two.reader), LONG, "that bob is stale at both")
    wait_until(lambda: told_of(two.leader) == TRIED, LONG, "that a route was tried")
    for path in PATHS:
        wait_until(lambda path=path: same(two, path), LONG, f"one answer of {path}")  # type: ignore[misc]
    stats = ("received", "rejects", "facts", "stored", "agents", "alerts_firing")
    wait_until(
        lambda: (
            [two.leader.get("/v1/stats")[name] for name in stats]
            == [two.reader.get("/v1/stats")[name] for name in stats]
        ),
        LONG,
        "the same counts",
    )

    wait_until(
        lambda: past(two.reader) == past(two.leader) == (["on-time"], True),
        LONG,
        "ada's past at both",
    )
    found = two.reader.get("/v1/agents")
    assert (found["role"], two.leader.get("/v1/agents")["role"]) == ("reader", "leader")
    assert abs(time.time() - epoch(found["as_of"])) < LONG
    headers = two.reader.ask("GET", "/v1/alerts")[2]
    assert int(headers["age"]) < LONG
    assert headers["x-fleet-as-of"]
    ready = two.reader.ask("GET", "/readyz", None)[1]
    assert (ready["role"], ready["ready"]) == ("reader", True)
    assert ready["leader"].count("/") == 2, "as it calls itself"

    # The command line of the reader's machine, with the token that it left there.
    told = fleet("status", environ=two.reader.environ)
    assert "ada" in told.stdout, told.stderr
    assert "as of " in told.stderr
    scraped = two.reader.ask("GET", "/metrics", "scraper")[1]
    assert "fleet_view_age_seconds" in scraped

    # What changes something.
    status, silence, _ = two.reader.ask(
        "POST", "/v1/silences", body={"seconds": 600, "agent": "eve"}
    )
    assert status == 201, silence
    assert [one["id"] for one in two.leader.get("/v1/silences")["silences"]] == [silence["id"]]
    wait_until(lambda: same(two, "/v1/alerts"), LONG, "the silence at both")
    assert two.reader.ask("POST", "/v1/silences", "viewer", {"seconds": 600})[0] == 403
    assert two.reader.ask("POST", "/v1/silences", "nobody", {"seconds": 600})[0] == 401
    silenced = fleet(
        "alerts", "silence", "--agent", "bob", "--for", "10m", environ=two.reader.environ
    )
    assert silenced.returncode == 0, silenced.stderr  # with the token that the reader left there
    [revoked] = [e.id for e in Tokens(two.leader.home).entries() if e.role == "agent:ada"]
    Tokens(two.leader.home).revoke(revoked)
    status, said, _ = two.reader.ask("GET", "/v1/tasks", "agent:ada")
    assert (status, "revoked there" in str(said)) == (401, True)
    status, sent, _ = two.reader.ask("POST", "/v1/send", body={"to": "ada", "verb": "health-check"})
    assert status == 202, sent
    wait_until(lambda: len(ada.inbox) > 0, LONG, "the command on the bus")
    [listed] = two.reader.get("/v1/inbox?agent=ada")["messages"]
    assert listed["id"] == sent["ids"][0]
    assert two.reader.ask("GET", "/v1/blobs/sha256:" + "0" * 64)[0] == 503
    with listening(two.reader) as events:
        ada.publish_all("heartbeat", [beat(99, interval=300)])
        wait_until(lambda: 99 in events.beats(), LONG, "the beat on the reader's stream")
    for one in (ada, bob, eve):
        one.close()


class Events:
    """What an event stream said so far."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the hub's own
        self._answer = urllib.request.urlopen(request, timeout=LONG)  # noqa: S310
        self.text = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            while part := self._answer.read1(65536):
                self.text += part

    def beats(self) -> list[int]:
        """Numbers of the heartbeats that it told; what was sent may be spaced in any way."""
        lines = self.text.rpartition(b"\r\n")[0].split(b"\r\n")
        told = [json.loads(line[6:]) for line in lines if line.startswith(b"data: ")]
        return [one["message"]["seq"] for one in told if one.get("kind") == "heartbeat"]


@contextlib.contextmanager
def listening(hub: Served) -> Iterator[Events]:
    """Its events while the block runs; the stream ends with the hub."""
    yield Events(f"{hub.url}/v1/events", hub.tokens["viewer"])


def test_while_nobody_leads_the_reader_says_how_old_it_is_and_then_leads(
    two: Two, broker: Mosquitto
) -> None:
    ada = Publisher(broker, "ada")
    ada.publish_all("heartbeat", [beat(1, interval=2)])
    wait_until(lambda: same(two, "/v1/agents") and two.reader.get("/v1/agents")["agents"] != [],
               LONG, "ada at both")  # fmt: skip
    two.leader.kill()
    # Nobody listens to ada: that she is silent is not known, and is not said.
    wait_until(lambda: two.reader.get("/v1/agents")["as_of_age"] >= 8
               or two.reader.get("/v1/agents")["role"] == "leader", LONG, "an age")  # fmt: skip
    wait_until(lambda: two.reader.get("/v1/agents").get("role") == "leader", LONG, "its turn")
    two.leader.start()
    wait_until(lambda: two.leader.get("/v1/agents")["role"] == "reader", LONG, "the other's")
    wait_until(lambda: same(two, "/v1/agents"), LONG, "the same the other way round")
    ada.close()


def test_a_reader_shows_who_was_renamed_who_was_forgotten_and_what_a_stepped_clock_made_of_it(
    two: Two, broker: Mosquitto
) -> None:
    ada, bob, eve = (Publisher(broker, name) for name in ("ada", "bob", "eve"))
    for one in (ada, bob, eve):
        one.publish_all("heartbeat", [beat(n, interval=300) for n in range(3)])
    silence = {"seconds": 3600, "agent": "eve"}
    assert two.leader.ask("POST", "/v1/silences", body=silence)[0] == 201
    paths = [path for path in PATHS if "bob" not in path]

    def alike(what: str) -> None:
        for path in paths:
            wait_until(lambda path=path: same(two, path), LONG, f"{path} after {what}")  # type: ignore[misc]

    wait_until(lambda: names(two.reader) == ["ada", "bob", "eve"], LONG, "all three")
    alike("what was said")
    assert two.leader.ask("POST", "/v1/agents/eve/rename", body={"to": "zoe"})[0] == 200
    assert two.reader.ask("DELETE", "/v1/agents/bob")[0] == 200
    wait_until(lambda: names(two.reader) == ["ada", "zoe"], LONG, "the renamed and the forgotten")
    assert two.reader.ask("GET", "/v1/agents/bob")[0] == 404
    alike("they went")
    for ahead in (7200.0, -3600.0):
        two.clock.set(ahead)
        ada.publish_all("heartbeat", [beat(int(10_000 + ahead), interval=300)])
        alike(f"the leader's clock was set {ahead:+g} s off")
        assert two.reader.get("/v1/agents")["as_of_age"] < LONG
        [held] = two.reader.get("/v1/silences")["silences"]
        assert held["agent"] == "zoe"
    for one in (ada, bob, eve):
        one.close()


def names(hub: Served) -> list[str]:
    return sorted(agent["agent"] for agent in hub.get("/v1/agents")["agents"])
