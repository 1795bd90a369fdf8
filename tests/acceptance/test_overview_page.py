"""The first view of the page in a real Chromium: each agent's past in its row, and what narrows the
list."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.provisioning.registry import Enrolled, Registry
from tests.support.broker import Mosquitto
from tests.support.chromium import (
    OVERFLOW,
    needs_axe,
    needs_chromium,
    signed_in,
    violations,
)
from tests.support.past import write_past
from tests.support.served import Served
from tests.support.waiting import wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = needs_chromium

SHAPES = re.compile(r"^40 intervals: (\d+) on time, (\d+) missed, (\d+) unknown$")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Ada's past has a silence of an hour, and the hub was away for another; `young` is new."""
    folder = tmp_path_factory.mktemp("overview")
    broker = Mosquitto(folder / "broker").start()
    home = folder / "home"
    home.mkdir(mode=0o700)
    registry = Registry(home)
    registry.save(Enrolled("ada", labels={"site": "fra"}, groups=("web",)))
    registry.save(Enrolled("young", labels={"site": "fra", "tier": "test"}, groups=("ops",)))
    registry.save(Enrolled("never", labels={"site": "ams"}))
    past = {"ada": (30.0, [(3.0, 2.0)]), "young": (3.5, [])}
    with ThreadPoolExecutor(1) as thread:  # the browser's driver has the loop of this one
        thread.submit(write_past, home, time.time(), past, [(5.0, 4.0)]).result()
    served = Served(home, broker).start()
    beat = {"ok": True, "ts": timestamp(time.time()), "interval": 86_400}
    beat["metrics"] = {"memory_bytes": 3e9, "tokens_input_total": 200_000}
    assert served.ask("POST", "/v1/publish/heartbeat", "agent:ada", beat)[0] == 202
    wait_until(lambda: served.get("/v1/agents/ada")["state"] == "ok", what="ada")
    yield served
    served.stop()
    broker.stop()


@pytest.fixture
def page(hub: Served, browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    options: dict[str, Any] = getattr(request, "param", {})
    with signed_in(browser, hub.url, hub.tokens["viewer"], **options) as opened:
        opened.wait_for_selector(".bar")
        yield opened


def row(page: Any, name: str) -> Any:
    return page.locator("tbody tr", has=page.locator(f"a:text-is('{name}')"))


def test_the_last_intervals_are_told_by_shape_and_in_words(page: Any) -> None:
    bar = row(page, "ada").locator(".bar")
    told = SHAPES.match(bar.get_attribute("aria-label"))
    assert told, bar.get_attribute("aria-label")
    on_time, missed, unknown = map(int, told.groups())
    assert on_time + missed + unknown == 40
    assert missed in range(4, 8), "an hour of six intervals"
    assert unknown in range(4, 8), "the hub was away for as many"
    lines = bar.evaluate("one => [...one.querySelectorAll('path')].map(p => p.getAttribute('d'))")
    shapes = {re.sub(r"M[\d.]+ ?", "M", line.split("M")[1]) for line in lines}
    assert len(shapes) == 3, "each has a shape of its own"
    assert "no bus heartbeat yet" in row(page, "never").inner_text()


def test_the_share_counts_what_is_known_alone(page: Any, hub: Served) -> None:
    [ada, never] = hub.get("/v1/beats?agent=ada&agent=never&agent=nobody")["agents"]
    day = ada["heard"]["24h"]
    assert day["known"] == pytest.approx(23 * 3600, abs=400), "the hub was away for an hour"
    assert day["seconds"] == pytest.approx(22 * 3600, abs=400), "and ada was silent for one"
    assert ada["heard"]["30d"]["known"] == pytest.approx(29 * 3600, abs=400)
    assert never["heard"]["24h"] == {"seconds": 0, "known": 0}
    shares = row(page, "ada").locator(".share")
    assert re.fullmatch(r"95\.\d\d %\s+of 22 h known|95\.\d\d %\s+of 23 h known",
                        shares.nth(0).inner_text())  # fmt: skip
    assert re.fullmatch(r"96\.\d\d %\s+of (28|29) h known", shares.nth(2).inner_text())
    assert row(page, "never").locator(".share").nth(0).inner_text() == "not known"


def test_a_metric_is_chosen_and_the_address_keeps_it(page: Any) -> None:
    spark = row(page, "ada").locator(".spark")
    assert spark.get_attribute("aria-label").startswith("memory_bytes over two days: ")
    assert "3 GB" in row(page, "ada").locator(".metric").inner_text()
    page.select_option("#metric", "tokens_input_total")
    playwright.expect(spark).to_have_attribute(
        "aria-label", re.compile("^tokens_input_total an hour over two days"), timeout=60_000
    )
    page.reload()
    page.wait_for_selector(".spark")
    assert page.url.endswith("#/?metric=tokens_input_total")
    assert spark.get_attribute("aria-label").startswith("tokens_input_total an hour")
    page.select_option("#metric", "none")
    playwright.expect(spark).to_have_count(0, timeout=60_000)


def test_groups_and_labels_narrow_the_list_and_the_address_keeps_them(page: Any) -> None:
    rows = page.locator("tbody tr")
    page.wait_for_selector("#label option[value='site=fra']", state="attached")
    page.select_option("#label", "site=fra")
    playwright.expect(rows).to_have_count(2, timeout=60_000)
    page.select_option("#group", "ops")
    playwright.expect(rows).to_have_count(1, timeout=60_000)
    page.reload()
    page.wait_for_selector("tbody tr")
    playwright.expect(rows).to_have_count(1, timeout=60_000)
    assert "1 agent fits the filters" in page.inner_text("main")
    page.click("button[aria-label='Without site=fra']")
    page.select_option("#group", "")
    playwright.expect(rows).to_have_count(3, timeout=60_000)


def test_the_past_is_asked_for_in_one_call_and_of_those_in_sight(page: Any) -> None:
    with page.expect_request("**/v1/beats?*") as asked:
        page.reload()
    assert asked.value.url.count("agent=") == 3


LOOKS = [{"width": width, "scheme": how} for width in (400, 900, 1280) for how in ("light", "dark")]


@needs_axe
@pytest.mark.parametrize("page", LOOKS, indirect=True, ids=str)
def test_axe_finds_nothing_and_nothing_scrolls_sideways(page: Any) -> None:
    page.wait_for_selector("#label option[value='site=fra']", state="attached")
    assert violations(page) == []
    assert page.evaluate(OVERFLOW) <= 0
