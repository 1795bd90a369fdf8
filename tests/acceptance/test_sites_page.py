"""Several sites on the page in a real Chromium, and in the names that a shell completes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import postgres
from tests.support.chromium import (
    OVERFLOW,
    needs_axe,
    needs_chromium,
    signed_in,
    violations,
)
from tests.support.hub import Publisher
from tests.support.served import fleet
from tests.support.sites import World
from tests.support.waiting import wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [needs_chromium, postgres.needs_postgres, pytest.mark.timeout(300)]

PATIENCE = 60_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Berlin has ada and dan, lima has bob, whose disk is full."""
    world = World(tmp_path_factory.mktemp("sites"), ("berlin", "lima"))
    try:
        world.start()
        berlin, lima = world.sites.values()
        berlin.speak("ada", "dan")
        lima.speak("bob")
        publisher = Publisher(lima.broker, "bob")
        said = {"code": "disk-pressure", "severity": "critical", "state": "firing"}
        publisher.publish_all("alert", [json.dumps(said | {"ts": "2026-03-18T21:30:00Z"}).encode()])
        publisher.close()
        wait_until(lambda: len(berlin.agents()) == 3, 120, "lima at berlin's hub")
        yield world
    finally:
        world.close()


@pytest.fixture
def page(world: World, browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    hub = world.sites["berlin"].hub
    options: dict[str, Any] = getattr(request, "param", {})
    with signed_in(browser, hub.url, hub.tokens["operator"], **options) as opened:
        playwright.expect(opened.locator("tbody tr")).to_have_count(3, timeout=PATIENCE)
        yield opened


def test_a_site_narrows_the_whole_view_and_the_address_keeps_it(page: Any) -> None:
    rows = page.locator("tbody tr")

    def total() -> int:
        return sum(map(int, page.locator(".tiles button strong").all_inner_texts()))

    page.wait_for_selector(".problems li:has-text('disk-pressure')")
    assert page.locator("#site option").all_inner_texts() == ["all", "berlin (2)", "lima (1)"]
    assert total() == 3
    page.select_option("#site", "berlin")
    playwright.expect(rows).to_have_count(2, timeout=PATIENCE)
    wait_until(lambda: total() == 2, what="tiles of berlin alone")
    assert page.locator(".problems li").count() == 0, "what is wrong at lima is not berlin's"
    page.select_option("#site", "lima")
    playwright.expect(rows).to_have_count(1, timeout=PATIENCE)
    page.reload()
    playwright.expect(rows).to_have_count(1, timeout=PATIENCE)
    assert page.url.endswith("#/?site=lima")
    assert page.locator("#site").input_value() == "lima"
    page.wait_for_selector(".problems li:has-text('disk-pressure')")
    page.click("tbody a:text-is('bob')")
    page.wait_for_selector(".facts div:has-text('Site') >> text=lima")


def test_a_wall_may_be_of_one_site(page: Any, world: World) -> None:
    page.goto(f"{world.sites['berlin'].hub.url}/#/wall?site=lima")
    page.wait_for_selector(".wall-agents >> text=bob")
    assert page.locator(".wall-agents li").count() == 1


def test_a_fleet_of_one_broker_is_asked_for_no_site(page: Any) -> None:
    def alone(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"sites": []})

    page.route(re.compile("/v1/agents"), alone)
    page.reload()
    page.wait_for_selector("tbody tr")
    assert page.locator("#site").is_hidden()


def test_a_shell_completes_and_a_terminal_knows_agents_of_every_site(world: World) -> None:
    environ = world.sites["berlin"].hub.environ
    for line in ("fleet status b", "fleet command health-check b", "fleet alerts ack b"):
        at = str(len(line.split()) - 1)
        asking = {"_FLEET_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": at}
        assert fleet(environ=environ | asking).stdout.split() == ["plain,bob"], line
    for words, code in (
        ("status bobb", 3),
        ("command health-check bobb", 3),
        ("history -a bobb", 0),
    ):
        wrong = fleet(*words.split(), environ=environ)
        assert wrong.returncode == code
        assert "bob?" in wrong.stderr


LOOKS = [{"width": width, "scheme": how} for width, how in ((400, "light"), (1280, "dark"))]


@needs_axe
@pytest.mark.parametrize("page", LOOKS, indirect=True, ids=str)
def test_axe_finds_nothing_and_nothing_scrolls_sideways(page: Any) -> None:
    assert page.locator("#site").is_visible()
    assert violations(page) == []
    assert page.evaluate(OVERFLOW) <= 0
