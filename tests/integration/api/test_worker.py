"""A sidecar's work at a real hub, over HTTP: submitted, claimed, done, handed back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.served import Served
from tests.support.waiting import wait_until
from tests.support.workers import carrying, wait_for_none

work_hub: Any = pytest.importorskip("tests.support.work_hub", reason="this hub serves no work")


@pytest.fixture(scope="module")
def hub(hub: Served) -> Any:
    made = work_hub.WorkHub(hub)
    made.enrol(*work_hub.AGENTS)
    return made


def environ(hub: Any, folder: Path, script: str, poll: int = 1, **limits: object) -> dict[str, str]:
    """Of the sidecar of the agent `worker`, which does research by a script."""
    argv = ["/bin/sh", "-c", script, "worker", "{in}/0", "{out}", "{board}"]
    table = {"argv": argv, "isolation": "process", **limits}
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in table.items()]
    for name, text in (
        ("token", hub.served.tokens["worker"]),
        ("work.toml", f"poll = {poll}\n[kinds.research]\n" + "".join(lines)),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    return {
        **os.environ,
        "FLEET_AGENT": "worker",
        "FLEET_HOME": str(folder / "side"),
        "FLEET_DROP": "-",
        "FLEET_BROKER": hub.served.environ["FLEET_BROKER"],
        "FLEET_WORK": str(folder / "work.toml"),
        "FLEET_HUB": hub.served.url,
        "FLEET_TOKEN_FILE": str(folder / "token"),
    }


def work_once(env: dict[str, str]) -> int:
    argv = [sys.executable, "-m", "agent_sidecar", "work", "--once"]
    return subprocess.run(argv, env=env, check=False, timeout=60).returncode


def seen(hub: Any, task: str) -> dict[str, Any]:
    found: dict[str, Any] = hub.done("GET", f"/v1/tasks/{task}", "boss")
    return found


def submit(hub: Any, **more: Any) -> tuple[str, str]:
    context = hub.new_id()
    task = hub.submit("boss", context, input=[hub.put(b"question ", context, "boss")], **more)
    return task, context


def test_a_task_is_claimed_done_and_handed_back_with_what_is_for_the_board(
    hub: Any, tmp_path: Path
) -> None:
    task, context = submit(hub)
    brief = hub.put(b"brief", context, "boss")
    hub.done("PUT", f"/v1/boards/{context}/context/brief.md", "boss", {"descriptor": brief})
    script = "cat $1 $3/context/brief.md > $2/a.md; echo f > $2/findings/f.md"
    assert work_once(environ(hub, tmp_path, script)) == 0
    found = seen(hub, task)
    assert found["state"] == "completed"
    assert found["output"][0]["digest"] == work_hub.digest_of(b"question brief")
    entries = hub.done("GET", f"/v1/boards/{context}", "boss")["entries"]
    assert ("findings", "f.md", task) in [(e["section"], e["name"], e["task"]) for e in entries]


def test_what_fails_is_told_in_a_word_and_what_cannot_be_had_is_rejected(
    hub: Any, tmp_path: Path
) -> None:
    task, _ = submit(hub, max_attempts=1)
    assert work_once(environ(hub, tmp_path, "exit 3")) == 1
    assert (seen(hub, task)["state"], seen(hub, task)["reason"]) == ("failed", "worker-exit")
    task, _ = submit(hub)
    work_once(environ(hub, tmp_path, "exit 3", isolation="container", image="none-such:1"))
    found = seen(hub, task)
    assert (found["state"], found["reason"]) == ("rejected", "isolation-unavailable")


@contextmanager
def running(
    env: dict[str, str], *words: str, log: IO[str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    sidecar = subprocess.Popen([sys.executable, "-m", "agent_sidecar", *words], env=env, stderr=log)
    try:
        yield sidecar
    finally:
        sidecar.kill()
        sidecar.wait()


@pytest.mark.parametrize("words", [("run",), ("work",)])
def test_a_task_that_is_called_off_ends_its_worker_and_a_stop_gives_the_next_one_back(
    hub: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    mark = {"run": "4740.1", "work": "4741.2"}[words[0]]
    env = environ(hub, tmp_path, f"trap '' TERM; sleep {mark}")
    with running(env, *words) as sidecar:
        first, _ = submit(hub)
        wait_until(lambda: seen(hub, first)["state"] == "working", what="the claim")
        wait_until(lambda: carrying(f"sleep {mark}"), what="the worker")
        hub.done("POST", f"/v1/tasks/{first}/cancel", "boss")
        wait_until(lambda: seen(hub, first)["state"] == "canceled", 60, "the end of it")
        wait_for_none(f"sleep {mark}")
        second, _ = submit(hub)
        wait_until(lambda: carrying(f"sleep {mark}"), what="the next worker")
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(30) == 0
    assert not carrying(f"sleep {mark}")
    found = seen(hub, second)
    assert (found["state"], found["reason"]) == ("submitted", "sidecar-stopped")
    hub.done("POST", f"/v1/tasks/{second}/cancel", "boss")


def test_an_offer_wakes_an_idle_worker_and_the_bus_hears_how_far_it_is(
    hub: Any, tmp_path: Path
) -> None:
    env = environ(hub, tmp_path, "cat $1 > $2/a.md", poll=3600)
    with running(env, "run"):
        wait_until(lambda: says(hub) not in (None, "offline"), what="the sidecar at the broker")
        task, _ = submit(hub)
        wait_until(lambda: seen(hub, task)["state"] == "completed", 60, "the work of one offer")
        wait_until(lambda: told(hub, task)[-1:] == ["completed"], 60, "its end on the bus")
    assert told(hub, task)[0] == "working"


def test_settings_that_are_read_again_end_begin_and_move_the_work(hub: Any, tmp_path: Path) -> None:
    mark = "4742.3"
    env = environ(hub, tmp_path, f"sleep {mark}")
    of_work = ("FLEET_WORK", "FLEET_HUB", "FLEET_TOKEN_FILE")
    settings = {name: env.pop(name) for name in of_work}
    file = tmp_path / "agent.env"
    env["FLEET_AGENT_ENV"] = str(file)

    def write(**given: str) -> None:
        file.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        file.chmod(0o600)

    write(**settings)
    said = tmp_path / "log"
    with said.open("w") as log, running(env, "run", log=log) as sidecar:
        wait_until(lambda: "connected to" in said.read_text(), 60, "the sidecar at the broker")
        task, _ = submit(hub)
        wait_until(lambda: told(hub, task) == ["working"], 60, "the worker, and the bus")
        write()
        sidecar.send_signal(signal.SIGHUP)
        wait_until(lambda: seen(hub, task)["state"] == "submitted", 60, "that it is given back")
        assert seen(hub, task)["reason"] == "sidecar-stopped"
        wait_for_none(f"sleep {mark}")
        environ(hub, tmp_path, "cat $1 > $2/a.md")
        write(**settings | {"FLEET_HUB": "http://127.0.0.1:9"})
        sidecar.send_signal(signal.SIGHUP)
        wait_until(lambda: "no work can be asked for" in said.read_text(), 60, "the other hub")
        write(**settings)
        sidecar.send_signal(signal.SIGHUP)
        wait_until(lambda: seen(hub, task)["state"] == "completed", 60, "the work, begun again")
        wait_until(lambda: told(hub, task)[-1:] == ["completed"], 60, "its end on the bus")
    assert "Traceback" not in said.read_text()


def says(hub: Any) -> str | None:
    """The state that the sidecar itself told last."""
    told: str | None = hub.served.get("/v1/agents/worker").get("says")
    return told


def told(hub: Any, task: str) -> list[str]:
    """The states that `progress` messages on the bus told of a task."""
    messages = hub.served.get("/v1/history?kind=progress&limit=1000")["messages"]
    return [one["message"]["state"] for one in messages if one["message"]["task"] == task]
