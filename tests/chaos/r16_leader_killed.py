"""R16: of two hubs on one PostgreSQL the one that leads is killed, or stopped for longer than its
lease lasts, at random moments; the other takes over.

Beats are numbered, alerts are told to a webhook, commands are asked of either hub: each is to be
stored once, told once, and sent once.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fleet.contract.timestamps import timestamp
from tests.chaos.commanded import Commanded
from tests.chaos.scenario import AbsentError, Finding, Scenario, percentile
from tests.support import postgres
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess, Publisher
from tests.support.receivers import Receiver
from tests.support.waiting import wait_until

IN_TIME: Final = 20.0
"""Seconds within which another hub leads."""

SETTLING: Final = 90.0
STARTING: Final = 240.0
"""Seconds that a hub may take to start on a machine that is busy; no part of a take-over."""

WAITS, LOST = "standby: ", "this one steps down"
"""What a hub says that waits, and that finds that another leads."""

CODE: Final = "queue-backlog"


class Pair:
    """Two hubs, each with a home of its own, on one store and one broker."""

    def __init__(self, folder: Path, broker: Mosquitto, webhook: str) -> None:
        self.server = postgres.own_server()
        self.name = postgres.new_name()
        store = self.server.create(self.name)
        self.hubs = []
        for name in ("one", "two"):
            home = folder / name
            home.mkdir()
            (home / "hook.secret").write_text("a long random word")
            (home / "hook.secret").chmod(0o600)
            (home / "fleet.toml").write_text(
                f'[routes.all]\nchannel = "webhook"\nurl = "{webhook}"\n'
                'secret_file = "hook.secret"\n'
            )
            self.hubs.append(HubProcess(home, broker, FLEET_STORE=store, FLEET_MAX_AGENTS="100000"))

    def start(self) -> None:
        self.hubs[0].start()
        self.stand_by(self.hubs[1])

    def stand_by(self, hub: HubProcess) -> None:
        """Start a hub, and return once it waits for the other one."""
        waited = hub.log.count(WAITS)
        hub.take_another_port()
        hub.start(standby=True)
        self.until(hub, lambda: hub.log.count(WAITS) > waited)

    def until(self, hub: HubProcess, fact: Callable[[], bool]) -> None:
        """Wait for what a hub says; where it does not, what it said instead."""
        try:
            wait_until(fact, STARTING)
        except AssertionError:
            raise AssertionError(f"{self.lease()}, and: {hub.log[-1500:]}") from None

    def lease(self) -> tuple[str, int]:
        """Holder and epoch."""
        [(holder, epoch)] = self._rows("SELECT holder, epoch FROM leader_leases")
        return str(holder), int(str(epoch))

    def leader(self) -> HubProcess:
        pid = int(self.lease()[0].split("/")[1])
        return next(hub for hub in self.hubs if hub.pid == pid)

    def next_leader(self, epoch: int) -> float:
        """Seconds until another lease than `epoch` is held."""
        began = time.monotonic()
        wait_until(lambda: self.lease()[1] > epoch, 60, "another hub's lead")
        return time.monotonic() - began

    def number(self, text: str) -> int:
        [(value,)] = self._rows(text)
        return int(str(value))

    def _rows(self, text: str) -> list[tuple[object, ...]]:
        return self.server.run(text, database=self.name)

    def close(self) -> None:
        for hub in self.hubs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(hub.pid, signal.SIGCONT)
            hub.stop()
        self.server.stop()


def run(folder: Path, short: bool) -> Finding:
    if not postgres.POSTGRES:
        raise AbsentError("PostgreSQL is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    kills = 1 if short else int(os.environ.get("FLEET_CHAOS_KILLS", "100"))
    end = time.monotonic() + float(os.environ.get("FLEET_CHAOS_SECONDS", "inf"))
    ended = threading.Event()
    with contextlib.ExitStack() as stack:
        receiver = Receiver(lambda _: 200)
        stack.callback(receiver.close)
        broker = Mosquitto(folder, persistence=True)
        broker.start()
        stack.callback(broker.stop)
        pair = Pair(folder, broker, receiver.url)
        stack.callback(pair.close)
        pair.start()
        plain = Publisher(broker, "plain")
        stack.callback(plain.close)
        commanded = Commanded(broker, pair.hubs)
        stack.callback(commanded.close)
        said = {"beats": 0, "alerts": 0}
        thread = threading.Thread(target=_speak, args=(plain, ended, said))
        thread.start()
        commanded.start()
        try:
            waits: list[float] = []
            while len(waits) < kills and (not waits or time.monotonic() < end):
                waits.append(_take_away(pair, stopped=len(waits) % 4 == 3))
        finally:
            ended.set()
            thread.join()
            commanded.end()
        said["beats"] += commanded.beats
        stored = "SELECT count(*) FROM message WHERE kind = 0"
        distinct = "SELECT count(DISTINCT payload) FROM message WHERE kind = 0"
        with contextlib.suppress(AssertionError):  # the comparison says what is missing
            wait_until(lambda: pair.number(distinct) >= said["beats"], SETTLING)
            wait_until(lambda: len(_told(receiver)) >= said["alerts"], SETTLING)
            commanded.wait(SETTLING)
        rows, different = pair.number(stored), pair.number(distinct)
        told = _told(receiver)
    lost, doubled = said["beats"] - different, rows - different
    untold = said["alerts"] - len(told)
    twice = sum(len(ids) > 1 for ids in told.values())
    unsent, resent = commanded.findings()
    slowest = max(waits)
    seen = (
        f"{len(waits)} leaders taken away: {said['beats']} beats, {lost} lost, {doubled} doubled;"
        f" {said['alerts']} alerts, {untold} not told, {twice} told twice;"
        f" {len(commanded.accepted)} commands, {unsent} lost, {resent} doubled;"
        f" another hub led after {percentile(waits, 0.5):.1f} s, {slowest:.1f} s at most"
    )
    missing = lost or untold or unsent or not commanded.accepted
    held = not (missing or doubled or twice or resent)
    numbers = {
        "kills": len(waits), "slowest": slowest, "beats": said["beats"], "alerts": said["alerts"],
        "commands": len(commanded.accepted), "unsure": len(commanded.unsure),
    }  # fmt: skip
    return Finding(seen, held, numbers, slowest <= IN_TIME)


def _take_away(pair: Pair, *, stopped: bool) -> float:
    """Kill who leads at a random moment, or stop it for longer than its lease; the seconds until
    the other leads. Then both are there again."""
    time.sleep(random.uniform(0.5, 6.0))
    hub, (_, epoch) = pair.leader(), pair.lease()
    lost, waits = hub.log.count(LOST), hub.log.count(WAITS)
    if stopped:
        os.kill(hub.pid, signal.SIGSTOP)
        waited = pair.next_leader(epoch)
        time.sleep(random.uniform(0.0, 3.0))
        os.kill(hub.pid, signal.SIGCONT)
        pair.until(hub, lambda: hub.log.count(LOST) > lost)
        pair.until(hub, lambda: hub.log.count(WAITS) > waits)
    else:
        hub.kill()
        waited = pair.next_leader(epoch)
        pair.stand_by(hub)
    return waited


def _speak(plain: Publisher, ended: threading.Event, said: dict[str, int]) -> None:
    """Beats of one agent all the time; now and then an alert of an agent that nobody knew."""
    while not ended.wait(0.02):
        number = said["beats"]
        beat = f'{{"ok":true,"ts":"{timestamp(time.time())}","uptime":{number}}}'
        plain.publish("heartbeat", beat).wait_for_publish(30)
        said["beats"] = number + 1
        if number % 25 == 24:
            alert = {
                "code": CODE,
                "severity": "warning",
                "state": "firing",
                "ts": timestamp(time.time()),
            }
            plain.publish_as(f"a{said['alerts']}", "alert", json.dumps(alert)).wait_for_publish(30)
            said["alerts"] += 1


def _told(receiver: Receiver) -> dict[str, set[str]]:
    """By agent the ids of the messages that told its alert: a receiver knows one that comes again
    by its id."""
    found: dict[str, set[str]] = {}
    for one in list(receiver.taken):
        if one.message["code"] == CODE and one.message["state"] == "firing":
            for member in one.message["members"]:
                found.setdefault(member["agent"], set()).add(one.id)
    return found


SCENARIO = Scenario(
    "R16",
    "the hub that leads kill -9, or SIGSTOP beyond its lease, x 100, on one PostgreSQL",
    "0 lost, 0 doubled, each alert told once, each command sent once, another leads in 20 s",
    run,
    slow="starts two hubs and waits for a lease to end",
)
