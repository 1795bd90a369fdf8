"""A minute of the fleet for the README, from real processes: `python scripts/docs/recording.py`.

It is the cast of `fleet demo`: a broker, a hub and five agents with their sidecars; a webhook takes
alerts. One agent dies, an operator looks after it, it comes back. Each scene is what a terminal or
the page showed then, with a caption; `minute.txt` is the same in words, for who cannot see it.

Needs the extra `docs` (Playwright, Pillow) and a Chromium on PATH.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
import threading
from collections.abc import Coroutine
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from record import draw, shown_by
from screenshots import IMAGES, in_chromium, signed_in

from fleet.cli.demo.observer import observed
from fleet.cli.demo.play import VICTIM, Play, Steps, play
from fleet.domain.verdict import Verdict

SIZE: Final[ViewportSize] = {"width": 1000, "height": 640}
FOOT: Final = 56
"""Pixels of the caption."""

BEFORE: Final = 45.0
"""Seconds that the fleet lives before: rows of beats are then more than their end."""

MARKED: Final = "3px solid #d97706"
"""How the next thing to be pressed is shown: there is no pointer."""

CAPTION: Final = """<!doctype html><body style="margin:0;width:1000px;height:56px;display:flex;
align-items:center;background:#17202a;color:#fff;font:600 21px system-ui,sans-serif">
<p style="margin:0 18px"></p></body>"""

TERMINAL: Final = """<!doctype html><body style="margin:0;height:640px;display:grid;
place-items:center;background:#f4f6f8"><div style="width:960px">SVG</div></body>"""


class Hook(BaseHTTPRequestHandler):
    """Takes every alert."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Recording(Play):
    """The demo's cast, up to where all is well; then the scenes."""

    def steps(self) -> Steps:
        return (("a hub", self.start_hub), ("five agents", self.start_agents))

    async def start_hub(self) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        secret = self.stage.home / "hook.secret"
        secret.touch(0o600)
        secret.write_text("a long random word of nobody")
        route = (
            f'[routes.oncall]\nchannel = "webhook"\nurl = "{url}"\nsecret_file = "hook.secret"\n'
        )
        (self.stage.home / "fleet.toml").write_text(route)
        return await super().start_hub()

    async def stay(self) -> None:
        await asyncio.sleep(BEFORE)
        loop = asyncio.get_running_loop()

        def now(work: Coroutine[Any, Any, Any]) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result()

        await asyncio.to_thread(self._record, now)

    async def revive(self) -> None:
        """What died starts again, as a supervisor would do it."""
        name = VICTIM
        self.members[name] = await asyncio.to_thread(
            self._start_member, name, self.members[name].kind
        )
        await observed(
            lambda: self.observer.state_is(name, Verdict.OK), f"{name} is well", self._hub_trouble
        )

    def _record(self, now: Any) -> None:
        with sync_playwright() as engine:
            browser = in_chromium(engine)
            page = signed_in(browser, self.observer.url, self.observer.token, SIZE)
            film = Film(browser, self.observer.environ)
            scenes(film, page, self.observer.url.rstrip("/"), now, self)
            film.keep(IMAGES / "minute.webp")
            browser.close()


def scenes(film: Film, page: Page, url: str, now: Any, cast: Recording) -> None:
    """The story."""
    row = page.locator("tbody tr", has=page.locator(f"a:text-is('{VICTIM}')"))
    card = page.locator(".alert-card[data-code='agent-offline']")
    film.terminal(4, "Five agents, each with a sidecar on the bus. All is well.", "status")
    for seconds in (2, 2, 2):
        film.page(
            page, seconds, "The hub's page: a tile a state, a cell for each beat of an agent."
        )
        page.wait_for_timeout(2_000)
    now(cast.death())
    row.locator(".state", has_text="offline").wait_for()
    page.wait_for_selector(".problems li")
    film.page(page, 4, f"{VICTIM} loses its power. Its last will says so within milliseconds.")
    page.wait_for_timeout(8_000)
    film.page(page, 4, "What is wrong stands first, with what it means and what to do next.")
    film.press(page.locator("nav a", has_text="Alerts"), page)
    card.get_by_text("HTTP 200").wait_for()
    film.page(page, 6, "The alert: since when, who was told and answered what, what to type.")
    film.press(card.locator("h2 a"), page)
    page.wait_for_selector(".plane-lane")
    page.wait_for_selector("figure canvas")
    page.wait_for_timeout(1_000)
    film.page(page, 5, "The agent: the same alert, its planes, and commands in place.")
    acknowledge = card.get_by_role("button", name="Acknowledge")
    film.page(page, 2, "Somebody takes it on …", at=acknowledge)
    acknowledge.click()
    card.get_by_text("acknowledged by").wait_for()
    silence = card.get_by_role("button", name=re.compile("^Silence"))
    film.page(page, 3, "… and silences it for as long as the repair takes.", at=silence)
    silence.click()
    card.get_by_text("silenced until").wait_for()
    film.page(page, 4, "Both are marked, here and for everybody else.")
    film.terminal(6, "A terminal says the same.", "alerts", "list", "-o", "wide")
    now(cast.revive())
    page.goto(f"{url}/#/")
    row.locator(".state", has_text="ok").wait_for()
    page.wait_for_selector(".problems li", state="detached")
    page.wait_for_timeout(4_000)
    film.page(page, 5, f"{VICTIM} is back: the alert ends by itself, its gap stays in the row.")
    page.goto(f"{url}/#/agent/{VICTIM}")
    page.locator("h2", has_text="Timeline").wait_for()
    page.wait_for_timeout(2_000)
    page.locator("h2", has_text="Timeline").evaluate("one => one.scrollIntoView()")
    film.page(page, 5, "What happened is kept; beats that say the same are one line.")
    film.terminal(5, "All is well again. Try it: sh scripts/quickstart.sh", "status")


