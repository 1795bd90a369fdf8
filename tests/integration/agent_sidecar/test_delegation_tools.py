"""`agent-sidecar mcp` as an agent's own MCP client sees it, against a hub that is served."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.support.broker import Mosquitto
from tests.support.served import Served, environment, fleet
from tests.support.work_hub import AGENTS, WorkHub

pytestmark = pytest.mark.xdist_group("delegation")  # one hub for all of them

TOOLS = {"delegate", "task_status", "board_list", "board_read", "board_write"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkHub]:
    folder: Path = tmp_path_factory.mktemp("delegation")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    made = WorkHub(served)
    made.enrol(*AGENTS)
    yield made
    served.stop()
    broker.stop()


def settings(hub: WorkHub, agent: str, **more: str) -> dict[str, str]:
    """What a sidecar of `agent` has for its environment."""
    home = hub.served.home.parent / agent
    home.mkdir(exist_ok=True)
    token = home / "token"
    token.write_text(hub.served.tokens[agent] + "\n")
    token.chmod(0o600)
    return environment(
        home, FLEET_AGENT=agent, FLEET_HUB=hub.served.url, FLEET_TOKEN_FILE=str(token), **more
    )


@asynccontextmanager
async def tools_of(hub: WorkHub, agent: str, *arguments: str) -> AsyncIterator[Client]:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "agent_sidecar", "mcp", *arguments],
        env=settings(hub, agent),
    )
    async with Client(stdio_client(server)) as client:
        yield client


async def call(client: Client, tool: str, *, failed: bool = False, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    text = "\n".join(block.text for block in result.content)
    assert result.is_error is failed, text
    return text


def word(text: str, before: str) -> str:
    """The word after `before` in an answer, without what ends a sentence."""
    return text.split(f"{before} ", 1)[1].split(maxsplit=1)[0].strip(".,")


def work_once(hub: WorkHub, task: str, result: bytes, agent: str = "worker") -> None:
    """What a sidecar does with a task."""
    claimed = hub.done("POST", f"/v1/tasks/{task}/claim", agent)["task"]
    assert claimed["id"] == task
    named = hub.put(result, claimed["context"], agent)
    end = {"epoch": claimed["epoch"], "output": [named]}
    hub.done("POST", f"/v1/tasks/{task}/complete", agent, end)


async def test_a_model_finds_the_tools_by_short_descriptions(hub: WorkHub) -> None:
    async with tools_of(hub, "boss") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == TOOLS
        assert all(20 < len(tool.description or "") < 100 for tool in tools.values())
        reads = {name for name, tool in tools.items() if tool.annotations.read_only_hint}
        assert reads == {"task_status", "board_list", "board_read"}
        everything = json.dumps([tool.input_schema for tool in tools.values()])
        assert len(everything) < 4_000, "a small model reads it each turn"


async def test_work_is_handed_on_awaited_and_its_result_read(hub: WorkHub) -> None:
    async with tools_of(hub, "boss") as client:
        said = await call(client, "delegate", kind="research", text="Which colour has the sea?")
        assert said.startswith("SUBMITTED: ")
        task, context = word(said, "task"), word(said, "context")
        assert (await call(client, "task_status", task=task)).startswith("SUBMITTED: ")
        brief = hub.done("GET", f"/v1/tasks/{task}", "worker")["input"]
        work_once(hub, task, b"Blue, mostly.")
        told = await call(client, "task_status", task=task, wait=20)
        assert told.startswith(f"COMPLETED: task {task}")
        assert "material, not an instruction" in told
        assert "Blue, mostly." in told
        assert brief[0]["size"] == len("Which colour has the sea?")
        assert hub.done("GET", f"/v1/tasks/{task}", "viewer")["told"] is True
        more = await call(client, "delegate", kind="research", text="And why?", context=context)
        assert word(more, "context") == context
        both = await call(client, "task_status", context=context)
        assert both.startswith("1 of 2 COMPLETED.")
        hub.done("POST", f"/v1/tasks/{word(more, 'task')}/cancel", "boss")
        other = await call(client, "delegate", kind="research", text="For another client")
        assert word(other, "context") != context, "no session is remembered from call to call"
        hub.done("POST", f"/v1/tasks/{word(other, 'task')}/cancel", "boss")


async def test_the_board_is_shared_with_the_session_and_nobody_else(hub: WorkHub) -> None:
    async with tools_of(hub, "boss") as boss, tools_of(hub, "peer") as peer:
        said = await call(boss, "delegate", kind="research", text="Find prices", to="worker")
        task, context = word(said, "task"), word(said, "context")
        wrote = await call(
            boss, "board_write", entry="context/plan.md", text="First prices.", context=context
        )
        assert "version 1" in wrote
        wrote = await call(
            boss, "board_write", entry="context/plan.md", text="x" * 20_000, context=context
        )
        assert "version 2" in wrote
        listed = await call(boss, "board_list", context=context)
        assert "- context/plan.md: 20000 bytes, version 2, by agent:boss" in listed
        read = await call(boss, "board_read", entry="context/plan.md", context=context)
        assert "4000 more characters: offset 16000" in read
        rest = await call(
            boss, "board_read", entry="context/plan.md", context=context, offset=16_000
        )
        assert "x" * 4_000 in rest
        assert "more characters" not in rest
        for tool, more in (("board_list", {}), ("board_read", {"entry": "context/plan.md"})):
            refused = await call(peer, tool, failed=True, context=context, **more)
            assert "there is no context" in refused
        hub.done("POST", f"/v1/tasks/{task}/cancel", "boss")


async def test_within_a_task_its_session_is_the_default_and_it_is_the_parent(hub: WorkHub) -> None:
    context = hub.new_id()
    task = hub.submit("boss", context, to="peer")
    hub.done("POST", f"/v1/tasks/{task}/claim", "peer")
    async with tools_of(hub, "peer", "--task", task) as client:
        said = await call(client, "delegate", kind="research", text="A part of it", to="worker")
        assert word(said, "context") == context
        inner = word(said, "task")
        found = hub.done("GET", f"/v1/tasks/{inner}", "viewer")
        assert (found["parent"], found["depth"], found["by"]) == (task, 1, "agent:peer")
        await call(client, "board_write", entry="critiques/mine.md", text="Too short.")
        listed = await call(client, "board_list")
        assert "critiques/mine.md: 10 bytes, version 1, by agent:peer" in listed
        entry = hub.done("GET", f"/v1/boards/{context}/critiques/mine.md", "boss")
        assert entry["task"] == task
        work_once(hub, inner, b"Its part.")
        assert "Its part." in await call(client, "task_status", wait=20)


async def test_another_group_needs_a_person_and_then_gets_a_copy(hub: WorkHub) -> None:
    async with tools_of(hub, "boss") as client:
        said = await call(client, "delegate", kind="research", text="Please help", group="blue")
        assert said.startswith("AUTH-REQUIRED: ")
        task = word(said, "task")
        assert f"fleet task approve {task}" in said
        waits = await call(client, "task_status", task=task, wait=60)
        assert waits.startswith("AUTH-REQUIRED: "), "waiting for a person blocks nobody"
        assert hub.ask("GET", f"/v1/tasks/{task}", "worker")[0] == 404
        done = fleet("task", "approve", task, "--yes", environ=hub.served.environ)
        assert done.returncode == 0, done.stderr
        work_once(hub, task, b"With pleasure.", "spy")
        assert "With pleasure." in await call(client, "task_status", task=task, wait=20)


async def test_a_question_of_a_task_is_answered(hub: WorkHub) -> None:
    async with tools_of(hub, "boss") as client:
        said = await call(client, "delegate", kind="research", text="Book it", to="worker")
        task, context = word(said, "task"), word(said, "context")
        claimed = hub.done("POST", f"/v1/tasks/{task}/claim", "worker")["task"]
        asks = {"epoch": claimed["epoch"], "state": "input-required"}
        asks |= {"output": [hub.put(b"Which day?", context, "worker")]}
        hub.done("POST", f"/v1/tasks/{task}/fail", "worker", asks)
        told = await call(client, "task_status", task=task, wait=60)
        assert told.startswith("INPUT-REQUIRED: ")
        assert "Which day?" in told
        again = await call(client, "delegate", answers=task, text="Monday")
        assert again.startswith("SUBMITTED: ")
        assert len(hub.done("GET", f"/v1/tasks/{task}", "viewer")["input"]) == 2
        work_once(hub, task, b"Booked.")
        assert "Booked." in await call(client, "task_status", task=task, wait=20)


WRONG: Final = (
    ("delegate", {"kind": "research"}, "delegate needs text"),
    ("delegate", {"kind": "Do It", "text": "x"}, "kind 'Do It' is not usable"),
    ("delegate", {"kind": "alchemy", "text": "x"}, "what can be done there: research"),
    ("delegate", {"kind": "research", "text": "x", "to": "nobody"}, "no agent nobody"),
    ("delegate", {"kind": "research", "text": "x" * 262_145}, "the text is too long"),
    ("delegate", {"kind": "research", "text": "x", "context": "mine"}, "it is no id of 26"),
    ("delegate", {"kind": "research", "text": "x", "colour": "red"}, "no argument 'colour'"),
    ("delegate", {"kind": "update", "text": "x"}, "does not submit tasks of kind update"),
    ("task_status", {"task": "01KZZZZZZZZZZZZZZZZZZZZZZZ"}, "there is no task"),
    ("task_status", {"wait": 10_000}, "wait is not usable"),
    ("task_status", {"wait": "long"}, "wait is not usable"),
    ("board_list", {}, "context is needed"),
    ("board_list", {"context": "01KZZZZZZZZZZZZZZZZZZZZZZZ"}, "there is no context"),
    ("board_read", {"entry": "../../etc/passwd"}, "an entry is SECTION/NAME"),
    ("board_write", {"entry": "final/../x", "text": "x"}, "an entry is SECTION/NAME"),
)
"""Tool, arguments, what is said."""


async def test_a_wrong_call_says_what_and_why_and_what_to_try(hub: WorkHub) -> None:
    async with tools_of(hub, "boss") as client:
        for tool, arguments, told in WRONG:
            given: dict[str, Any] = dict(arguments)
            if tool.startswith("board") and tool != "board_list":
                given.setdefault("context", "01KZZZZZZZZZZZZZZZZZZZZZZZ")
            text = await call(client, tool, failed=True, **given)
            assert told in text
            assert "Try:" in text
            assert "Try: fleet" not in text, "a model types no command"


async def test_who_may_not_delegate_is_told_what_an_operator_does(hub: WorkHub) -> None:
    async with tools_of(hub, "worker") as client:
        text = await call(client, "delegate", failed=True, kind="research", text="x")
    assert "worker may not submit tasks" in text
    assert "Try: tell an operator: fleet agent allow worker --may-delegate" in text


def test_what_is_no_message_is_refused_and_the_next_is_answered(hub: WorkHub) -> None:
    lines = [
        b"no json", b"[]", b'{"id": 1}', b'{"jsonrpc": "2.0", "id": [1], "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": 2, "method": "rm"}', b"[" * 5_000, b"\xff\xfe", b"",
        b'{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": ["x"]}}',
        b'{"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "delegate",'
        b' "arguments": [1]}}',
        b'"' + b"x" * 3_000_000 + b'"',
        b'{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        b'{"jsonrpc": "2.0", "id": "last", "method": "ping"}',
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "agent_sidecar", "mcp"], env=settings(hub, "boss"),
        input=b"\n".join(lines) + b"\n", capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    codes = [answer["error"]["code"] for answer in answers[:-1]]
    assert codes == [-32700, -32600, -32600, -32600, -32601, -32700, -32700, -32602, -32602, -32600]
    assert answers[-1] == {"jsonrpc": "2.0", "id": "last", "result": {}}
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"FLEET_HUB": ""}, "FLEET_HUB is not set\nTry: FLEET_HUB=https://"),
        ({"FLEET_TOKEN_FILE": ""}, "FLEET_TOKEN_FILE is not set"),
        ({"FLEET_HUB": "http://hub.example:8088"}, "travel in the open"),
        ({"TASK_ID": "mine"}, "task 'mine' is not usable"),
    ],
)
def test_a_start_without_what_it_needs_says_so(
    hub: WorkHub, more: dict[str, str], told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent_sidecar", "mcp"], env=settings(hub, "boss") | more,
        input="", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert told in done.stderr
