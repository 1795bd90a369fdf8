"""`fleet mcp --http` given requests at random: whatever a bearer sends, the next good request is
served, nothing ends in a traceback, and only the four verbs are ever sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

import httpx

from fleet.contract.vocabulary import Verb
from tests.support.broker import Mosquitto, free_port
from tests.support.fuzz import amount
from tests.support.served import Served
from tests.support.waiting import wait_until

SEED: Final = 31
TOOLS: Final = (
    "status", "describe", "check", "alerts", "history", "forecast", "versions", "audit", "command",
)  # fmt: skip
METHODS: Final = (
    "initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/read",
    "resources/templates/list", "resources/subscribe", "prompts/get", "prompts/list",
    "completion/complete", "logging/setLevel", "sampling/createMessage", "roots/list",
    "notifications/initialized", "notifications/cancelled", "notifications/progress", "", "\0",
)  # fmt: skip
LEAVES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 2**63, 10**300, 1e308, "", "ada", "*", "../../etc/passwd", "\0", "\ud800",
    "\x1b[2J", "\u202e", "x" * 5_000, "1d", "config-reload", "rm -rf /", "fleet://contract/status",
    "fleet://runbook/../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/", "ada\nbob",
    "2026-11-29T00:00:00Z", "9" * 400, "1-1-1T", "'; DROP TABLE message; --",
)  # fmt: skip
NAMES: Final = (
    "agent", "agents", "verb", "since", "until", "kind", "limit", "uri", "name", "arguments",
    "protocolVersion", "_meta", "cursor", "requestId", "level", "__class__",
)  # fmt: skip


def value(random: Random, depth: int = 3) -> Any:
    match random.randrange(5) if depth else 0:
        case 1:
            return [value(random, depth - 1) for _ in range(random.randrange(4))]
        case 2:
            return {random.choice(NAMES): value(random, depth - 1) for _ in range(4)}
        case _:
            return random.choice(LEAVES)


def call(random: Random) -> dict[str, Any]:
    """A call of a tool with arguments that it may have, or with any."""
    known = {random.choice(NAMES[:7]): value(random, 1) for _ in range(random.randrange(4))}
    arguments = known if random.random() < 0.7 else value(random)
    return {"name": random.choice(TOOLS), "arguments": arguments}


def request(random: Random) -> bytes:
    """One body: mostly JSON-RPC, now and then cut, doubled, nested or none."""
    method = random.choice((*METHODS, *["tools/call"] * 12))
    params = call(random) if method == "tools/call" else value(random)
    body: Any = {"jsonrpc": "2.0", "id": random.choice((1, "a", None, 2**70)), "method": method}
    body |= {"params": params}
    for name in [name for name in body if random.random() < 0.08]:
        body[name] = value(random)
    text = json.dumps([body] * 3 if random.random() < 0.05 else body).encode()
    if random.random() < 0.05:
        return text[: random.randrange(len(text))]
    return b"[" * 5_000 if random.random() < 0.02 else text


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto) -> Iterator[Served]:
    served = Served(tmp_path / "home", broker).start()
    yield served
    served.stop()


@pytest.mark.timeout(1800)
def test_no_request_breaks_the_tools(hub: Served, tmp_path: Path) -> None:
    address, log = f"127.0.0.1:{free_port()}", tmp_path / "mcp.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "fleet", "mcp", "--http", address, "--allow-commands"],
            env=hub.environ, stderr=output,
        )  # fmt: skip
    url = f"http://{address}/mcp"
    headers = {
        "Authorization": f"Bearer {hub.tokens['operator']}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
    }
    random = Random(SEED)
    try:
        wait_until(lambda: answers(url), what="the MCP server")
        with httpx.Client(headers=headers, timeout=30) as client:
            for number in range(amount(60, 4_000)):
                sent = request(random)
                extra = {"mcp-session-id": "\x7f"} if number % 20 == 0 else {}
                extra |= {"mcp-protocol-version": "9999-01-01"} if number % 30 == 0 else {}
                answer = client.post(url, content=sent, headers=extra)
                assert answer.status_code != 500, (sent, answer.text)
                assert "Traceback" not in answer.text, (sent, answer.text)
                assert len(answer.content) < 2**20, sent
            good = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
            good |= {"params": {"name": "check", "arguments": {}}}
            assert '"isError":true' not in client.post(url, json=good).text
        sent_verbs = {one["verb"] for one in hub.get("/v1/inbox")["messages"]}
        assert sent_verbs <= set(Verb)
    finally:
        server.terminate()
        server.wait(10)
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 401
    except httpx.TransportError:
        return False
