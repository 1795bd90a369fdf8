"""Server-sent events arrive as things happen, and resume by id without a gap."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing

from fleet.contract.timestamps import timestamp
from tests.support.served import Served


def events(
    hub: Served, after: str | None = None
) -> Generator[tuple[str, str, dict[str, object]], None, None]:
    """(id, name, data) of each event, until the caller has enough."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    headers = {"Authorization": f"Bearer {hub.tokens['viewer']}"}
    if after:
        headers["Last-Event-ID"] = after
    connection.request("GET", "/v1/events", headers=headers)
    with closing(connection), connection.getresponse() as response:
        assert response.status == 200
        yield "", "open", {}
        fields: dict[str, str] = {}
        for raw in response:
            line = raw.decode().rstrip("\r\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])
                fields = {}
            else:
                fields = {}


def beat(hub: Served, seq: int) -> None:
    payload = {"ok": True, "ts": timestamp(time.time()), "interval": 60, "boot": 9, "seq": seq}
    assert hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", payload)[0] == 202


def seen(stream: Iterator[tuple[str, str, dict[str, object]]], count: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for event_id, name, data in stream:
        message = data.get("message")
        if name == "bus" and isinstance(message, dict) and message.get("boot") == 9:
            found.append((event_id, message["seq"]))
        if len(found) == count:
            return found
    raise AssertionError("the stream ended")


def test_events_arrive_live_and_resume_after_a_break(hub: Served) -> None:
    with closing(events(hub)) as stream:
        assert next(stream)[1] == "open"
        for number in range(3):
            beat(hub, number)
        live = seen(stream, 3)
    assert [seq for _, seq in live] == [0, 1, 2]
    beat(hub, 3)
    with closing(events(hub, after=live[0][0])) as stream:
        assert [seq for _, seq in seen(stream, 3)] == [1, 2, 3]
