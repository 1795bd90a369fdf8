"""The web page in a real Chromium: how it is started, signed in to and judged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
AXE: Final = Path(__file__).parent / "axe/node_modules/axe-core/axe.min.js"
OVERFLOW: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""How far the page scrolls sideways, in px."""

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
needs_axe = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed")

FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@contextmanager
def signed_in(
    browser: Any, url: str, token: str, *, width: int = 1280, height: int = 800, scheme: str = ""
) -> Iterator[Any]:
    """A page on which somebody is signed in; complaints of the console fail the test."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme or "light"
    )
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda message: complaints.append(message.text) if "CSP" in message.text else None,
    )
    opened.goto(url)
    opened.fill("#token", token)
    opened.keyboard.press("Enter")
    opened.wait_for_selector("#leave:visible")
    yield opened
    context.close()
    assert complaints == []


def violations(page: Any) -> list[tuple[str, str]]:
    """What axe finds wrong with what is shown now."""
    # The page's own policy forbids inline script, so axe comes in by the debugging protocol.
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]
