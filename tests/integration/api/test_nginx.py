"""The event stream through Debian's nginx: nothing is held back, and it goes on where it was."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.nginx import Nginx, needs_nginx, shown
from tests.support.served import Served
from tests.support.waiting import DEADLINE

pytestmark = needs_nginx

UNVERIFIED = ssl._create_unverified_context()  # noqa: S323 - a certificate of this test
BUFFERING = "proxy_buffering off;"


class Told(NamedTuple):
    id: int
    event: str
    data: dict[str, Any]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("nginx")
    broker = Mosquitto(folder / "broker").start()
    home = folder / "home"
    home.mkdir()
    (home / "fleet.toml").write_text(
        '[http_service]\nhosts = ["hub.lan"]\nproxies = ["127.0.0.1"]\n'
    )
    served = Served(home, broker).start()
    yield served
    served.stop()
    broker.stop()


@pytest.fixture
def proxy(hub: Served, tmp_path: Path) -> Iterator[Nginx]:
    started = Nginx(tmp_path / "nginx", hub).start()
    yield started
    started.stop()


def beat(hub: Served) -> float:
    """A heartbeat that is no other one's; what it is known by."""
    uptime = time.time()
    payload = {"ok": True, "ts": timestamp(uptime), "uptime": uptime}
    assert hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", payload)[0] == 202
    return uptime


@contextmanager
def stream(
    hub: Served, proxy: Nginx, after: int | None = None, query: str = "only=bus&kind=heartbeat"
) -> Iterator[Iterator[Told]]:
    """Events through the proxy, as they come; one that does not come for long fails the test."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", proxy.port, timeout=DEADLINE, context=UNVERIFIED
    )
    headers = {"Host": f"hub.lan:{proxy.port}", "Authorization": f"Bearer {hub.tokens['viewer']}"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    connection.request("GET", f"/v1/events?{query}", headers=headers)
    with closing(connection), connection.getresponse() as response:
        assert response.status == 200
        yield _events(response)


def _events(response: http.client.HTTPResponse) -> Iterator[Told]:
    fields: dict[str, str] = {}
    while line := response.readline():
        name, _, value = line.decode().strip().partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield Told(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


def has_ended(events: Iterator[Told]) -> bool:
    """Whether nothing comes any more, which is told and not waited for."""
    try:
        return not list(events)
    except (http.client.HTTPException, ConnectionError):
        return True


def uptimes(events: list[Told]) -> list[float]:
    return [event.data["message"].get("uptime") for event in events]


@pytest.mark.parametrize("conf", ["as shown", "without a word on buffers"])
def test_an_event_comes_when_it_happens(hub: Served, tmp_path: Path, conf: str) -> None:
    assert BUFFERING in shown()
    server = shown() if conf == "as shown" else shown().replace(BUFFERING, "")
    proxy = Nginx(tmp_path / "nginx", hub, server).start()
    try:
        with stream(hub, proxy) as events:
            for _ in range(3):
                sent = beat(hub)
                assert uptimes([next(events)]) == [sent], "no other is needed to push it through"
    finally:
        proxy.stop()


def test_a_stream_goes_on_where_it_was_after_nginx_was_away(hub: Served, proxy: Nginx) -> None:
    with stream(hub, proxy) as events:
        first = beat(hub)
        last = next(events)
        assert uptimes([last]) == [first]
        proxy.stop()
        assert has_ended(events)
    missed = [beat(hub) for _ in range(3)]
    proxy.start()
    with stream(hub, proxy, last.id) as events:
        seen = [next(events) for _ in missed]
    assert uptimes(seen) == missed, "each once, in order"
    assert [one.event for one in seen] == ["bus"] * 3


def test_after_the_hub_was_away_it_is_told_that_something_may_be_missing(
    hub: Served, proxy: Nginx
) -> None:
    with stream(hub, proxy) as events:
        beat(hub)
        last = next(events)
        hub.kill()
        assert has_ended(events)
    hub.start()
    with stream(hub, proxy, last.id) as events:
        gap = next(events)
        assert gap.event == "gap"
        assert gap.id > last.id
        sent = beat(hub)
        now = next(event for event in events if uptimes([event]) == [sent])
        assert now.id > gap.id
    stored = hub.get("/v1/history?agent=ada&kind=heartbeat&limit=100")
    assert len(stored["messages"]) >= 2, "what was told before is kept"
