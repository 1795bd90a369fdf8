"""A fleet of real processes, the ledger of what it acknowledged, and the comparison with the store.

The method is Jepsen's: write down every acknowledged fact, inject a fault, compare the sets. A
fact is an alert with a number of its own. It counts as acknowledged once the sidecar has taken
its file out of the drop directory, for then it promises to deliver it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fleet.bus.local_broker import LIMITS, STATE
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

MANY: Final = "10000000"
"""States and alerts that an agent may say here: more than any bound of a day (ADR-0017)."""

SETTLING: Final = 60.0
"""Seconds after the last fault within which everything must have arrived."""

WAITING_FILES: Final = 500
"""Drops that may wait: a sidecar throws away what is beyond 1,000."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Acknowledged facts against stored ones; `twice` are facts that one number repeats."""

    said: int
    lost: int
    doubled: int
    twice: int

    @property
    def whole(self) -> bool:
        return not (self.lost or self.doubled)

    def __str__(self) -> str:
        return f"{self.said} acknowledged, {self.lost} lost, {self.doubled} doubled"


class World:
    """One broker, one hub and sidecars; a context manager that ends all it started.

    With `url` the broker is somebody else's, and none is started.
    """

    def __init__(
        self,
        folder: Path,
        *lines: str,
        limits: tuple[str, ...] = LIMITS,
        hub_home: Path | None = None,
        broker_folder: Path | None = None,
        url: str = "",
        **hub_settings: str,
    ) -> None:
        self.folder = folder
        self.broker = Mosquitto(
            broker_folder or folder / "broker", (*limits, *STATE[1:], *lines), persistence=True
        )
        self.url = url or self.broker.url
        self._own = not url
        hub_settings["FLEET_BROKER"] = self.url
        self.hub = HubProcess(
            hub_home or folder / "home", self.broker, log=folder / "hub.log", **hub_settings
        )
        self.sidecars: dict[str, Sidecar] = {}
        self.said: set[tuple[str, float]] = set()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.hub.home.parent.is_dir():
            self.hub.home.mkdir(exist_ok=True)
            (self.hub.home / "fleet.toml").write_text(f"[traffic]\nevents_a_day = {MANY}\n")
        if self._own:
            self.broker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sidecar in self.sidecars.values():
            with contextlib.suppress(ProcessLookupError, AssertionError):
                sidecar.signal(signal.SIGCONT)
            sidecar.kill()
        self.hub.kill()
        self.broker.kill()

    def sidecar(self, name: str, *before: str, url: str = "", **settings: str) -> Sidecar:
        """Start a sidecar and wait until the hub shows it well."""
        settings = {"FLEET_EVENTS_A_DAY": MANY, **settings}
        made = Sidecar(self.folder / name, url or self.url, name, **settings)
        self.sidecars[name] = made
        made.start(*before)
        self.wait_verdict(name, "ok")
        return made

    # What the hub shows

    def verdict(self, agent: str) -> str:
        """The verdict that the hub's store ends with."""
        found = self.hub.query(
            "SELECT word FROM event WHERE agent = ? AND fact = 'verdict' ORDER BY id DESC LIMIT 1",
            agent,
        )
        return str(found[0][0]) if found else ""

    def verdicts(self, agent: str, since: float = 0) -> list[str]:
        """Every verdict since a moment of the hub's clock, in order."""
        told = "SELECT word FROM event WHERE agent = ? AND fact = 'verdict' AND at >= ? ORDER BY id"
        return [str(word) for (word,) in self.hub.query(told, agent, since)]

    def wait_verdict(self, agent: str, word: str, deadline: float = 60.0) -> float:
        """Seconds until the hub shows `word` for `agent`."""
        began = time.monotonic()
        wait_until(lambda: self.verdict(agent) == word, deadline, f"{agent} {word}")
        return time.monotonic() - began

    def fired(self, code: str, agent: str = "") -> bool:
        """Whether the hub's store knows a firing of `code`, of the hub itself or of an agent."""
        return bool(
            self.hub.query(
                "SELECT 1 FROM event WHERE agent = ? AND word = ? AND fact = 'alert-firing'",
                agent,
                code,
            )
        )

    def metric(self, name: str) -> float | None:
        """The sum of a metric's series as the hub exposes them; None while it does not answer."""
        try:
            lines = self.hub.scrape().splitlines()
        except OSError:
            return None
        values = [
            float(line.split()[-1]) for line in lines if line.split("{")[0].split()[0] == name
        ]
        return sum(values) if values else None

    # Facts

    def talk(self, sidecar: Sidecar, number: int) -> None:
        """Hand a fact to the sidecar; of a number it sends three digits."""
        thousands, value = divmod(number, 1000)
        alert = {
            "code": "cron-failure", "severity": "warning", "state": "firing",
            "value": value, "threshold": thousands,
        }  # fmt: skip
        sidecar.put("alert", alert, str(number))
        self.said.add((sidecar.agent, float(number)))

    @contextlib.contextmanager
    def talking(self, sidecar: Sidecar, rate: float) -> Iterator[None]:
        """Hand over `rate` facts a second while the block runs; then wait until all are taken."""
        ended = threading.Event()

        def run() -> None:
            start, number = time.monotonic(), 0
            while not ended.wait(max(0.0, start + number / rate - time.monotonic())):
                if number % 50 == 0 and len(list(sidecar.drop.glob("*.json"))) > WAITING_FILES:
                    time.sleep(0.1)
                    start += 0.1
                    continue
                self.talk(sidecar, number)
                number += 1

        thread = threading.Thread(target=run, name=f"talk-{sidecar.agent}")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        wait_until(
            lambda: not list(sidecar.drop.glob("*.json")),
            SETTLING,
            f"{sidecar.agent}'s drops taken",
        )
        rejected = list((sidecar.drop / "rejected").glob("*"))
        assert not rejected, rejected

    def compare(self) -> Comparison:
        """Once nothing is missing any more, or the time is over."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self._compare().lost == 0, SETTLING)
        time.sleep(1.0)  # a repetition may still be on its way
        return self._compare()

    def _compare(self) -> Comparison:
        rows = self.hub.query(
            "SELECT agent.name, payload FROM message JOIN agent ON agent.id = message.agent"
            " WHERE kind = 2"
        )
        alerts = [(name, json.loads(bytes(payload))) for name, payload in rows]  # type: ignore[call-overload]
        numbers = Counter((name, alert["boot"], alert["seq"]) for name, alert in alerts)
        facts = Counter(
            (str(name), 1000.0 * alert["threshold"] + alert["value"])
            for name, alert in alerts
            if "threshold" in alert
        )
        return Comparison(
            said=len(self.said),
            lost=len(self.said - facts.keys()),
            doubled=numbers.total() - len(numbers),
            twice=sum(count - 1 for count in facts.values()),
        )


def integrity(path: Path) -> bool:
    """Whether a SQLite file is whole."""
    import sqlite3

    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return bool(database.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    finally:
        database.close()


def memory_of(pid: int) -> float:
    """Resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
