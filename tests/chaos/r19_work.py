"""R19: tasks at many workers; hub, broker and sidecars are killed, ended or stopped at random."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fleet.provisioning.registry import Enrolled
from tests.chaos.scenario import AbsentError, Finding, Scenario
from tests.support.broker import Mosquitto
from tests.support.served import Served
from tests.support.waiting import wait_until
from tests.support.work_hub import WorkHub, described, digest_of
from tests.support.workers import carrying

SECONDS: Final = 600.0
SIDECARS: Final = 5
BESIDE: Final = 10
"""Workers of one sidecar at a time: 50 in all."""

ATTEMPTS: Final = 20
SETTLING: Final = 900.0
"""Seconds after the last fault: some leases of a minute, and waits that have grown."""

SCRIPT: Final = """
exec 9>>"$LEDGER/$TASK_ID"
flock -n 9 || echo "$TASK_ID" >>"$LEDGER/doubles"
echo "$TASK_ID" >>"$LEDGER/starts"
sleep "$PAUSE"
cat "$1" "$1" >"$2/twice"
"""
"""A worker; as long as anything of it lives its lock is held."""


class Workers:
    """One sidecar that only works, as a user starts it."""

    def __init__(self, folder: Path, name: str, hub: WorkHub, ledger: Path, pause: str) -> None:
        folder.mkdir(parents=True)
        kind = {
            "argv": ["/bin/sh", "-c", SCRIPT, "worker", "{in}/0", "{out}"],
            "isolation": "process", "parallel": BESIDE, "environment": ["LEDGER", "PAUSE"],
        }  # fmt: skip
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in kind.items()]
        for file, text in (
            ("token", hub.served.tokens[name]),
            ("work.toml", "poll = 1\n[kinds.research]\n" + "".join(lines)),
        ):
            (folder / file).write_text(text)
            (folder / file).chmod(0o600)
        self._log = folder / "log"
        self._environ = {
            **os.environ, "LEDGER": str(ledger), "PAUSE": pause, "FLEET_AGENT": name,
            "FLEET_HOME": str(folder / "side"), "FLEET_DROP": "-",
            "FLEET_BROKER": hub.served.environ["FLEET_BROKER"],
            "FLEET_WORK": str(folder / "work.toml"), "FLEET_HUB": hub.served.url,
            "FLEET_TOKEN_FILE": str(folder / "token"),
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            argv = [sys.executable, "-m", "agent_sidecar", "work"]
            self.process = subprocess.Popen(argv, env=self._environ, stderr=log)

    def end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            process.wait()

    def stop_for_a_while(self) -> None:
        """Longer than a lease, at times."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(random.uniform(5, 80))
        self.process.send_signal(signal.SIGCONT)


class Client:
    """Who submits, and says everything again until it is answered."""

    def __init__(self, hub: WorkHub) -> None:
        self._hub = hub
        self.asked: dict[str, bytes] = {}
        """Content by task."""

    def submit(self) -> None:
        task, content = self._hub.new_id(), os.urandom(64)
        path = f"/v1/blobs/{digest_of(content)}?context={task}&group=red"
        self._insist("PUT", path, content)
        body = {
            "id": task, "context": task, "group": "red", "kind": "research",
            "input": [described(content)], "max_attempts": ATTEMPTS,
        }  # fmt: skip
        self._insist("POST", "/v1/tasks", body)
        self.asked[task] = content

    def found(self, task: str) -> dict[str, Any]:
        return dict(self._insist("GET", f"/v1/tasks/{task}"))

    def is_right(self, task: str, found: dict[str, Any]) -> bool:
        """Whether it was done, and its result can be had and is what it must be."""
        wanted = digest_of(2 * self.asked[task])
        if [one["digest"] for one in found["output"]] != [wanted]:
            return False
        path = f"/v1/blobs/{wanted}?context={task}"
        return self._hub.ask("HEAD", path, "operator")[0] == 200

    def _insist(self, method: str, path: str, body: Any = None) -> Any:
        said: list[Any] = []

        def answered() -> bool:
            with suppress(OSError):
                status, answer = self._hub.ask(method, path, "operator", body)
                said[:] = [answer]
                return status in (200, 201)
            return False

        wait_until(answered, 120, f"{method} {path}")
        return said[0]


