"""The page's views of alerts, of one agent and of commands, in a real Chromium."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from tests.support.chromium import OVERFLOW, needs_axe, needs_chromium, signed_in, violations
from tests.support.page_stage import Stage, staged
from tests.support.served import fleet
from tests.support.waiting import wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytestmark = needs_chromium

PATIENCE = 60_000
"""ms; a busy machine shows a page late, and the test is not about how late."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("details")) as acting:
        yield acting


@pytest.fixture
def page(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Any]:
    options = dict(getattr(request, "param", {}))
    token = stage.hub.tokens[options.pop("role", "operator")]
    with signed_in(stage.browser, stage.hub.url, token, **options) as opened:
        opened.set_default_timeout(PATIENCE)
        opened.wait_for_selector("main h1")
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
    expect(alert).to_contain_text("The disk is nearly full.")
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
    copied = "navigator.clipboard.readText()"
    wait_until(lambda: page.evaluate(copied) == "fleet command health-check bob", what="a copy")


def test_an_alert_is_silenced_for_as_long_as_somebody_says_and_marked(
    page: Any, stage: Stage
) -> None:
    stage.fires("eve", "rate-limited")
    look(page, stage, "alerts")
    alert = card(page, "rate-limited")
    alert.get_by_label("how long").select_option("4 h")
    before = time.time()
    alert.get_by_role("button", name="Silence").click()
    expect(alert.locator(".badge")).to_contain_text("silenced until")
    [silence] = [one for one in stage.hub.get("/v1/silences")["silences"] if one["agent"] == "eve"]
    assert silence["until"] >= timestamp(before + 4 * 3600)
    assert silence["code"] == "rate-limited"
    page.click("button[aria-label='Lift eve, rate-limited']")
    expect(alert.locator(".badge")).to_have_count(0)


def test_what_is_over_stands_below_with_who_was_told_of_its_end(page: Any, stage: Stage) -> None:
    stage.fires("eve", "cron-failure")
    wait_until(lambda: stage.told("eve", "cron-failure"), what="its beginning is told")
    stage.fires("eve", "cron-failure", state="resolved")
    wait_until(lambda: len(stage.told("eve", "cron-failure")) == 2, what="its end is told")
    look(page, stage, "alerts")
    row = page.locator("tbody tr", has_text="cron-failure")
    expect(row).to_contain_text("oncall (webhook) of the end, HTTP 200")
    shown = fleet("alerts", "list", "--history", "-o", "wide", environ=stage.hub.environ).stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    over = "eve cron-failure oncall (webhook) taken HTTP 200 resolved "
    assert [line for line in lines if line.startswith(over)], "a terminal says the same"


def test_planes_have_lanes_and_equal_heartbeats_are_one_line(page: Any, stage: Stage) -> None:
    look(page, stage, "agent/ada")
    lane = page.locator("svg.plane-lane[aria-label^='endpoint: pass since']")
    expect(lane).to_be_visible()
    assert lane.locator("rect.bad").count() == 1
    assert "before that fail since" in lane.get_attribute("aria-label")
    expect(page.locator("tr.loud", has_text="endpoint fail")).to_contain_text("6 times")
    expect(page.locator("tr.loud", has_text="agent 1.4.0 → 1.5.0")).to_have_count(1)
    assert page.locator("tbody tr", has_text="heartbeat").count() == 4, "two days of them"


def test_charts_go_back_as_far_as_somebody_wants_in_units_that_people_read(
    page: Any, stage: Stage
) -> None:
    look(page, stage, "agent/ada")
    page.get_by_role("button", name="7 d", exact=True).click()
    tokens = page.locator("figure[data-metric=tokens_input_total]")
    expect(tokens).to_contain_text("12.3 k tokens/h")
    expect(tokens.locator("canvas")).to_be_visible()
    expect(page.locator("figure[data-metric=memory_bytes]")).to_contain_text("76.8 GB")
    metrics = page.locator("figure").evaluate_all("all => all.map(one => one.dataset.metric)")
    assert metrics == ["tokens_input_total", "memory_bytes"], "what matters first, no zeros"
    expect(page.locator("summary", has_text="1 at zero all along: queue depth")).to_be_visible()
    expect(page.get_by_text("Dashed: agent 1.4.0 → 1.5.0")).to_be_visible()
    assert page.url.endswith("?range=7d")


def test_maintenance_begins_and_ends_in_place(page: Any, stage: Stage) -> None:
    look(page, stage, "agent/eve")
    page.get_by_role("button", name="Begin maintenance of eve").click()
    expect(page.locator(".controls .badge")).to_contain_text("maintenance until")
    page.get_by_role("button", name="End maintenance of eve").click()
    expect(page.get_by_role("button", name="Begin maintenance of eve")).to_be_visible()


def test_what_a_second_source_says_is_noted(page: Any, stage: Stage) -> None:
    look(page, stage, "agent/eve")
    page.click("summary:has-text('Verify')")
    expect(page.locator("code", has_text="fleet verify eve")).to_be_visible()
    page.get_by_role("button", name="It differs").click()
    expect(card(page, "telemetry-dissent")).to_be_visible()
    page.get_by_role("button", name="It agrees").click()
    expect(card(page, "telemetry-dissent")).to_have_count(0)


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
    expect(answers.locator("tr", has_text="bob")).to_contain_text("● done")
    expect(answers.locator("tr", has_text="bob")).to_contain_text(" ms")
    expect(answers.locator("tr", has_text="dan")).to_contain_text("failedprobe-failed")
    expect(answers.locator("tr", has_text="cyd")).to_contain_text(re.compile("pending|silent"))
    expect(page.locator("progress")).to_be_visible()


def test_a_command_to_one_needs_no_question(page: Any, stage: Stage) -> None:
    look(page, stage, "commands")
    page.fill("#whom", "eve")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".summary")).to_contain_text("1 of 1 ended: 1 ● done")


def test_whom_nobody_knows_is_said(page: Any, stage: Stage) -> None:
    look(page, stage, "commands")
    page.select_option("#reach", "group")
    page.fill("#whom", "nowhere")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("nobody is in the group nowhere")


@pytest.mark.parametrize("page", [{"role": "viewer"}], indirect=True)
def test_who_may_not_act_sees_all_and_no_button_that_acts(page: Any, stage: Stage) -> None:
    look(page, stage, "alerts")
    expect(card(page, "disk-pressure").locator(".told li")).to_have_count(2)
    acting = "main button:not(.small):not([hidden]):not([aria-pressed])"
    assert page.locator(acting).count() == 0
    look(page, stage, "agent/ada")
    expect(page.locator("svg.plane-lane").first).to_be_visible()
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
