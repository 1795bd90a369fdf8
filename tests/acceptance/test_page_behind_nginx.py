"""The page behind Debian's nginx, by HTTPS, in a real Chromium: it outlives the proxy and the hub,
and a tab that slept tells the truth.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.chromium import chromium, needs_chromium
from tests.support.nginx import Nginx, needs_nginx
from tests.support.served import Served

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [needs_chromium, needs_nginx]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    broker = Mosquitto(tmp_path / "broker").start()
    home = tmp_path / "home"
    home.mkdir()
    (home / "fleet.toml").write_text('[http_service]\nproxies = ["127.0.0.1"]\n')
    served = Served(home, broker).start()
    beat(served, ok=True)
    yield served
    served.stop()
    broker.stop()


def beat(hub: Served, *, ok: bool) -> None:
    payload = {"ok": ok, "ts": timestamp(time.time()), "interval": 3600}
    assert hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", payload)[0] == 202


def test_a_page_outlives_the_proxy_the_hub_and_its_own_sleep(hub: Served, tmp_path: Path) -> None:
    proxy = Nginx(tmp_path / "nginx", hub).start()
    with chromium() as browser:
        context = browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(f"https://localhost:{proxy.port}/#/wall")
        page.fill("#token", hub.tokens["viewer"])
        page.keyboard.press("Enter")
        page.wait_for_selector(".wall-agents >> text=● ok")
        page.wait_for_selector("#link:has-text('live')")
        assert context.cookies()[0]["name"] == "__Host-fleet_session"

        proxy.stop()
        page.wait_for_selector("#trouble:visible")
        beat(hub, ok=False)
        proxy.start()
        page.wait_for_selector(".wall-agents >> text=degraded")
        page.wait_for_selector("#link:has-text('live')")

        hub.kill()  # the proxy answers 502 meanwhile
        page.wait_for_selector("#trouble:visible")
        hub.start()
        beat(hub, ok=True)
        page.wait_for_selector(".wall-agents >> text=● ok")
        page.wait_for_selector("#link:has-text('live')")

        session = context.new_cdp_session(page)
        session.send("Page.setWebLifecycleState", {"state": "frozen"})
        beat(hub, ok=False)
        session.send("Page.setWebLifecycleState", {"state": "active"})
        page.wait_for_selector(".wall-agents >> text=degraded")
        assert page.locator("#token").count() == 0
        context.close()
    proxy.stop()