def run(folder: Path, short: bool) -> Finding:
    if shutil.which("flock") is None:
        raise AbsentError("flock is not installed")
    ledger = folder / "ledger"
    ledger.mkdir(parents=True)
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker)
    names = [f"worker-{n}" for n in range(1 if short else SIDECARS)]
    pause = "1" if short else "4"
    sides: list[Workers] = []
    try:
        begin(served)
        hub = WorkHub(served)
        hub.enrol(*(Enrolled(name, groups=("red",), can=("research",)) for name in names))
        for name in names:
            sides.append(Workers(folder / "sides" / name, name, hub, ledger, pause))
            sides[-1].start()
        client = Client(hub)
        faults = trouble_once if short else trouble
        told = faults(client, served, broker, sides, ledger)
        return judged(client, ledger, told, 120 if short else SETTLING, sides, folder)
    finally:
        for side in sides:
            side.end(signal.SIGKILL)
        served.kill()
        broker.kill()


def begin(served: Served) -> None:
    """Start the hub; how soon is not what is held here."""
    try:
        served.start()
    except AssertionError:
        wait_until(served._ready, 60, "the hub's start")


def trouble_once(
    client: Client, served: Served, _broker: Mosquitto, _sides: list[Workers], ledger: Path
) -> Counter[str]:
    """The fault that costs no lease, and so no minute."""
    for _ in range(6):
        client.submit()
    wait_until((ledger / "starts").exists, 60, "that one works")
    served.kill()
    begin(served)
    return Counter({"hub killed": 1})


def trouble(
    client: Client, served: Served, broker: Mosquitto, sides: list[Workers], _ledger: Path
) -> Counter[str]:
    told: Counter[str] = Counter()
    until = time.monotonic() + float(os.environ.get("WORK_SECONDS", SECONDS))
    while time.monotonic() < until:
        for _ in range(random.randrange(30)):
            client.submit()
        time.sleep(random.uniform(2, 20))
        side = random.choice(sides)
        fault = random.choice(
            ["hub killed", "broker killed", "sidecar killed", "sidecar ended", "sidecar stopped"]
        )
        told[fault] += 1
        match fault:
            case "hub killed":
                served.kill()
                time.sleep(random.choice([0, 0, 5, 70]))
                begin(served)
            case "broker killed":
                broker.kill()
                broker.start()
            case "sidecar stopped":
                side.stop_for_a_while()
            case _:
                side.end(signal.SIGKILL if fault == "sidecar killed" else signal.SIGTERM)
                side.start()
    return told


def judged(
    client: Client, ledger: Path, told: Counter[str], patience: float, sides: list[Workers],
    folder: Path,
) -> Finding:  # fmt: skip
    finals: dict[str, dict[str, Any]] = {}

    def all_ended() -> bool:
        for task in client.asked.keys() - finals.keys():
            found = client.found(task)
            if found["ended"] is None:
                return False
            finals[task] = found
        return True

    with suppress(AssertionError):
        wait_until(all_ended, patience, "the end of all tasks")
    right = sum(client.is_right(task, found) for task, found in finals.items())
    starts = Counter((ledger / "starts").read_text().split())
    over = sum(starts[task] > found["attempt"] for task, found in finals.items())
    doubles = len((ledger / "doubles").read_text().split()) if (ledger / "doubles").exists() else 0
    for side in sides:
        side.end(signal.SIGTERM)
    left = 0
    with suppress(AssertionError):
        wait_until(lambda: not carrying(str(folder / "sides")), 60, "that no worker is left")
    left = len(carrying(str(folder / "sides")))
    count = len(client.asked)
    seen = (
        f"{count} tasks through {', '.join(f'{n} times {fault}' for fault, n in told.items())}:"
        f" {right} done with their result, {count - right} not; {starts.total()} starts,"
        f" {over} tasks with more than were counted, {doubles} times two at one task,"
        f" {left} workers left"
    )
    numbers = {"tasks": count, "right": right, "starts": starts.total(), "doubles": doubles}
    return Finding(seen, right == count and not (over or doubles or left), numbers)


SCENARIO = Scenario(
    "R19",
    "hub, broker and sidecars with 50 workers killed, ended or stopped at random",
    "every task is done once with its result, none at two workers at a time, no worker is left",
    run,
    slow="a hub that starts twice beside its workers, some 30 s",
)
