"""The page's view of work in a real Chromium: lanes, a session's graph, who waits for a person."""

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
from tests.support.served import Served
from tests.support.work_hub import ANSWER, SECRET, Scene, WorkHub, scene

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

pytestmark = needs_chromium

PATIENCE = 60_000
"""ms; a busy machine shows a page late, and the test is not about how late."""


@dataclass(frozen=True)
class Stage:
    """A hub with work, and a browser before it."""

    hub: WorkHub
    scene: Scene
    follower: str
    browser: Any


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("work-page")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    hub = WorkHub(served)
    work = scene(hub)
    follower = hub.submit("boss", work.context, after=[work.claimed, work.waiting])
    with chromium() as browser:
        yield Stage(hub, work, follower, browser)
    served.stop()
    broker.stop()


@pytest.fixture
def page(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Any]:
    options: dict[str, Any] = getattr(request, "param", {})
    hub = stage.hub.served
    with signed_in(stage.browser, hub.url, hub.tokens["viewer"], **options) as opened:
        opened.set_default_timeout(PATIENCE)
        opened.goto(f"{hub.url}/#/work")
        opened.wait_for_selector(".lane")
        yield opened


def test_each_agent_has_its_lane_and_a_person_is_told_the_next_step(
    page: Any, stage: Stage
) -> None:
    lane = page.locator(".lane", has=page.get_by_role("heading", name="worker", exact=True))
    expect(lane).to_contain_text("working", timeout=PATIENCE)
    expect(lane.locator("li")).to_have_count(2, timeout=PATIENCE)
    assert page.locator(".lane", has_text="anybody of red").locator("li").count() == 1
    asks = page.locator(".asks li").inner_text()
    assert "boss asks anybody of blue for research" in asks
    assert f"fleet task approve {stage.scene.asking}" in asks
    tiles = page.locator(".tiles").inner_text().split("\n")
    assert [tiles[at] for at in range(0, len(tiles), 2)] == ["2", "1", "0", "1"]


def test_a_session_is_a_graph_by_ids_and_a_table_that_says_the_same(
    page: Any, stage: Stage
) -> None:
    page.locator(".lane a.id").first.click()
    page.wait_for_selector("svg .node")
    assert page.locator("svg .node").count() == 3
    assert page.locator("svg .edge").count() == 2, "the follower waits for both"
    row = page.locator("tr", has_text=stage.follower[-6:])
    assert stage.scene.claimed[-6:] in row.inner_text()
    text = page.locator("main").inner_text()
    assert f"fleet board ls {stage.scene.context}" in text
    for content in (SECRET, ANSWER):
        assert content.decode() not in page.content()
    assert "notes.md" not in page.content(), "the name of an entry is content, too"


def test_the_filter_stays_in_the_address(page: Any) -> None:
    page.fill("#filter", "anybody of red")
    expect(page.locator(".lane")).to_have_count(1, timeout=PATIENCE)
    assert "#/work?q=anybody+of+red" in page.url
    page.reload()
    page.wait_for_selector(".lane")
    assert page.input_value("#filter") == "anybody of red"
    expect(page.locator(".lane")).to_have_count(1, timeout=PATIENCE)


def test_progress_is_seen_as_it_comes(page: Any, stage: Stage) -> None:
    body = {"epoch": 1, "progress": 40}
    stage.hub.done("POST", f"/v1/tasks/{stage.scene.claimed}/renew", "worker", body)
    expect(page.locator(".lane", has_text="40%")).to_have_count(1, timeout=PATIENCE)
    assert page.locator("progress").get_attribute("value") == "40"


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
def test_it_is_for_everybody_on_every_screen(page: Any, stage: Stage) -> None:
    assert page.evaluate(OVERFLOW) <= 0
    page.goto(f"{stage.hub.served.url}/#/work/{stage.scene.context}")
    page.wait_for_selector("svg .node")
    assert page.evaluate(OVERFLOW) <= 0


@needs_axe
@pytest.mark.parametrize("page", [{"scheme": "light"}, {"scheme": "dark"}], indirect=True)
def test_axe_finds_nothing(page: Any, stage: Stage) -> None:
    assert violations(page) == []
    page.goto(f"{stage.hub.served.url}/#/work/{stage.scene.context}")
    page.wait_for_selector("svg .node")
    assert violations(page) == []
