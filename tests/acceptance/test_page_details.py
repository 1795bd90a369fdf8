"""The page's views of alerts, of one agent and of commands, in a real Chromium."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from fleet.provisioning.registry import Enrolled, Registry
from fleet.store.records import Batch, StoredMessage
from fleet.store.sqlite import SqliteStore
from tests.support.broker import Mosquitto
from tests.support.chromium import (
    OVERFLOW,
    chromium,
    needs_axe,
    needs_chromium,
    signed_in,
    violations,
)
from tests.support.prometheus import Webhook
from tests.support.served import Served
from tests.support.waiting import wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytestmark = needs_chromium

PATIENCE = 60_000
"""ms; a busy machine shows a page late, and the test is not about how late."""

DAY = 86_400.0

ROUTES = """\
[routes.oncall]
channel = "webhook"
url = "{taking}"
secret_file = "hook.secret"
[routes.pager]
channel = "webhook"
url = "{refusing}"
secret_file = "hook.secret"
severity = "critical"
"""


def past(now: float) -> list[StoredMessage]:
    """Two days of ada, a heartbeat in five minutes; an update; half an hour without endpoint."""
    messages: list[StoredMessage] = []

    def say(kind: MessageKind, at: float, **said: Any) -> None:
        number = len(messages) + 1
        payload = json.dumps({"ts": timestamp(at), **said}).encode()
        messages.append(StoredMessage(number, at, "ada", kind, False, payload))

    for number in range(int(2 * DAY / 300)):
        at = now - 2 * DAY + number * 300
        ill = 7200 < now - at <= 9000
        if number in (0, 288):
            versions = {"agent": "1.4.0" if number == 0 else "1.5.0"}
            say(MessageKind.STATUS, at, state="running", versions=versions)
        metrics = {
            "memory_bytes": 76_800_000_000,
            "tokens_input_total": number * 1025,
            "queue_depth": 0,
        }
        checks = {"process": "pass", "endpoint": "fail" if ill else "pass"}
        say(MessageKind.HEARTBEAT, at, ok=not ill, interval=300, checks=checks, metrics=metrics)
    return messages


async def keep(home: Path, messages: list[StoredMessage], now: float) -> None:
    store = SqliteStore(home)
    store.open()
    await store.commit(Batch(messages=messages))
    while await store.upkeep(now):
        pass
    await store.close()


@dataclass
class Agents:
    """Agents at the bus; those in `quiet` answer no command, those in `unable` cannot."""

    broker: Mosquitto
    quiet: set[str] = field(default_factory=set)
    unable: set[str] = field(default_factory=set)
    clients: dict[str, mqtt.Client] = field(default_factory=dict)

    def join(self, name: str) -> None:
        host, port = self.broker.url.rpartition("/")[2].split(":")
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        topics = Topics()

        def answer(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
            command = json.loads(message.payload)
            if "verb" not in command or name in self.quiet:
                return
            failed = {"result": "failed", "code": "probe-failed"} if name in self.unable else {}
            reply = {"to": command["id"], "verb": command["verb"], "result": "done", **failed}
            self.say(name, MessageKind.STATUS, state="running", reply=reply)

        client.on_message = answer
        client.connect(host, int(port))
        client.subscribe([(topics.of(MessageKind.COMMAND, name), 1), (topics.broadcast, 1)])
        client.loop_start()
        self.clients[name] = client
        self.say(name, MessageKind.HEARTBEAT, ok=True, interval=3600, checks={"process": "pass"})

    def say(self, name: str, kind: MessageKind, **said: Any) -> None:
        payload = json.dumps({"ts": timestamp(time.time()), **said})
        self.clients[name].publish(Topics().of(kind, name), payload, qos=1)

    def leave(self) -> None:
        for client in self.clients.values():
            client.loop_stop()
            client.disconnect()


@dataclass
class Stage:
    """A hub with agents, their past, and two receivers of alerts; a browser before it."""

    hub: Served
    agents: Agents
    browser: Any

    def fires(self, name: str, code: str, **said: Any) -> None:
        state = {"state": "firing", "severity": "warning"} | said
        self.agents.say(name, MessageKind.ALERT, code=code, **state)

    def told(self, agent: str, code: str) -> list[Any]:
        answer = self.hub.get(f"/v1/alerts?agent={agent}&code={code}&told=true&history=true")
        return [one for alert in answer["alerts"] for one in alert["told"]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("details")
    home = folder / "home"
    home.mkdir(0o700)
    now = time.time()
    asyncio.run(keep(home, past(now), now))
    (home / "hook.secret").touch(0o600)
    (home / "hook.secret").write_text("a long random word")
    for name in ("ada", "bob", "cyd", "dan"):
        Registry(home).save(Enrolled(name, labels={"group": "edge"}))
    Registry(home).save(Enrolled("eve"))
    broker = Mosquitto(folder / "broker").start()
    with Webhook(200, said=b"thank you") as taking, Webhook(400) as refusing:
        routes = ROUTES.format(taking=taking.url, refusing=refusing.url)
        (home / "fleet.toml").write_text(routes)
        hub = Served(home, broker).start()
        agents = Agents(broker, quiet={"cyd"}, unable={"dan"})
        for name in ("bob", "cyd", "dan", "eve"):
            agents.join(name)
        wait_until(lambda: hub.get("/v1/agents/eve")["ok"])
        with chromium() as browser:
            acting = Stage(hub, agents, browser)
            acting.fires("bob", "disk-pressure", severity="critical", value=97, threshold=90)
            wait_until(lambda: len(acting.told("bob", "disk-pressure")) == 2, what="both routes")
            yield acting
        agents.leave()
        hub.stop()
    broker.stop()


@pytest.fixture
def page(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Any]:
    options = dict(getattr(request, "param", {}))
    token = stage.hub.tokens[options.pop("role", "operator")]
    with signed_in(stage.browser, stage.hub.url, token, **options) as opened:
        opened.set_default_timeout(PATIENCE)
        opened.wait_for_selector("tbody tr")
        yield opened


def look(page: Any, stage: Stage, view: str) -> None:
    page.goto(f"{stage.hub.url}/#/{view}")
    page.wait_for_selector("main h1")


def card(page: Any, code: str) -> Any:
    return page.locator(f".alert-card[data-code={code}]")


def test_an_alert_says_what_it_means_how_bad_it_is_and_who_was_told(
    page: Any, stage: Stage
) -> None:
    look(page, stage, "alerts")
    alert = card(page, "disk-pressure")
    expect(alert).to_contain_text("The disk is nearly full.", timeout=PATIENCE)
    expect(alert).to_contain_text("Value 97, limit 90")
    told = alert.locator(".told li")
    expect(told.filter(has_text="oncall (webhook)")).to_contain_text("● taken")
    expect(told.filter(has_text="oncall (webhook)")).to_contain_text("HTTP 200")
    expect(told.filter(has_text="pager (webhook)")).to_contain_text("set-aside")
    expect(told.filter(has_text="pager (webhook)")).to_contain_text("HTTP 400")
    assert "thank you" not in page.inner_text("main"), "what a receiver writes is not shown"
    expect(alert.locator("code")).to_have_text("fleet command health-check bob")


def test_the_next_command_is_copied(page: Any, stage: Stage) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    look(page, stage, "alerts")
    page.click("button[aria-label='Copy fleet command health-check bob']")
    expect(card(page, "disk-pressure").get_by_text("Copied")).to_be_visible(timeout=PATIENCE)
    assert page.evaluate("navigator.clipboard.readText()") == "fleet command health-check bob"


def test_an_alert_is_silenced_for_as_long_as_somebody_says_and_marked(
    page: Any, stage: Stage
) -> None:
    stage.fires("eve", "rate-limited")
    look(page, stage, "alerts")
    alert = card(page, "rate-limited")
    alert.get_by_label("how long").select_option("4 h")
    before = time.time()
    alert.get_by_role("button", name="Silence").click()
    expect(alert.locator(".badge")).to_contain_text("silenced until", timeout=PATIENCE)
    [silence] = [one for one in stage.hub.get("/v1/silences")["silences"] if one["agent"] == "eve"]
    assert silence["until"] >= timestamp(before + 4 * 3600)
    assert silence["code"] == "rate-limited"
    page.click("button[aria-label='Lift eve, rate-limited']")
    expect(alert.locator(".badge")).to_have_count(0, timeout=PATIENCE)


def test_what_is_over_stands_below_with_who_was_told_of_its_end(page: Any, stage: Stage) -> None:
    stage.fires("eve", "cron-failure")
    wait_until(lambda: stage.told("eve", "cron-failure"), what="its beginning is told")
    stage.fires("eve", "cron-failure", state="resolved")
    wait_until(lambda: len(stage.told("eve", "cron-failure")) == 2, what="its end is told")
    look(page, stage, "alerts")
    row = page.locator("tbody tr", has_text="cron-failure")
    expect(row).to_contain_text("oncall (webhook) of the end, HTTP 200", timeout=PATIENCE)


def test_planes_have_lanes_and_equal_heartbeats_are_one_line(page: Any, stage: Stage) -> None:
    look(page, stage, "agent/ada")
    lane = page.locator("svg.plane-lane[aria-label^='endpoint: pass since']")
    expect(lane).to_be_visible(timeout=PATIENCE)
    assert lane.locator("rect.bad").count() == 1
    assert "before that fail since" in lane.get_attribute("aria-label")
    rows = page.locator("table tr", has_text="heartbeat")
    assert rows.count() <= 5, "two days of them"
    expect(page.locator("tr.loud", has_text="endpoint fail")).to_contain_text("6 times")
    expect(page.locator("tr.loud", has_text="agent 1.4.0 → 1.5.0")).to_have_count(1)


def test_charts_go_back_as_far_as_somebody_wants_in_units_that_people_read(
    page: Any, stage: Stage
) -> None:
    look(page, stage, "agent/ada")
    page.get_by_role("button", name="7 d", exact=True).click()
    tokens = page.locator("figure[data-metric=tokens_input_total]")
    expect(tokens).to_contain_text("12.3 k tokens/h", timeout=PATIENCE)
    expect(tokens.locator("canvas")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("figure[data-metric=memory_bytes]")).to_contain_text("76.8 GB")
    metrics = page.locator("figure").evaluate_all("all => all.map(one => one.dataset.metric)")
    assert metrics == ["tokens_input_total", "memory_bytes"], "what matters first, no zeros"
    expect(page.locator("summary", has_text="1 at zero all along: queue depth")).to_be_visible()
    expect(page.get_by_text("Dashed: agent 1.4.0 → 1.5.0")).to_be_visible()
    assert page.url.endswith("?range=7d")


def test_maintenance_begins_and_ends_in_place(page: Any, stage: Stage) -> None:
    look(page, stage, "agent/eve")
    page.get_by_role("button", name="Begin maintenance of eve").click()
    expect(page.locator(".controls .badge")).to_contain_text("maintenance until", timeout=PATIENCE)
    page.get_by_role("button", name="End maintenance of eve").click()
    expect(page.get_by_role("button", name="Begin maintenance of eve")).to_be_visible(
        timeout=PATIENCE
    )


def test_what_a_second_source_says_is_noted(page: Any, stage: Stage) -> None:
    look(page, stage, "agent/eve")
    page.click("summary:has-text('Verify')")
    expect(page.locator("code", has_text="fleet verify eve")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="It differs").click()
    expect(card(page, "telemetry-dissent")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="It agrees").click()
    expect(card(page, "telemetry-dissent")).to_have_count(0, timeout=PATIENCE)


def test_a_command_to_a_group_asks_first_and_shows_each_answer(page: Any, stage: Stage) -> None:
    look(page, stage, "commands")
    page.select_option("#reach", "group")
    page.fill("#whom", "edge")
    page.get_by_role("button", name="Send", exact=True).click()
    question = page.get_by_role("dialog", name="Send health-check to 4 agents (group edge)?")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    assert stage.hub.get("/v1/inbox?agent=bob")["messages"] == []
    page.get_by_role("button", name="Send", exact=True).click()
    question.get_by_role("button", name="Send to 4").click()
    answers = page.get_by_role("region", name="Answers, what went wrong first")
    expect(answers.locator("tr", has_text="bob")).to_contain_text("● done", timeout=PATIENCE)
    expect(answers.locator("tr", has_text="bob")).to_contain_text(" ms")
    expect(answers.locator("tr", has_text="dan")).to_contain_text(
        "failedprobe-failed", timeout=PATIENCE
    )
    expect(answers.locator("tr", has_text="cyd")).to_contain_text("pending")
    expect(page.locator("progress")).to_be_visible()


def test_a_command_to_one_needs_no_question(page: Any, stage: Stage) -> None:
    look(page, stage, "commands")
    page.fill("#whom", "eve")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".summary")).to_contain_text("1 of 1 ended: 1 ● done", timeout=PATIENCE)


def test_whom_nobody_knows_is_said(page: Any, stage: Stage) -> None:
    look(page, stage, "commands")
    page.select_option("#reach", "group")
    page.fill("#whom", "nowhere")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("nobody is in the group nowhere")


@pytest.mark.parametrize("page", [{"role": "viewer"}], indirect=True)
def test_who_may_not_act_sees_all_and_no_button_that_acts(page: Any, stage: Stage) -> None:
    look(page, stage, "alerts")
    expect(card(page, "disk-pressure").locator(".told li")).to_have_count(2, timeout=PATIENCE)
    acting = "main button:not(.small):not([hidden]):not([aria-pressed])"
    assert page.locator(acting).count() == 0
    look(page, stage, "agent/ada")
    expect(page.locator("svg.plane-lane").first).to_be_visible(timeout=PATIENCE)
    assert page.locator(acting).count() == 0
    look(page, stage, "commands")
    assert page.locator("form").count() == 0


@needs_axe
@pytest.mark.parametrize(
    "page", [{"scheme": "light"}, {"scheme": "dark", "width": 400}], indirect=True, ids=str
)
@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ("alerts", ".alert-card .told"),
        ("agent/bob", ".alert-card .told"),
        ("agent/ada?range=24h", "figure canvas"),
        ("commands", "form"),
    ],
)
def test_axe_finds_nothing_and_no_width_makes_it_scroll_sideways(
    page: Any, stage: Stage, view: str, shown: str
) -> None:
    look(page, stage, view)
    page.wait_for_selector(shown)
    assert violations(page) == []
    assert page.evaluate(OVERFLOW) <= 0
