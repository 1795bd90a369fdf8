"""The tools as an agent's own MCP client sees them: over stdio and over HTTP, on a real fleet."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

import httpx
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from fleet.http.connections import most_connections
from fleet.tokens import Principal, Role, Tokens
from tests.support.broker import Mosquitto, free_port
from tests.support.served import Served, environment
from tests.support.sidecar import stand_in
from tests.support.waiting import wait_until

READ_ONLY = {
    "status", "describe", "check", "alerts", "history", "forecast", "versions", "audit", "tasks",
    "board", "rollouts", "pairs",
}  # fmt: skip


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub, and one agent with a real sidecar."""
    folder = tmp_path_factory.mktemp("mcp")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    environ = environment(
        folder / "ada",
        FLEET_BROKER=broker.url,
        FLEET_AGENT="ada",
        FLEET_INTERVAL="5",
        FLEET_DROP="-",
        FLEET_PID_FILE=stand_in(folder / "ada"),
    )
    sidecar = subprocess.Popen(
        [sys.executable, "-m", "agent_sidecar", "run"], env=environ, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: served.ask("GET", "/v1/agents")[1]["agents"], what="the agent's birth")
    yield served
    sidecar.terminate()
    sidecar.wait(10)
    served.stop()
    broker.stop()


@asynccontextmanager
async def by_stdio(hub: Served, *arguments: str) -> AsyncIterator[Client]:
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "fleet", "mcp", *arguments], env=hub.environ
    )
    async with Client(stdio_client(server)) as client:
        yield client


def text_of(result: Any) -> str:
    return "\n".join(block.text for block in result.content)


async def test_read_only_is_the_default_and_every_answer_begins_with_its_verdict(
    hub: Served,
) -> None:
    async with by_stdio(hub) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == READ_ONLY
        assert all(tool.annotations.read_only_hint for tool in tools.values())
        beginnings = {
            "status": "OK: 1 agents: 1 ok.",
            "check": "OK: 1 agents",
            "alerts": "OK: 0 alerts.",
            "versions": "OK: versions of 1 of 1 agents.",
            "audit": "UNKNOWN: no audit has run yet.",
            "tasks": "NONE: no such task.",
            "rollouts": "NONE: nothing was rolled out yet.",
            "pairs": "NONE: there is no pair.",
            "forecast": "UNKNOWN: no hourly sums of room or tokens yet.",
        }
        for name, beginning in beginnings.items():
            assert text_of(await client.call_tool(name, {})).startswith(beginning)
        described = text_of(await client.call_tool("describe", {"agent": "ada"}))
        assert described.startswith("OK: ada: ")
        assert "- config: unknown" in described
        assert "- alerts: none" in described
        history = text_of(await client.call_tool("history", {"agent": "ada", "kind": "status"}))
        assert "ada status: running" in history


async def test_a_mistake_is_an_error_with_a_remedy(hub: Served) -> None:
    async with by_stdio(hub) as client:
        result = await client.call_tool("describe", {"agent": "nobody"})
        assert result.is_error
        assert "ABSENT" in text_of(result)
        assert "ada" in text_of(result)


async def test_commands_need_to_be_allowed_and_are_recorded_with_the_caller(hub: Served) -> None:
    async with by_stdio(hub, "--allow-commands", "--caller", "primary") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == READ_ONLY | {"command", "submit_task"}
        verbs = tools["command"].input_schema["properties"]["verb"]["enum"]
        assert sorted(verbs) == [
            "config-reload",
            "health-check",
            "status-report",
            "version-report",
        ]
        arguments = {"verb": "health-check", "agents": ["ada"]}
        answer = text_of(await client.call_tool("command", arguments))
        assert answer.startswith("DONE: health-check: 1 of 1 done.")
        refused = await client.call_tool("command", {"verb": "rm", "agents": ["ada"]})
        assert refused.is_error
    lines = (hub.home / "actions.jsonl").read_text().splitlines()
    assert [json.loads(line)["caller"] for line in lines] == ["primary"]
    assert (hub.home / "actions.jsonl").stat().st_mode & 0o077 == 0


