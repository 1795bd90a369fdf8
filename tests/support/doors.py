"""The doors of one fleet: each is asked as a user asks it, once, and tells of every agent."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from unittest import mock

from prometheus_client.parser import text_string_to_metric_families

from fleet.cli.main import run
from fleet.integrations.alert_rules import ALARMS
from fleet.mcp.words import UNLISTED
from tests.support.broker import free_port
from tests.support.held_situations import SITUATIONS
from tests.support.prometheus import prometheus
from tests.support.served import Served, fleet
from tests.support.situation import NEVER, Situation, under_maintenance
from tests.support.waiting import wait_until

FLAGS: Final = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
NAMED = 8
"""Agents with one problem whose names the page shows; the rest it counts."""

DETAILED: Final = ("served",)
"""Phases in which the page of each agent is opened, too: they are what takes longest."""

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")


HAS_DRAWN = """name => {
  const head = document.querySelector("h1");
  return head?.firstChild?.textContent === name && head.querySelector(".word")
    && document.querySelector("dl.facts");
}"""
CODES = "cards => cards.map(card => card.dataset.code)"


class Doors:
    """What each door says, asked when somebody first wants to know."""

    def __init__(self, hub: Served, phase: str, folder: Path) -> None:
        self.hub = hub
        self.phase = phase
        self._folder = folder / phase

    def expected(self, one: Situation) -> Situation:
        return under_maintenance(one) if self.phase == "announced" else one

    @cached_property
    def status(self) -> tuple[dict[str, Any], str]:
        """(document, stderr) of `fleet status -o json`."""
        done = fleet("status", "-o", "json", environ=self.hub.environ)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    @cached_property
    def agents(self) -> dict[str, Any]:
        return {agent["agent"]: agent for agent in self.status[0]["agents"]}

    @cached_property
    def table(self) -> list[str]:
        """Lines of `fleet status`, with single spaces."""
        done = fleet("status", environ=self.hub.environ)
        assert done.returncode == 0, done.stderr
        return [" ".join(line.split()) for line in done.stdout.splitlines()]

    @property
    def told(self) -> list[str]:
        """The problems that `fleet status` names above its table."""
        return self.table[: self.table.index("")]

    @property
    def told_alike(self) -> list[tuple[str, str, int]]:
        """Them as the page tells them: what, who has it, how many."""
        alike: dict[str, list[str]] = {}
        for line in self.told:
            severity, agent, code = line.replace(":", "", 1).split(" ", 2)
            seen = agent == "acknowledged"
            alike.setdefault(f"{severity} {code}" + " (acknowledged)" * seen, []).append(agent)
        return [(what, ", ".join(whose[:NAMED]), len(whose)) for what, whose in alike.items()]

    @property
    def page_problems(self) -> list[tuple[str, str, int]]:
        """What the page tells above its list: what, who has it, how many."""
        shown = []
        for line in self.page["problems"]:
            what, _, agents = " ".join(shapeless(line).split()).partition(": ")
            agents, _, more = agents.partition(" and ")
            hidden = int(more.removesuffix(" more") or 0)
            shown.append((what, agents, len(agents.split(", ")) + hidden))
        return shown

    @cached_property
    def check(self) -> tuple[int, str, str]:
        """(exit code, stdout, stderr) of `fleet check`."""
        done = fleet("check", environ=self.hub.environ)
        return done.returncode, done.stdout, done.stderr

    def call(self, *arguments: str) -> tuple[int, str]:
        """(exit code, stdout) of one agent's command, in this process: a hundred would be slow."""
        out = io.StringIO()
        with (
            mock.patch.dict(os.environ, self.hub.environ, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            return run(list(arguments)), out.getvalue()

    @cached_property
    def http(self) -> dict[str, Any]:
        """GET /v1/agents."""
        listed: dict[str, Any] = self.hub.get("/v1/agents", "viewer")
        return listed

    @cached_property
    def brief(self) -> dict[str, str]:
        """GET /v1/agents?brief=true: state by name."""
        listed = self.hub.get("/v1/agents?brief=true", "viewer")["agents"]
        return {agent["agent"]: agent["state"] for agent in listed}

    @cached_property
    def alerts(self) -> dict[tuple[str | None, str], Any]:
        """GET /v1/alerts, by agent and code."""
        told = self.hub.get("/v1/alerts", "viewer")["alerts"]
        return {(alert["agent"], alert["code"]): alert for alert in told}

    @cached_property
    def metrics(self) -> dict[str, list[dict[str, str]]]:
        """Labels of the samples that are not 0, by name."""
        found: dict[str, list[dict[str, str]]] = {}
        for family in text_string_to_metric_families(self.hub.get("/metrics", "viewer")):
            for sample in family.samples:
                if sample.value:
                    found.setdefault(sample.name, []).append(sample.labels)
        return found

    @cached_property
    def snapshot(self) -> dict[str | None, dict[str, Any]]:
        """What `fleet monitor --snapshot` begins with: states by agent, the hub's under None."""
        done = fleet("monitor", "--snapshot", "-o", "jsonl", environ=self.hub.environ)
        assert done.returncode == (3 if self.phase == "deaf" else 0), done.stderr
        events = map(json.loads, done.stdout.splitlines())
        return {event["agent"]: event for event in events if event["kind"] == "state"}

    @cached_property
    def snapshot_lines(self) -> list[str]:
        """What a person reads of it: a state, or what is wrong with the hub, a line."""
        done = fleet("monitor", "--snapshot", environ=self.hub.environ)
        assert done.returncode == (3 if self.phase == "deaf" else 0), done.stderr
        return [line.partition("  state  ")[2].strip() for line in done.stdout.splitlines()]

    @cached_property
    def collected(self) -> list[str]:
        """The problems that `fleet collect` names; its agents are not there to answer."""
        done = fleet("collect", "--wait", "0.2", environ=self.hub.environ)
        assert done.returncode == 2, done.stderr
        lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
        return lines[: lines.index("")]

    @cached_property
    def rules(self) -> dict[str, list[tuple[str, str]]]:
        """(severity, code) by agent of what the rules of a real Prometheus find, however long they
        then wait."""
        folder = self._folder
        done = fleet("export", "prometheus", "-d", str(folder), environ=self.hub.environ)
        assert done.returncode == 0, done.stderr
        daemon = prometheus(folder).start()
        found: dict[str, list[tuple[str, str]]] = {}

        def ask(query: str) -> list[dict[str, str]]:
            answer = daemon.get("/api/v1/query", query=query)
            return [one["metric"] for one in answer["data"]["result"]]

        try:
            wait_until(lambda: ask("fleet_problem"), what="a scrape")
            for alarm in ALARMS:
                for labels in ask(alarm.expr) if "fleet_problem" in alarm.expr else ():
                    severity = alarm.severity.replace("{{ $labels.severity }}", labels["severity"])
                    found.setdefault(labels["agent"], []).append((severity, labels["code"]))
        finally:
            daemon.stop()
        return found

    @cached_property
    def mcp(self) -> dict[str, dict[str, str]]:
        """By transport: `status`, `check`, and by agent's name what `describe` says."""
        with self._mcp_server() as url:
            over_http = asyncio.run(_ask_tools(self._over_http(url)))
        return {"stdio": asyncio.run(_ask_tools(self._over_stdio())), "http": over_http}

    @contextlib.asynccontextmanager
    async def _over_stdio(self) -> AsyncIterator[Any]:
        from mcp import Client, StdioServerParameters
        from mcp.client.stdio import stdio_client

        server = StdioServerParameters(
            command=sys.executable, args=["-m", "fleet", "mcp"], env=self.hub.environ
        )
        async with Client(stdio_client(server)) as client:
            yield client

    @contextlib.asynccontextmanager
    async def _over_http(self, url: str) -> AsyncIterator[Any]:
        import httpx
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        headers = {"Authorization": f"Bearer {self.hub.tokens['viewer']}"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=30) as session,
            Client(streamable_http_client(url, http_client=session)) as client,
        ):
            yield client

    @contextlib.contextmanager
    def _mcp_server(self) -> Iterator[str]:
        port = free_port()
        argv = [sys.executable, "-m", "fleet", "mcp", "--http", f"127.0.0.1:{port}"]
        server = subprocess.Popen(argv, env=self.hub.environ, stderr=subprocess.DEVNULL)

        def listens() -> bool:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            return False

        try:
            wait_until(listens, what="the MCP server")
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            server.terminate()
            server.wait(20)

    @cached_property
    def page(self) -> dict[str, Any]:
        """`rows` (name, state, alerts) and `facts` by agent's name; `problems` and `summary` of the
        first view."""
        from playwright.sync_api import sync_playwright

        with sync_playwright() as engine, browsing(engine) as opened:
            opened.goto(self.hub.url)
            opened.fill("#token", self.hub.tokens["viewer"])
            opened.keyboard.press("Enter")
            opened.wait_for_selector("tbody tr")
            parts = "['a', '.state .word', '.checks small']"
            cells = (
                f"rows => rows.map(row => {parts}.map(one => row.querySelector(one)?.innerText))"
            )
            rows = opened.eval_on_selector_all("tbody tr", cells)
            texts = "items => items.map(item => item.innerText.trim())"
            told: dict[str, Any] = {
                "rows": {row[0]: row for row in rows},
                "problems": opened.eval_on_selector_all(".problems li > p:first-child", texts),
                "summary": opened.inner_text(".summary"),
                "facts": {},
            }
            pairs = (
                "list => Object.fromEntries([...list.children].map("
                "pair => [pair.children[0].innerText, pair.children[1].innerText.trim()]))"
            )
            for one in SITUATIONS if self.phase in DETAILED else ():
                opened.evaluate(f"location.hash = '#/agent/{one.name}'")
                opened.wait_for_function(HAS_DRAWN, arg=one.name)
                facts = opened.eval_on_selector("dl.facts", pairs)
                codes = opened.eval_on_selector_all(".alert-card", CODES)
                facts["State"] = opened.inner_text("h1 .word")
                facts["Alerts"] = ", ".join(sorted(codes)) or "none"
                told["facts"][one.name] = facts
            return told


async def _ask_tools(opened: contextlib.AbstractAsyncContextManager[Any]) -> dict[str, str]:
    asked: dict[str, dict[str, str]] = {name: {} for name in ("status", "check")} | {
        one.name: {"agent": one.name} for one in SITUATIONS
    }
    told = {}
    async with opened as client:
        for name, arguments in asked.items():
            result = await client.call_tool("describe" if arguments else name, arguments)
            told[name] = "\n".join(getattr(block, "text", "") for block in result.content)
    return told


@contextlib.contextmanager
def browsing(engine: Any) -> Iterator[Any]:
    browser = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    try:
        yield browser.new_page(viewport={"width": 1280, "height": 8000})  # all rows are in sight
    finally:
        browser.close()


def shapeless(text: str) -> str:
    """A word of the page without the shape before it."""
    return re.sub(r"[●◐▲■?\u2139○•]\s*", "", text)


def to_a_model(name: str) -> str:
    """An agent that nobody enrolled chose its name itself: a model is not told it."""
    listed = {one.name for one in SITUATIONS if one.enrolled != NEVER} | {"hub"}
    return name if name in listed else UNLISTED


def of_the_list(line: str) -> str:
    """A line `severity agent: problem` as a model is told it."""
    severity, _, rest = line.partition(" ")
    name, _, problem = rest.partition(": ")
    return f"{severity} {to_a_model(name)}: {problem}"


def in_words(problem: dict[str, object]) -> str:
    said = ["flapping"] if problem["flapping"] else []
    said += [str(problem["held"])] if problem["held"] else []
    beside = f" ({', '.join(said)})" if said else ""
    return f"{problem['severity']} {problem['agent']}: {problem['code']}{beside}"


def counts(situations: tuple[Situation, ...] | list[Situation]) -> str:
    """The perfdata of `fleet check`."""
    states = ("ok", "degraded", "late", "stale", "offline", "unknown", "ghost")
    found = Counter(one.state for one in situations)
    return " ".join(f"{state}={found[state]}" for state in states)
