"""The web page in a real Chromium: what a person sees, by mouse and by keyboard."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.mqtt import MqttBus
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import AlertCode, AlertState, Check, Severity, State
from fleet.notifier.ack_links import AckLinks, Acknowledgement
from fleet.provisioning.registry import Enrolled, Registry
from tests.support.broker import Mosquitto
from tests.support.chromium import (
    OVERFLOW,
    needs_axe,
    needs_chromium,
    signed_in,
    violations,
)
from tests.support.prometheus import Webhook
from tests.support.served import Served
from tests.support.waiting import wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = needs_chromium

ROUTE = """\
[alerts]
page = "https://fleet.example.org"
[routes.oncall]
channel = "webhook"
url = "{url}"
secret_file = "hook.secret"
"""


def fill(broker: Mosquitto, count: int) -> None:
    """A fleet of `count` healthy agents, one that is ill and one that is gone."""
    now = timestamp(time.time())
    topics = Topics()
    planes: Any = {"process": Check.PASS, "disk": Check.FAIL}
    messages = [
        ("ill", Heartbeat(ok=False, ts=now, interval=600, checks=planes, metrics={"a_bytes": 1.0})),
        (
            "ill",
            Alert(code="disk-pressure", severity=Severity.WARNING, state=AlertState.FIRING, ts=now),
        ),
        ("gone", Heartbeat(ok=True, ts=now, interval=600)),
        ("gone", Status(state=State.OFFLINE, ts=now)),
    ]
    messages += [(f"agent-{n}", Heartbeat(ok=True, ts=now, interval=600)) for n in range(count)]

    async def publish() -> None:
        async with MqttBus(ConnectOptions(BrokerUrl.parse(broker.url), "test")) as bus:
            for start in range(0, len(messages), 200):
                await asyncio.gather(
                    *(
                        bus.publish(
                            topics.of(message.kind_of_message, agent),
                            message.to_payload(),
                            retain=True,
                        )
                        for agent, message in messages[start : start + 200]
                    )
                )

    # A thread of its own: the browser's driver has the loop of this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, publish()).result()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    broker = Mosquitto(folder / "broker").start()
    fill(broker, 1_000)
    with Webhook(400) as refusing:
        home = folder / "home"
        home.mkdir()
        (home / "hook.secret").touch(0o600)
        (home / "hook.secret").write_text("a long random word")
        (home / "fleet.toml").write_text(ROUTE.format(url=refusing.url))
        served = Served(home, broker, FLEET_MAX_AGENTS="2000").start()
        wait_until(lambda: len(served.ask("GET", "/v1/agents")[1]["agents"]) == 1_002)
        yield served
        served.stop()
    broker.stop()


@pytest.fixture
def page(hub: Served, browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page on which an operator is signed in; complaints of the console fail the test."""
    options: dict[str, Any] = getattr(request, "param", {})
    with signed_in(browser, hub.url, hub.tokens["operator"], **options) as opened:
        opened.wait_for_selector("tbody tr")
        yield opened


def test_a_wrong_token_is_said_and_another_try_is_offered(hub: Served, browser: Any) -> None:
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(hub.url)
    opened.fill("#token", "fleet_wrong")
    opened.click("button[type=submit]")
    opened.wait_for_selector("text=this token is not valid")
    assert opened.evaluate("document.activeElement.id") == "token"
    assert "fleet_wrong" not in opened.url
    context.close()


def test_the_worst_stands_first_in_words(page: Any) -> None:
    rows = page.locator("tbody tr")
    assert rows.count() < 40, "those in sight alone"
    assert page.get_attribute("table", "aria-rowcount") == "1003"
    assert rows.nth(0).inner_text().split()[:3] == ["gone", "■", "offline"]
    assert "degraded" in rows.nth(1).inner_text()
    assert "1002 agents: 1 offline, 1 degraded, 1000 ok" in page.locator(".summary").inner_text()


def test_the_filter_narrows_a_thousand_agents(page: Any) -> None:
    page.fill("#filter", "agent-99")
    playwright.expect(page.locator("tbody tr")).to_have_count(11)
    page.fill("#filter", "degraded")
    playwright.expect(page.locator("tbody tr")).to_have_count(1)