async def test_the_contract_and_a_runbook_for_every_alert_are_resources(hub: Served) -> None:
    async with by_stdio(hub) as client:
        found = {str(resource.uri) for resource in (await client.list_resources()).resources}
        assert "fleet://contract/heartbeat" in found
        assert "fleet://runbook/agent-stale" in found
        page = await client.read_resource("fleet://runbook/process-down")
        assert page.contents[0].text.startswith("# process-down")


@pytest.fixture
def url(hub: Served) -> Iterator[str]:
    """`fleet mcp --http`, with commands allowed."""
    address = f"127.0.0.1:{free_port()}"
    server = subprocess.Popen(
        [sys.executable, "-m", "fleet", "mcp", "--http", address, "--allow-commands"],
        env=hub.environ,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: answers(f"http://{address}/mcp"), what="the MCP server")
    yield f"http://{address}/mcp"
    server.terminate()
    server.wait(10)


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("viewer", 403), ("agent:ada", 403)])
def test_http_without_the_right_role_is_refused(
    hub: Served, url: str, role: str | None, status: int
) -> None:
    headers = {"Authorization": f"Bearer {hub.tokens[role]}"} if role else {}
    assert httpx.post(url, json={}, headers=headers).status_code == status


async def test_http_with_an_operators_token_has_the_same_tools(hub: Served, url: str) -> None:
    headers = {"Authorization": f"Bearer {hub.tokens['operator']}"}
    async with (
        httpx.AsyncClient(headers=headers) as session,
        Client(streamable_http_client(url, http_client=session)) as client,
    ):
        assert text_of(await client.call_tool("check", {})).startswith("OK")


def test_a_stream_over_http_ends_with_its_token(hub: Served, url: str) -> None:
    tokens = Tokens(hub.home)
    secret, entry = tokens.create(Principal(Role.OPERATOR), "2026-01-01T00:00:00Z")
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    headers = {
        "Authorization": f"Bearer {secret}",
        "Accept": "application/json, text/event-stream",
    }
    with httpx.Client(headers=headers, timeout=12) as client:
        opened = client.post(url, json=hello)
        assert opened.status_code == 200, opened.text
        assert "mcp-session-id" not in opened.headers  # nothing is kept for who never comes back
        with client.stream("GET", url, headers=headers) as stream:
            assert stream.status_code == 200
            tokens.revoke(entry.id)
            stream.read()  # to its end; one that lives on pings every 15 s, so this times out
        assert client.post(url, json=hello, headers=headers).status_code == 401


def test_streams_over_http_have_a_bound_for_each_bearer(hub: Served, url: str) -> None:
    headers = {
        "Authorization": f"Bearer {hub.tokens['operator']}",
        "Accept": "text/event-stream",
    }
    other = headers | {"Authorization": f"Bearer {hub.tokens['admin']}"}
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(headers=headers, limits=limits, timeout=12) as client, ExitStack() as open_:
        for _ in range(most_connections() // 4):
            assert open_.enter_context(client.stream("GET", url)).status_code == 200
        refused = client.get(url)
        assert refused.status_code == 429
        assert refused.headers["retry-after"]
        assert "end those that nobody reads" in refused.json()["try"]
        assert open_.enter_context(client.stream("GET", url, headers=other)).status_code == 200
    wait_until(lambda: streams(url, headers) == 200, what="room for another stream")


def streams(url: str, headers: dict[str, str]) -> int:
    with httpx.stream("GET", url, headers=headers) as answer:
        return answer.status_code


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 401
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("client", ["nanobot", "openclaw", "rockbot", "claude"])
def test_each_snippet_names_a_command_that_runs(hub: Served, client: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "mcp", "snippet", "--for", client],
        env=hub.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    text = done.stdout
    if client == "openclaw":
        assert text.startswith("openclaw mcp set fleet '")
        text = text.partition("'")[2].rpartition("'")[0]
    document = json.loads(text)
    for key in ("tools", "mcpServers", "fleet"):
        document = document.get(key, document)
    assert document["command"] == "fleet"
    assert document["args"][0] == "mcp"


def test_the_page_names_every_tool() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/mcp.md").read_text()
    assert [
        name for name in (*READ_ONLY, "command", "submit_task") if f"| `{name}` |" not in page
    ] == []
