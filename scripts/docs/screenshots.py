"""Pictures of the web page for the README, from the demo: `python scripts/docs/screenshots.py`.

Needs playwright (extra `e2e`) and a Chromium on PATH.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Final

from playwright.sync_api import Browser, Page, Playwright, ViewportSize, sync_playwright

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
FLAGS: Final = ["--no-sandbox", "--disable-gpu"]
WALL: Final[ViewportSize] = {"width": 1100, "height": 245}
"""Without its foot, which says that the demo's token may act."""

SETTLE: Final = 6_000
"""Milliseconds until a chart has a few points: the demo's agents beat every two seconds."""


def address(lines: IO[str]) -> tuple[str, str]:
    """URL and token, once the demo has played and stays up."""
    for line in lines:
        if found := re.search(r"(http://\S+)\s+token: (\S+)", line):
            return found[1], found[2]
    sys.exit("the demo ended before it showed its web page")


def in_chromium(engine: Playwright) -> Browser:
    """The browser in which the page is shown."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    return engine.chromium.launch(executable_path=chromium, args=FLAGS)


def signed_in(browser: Browser, url: str, token: str, size: ViewportSize) -> Page:
    """The page with the list of agents, by daylight and without motion."""
    page = browser.new_page(viewport=size, color_scheme="light", reduced_motion="reduce")
    page.goto(url)
    page.fill("#token", token)
    page.keyboard.press("Enter")
    page.wait_for_selector("tbody tr")
    return page


def main() -> None:
    """Play the demo, look at it, and end it."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "fleet", "demo"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert demo.stdout is not None  # noqa: S101 - it is a pipe
        url, token = address(demo.stdout)
        with sync_playwright() as engine:
            browser = in_chromium(engine)
            page = signed_in(browser, url, token, {"width": 1100, "height": 620})
            page.wait_for_timeout(SETTLE)
            page.screenshot(path=IMAGES / "fleet.png")
            page.click("tbody tr a:text-is('boole')")
            page.wait_for_timeout(SETTLE)
            page.screenshot(path=IMAGES / "agent.png")
            page.emulate_media(color_scheme="dark")
            page.set_viewport_size(WALL)
            page.goto(f"{url.rstrip('/')}/#/wall")
            page.wait_for_selector(".wall-agents li")
            page.screenshot(path=IMAGES / "wall.png")
            browser.close()
    finally:
        demo.terminate()
        demo.wait()


if __name__ == "__main__":
    main()
