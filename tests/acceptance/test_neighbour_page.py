"""An agent's own web page on another port of the hub's host, in a real Chromium: it is sent the
operator's cookie, and can do nothing with it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support.broker import Mosquitto
from tests.support.chromium import FLAGS
from tests.support.served import Served, fleet

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

STOLEN = """
async (hub) => {
  const found = {};
  const answer = async (name, path, options) => {
    try {
      const got = await fetch(hub + path, { credentials: "include", ...options });
      found[name] = [got.type, got.status, (await got.text()).length];
    } catch (error) { found[name] = String(error); }
  };
  await answer("session", "/v1/session", {});
  await answer("history", "/v1/history", { mode: "no-cors" });
  await answer("command", "/v1/send", { method: "POST", mode: "no-cors",
    body: JSON.stringify({ verb: "health-check" }) });
  await answer("header", "/v1/agents", { headers: { "X-Session-Secret": "guess" } });
  found.storage = [Object.keys(sessionStorage), Object.keys(localStorage)];
  found.heard = await new Promise((over) => {
    const tabs = new BroadcastChannel("session-secret");
    tabs.onmessage = ({ data }) => over(data);
    tabs.postMessage({ wanted: true });
    setTimeout(() => over(null), 1000);
  });
  const frame = document.createElement("iframe");
  frame.src = hub;
  document.body.append(frame);
  await new Promise((over) => { frame.onload = over; setTimeout(over, 1000); });
  try { found.frame = Object.keys(frame.contentWindow.sessionStorage); }
  catch (error) { found.frame = error.name; }
  const opened = window.open(hub);
  await new Promise((over) => setTimeout(over, 1000));
  try { found.opened = Object.keys(opened.sessionStorage); }
  catch (error) { found.opened = error.name; }
  return found;
}
"""
"""All that a page there can ask the browser for."""


class Neighbour(BaseHTTPRequestHandler):
    """Serves a page, and keeps every cookie that it is sent."""

    cookies: list[str]

    def do_GET(self) -> None:
        self.cookies += self.headers.get_all("Cookie", [])
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>an agent</title><body>")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("neighbour")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    now = "2026-03-18T21:30:00Z"
    served.ask("POST", "/v1/publish/heartbeat", "agent:ada", {"ok": True, "ts": now})
    yield served
    served.stop()
    broker.stop()


@pytest.fixture
def neighbour() -> Iterator[tuple[str, list[str]]]:
    cookies: list[str] = []
    handler = type("Here", (Neighbour,), {"cookies": cookies})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", cookies
        server.shutdown()


@pytest.fixture
def context() -> Iterator[Any]:
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium.new_context()
        chromium.close()


def sign_in(context: Any, hub: Served, role: str = "operator") -> Any:
    page = context.new_page()
    page.goto(hub.url)
    page.fill("#token", hub.tokens[role])
    page.keyboard.press("Enter")
    page.wait_for_selector("#link:has-text('live')")
    return page


def test_a_page_on_another_port_gets_the_cookie_and_nothing_for_it(
    context: Any, hub: Served, neighbour: tuple[str, list[str]]
) -> None:
    address, cookies = neighbour
    sign_in(context, hub)
    other = context.new_page()
    other.goto(address)
    found = other.evaluate(STOLEN, hub.url)
    assert "Failed to fetch" in found["session"]
    assert "Failed to fetch" in found["header"]
    for blind in ("history", "command"):  # a form could do as much, and reads as little
        assert found[blind] == "TypeError: Failed to fetch" or found[blind] == ["opaque", 0, 0]
    assert found["storage"] == [[], []]
    assert found["heard"] is None
    assert found["frame"] == found["opened"] == "SecurityError"

    stolen = [cookie for cookie in cookies if "fleet_session=" in cookie]
    assert stolen, "the browser sends it: this is why the cookie alone is nobody"
    for method, path, body in (
        ("GET", "/v1/session", None),
        ("GET", "/v1/agents", None),
        ("GET", "/v1/history", None),
        ("GET", "/v1/events", None),
        ("GET", "/v1/inbox", None),
        ("POST", "/v1/send", {"to": "ada", "verb": "health-check"}),
        ("DELETE", "/v1/session", None),
    ):
        status, text = with_cookie(hub.url + path, method, body, stolen[-1])
        assert status in (401, 429) or (method, path) == ("DELETE", "/v1/session"), (path, text)
    assert hub.get("/v1/inbox")["messages"] == [], "no command was sent"
    page = context.pages[0]
    page.reload()
    page.wait_for_selector("th:has-text('ada')")


def with_cookie(url: str, method: str, body: object, cookie: str) -> tuple[int, bytes]:
    """What the neighbour's server gets, which may send any header that it knows of."""
    headers = {"Cookie": cookie, "Content-Type": "application/json", "X-Session-Secret": "guess"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - http
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with contextlib.closing(refused):
            return refused.code, refused.read()


def test_a_reload_and_a_second_tab_carry_on_and_signing_out_ends_both(
    context: Any, hub: Served
) -> None:
    first = sign_in(context, hub)
    first.reload()
    first.wait_for_selector("#link:has-text('live')")
    second = context.new_page()
    second.goto(hub.url)
    second.wait_for_selector("#link:has-text('live')")
    first.click("#leave")
    first.wait_for_selector("#token")
    second.wait_for_selector("#token")


def test_a_tab_alone_has_to_sign_in(context: Any, hub: Served) -> None:
    sign_in(context, hub).close()
    later = context.new_page()
    later.goto(hub.url)
    later.wait_for_selector("#token")


def test_a_screen_that_may_change_nothing_comes_back_signed_in(context: Any, hub: Served) -> None:
    sign_in(context, hub, "viewer").close()
    later = context.new_page()
    later.goto(hub.url)
    later.wait_for_selector("#link:has-text('live')")
    later.click("#leave")
    later.wait_for_selector("#token")
    assert later.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_the_page_stays_signed_in_while_the_hub_is_another(context: Any, hub: Served) -> None:
    page = sign_in(context, hub)
    hub.kill()
    page.wait_for_selector("#link:has-text('link lost')")
    hub.start()
    page.wait_for_selector("#link:has-text('live')")
    page.reload()
    page.wait_for_selector("th:has-text('ada')")
    assert fleet("token", "sign-out", "--all", environ=hub.environ).returncode == 0
    page.wait_for_selector("#token")
