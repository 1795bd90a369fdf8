"""Commands where a hub knows more agents than a table shows: what they ask for does not grow with
the fleet, and nothing is left out unsaid."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import click
import pytest

from benchmarks.fleet_status import let_go
from benchmarks.known_agents import fill, roster_of
from fleet import plain_http
from fleet.cli import agent_names
from fleet.cli.main import run
from fleet.doctor import host
from fleet.fleet_page import MOST
from fleet.fleet_state import PAGE
from fleet.hub_client import HubClient
from fleet.settings import load
from fleet.store.sqlite import SqliteStore
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.waiting import wait_until

AGENTS = 3_000
GONE = AGENTS // 2
"""More than a table shows, so that problems are cut as well as agents."""

EACH = 1_500
"""Bytes of an agent in an answer, and of what is wrong with one, at most."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    folder = tmp_path_factory.mktemp("many")
    broker = Mosquitto(folder).start()
    hub = HubProcess(folder / "home", broker, FLEET_INTERVAL="600", FLEET_MAX_AGENTS="10000")
    now = time.time()
    roster = roster_of(AGENTS, now)
    assert let_go(roster, AGENTS, AGENTS // GONE, now) == GONE
    hub.home.mkdir(mode=0o700)
    asyncio.run(fill(SqliteStore(hub.home), roster, AGENTS, now))
    hub.start()
    client = HubClient.of(hub.home)
    wait_until(lambda: client.get("/v1/stats")["alerts_firing"] == GONE, 60.0, "all alerts")
    yield hub
    hub.stop()
    broker.stop()


@pytest.fixture
def asked(hub: HubProcess, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes of each answer, by path."""
    found: dict[str, int] = {}
    ask = plain_http.ask

    def counted(url: str, method: str, path: str, *rest: object, **how: object) -> object:
        answer = ask(url, method, path, *rest, **how)  # type: ignore[arg-type]
        found[path] = len(answer.body)
        return answer

    monkeypatch.setattr(plain_http, "ask", counted)
    monkeypatch.setenv("FLEET_HOME", str(hub.home))
    return found


def test_a_table_asks_for_what_it_shows_and_says_how_many_more_there_are(
    asked: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status"]) == 0
    shown = capsys.readouterr()
    assert sum(asked.values()) < 2 * MOST * EACH < AGENTS * EACH
    lines = shown.out.splitlines()
    assert sum(line.endswith(": agent-offline") for line in lines) == MOST
    assert f"… and {GONE - MOST} more problems" in lines
    more = f"{GONE - MOST} offline, {AGENTS - GONE} ok"
    assert lines[-1] == f"… and {AGENTS - MOST} more agents: {more}"
    assert "fleet status -o jsonl" in shown.err


def test_what_is_left_out_can_be_seen_as_it_is_said(
    asked: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status", "-o", "jsonl"]) == 0
    assert capsys.readouterr().out.count("\n") == AGENTS
    assert len(asked) > AGENTS // PAGE, "a page at a time, each soon answered"
    asked.clear()
    assert run(["status", "--state", "ok"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("  ok  " in line for line in lines) == MOST
    assert lines[-1] == f"… and {AGENTS - GONE - MOST} more agents: {AGENTS - GONE - MOST} ok"
    assert sum(asked.values()) < MOST * EACH


@pytest.mark.parametrize("command", ["status", "check"])
def test_of_one_agent_no_more_than_it_is_asked(
    asked: dict[str, int], capsys: pytest.CaptureFixture[str], command: str
) -> None:
    run([command, "agent-000000"])
    assert "offline" in capsys.readouterr().out
    assert sum(asked.values()) < 3 * EACH


def test_a_check_of_all_is_told_in_a_few_bytes(
    asked: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check"]) == 2
    line = capsys.readouterr().out
    named = ", ".join(f"agent-{number:06d}" for number in range(0, 10, 2))
    assert line.startswith(
        f"FLEET CRITICAL - {GONE} offline ({named} and {GONE - 5} more), {AGENTS - GONE} ok | "
        f"agents={AGENTS} ok={AGENTS - GONE} "
    )
    assert sum(asked.values()) < 5 * EACH


def test_a_shell_is_told_some_names_and_led_past_nobody(asked: dict[str, int]) -> None:
    def offered(begun: str) -> list[str]:
        context = click.Context(click.Command("status"))
        found = agent_names.complete_agents(context, click.Argument(["agent"]), begun)
        return [item.value for item in found]

    assert offered("agent-00012") == [f"agent-00012{number}" for number in range(10)]
    some = offered("agent-")
    assert len(some) == agent_names.MOST
    assert (some[0], some[-1]) == ("agent-000000", f"agent-{AGENTS - 1:06d}")
    assert sum(asked.values()) < agent_names.MOST * 50


@pytest.mark.parametrize("tool", ["status", "check", "describe"])
async def test_a_tool_for_a_model_asks_for_no_more_than_a_table(
    asked: dict[str, int], hub: HubProcess, tool: str
) -> None:
    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    from fleet.mcp.server import FleetTools

    tools = FleetTools(load({"home": str(hub.home)}), "me")
    told = await getattr(tools, tool)(*(["agent-000000"] if tool == "describe" else []))
    if tool == "describe":
        assert "offline" in told.splitlines()[0]
        assert sum(asked.values()) < 3 * EACH + AGENTS * 20  # and the list of names
    else:
        assert told.startswith(f"CRITICAL: {AGENTS} agents")
        assert sum(asked.values()) < 2 * MOST * EACH < AGENTS * EACH
    if tool == "status":
        lines = told.splitlines()
        assert lines[0] == f"CRITICAL: {AGENTS} agents: {AGENTS - GONE} ok, {GONE} offline."
        left = GONE - MOST
        assert lines[-1].startswith(f"… and {left} more problems, {left} more offline; ")


def test_a_snapshot_tells_the_worst_and_how_many_more_there_are(
    asked: dict[str, int], hub: HubProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "monitor",
        "--snapshot",
        "-n",
        str(MOST + 1),
        "--broker",
        HubClient.of(hub.home).broker,
    ]
    assert run(words) == 0
    shown = capsys.readouterr()
    states = [line for line in shown.out.splitlines() if "  state  " in line]
    assert len(states) == MOST
    assert f"… and {AGENTS - MOST} more agents: " in shown.err
    assert sum(asked.values()) < 2 * MOST * EACH
    asked.clear()
    assert run([*words[:3], str(AGENTS), *words[4:], "-o", "jsonl"]) == 0
    assert capsys.readouterr().out.count('"kind":"state"') == AGENTS
    asked.clear()
    assert run([*words[:3], "1", *words[4:], "-a", "agent-000002"]) == 0
    assert "offline" in capsys.readouterr().out
    assert sum(asked.values()) < 3 * EACH


def test_a_collection_shows_what_a_table_shows(
    asked: dict[str, int], hub: HubProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["collect", "--wait", "0.1", "--broker", HubClient.of(hub.home).broker]) == 0
    assert f"… and {AGENTS - MOST} more agents: " in capsys.readouterr().out
    assert sum(asked.values()) < 2 * MOST * EACH


def test_who_is_verified_is_asked_for_alone(
    asked: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", "agent-000001", "--docker", "unix:///nothing"]) == 3
    assert sum(asked.values()) < 3 * EACH
    asked.clear()
    capsys.readouterr()
    for name in ("agent-00001x", "Agent_000012"):
        assert run(["verify", name]) == 3
        assert f"nobody has heard of {name}: agent-00" in capsys.readouterr().err
    assert sum(asked.values()) < 2 * AGENTS * 20


def test_the_clocks_of_all_are_examined_a_page_at_a_time(
    asked: dict[str, int], hub: HubProcess
) -> None:
    found = {one.check: one for one in host.hub(load({"home": str(hub.home)}))}
    assert found["clocks"].said.endswith("agents' clocks agree with the hub's")
    assert sum("order=name" in path for path in asked) == AGENTS // PAGE
    assert max(asked.values()) < PAGE * EACH
