"""An agent and a watcher with nothing but curl and a token: docs/how-to/agent-by-http.md."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until

CURL = shutil.which("curl") or ""
pytestmark = pytest.mark.skipif(not CURL, reason="curl is not installed")


class Curl:
    """curl with a token of `role` in a file of its own, so that it stands in no argument list."""

    def __init__(self, hub: Served, folder: Path, role: str) -> None:
        made = fleet("token", "create", "--role", role, environ=hub.environ)
        token = made.stdout.splitlines()[-1]
        self._config = folder / f"{role.replace(':', '-')}.curl"
        self._config.write_text(f'header = "Authorization: Bearer {token}"\n')
        self._config.chmod(0o600)
        self._hub = hub

    def words(self, path: str, *words: str) -> list[str]:
        return [CURL, "-sS", "--retry", "5", "-K", str(self._config), *words, self._hub.url + path]

    def __call__(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """(HTTP status, answer)"""
        sent = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body else []
        done = subprocess.run(
            self.words(path, "-w", "\n%{http_code}", *sent),
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        text, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(text)


def test_an_agent_by_curl_alone_beats_alerts_reads_and_acknowledges(
    hub: Served, tmp_path: Path
) -> None:
    carl, mia = Curl(hub, tmp_path, "agent:carl"), Curl(hub, tmp_path, "operator")
    now = timestamp(time.time())
    assert carl("/v1/publish/heartbeat", {"ok": True, "ts": now, "uptime": 86400})[0] == 202
    alert = {"code": "rate-limited", "severity": "warning", "state": "firing", "ts": now}
    assert carl("/v1/publish/alert", alert)[0] == 202
    wait_until(lambda: mia("/v1/agents/carl")[1].get("alerts"), what="the agent with its alert")
    seen = mia("/v1/agents/carl")[1]
    assert (seen["state"], seen["uptime"], seen["alerts"]) == ("ok", 86400, ["rate-limited"])

    status, sent = mia("/v1/send", {"to": "carl", "verb": "config-reload"})
    assert status == 202
    status, inbox = carl("/v1/inbox?agent=carl&unread=true")
    [order] = inbox["messages"]
    assert (status, order["id"], order["verb"]) == (200, sent["ids"][0], "config-reload")
    assert carl("/v1/inbox?agent=carl&unread=true")[1]["messages"], "until the receipt it waits"
    assert carl("/v1/ack", {"id": order["id"], "result": "done"})[0] == 200
    assert carl("/v1/inbox?agent=carl&unread=true")[1]["messages"] == []
    [ended] = mia("/v1/inbox?agent=carl")[1]["messages"]
    assert (ended["id"], ended["state"]) == (order["id"], "done")

    assert carl("/v1/agents")[0] == 403, "an agent sees itself alone"
    assert carl("/v1/inbox?agent=ada")[0] == 403
    status, problem = carl("/v1/publish/heartbeat", {"ok": True, "ts": now, "note": "call me"})
    assert (status, problem["clause"]) == (422, "ADR-0005#free-text")


def heard(vic: Curl, count: int, *words: str, then: Callable[[], None] = lambda: None) -> list[Any]:
    """(id, event, data) of the next `count` events; `then` is called once the stream is open."""
    path = "/v1/events?kind=heartbeat&agent=dora"
    found: list[Any] = []
    with subprocess.Popen(
        vic.words(path, "-D", "/dev/stderr", "-N", "--max-time", "30", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as curl:
        assert curl.stdout is not None
        assert curl.stderr is not None
        try:
            assert " 200 " in curl.stderr.readline(), "with -i they would come with the first event"
            then()
            fields: dict[str, str] = {}
            while len(found) < count:
                line = curl.stdout.readline()
                assert line, f"the stream ended after {found}"
                name, _, value = line.rstrip("\r\n").partition(": ")
                fields[name] = value
                if name == "data":
                    found.append((fields["id"], fields["event"], json.loads(value)))
        finally:
            curl.terminate()
    return found


def numbers(events: list[Any]) -> list[int]:
    return [data["message"]["seq"] for _, _, data in events]


def test_curl_resumes_the_stream_by_the_last_id_it_saw(hub: Served, tmp_path: Path) -> None:
    dora, vic = Curl(hub, tmp_path, "agent:dora"), Curl(hub, tmp_path, "viewer")

    def beat(seq: int) -> None:
        body = {"ok": True, "ts": timestamp(time.time()), "boot": 3, "seq": seq}
        assert dora("/v1/publish/heartbeat", body)[0] == 202

    first = heard(vic, 1, then=lambda: beat(0))
    for seq in range(1, 4):
        beat(seq)
    resumed = heard(vic, 3, "-H", f"Last-Event-ID: {first[0][0]}")
    assert numbers(first + resumed) == [0, 1, 2, 3]
    again = heard(vic, 3, "-H", f"Last-Event-ID: {resumed[0][0]}", then=lambda: beat(4))
    assert numbers(again) == [2, 3, 4]

    [gap, *_] = heard(vic, 2, "-H", "Last-Event-ID: 17")
    assert gap[1:] == ("gap", {"after": 17}), "what is no longer kept is said to be missing"