def test_a_tile_shows_those_of_its_state_alone_and_the_address_keeps_it(page: Any) -> None:
    tile = page.get_by_role("button", name="degraded")
    assert tile.inner_text().split() == ["1", "◐", "degraded"]
    tile.click()
    playwright.expect(page.locator("tbody tr")).to_have_count(1, timeout=60_000)
    assert page.url.endswith("#/?state=degraded")
    page.reload()
    page.wait_for_selector("tbody tr")
    playwright.expect(page.locator("tbody tr")).to_have_count(1, timeout=60_000)
    assert tile.get_attribute("aria-pressed") == "true"
    tile.click()
    all_rows = page.locator("table[aria-rowcount='1003']")
    playwright.expect(all_rows).to_have_count(1, timeout=60_000)


def test_a_problem_is_told_with_its_meaning_and_the_next_step(page: Any) -> None:
    told = page.locator(".problems li", has_text="disk-pressure").inner_text()
    assert "Next: Free space on the agent's disk." in told
    assert AlertCode.DISK_PRESSURE.meaning in told


def test_any_row_is_reached_by_scrolling_and_by_the_keyboard(page: Any) -> None:
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = page.locator("tbody tr[aria-rowindex='1003']")
    last.wait_for()
    assert last.inner_text().startswith("agent-999")
    assert page.locator("tbody tr").count() < 40
    last.locator("a").focus()
    page.keyboard.press("Home")
    focused = page.locator("tbody a:focus")
    playwright.expect(focused).to_have_text("gone", timeout=60_000)
    page.keyboard.press("ArrowDown")
    playwright.expect(focused).to_have_text("ill", timeout=60_000)
    page.keyboard.press("End")
    playwright.expect(focused).to_have_text("agent-999", timeout=60_000)
    for index in range(1002, 982, -1):
        page.keyboard.press("ArrowUp")
        page.locator(f"tbody tr[aria-rowindex='{index}'] a:focus").wait_for()


def test_an_agent_shows_planes_metrics_and_its_life(page: Any) -> None:
    page.click('text="ill"')
    page.wait_for_selector("dl.facts")
    page.wait_for_selector("figure")
    text = page.locator("main").inner_text()
    assert "▲ fail" in text
    assert "a 1 B all along" in text
    assert page.locator("tr.loud", has_text="disk-pressure").count() == 1


def test_an_operator_sends_a_verb_and_sees_its_fate(page: Any) -> None:
    page.click('text="ill"')
    page.click("button:has-text('health-check')")
    page.wait_for_selector("text=health-check sent to ill", state="attached")
    page.goto(f"{page.url.partition('#')[0]}#/commands")
    page.wait_for_selector("main td:has-text('health-check')")


def test_of_all_agents_their_number_is_asked_not_what_each_is(page: Any) -> None:
    page.goto(f"{page.url.partition('#')[0]}#/commands")
    page.select_option("#reach", "all")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.click("form.sender button")
    question = page.wait_for_selector("dialog")
    assert "Send health-check to 1002 agents (all agents)?" in question.inner_text()
    assert not [url for url in asked if "/v1/agents" in url]


def test_an_alert_is_acknowledged(page: Any) -> None:
    page.click("nav >> text=Alerts")
    page.wait_for_selector("text=agent-offline")
    page.click("button[aria-label='Acknowledge agent-offline of gone']")
    card = page.locator(".alert-card", has_text="agent-offline")
    playwright.expect(card.locator(".badge")).to_contain_text("by operator", timeout=60_000)


def test_maintenance_is_shown_with_what_it_hides_and_ended(page: Any, hub: Served) -> None:
    body = {"agent": "ill", "seconds": 3600, "maintenance": True}
    assert hub.ask("POST", "/v1/silences", body=body)[0] == 201
    page.click("nav >> text=Alerts")
    row = page.wait_for_selector("li:has-text('maintenance of ill, all codes')")
    assert "hides ill disk-pressure" in row.inner_text()
    page.click("button[aria-label='Lift ill, all codes']")
    page.wait_for_selector("text=No silence.")


def test_what_a_receiver_would_not_take_is_shown_and_tried_again(page: Any) -> None:
    page.click("nav >> text=Alerts")
    page.wait_for_selector("li:has-text('oncall (webhook)') li:has-text('HTTP 400')")
    page.click("button[aria-label='Retry oncall']")
    page.wait_for_selector("text=oncall tries again", state="attached")


def test_the_link_of_a_notification_asks_before_it_acknowledges(page: Any, hub: Served) -> None:
    links = AckLinks.of({"alerts": {"page": hub.url}}, hub.home)
    assert links is not None
    page.goto(links.url(Acknowledgement("disk-pressure", ("ill",), time.time())))
    page.click("button:has-text('Acknowledge')")
    page.wait_for_selector("text=Acknowledged:")
    [alert] = [one for one in hub.get("/v1/alerts")["alerts"] if one["agent"] == "ill"]
    assert alert["acknowledged_by"] == "link"


