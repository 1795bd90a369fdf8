"""Strangers who hold connections, send half of something or guess tokens cost nobody else anything.

Against real listeners, 1,024 file descriptors each; attackers are a process of their own.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto, free_port
from tests.support.http_attacks import ATTACKS, attacked
from tests.support.served import Served
from tests.support.waiting import wait_until

DESCRIPTORS = 1024
MANY = 1300
"""Connections; more than there are descriptors."""

LOOKS = 25
SMALL = 64 * 1024
"""Bytes of log for all attacks together; it was 69 MB in 8 s."""


@pytest.fixture(scope="module")
def attacked_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("attacked")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker, descriptors=DESCRIPTORS).start()
    yield served
    served.stop()
    broker.stop()


def open_at(port: int) -> int:
    """Established connections of the listener on `port`, as the kernel counts them."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(
        int(fields[1].partition(":")[2], 16) == port and fields[3] == "01"
        for fields in map(str.split, lines)
    )


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ATTACKS)
def test_a_good_caller_is_served_beside_many_who_hold_connections(
    attacked_hub: Served, kind: str
) -> None:
    port = attacked_hub.port
    path = "/static/vendor/uPlot-1.6.32.min.js" if kind == "answers not read" else "/"
    with attacked(kind, port, MANY, path):
        if kind != "nonsense":  # which is hung up on at once
            wait_until(lambda: open_at(port) >= 100, what="the attack")
        answers = [attacked_hub.ask("GET", "/v1/agents")[0] for _ in range(LOOKS)]
    assert answers == [200] * LOOKS
    assert attacked_hub.log.stat().st_size < SMALL


@pytest.mark.timeout(180)
def test_who_does_not_do_its_part_is_hung_up_on(attacked_hub: Served) -> None:
    links = {}
    for kind, attack in ATTACKS.items():
        if not attack.reads:  # its end is not seen until it reads
            continue
        links[kind] = socket.create_connection(("127.0.0.1", attacked_hub.port), timeout=60)
        links[kind].sendall(attack.opening("/healthz"))
    for kind, link in links.items():
        with link:
            while link.recv(65536):
                pass
        assert kind in links, "the hub hung up; a time-out would have been an error"


@pytest.mark.timeout(120)
def test_guessed_tokens_lock_nobody_out(attacked_hub: Served) -> None:
    over = threading.Event()
    guesses: list[int] = []

    def guess() -> None:
        while not over.is_set():
            guesses.append(attacked_hub.ask("GET", "/v1/agents", "fleet_guess", patience=0)[0])

    guesser = threading.Thread(target=guess)
    guesser.start()
    try:
        wait_until(lambda: 429 in guesses, what="the guesser's being told to wait")
        answers = [attacked_hub.ask("GET", "/v1/agents")[0] for _ in range(LOOKS)]
        token = attacked_hub.tokens["viewer"]
        signed_in = attacked_hub.ask("POST", "/v1/session", None, {"token": token})[0]
    finally:
        over.set()
        guesser.join()
    assert (answers, signed_in) == ([200] * LOOKS, 200)


@pytest.mark.timeout(120)
def test_the_listener_of_mcp_is_the_same(attacked_hub: Served, tmp_path: Path) -> None:
    port = free_port()
    call = f'ulimit -n {DESCRIPTORS}; exec "$0" -m fleet mcp --http 127.0.0.1:{port}'
    log = tmp_path / "mcp.log"
    with log.open("wb") as lines:
        server = subprocess.Popen(
            ["sh", "-c", call, sys.executable], env=attacked_hub.environ, stderr=lines
        )
    try:
        wait_until(lambda: _initialized(port, attacked_hub.tokens["viewer"]), what="its start")
        with attacked("nothing sent", port, MANY):
            wait_until(lambda: open_at(port) >= 100, what="the attack")
            assert all(_initialized(port, attacked_hub.tokens["viewer"]) for _ in range(10))
    finally:
        server.terminate()
        server.wait()
    assert log.stat().st_size < SMALL


def _initialized(port: int, token: str) -> bool:
    """Whether an MCP client gets its first answer."""
    about = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    question = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
    }
    url = f"http://127.0.0.1:{port}/mcp"
    request = urllib.request.Request(url, json.dumps(question).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - http, as above
            return b"serverInfo" in answer.read()
    except ConnectionRefusedError:
        return False
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return False
        raise