class Film:
    """Scenes with captions, each for some seconds."""

    def __init__(self, browser: Browser, environ: dict[str, str]) -> None:
        self._environ = environ
        self._foot = browser.new_page(viewport={"width": SIZE["width"], "height": FOOT})
        self._foot.set_content(CAPTION)
        self._terminal = browser.new_page(viewport=SIZE)
        self._scenes: list[tuple[Image.Image, float, str]] = []
        self._words: list[str] = []

    def page(self, page: Page, seconds: float, caption: str, at: Any = None) -> None:
        """What `page` shows; `at` is marked: it is pressed next."""
        if at is not None:
            at.scroll_into_view_if_needed()
            at.evaluate(
                f"one => {{ one.style.outline = '{MARKED}'; one.style.outlineOffset = '2px' }}"
            )
        self._add(page.screenshot(), seconds, caption)
        if at is not None:
            at.evaluate("one => { one.style.outline = ''; one.style.outlineOffset = '' }")

    def press(self, what: Any, page: Page) -> None:
        """Show for two seconds what is pressed, and press it."""
        self.page(page, 2, self._words[-1], at=what)
        what.click()

    def terminal(self, seconds: float, caption: str, *words: str) -> None:
        """Run `fleet WORDS` in a terminal, and show it."""
        given = [f"{name}={value}" for name, value in self._environ.items()]
        code, text = shown_by(["env", *given, sys.executable, "-m", "fleet", *words])
        if code:
            sys.exit(f"fleet {words[0]} ended with {code}: nothing was recorded")
        picture, _ = draw(f"$ fleet {' '.join(words)}", text)
        self._terminal.set_content(TERMINAL.replace("SVG", picture))
        self._add(self._terminal.screenshot(), seconds, caption)

    def keep(self, target: Path) -> None:
        """The animation, and beside it what is said when."""
        first, *others = (scene for scene, _, _ in self._scenes)
        first.save(
            target, save_all=True, append_images=others, loop=0, quality=90,
            duration=[round(seconds * 1000) for _, seconds, _ in self._scenes],
        )  # fmt: skip
        said, at = list[str](), 0.0
        for _, seconds, caption in self._scenes:
            if not said or not said[-1].endswith(caption):
                said.append(f"{at:4.0f} s  {caption}")
            at += seconds
        target.with_suffix(".txt").write_text("\n".join([*said, f"{at:4.0f} s  end"]) + "\n")
        print(f"{target.name}: {at:.0f} s, {target.stat().st_size / 1e6:.2f} MB")

    def _add(self, picture: bytes, seconds: float, caption: str) -> None:
        self._words.append(caption)
        self._foot.locator("p").evaluate("(one, text) => { one.textContent = text }", caption)
        scene = Image.new("RGB", (SIZE["width"], SIZE["height"] + FOOT))
        scene.paste(Image.open(io.BytesIO(picture)).convert("RGB"), (0, 0))
        foot = Image.open(io.BytesIO(self._foot.screenshot())).convert("RGB")
        scene.paste(foot, (0, SIZE["height"]))
        self._scenes.append((scene, seconds, caption))


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    sys.exit(asyncio.run(play(Recording, once=False)))