def test_the_page_is_live(page: Any, hub: Served) -> None:
    page.wait_for_selector("#link:has-text('live')")
    beat = {"ok": True, "ts": timestamp(time.time()), "interval": 600}
    assert hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", beat)[0] == 202
    page.wait_for_selector("th:has-text('ada')")


def test_the_keyboard_reaches_everything(page: Any) -> None:
    page.reload()  # the cookie carries on, and the focus begins at the top
    page.wait_for_selector("tbody tr")
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.innerText || document.activeElement.id"))
    assert {"Skip to content", "Agents", "Alerts", "Commands", "Work", "Audit", "filter"} <= reached


@pytest.mark.parametrize(
    "page", [{"width": 400}, {"width": 3840, "height": 2160}], indirect=True, ids=["400px", "4k"]
)
def test_no_width_makes_the_page_scroll_sideways(page: Any) -> None:
    assert page.evaluate(OVERFLOW) <= 0
    page.click('text="ill"')
    page.wait_for_selector("figure")
    assert page.evaluate(OVERFLOW) <= 0


@needs_axe
@pytest.mark.parametrize("page", [{"scheme": "light"}, {"scheme": "dark"}], indirect=True)
@pytest.mark.parametrize(
    "view", ["#/", "#/agent/ill", "#/alerts", "#/commands", "#/work", "#/audit"]
)
def test_axe_finds_nothing(page: Any, view: str) -> None:
    page.fill("#filter", "agent-9") if view == "#/" else None
    page.goto(f"{page.url.partition('#')[0]}{view}")
    page.wait_for_selector("main h1")
    page.wait_for_timeout(300)
    assert violations(page) == []


def test_a_look_that_failed_leaves_no_complaint_behind(page: Any) -> None:
    """What was shown stays, the trouble stands above it, and goes with the next look."""
    page.route("**/v1/agents*", lambda route: route.abort())
    page.wait_for_selector("#trouble:visible")
    told = page.inner_text("#trouble")
    assert re.search(r"does not answer since \d\d:\d\d\. What stands here is as of \d\d:\d\d", told)
    assert page.locator("tbody tr").count() > 5, "what was known is still there"
    page.unroute("**/v1/agents*")
    page.wait_for_selector("#trouble", state="hidden")
    assert page.locator("tbody tr").count() > 5


def test_what_a_hub_that_reads_knows_no_newer_is_said(page: Any) -> None:
    """Its answers go on while no hub leads; the page says as of when they are, and for how long."""

    def older(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "Age": "90"})

    page.route("**/v1/agents*", older)
    page.wait_for_selector("#trouble:visible")
    told = page.inner_text("#trouble")
    assert re.search(r"as of \d\d:\d\d: no hub leads", told)
    assert page.locator("tbody tr").count() > 5
    page.unroute("**/v1/agents*")
    page.wait_for_selector("#trouble", state="hidden")


def test_the_page_invents_no_health(tmp_path: Path, browser: Any) -> None:
    broker = Mosquitto(tmp_path / "broker").start()
    home = tmp_path / "home"
    home.mkdir()
    own = Served(home, broker)
    for name in ("ill", "gone", "never-heard"):
        Registry(home).save(Enrolled(name))
    own.start()
    context = browser.new_context()
    try:
        fill(broker, 0)
        wait_until(
            lambda: "disk-pressure" in own.get("/v1/agents/ill")["alerts"], what="ill's alert"
        )
        opened = context.new_page()
        opened.goto(own.url)
        opened.fill("#token", own.tokens["viewer"])
        opened.keyboard.press("Enter")
        opened.wait_for_selector("tbody tr")
        never = opened.locator("tbody tr", has_text="never-heard").inner_text()
        assert "none reported" in never
        assert "all pass" not in never
        opened.goto(f"{own.url}/#/agent/never-heard")
        opened.wait_for_selector("text=No plane has been reported.")
        assert "never" in opened.locator("dl.facts").inner_text()
        opened.goto(f"{own.url}/#/agent/ill")
        opened.wait_for_selector("th:has-text('Reported')")
        plane = opened.locator("tr", has=opened.get_by_text("disk", exact=True))
        assert "ago" in plane.inner_text()
        assert "warning disk-pressure" in opened.locator("dl.facts").inner_text()
    finally:
        context.close()
        own.stop()
        broker.stop()
