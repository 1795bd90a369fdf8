"""The page on a wall, in a real Chromium: nothing to press, and nobody needed to keep it there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.chromium import OVERFLOW, needs_axe, needs_chromium, violations
from tests.support.served import Served

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = needs_chromium

PRESSED = "a:visible, button:visible, input:visible, select:visible"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("wall")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    now = timestamp(time.time())
    alert = {"code": "disk-pressure", "severity": "warning", "state": "firing", "ts": now}
    for kind, payload in (
        ("heartbeat", {"ok": True, "ts": now, "interval": 600}),
        ("alert", alert),
    ):
        assert served.ask("POST", f"/v1/publish/{kind}", "agent:ada", payload)[0] == 202
    yield served
    served.stop()
    broker.stop()


def hung(context: Any, hub: Served, role: str = "viewer") -> Any:
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{hub.url}/#/wall")
    page.fill("#token", hub.tokens[role])
    page.keyboard.press("Enter")
    page.wait_for_selector(".wall-agents >> text=ada")
    page.wait_for_selector("#link:has-text('live')")
    return page


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 1920, "height": 1080})
    yield made
    made.close()


def test_a_wall_has_nothing_to_press_and_says_what_is_wrong(context: Any, hub: Served) -> None:
    page = hung(context, hub)
    assert page.locator(PRESSED).count() == 1, "the name of the page, which leads nowhere here"
    assert page.locator("main").locator(PRESSED).count() == 0
    page.wait_for_selector(".wall-problems >> text=disk-pressure")
    assert "This screen may act" not in page.inner_text("main")
    assert "ok" in page.inner_text(".wall-tiles")


def test_a_screen_that_may_act_says_so(context: Any, hub: Served) -> None:
    assert "This screen may act" in hung(context, hub, "operator").inner_text("main")


def test_nobody_touches_it_while_the_hub_and_its_machine_start_again(
    context: Any, hub: Served
) -> None:
    page = hung(context, hub)
    hub.kill()
    page.wait_for_selector("#trouble:visible")
    assert "does not answer since" in page.inner_text("#trouble")
    assert "ada" in page.inner_text(".wall-agents"), "what was known stays"
    hub.start()
    page.wait_for_selector("#trouble", state="hidden")
    page.close()
    later = context.new_page()  # the screen's own machine started again
    later.goto(f"{hub.url}/#/wall")
    later.wait_for_selector(".wall-agents >> text=ada")


def test_a_page_that_comes_up_before_its_hub_does_waits_for_it(context: Any, hub: Served) -> None:
    page = hung(context, hub)
    page.route("**/v1/session", lambda route: route.fulfill(status=502, body="Bad Gateway"))
    page.reload()
    page.wait_for_selector("#trouble:visible")
    assert page.locator("#token").count() == 0
    page.unroute("**/v1/session")
    page.wait_for_selector(".wall-agents >> text=ada")


def test_a_wall_shows_itself_anew_once_the_hub_is_another(context: Any, hub: Served) -> None:
    page = hung(context, hub)
    page.evaluate("document.body.dataset.before = ''")
    told = '{"role": "viewer", "version": "99.0"}'
    page.route(
        "**/v1/session",
        lambda route: route.fulfill(status=200, content_type="application/json", body=told),
    )
    hub.kill()
    page.wait_for_selector("#link:has-text('link lost')")
    hub.start()
    page.wait_for_selector("body:not([data-before])")
    page.wait_for_selector(".wall-agents >> text=ada")


@pytest.mark.parametrize(("width", "scheme"), [(1920, "dark"), (400, "light")])
@needs_axe
def test_it_is_readable_at_any_size(browser: Any, hub: Served, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = hung(context, hub)
    page.wait_for_selector(".wall-problems >> text=disk-pressure")
    assert page.evaluate(OVERFLOW) == 0
    assert violations(page) == []
    context.close()
