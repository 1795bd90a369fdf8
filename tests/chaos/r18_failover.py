"""R18: pairs that share one bot; agents, sidecars, guards, hub and broker are killed or stopped."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.chaos.scenario import Finding, Scenario, percentile
from tests.support.bot_pair import BotPair
from tests.support.shifted_clock import ahead
from tests.support.waiting import wait_until

ROUNDS: Final = 200
BESIDE: Final = 4
"""Pairs at a time, each with hub and broker of its own: a round is mostly waiting for a lease."""

CHANGES: Final = ("machine killed", "agent killed", "agent stopped", "sidecar killed",
                  "sidecar stopped")  # fmt: skip
STAYS: Final = ("guard killed", "guard stopped", "hub killed", "hub stopped", "broker killed")
WITHIN: Final = 180.0
"""Seconds until somebody polls: what is held here is who, and that they are never two."""


class Tally:
    """What all pairs saw."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rounds: Counter[str] = Counter()
        self.took: list[float] = []
        self.doubles = self.wrong = 0
        self.trouble: list[str] = []

    def note(self, fault: str, took: float | None, doubles: int) -> None:
        with self.lock:
            self.rounds[fault] += 1
            self.doubles += doubles
            if took is not None:
                self.took.append(took)


def run(folder: Path, short: bool) -> Finding:
    rounds = int(os.environ.get("ROUNDS", ROUNDS))
    tally = Tally()
    if short:
        play(folder / "0", ["guard killed", "agent killed"], tally)
    else:
        faults = [random.choice(CHANGES + STAYS) for _ in range(rounds)]
        threads = [
            threading.Thread(target=play, args=(folder / str(n), faults[n::BESIDE], tally, n))
            for n in range(BESIDE)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found(tally)


def found(tally: Tally) -> Finding:
    """What was seen, as a sentence."""
    took = sorted(tally.took) or [0.0]
    slowest, median = took[-1], percentile(took, 0.5)
    seen = (
        f"{tally.rounds.total()} rounds ({', '.join(f'{n} {f}' for f, n in tally.rounds.items())}):"
        f" {tally.doubles} times two polled, {tally.wrong} times nobody or the wrong one;"
        f" {len(tally.took)} failovers, {median:.0f} s as a rule, at most {slowest:.0f} s"
    )
    if tally.trouble:
        seen += "; " + "; ".join(tally.trouble[:5])
    held = not (tally.doubles or tally.wrong or tally.trouble)
    numbers = {"rounds": tally.rounds.total(), "doubles": tally.doubles, "slowest": slowest}
    return Finding(seen, held, numbers)


def play(folder: Path, faults: list[str], tally: Tally, number: int = 0) -> None:
    """One pair through its faults. Odd ones have clocks that are an hour off, either way."""
    bots = BotPair(folder)
    before = {}
    if number % 2 == 1:
        before = {"ada": ahead(folder / "late", 3600), "bob": ahead(folder / "early", -3600)}
    try:
        bots.start(before)
        for fault in faults:
            one_round(bots, fault, tally, before)
    except Exception as error:  # noqa: BLE001 - the pair is lost, the finding says so
        state = ""
        with suppress(Exception):
            state = str(bots.pair())
        tally.trouble.append(f"{folder.name}: {str(error)[:200]} {state}")
        keep(folder)
    finally:
        bots.close()


def keep(folder: Path) -> None:
    """What the pair's parts wrote, for who looks for the cause (KEEP=FOLDER)."""
    if kept := os.environ.get("KEEP"):
        shutil.copytree(
            folder, Path(kept) / folder.name, dirs_exist_ok=True, ignore_dangling_symlinks=True
        )


def one_round(bots: BotPair, fault: str, tally: Tally, before: dict[str, tuple[str, ...]]) -> None:
    wait_until(lambda: bots.pair()["phase"] == "steady", WITHIN, "a steady pair")
    active, standby = (one["agent"] for one in bots.pair()["members"])
    bots.wait_polled(active, WITHIN)
    wait_until(lambda: bots.member(standby)["presence"] == "up", WITHIN, "the standby")
    time.sleep(random.uniform(0, 6))
    doubles, took = len(bots.bot.doubles), None
    with (bots.folder / "rounds.log").open("a") as log:
        log.write(f"{time.strftime('%H:%M:%S')} {fault}, active {active}\n")
    heal = inject(bots, fault, active)
    if fault in CHANGES:
        took = bots.wait_polled(standby, WITHIN)
        wait_until(lambda: bots.pair()["phase"] == "steady", WITHIN, "the end of it")
        heal()
        bots.sidecars[active].kill()
        bots.sidecars[active].start(*before.get(active, ()))
        stays = standby
    else:
        time.sleep(random.uniform(3, 45))
        heal()
        bots.wait_polled(active, WITHIN)
        stays = active
        with suppress(OSError):
            moved = bots.pair()["members"][0]["agent"] != active
            tally.wrong += moved
    time.sleep(3)
    tally.note(fault, took, len(bots.bot.doubles) - doubles)
    anew(bots, stays)


def anew(bots: BotPair, active: str) -> None:
    """The same pair as a new one: an hour need not pass until it may fail over again."""
    other = next(name for name in bots.names if name != active)
    body = {"name": "bots", "active": active, "standby": other, "auto": True}
    wait_until(lambda: bots.hub.ask("DELETE", "/v1/pairs/bots")[0] in (200, 404), 60, "the end")
    wait_until(lambda: bots.hub.ask("POST", "/v1/pairs", body=body)[0] in (201, 409), 60, "a pair")


def inject(bots: BotPair, fault: str, active: str):  # type: ignore[no-untyped-def]
    """Do it; what is called to mend it."""
    what, how = fault.split()
    number = signal.SIGKILL if how == "killed" else signal.SIGSTOP
    if what == "machine":
        bots.kill_machine(active)
        return lambda: None
    if what == "hub":
        process = bots.hub._process
        assert process is not None
        if how == "killed":
            bots.hub.kill()
            return bots.hub.start
        process.send_signal(number)
        return lambda: process.send_signal(signal.SIGCONT)
    if what == "broker":
        bots.broker.kill()
        return bots.broker.start
    sidecar = bots.sidecars[active].process
    assert sidecar is not None
    pid = {"agent": bots.agent_pid, "guard": bots.guard_pid}.get(what, lambda _: sidecar.pid)(
        active
    )
    os.kill(pid, number)

    def mend() -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
            if what == "sidecar":
                os.kill(pid, signal.SIGKILL)

    return mend


SCENARIO = Scenario(
    "R18",
    "in a pair that shares one bot, agent, sidecar, guard, hub or broker killed or stopped",
    "never do two poll; the standby takes over where the active one is down, and else nobody",
    run,
    slow="some 60 s of waiting for leases",
)
