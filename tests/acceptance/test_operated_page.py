"""The page's views of rollouts, pairs and forecasts in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Mosquitto
from tests.support.chromium import (
    OVERFLOW,
    chromium,
    needs_axe,
    needs_chromium,
    signed_in,
    violations,
)
from tests.support.operated import BROKEN, DRAFT, ENDED, RUNNING, WAITS, operated
from tests.support.served import Served

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytestmark = needs_chromium

PATIENCE = 60_000
"""ms; a busy machine shows a page late, and the test is not about how late."""
VIEWS = (
    "rollouts",
    f"rollouts/{RUNNING}",
    f"rollouts/{ENDED}",
    "forecast",
    "forecast/ada",
    "pairs",
)


@dataclass(frozen=True)
class Stage:
    """A hub, and a browser before it."""

    hub: Served
    browser: Any


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("operated")
    broker = Mosquitto(folder / "broker").start()
    hub = operated(folder, broker)
    with chromium() as browser:
        yield Stage(hub, browser)
    hub.stop()
    broker.stop()


@pytest.fixture
def page(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Any]:
    options: dict[str, Any] = dict(getattr(request, "param", {}))
    token = stage.hub.tokens[options.pop("who", "operator")]
    with signed_in(stage.browser, stage.hub.url, token, **options) as opened:
        opened.set_default_timeout(PATIENCE)
        yield opened


def seen(page: Any, stage: Stage, view: str) -> Any:
    """The view, once it has drawn something."""
    page.goto(f"{stage.hub.url}/#/{view}")
    page.wait_for_selector("main table, main .lane")
    return page


def row(page: Any, name: str) -> str:
    return str(page.get_by_role("row", name=name).first.inner_text())


def test_a_rollout_says_of_each_agent_where_it_is_what_runs_and_what_is_waited_for(
    page: Any, stage: Stage
) -> None:
    seen(page, stage, "rollouts")
    assert "threshold" in row(page, "1.9-bad")
    assert "2 of 7" in row(page, "2.0 running")
    page.get_by_role("link", name="2.0", exact=True).click()
    page.wait_for_selector("h2:has-text('Wave 3 of 3')")
    waves = [text.replace("\n", " ") for text in page.locator("h2").all_inner_texts()]
    assert waves[:3] == [
        "Wave 1 of 3 over, 1 agent",
        "Wave 2 of 3 open, 5 agents",
        "Wave 3 of 3 not opened, 1 agent",
    ]
    expect(page.get_by_role("row", name=WAITS)).to_contain_text(
        "no-work: it runs and does no work; it has until", timeout=PATIENCE
    )
    assert "watched until" in row(page, "watched")
    assert "2.0 ✓" in row(page, "done-too")
    assert "rolled-back" in row(page, "back")
    assert "no-work while verifying: it runs and does no work" in row(page, "back")
    assert "it is away, and asked when it returns" in row(page, "away")


def test_a_way_back_that_failed_is_said_first(page: Any, stage: Stage) -> None:
    seen(page, stage, f"rollouts/{ENDED}")
    told = page.locator(".asks .worst").inner_text()
    assert f"rollback-failed Look at {BROKEN} now" in told


def test_an_operator_holds_one_and_lets_it_go_on_and_is_asked_twice_before_it_ends(
    page: Any, stage: Stage
) -> None:
    seen(page, stage, f"rollouts/{RUNNING}")
    page.click("button:text-is('Pause')")
    page.wait_for_selector(".summary:has-text('paused')")
    assert stage.hub.get(f"/v1/rollouts/{RUNNING}")["state"] == "paused"
    page.click("button:text-is('Resume')")
    page.wait_for_selector(".summary:has-text('running')")
    page.click("button:text-is('Abort')")
    focused = page.evaluate("document.activeElement.innerText")
    assert focused == "Abort, they stay as they are"
    page.click("button:text-is('Go on as it was')")
    assert stage.hub.get(f"/v1/rollouts/{RUNNING}")["state"] == "running"
    assert page.evaluate("document.activeElement.innerText") == "Pause"
    seen(page, stage, f"rollouts/{DRAFT}")
    page.click("button:text-is('Abort')")
    page.wait_for_selector(".summary:has-text('aborted: an operator said so')")


@pytest.mark.parametrize("page", [{"who": "viewer"}], indirect=True)
def test_who_only_looks_is_offered_nothing(page: Any, stage: Stage) -> None:
    seen(page, stage, f"rollouts/{RUNNING}")
    assert page.locator("main button").count() == 0


def test_what_ends_soonest_stands_first_and_what_is_not_sure_says_why(
    page: Any, stage: Stage
) -> None:
    seen(page, stage, "forecast")
    first = page.locator("tbody tr").first.inner_text()
    assert "ada" in first
    assert "warning full in 2 d" in first
    assert "daily: 300 k tokens_output a day" in page.locator("tbody").inner_text()
    assert "less than a day, or than 30 hours, are known" in page.locator(".legend").inner_text()
    page.fill("#filter", "young")
    expect(page.locator("tbody tr")).to_have_count(3, timeout=PATIENCE)
    assert page.url.endswith("#/forecast?q=young")
    assert "unknown" in row(page, "young")
    seen(page, stage, "forecast/ada")
    assert set(page.locator("tbody th a").all_inner_texts()) == {"ada"}


def test_a_pair_that_waits_for_a_person_stands_first_with_the_next_step(
    page: Any, stage: Stage
) -> None:
    seen(page, stage, "pairs")
    first = page.locator(".lane").first.inner_text()
    assert "manual" in first
    assert "Epoch 3. Fails over by itself" in first
    assert "fleet pair failover desk --stopped" in first
    assert "is bot-a stopped?" in first
    assert "failover" not in page.locator(".lane").nth(1).inner_text()


@pytest.mark.parametrize(
    "page",
    [
        {"scheme": "light"},
        {"scheme": "dark"},
        {"width": 400, "height": 800},
        {"width": 400, "height": 800, "scheme": "dark"},
    ],
    indirect=True,
    ids=["light", "dark", "phone", "phone-dark"],
)
@needs_axe
def test_every_view_is_for_everybody_on_every_screen(page: Any, stage: Stage) -> None:
    for view in VIEWS:
        seen(page, stage, view)
        assert page.evaluate(OVERFLOW) <= 0
        assert violations(page) == [], view
