"""What a worker waits for: from a task's submission to its start, and content in and out.

    python -m benchmarks work [TASKS] [MIB] [ROUNDS]

A hub, Mosquitto and a sidecar with one idle worker, as a user starts them: the time from the
request that submits until the worker's own first line, one task after the other, each once the
folder of the one before is gone. Goal: 20 ms as a rule, 100 ms at the 99th percentile; whoever
polls takes half of his interval. Then a file of MIB
through `PUT` and `GET` of `/v1/blobs`, verified and on the disk, beside `cp` and `sync` of the
same file. Goal: 0.5 of its rate.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.result import tell  # noqa: E402  # run as a file, too
from fleet.provisioning.registry import Enrolled  # noqa: E402
from tests.support.broker import Mosquitto  # noqa: E402
from tests.support.served import Served  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402
from tests.support.work_hub import WorkHub  # noqa: E402

AGENT = "worker"
BLOCK = 1024 * 1024


def sidecar(folder: Path, hub: WorkHub) -> subprocess.Popen[bytes]:
    """One that runs, with a worker that says when it began."""
    kind = {"argv": ["/bin/sh", "-c", 'date +%s%N > "$0/began"', "{out}"], "isolation": "process"}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in kind.items())
    for name, text in (
        ("token", hub.served.tokens[AGENT]), ("work.toml", f"[kinds.research]\n{lines}"),
    ):  # fmt: skip
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    environ = {
        **os.environ, "FLEET_AGENT": AGENT, "FLEET_HOME": str(folder / "side"),
        "FLEET_BROKER": hub.served.environ["FLEET_BROKER"], "FLEET_WORK": str(folder / "work.toml"),
        "FLEET_HUB": hub.served.url, "FLEET_TOKEN_FILE": str(folder / "token"),
    }  # fmt: skip
    argv = [sys.executable, "-m", "agent_sidecar", "run"]
    return subprocess.Popen(argv, env=environ, stderr=subprocess.DEVNULL)


def end(side: subprocess.Popen[bytes]) -> None:
    side.terminate()
    try:
        side.wait(30)
    except subprocess.TimeoutExpired:
        side.kill()
        side.wait()


def start_of(hub: WorkHub, folder: Path) -> float:
    """Milliseconds from the submission of a task to the start of its worker, which was idle."""
    held = folder / "side/sidecar" / AGENT / "work/tasks"
    wait_until(lambda: not os.listdir(held), 60, "an idle worker")  # noqa: PTH208 - names only
    task = hub.new_id()
    asked = time.time_ns()
    body = {"id": task, "context": task, "kind": "research", "group": "red"}
    hub.done("POST", "/v1/tasks", "operator", body)
    time.sleep(0.1)  # it is done by then, as a rule: who asks too often is told to wait
    path, done = f"/v1/tasks/{task}", {}

    def completed() -> bool:
        done.update(hub.done("GET", path, "operator"))
        return done["state"] == "completed"

    wait_until(completed, 60, "the task")
    content = f"/v1/blobs/{done['output'][0]['digest']}?context={task}"
    return (int(hub.done("GET", content, "operator")["text"]) - asked) / 1e6


def starts(hub: WorkHub, folder: Path, count: int) -> dict[str, Any]:
    path = f"/v1/agents/{AGENT}"  # before it is heard, nothing is offered to it
    wait_until(lambda: hub.ask("GET", path, "operator")[1].get("last_seen"), 60, "the sidecar")
    start_of(hub, folder)  # the first one finds nothing in memory
    took = sorted(start_of(hub, folder) for _ in range(count))
    return {
        "p50": round(statistics.median(took), 1),
        "p99": round(took[min(count - 1, int(0.99 * count))], 1),
        "max": round(took[-1], 1),
    }


def rate(size: int, work: Callable[[], None]) -> float:
    """MiB a second."""
    began = time.perf_counter()
    work()
    return size / BLOCK / (time.perf_counter() - began)


def copy(folder: Path, source: Path) -> None:
    subprocess.run(["cp", source, folder / "copy"], check=True)
    subprocess.run(["sync", folder / "copy"], check=True)


def blobs(hub: WorkHub, folder: Path, mib: int) -> dict[str, float]:
    """Rates of one new file: `cp`, put and get."""
    source, content = folder / "source", os.urandom(mib * BLOCK)
    source.write_bytes(content)
    copied = rate(len(content), lambda: copy(folder, source))
    place = urlsplit(hub.served.url)
    headers = {"Authorization": f"Bearer {hub.served.tokens['operator']}"}
    query = f"context={hub.new_id()}&group=red"
    path = f"/v1/blobs/sha256:{sha256(content).hexdigest()}?{query}"

    def request(method: str, body: Any) -> None:
        connection = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=300, blocksize=BLOCK
        )
        size = {"Content-Length": str(len(content))} if body else {}
        connection.request(method, path, body, headers | size)
        answer = connection.getresponse()
        assert answer.status in (200, 201), answer.read()
        with (folder / "got").open("wb") as got:
            while block := answer.read(BLOCK):
                got.write(block)
        connection.close()

    with source.open("rb") as stream:
        put = rate(len(content), lambda: request("PUT", stream))
    got = rate(len(content), lambda: request("GET", None))
    return {"cp": copied, "put": put, "get": got}


def main() -> None:
    tasks, mib, rounds = map(int, (sys.argv[1:] + ["300", "60", "5"][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        broker = Mosquitto(folder / "broker").start()
        running.callback(broker.stop)
        served = Served(folder / "home", broker).start()
        running.callback(served.stop)
        hub = WorkHub(served)
        hub.enrol(Enrolled(AGENT, groups=("red",), can=("research",)))
        side = sidecar(folder, hub)
        running.callback(end, side)
        start_ms = starts(hub, folder, tasks)
        each = [blobs(hub, folder, mib) for _ in range(rounds)]
    mib_s = {who: round(statistics.median(one[who] for one in each), 1) for who in each[0]}
    tell({
        "tasks": tasks, "start_ms": start_ms, "mib": mib, "rounds": rounds, "mib_s": mib_s,
        "put_ratio": round(mib_s["put"] / mib_s["cp"], 2),
        "get_ratio": round(mib_s["get"] / mib_s["cp"], 2),
    })  # fmt: skip


if __name__ == "__main__":
    main()
