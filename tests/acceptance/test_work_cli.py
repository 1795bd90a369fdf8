"""Work as an operator hands it out: `fleet task` and `fleet board` against a served hub, with an
agent that does it over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.cli.main import run
from tests.support.broker import Mosquitto
from tests.support.served import Served, fleet
from tests.support.waiting import wait_until
from tests.support.work_hub import AGENTS, WorkHub, digest_of

BRIEF = "find out what moves in the market of left-handed scissors\n"
REPORT = b"nothing \x1b[31mmoves\n"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkHub]:
    folder: Path = tmp_path_factory.mktemp("work")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    made = WorkHub(served)
    made.enrol(*AGENTS)
    yield made
    served.stop()
    broker.stop()


def call(hub: WorkHub, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = fleet(*words, environ=hub.served.environ)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def work_once(hub: WorkHub, task: str, *, report: bytes | None = REPORT) -> None:
    """What a sidecar does: claim, read, write, put on the board, complete."""
    claimed = hub.done("POST", f"/v1/tasks/{task}/claim", "worker")["task"]
    context, epoch = claimed["context"], claimed["epoch"]
    for one in claimed["input"]:
        hub.done("GET", f"/v1/blobs/{one['digest']}?context={context}", "worker")
    hub.done("POST", f"/v1/tasks/{task}/renew", "worker", {"epoch": epoch, "progress": 50})
    if report is None:
        failed = {"epoch": epoch, "state": "rejected", "reason": "isolation-unavailable"}
        hub.done("POST", f"/v1/tasks/{task}/fail", "worker", failed)
        return
    named = hub.put(report, context, "worker")
    address = f"/v1/boards/{context}/final/report.md"
    hub.done("PUT", address, "worker", {"descriptor": named, "task": task})
    end = {"epoch": epoch, "output": [named]}
    hub.done("POST", f"/v1/tasks/{task}/complete", "worker", end)


def test_a_task_is_handed_out_awaited_and_its_result_fetched(hub: WorkHub, tmp_path: Path) -> None:
    (tmp_path / "brief.md").write_text(BRIEF)
    asked = ("task", "submit", "research", "--to", "worker", "--in", str(tmp_path / "brief.md"))
    submitted = call(hub, *asked, "-o", "json")
    task = json.loads(submitted.stdout)
    assert task["state"] == "submitted"
    assert task["input"] == [
        {
            "digest": digest_of(BRIEF.encode()), "size": len(BRIEF),
            "media_type": "text/markdown",
        }
    ]  # fmt: skip
    listed = call(hub, "task", "list", "--open")
    assert task["id"] in listed.stdout
    assert "submitted" in listed.stdout
    watcher = subprocess.Popen(
        [sys.executable, "-m", "fleet", "task", "watch", task["id"], "-o", "json"],
        env=hub.served.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    work_once(hub, task["id"])
    out, err = watcher.communicate(timeout=60)
    assert watcher.returncode == 0, err
    assert json.loads(out)["state"] == "completed"
    call(hub, "task", "result", task["id"], "-d", str(tmp_path / "result"))
    assert (tmp_path / "result" / "0.txt").read_bytes() == REPORT
    again = call(hub, "task", "result", task["id"], "-d", str(tmp_path / "result"), code=3)
    assert "is there already" in again.stderr
    board = call(hub, "board", "ls", task["context"])
    assert "final/report.md" in board.stdout
    got = call(hub, "board", "get", task["context"], "final/report.md")
    assert got.stdout.encode() == REPORT
    exported = call(hub, "board", "export", task["context"], "-d", str(tmp_path / "board"))
    assert exported.stdout.strip() == str(tmp_path / "board/final/report.md")
    assert (tmp_path / "board/final/report.md").read_bytes() == REPORT


def test_a_wait_ends_with_the_task_and_tells_by_its_exit_code(hub: WorkHub) -> None:
    task = hub.new_id()
    waits = threading.Thread(
        target=call,
        args=(hub, "task", "submit", "research", "--to", "worker", "--id", task, "--wait"),
        kwargs={"code": 1},
    )
    waits.start()
    wait_until(lambda: hub.ask("GET", f"/v1/tasks/{task}", "viewer")[0] == 200, what="the task")
    work_once(hub, task, report=None)
    waits.join(60)
    assert not waits.is_alive()
    shown = call(hub, "task", "show", task).stdout
    assert "rejected (isolation-unavailable)" in shown
    assert re.search(r"last held +by worker\n", shown)
    no_output = call(hub, "task", "result", task, "-d", "/nowhere", code=3).stderr
    assert f"Try: fleet task retry {task}" in no_output
    assert "is submitted" in call(hub, "task", "retry", task).stderr
    assert "is canceled" in call(hub, "task", "cancel", task).stderr
    assert call(hub, "task", "watch", task, code=1).stdout.startswith(f"task {task}")


def test_the_same_call_with_the_same_id_is_the_same_task(hub: WorkHub, tmp_path: Path) -> None:
    (tmp_path / "brief.md").write_text(BRIEF)
    asked = ("task", "submit", "research", "--to", "worker", "--in", str(tmp_path / "brief.md"))
    asked = (*asked, "--id", hub.new_id(), "-o", "json")
    first, again = (json.loads(call(hub, *asked).stdout) for _ in range(2))
    assert (first["id"], first["context"]) == (again["id"], again["context"])
    after = ("task", "submit", "research", "--to", "worker", "--after", first["id"], "-o", "json")
    assert json.loads(call(hub, *after).stdout)["context"] == first["context"]
    hub.done("POST", f"/v1/tasks/{first['id']}/claim", "worker")
    call(hub, "task", "cancel", first["id"])
    assert "working, cancel asked" in call(hub, "task", "show", first["id"]).stdout


def test_a_kind_that_needs_no_listing_is_told_and_the_list_shows_kinds(hub: WorkHub) -> None:
    said = call(hub, "agent", "allow", "worker", "--can", "research,script").stderr
    assert "script needs no listing" in said
    listed = call(hub, "agent", "list").stdout
    assert re.search(r"worker .* research ", listed)


def test_a_person_sees_who_asks_whom_before_a_task_goes_over_the_wall(hub: WorkHub) -> None:
    here, there = hub.new_id(), hub.new_id()
    named = hub.put(b"for the other group", here, "boss")
    joined = hub.submit("boss", here, to="worker")
    task = hub.submit("boss", there, group="blue", input=[named])
    said = call(hub, "task", "approve", task, "--yes").stderr
    assert "agent:boss asks anybody of blue: research" in said
    assert named["digest"] in said
    assert "is submitted" in said
    assert "needs no approval" in call(hub, "task", "approve", task, "--yes", code=3).stderr
    refused = call(hub, "task", "cancel", hub.new_id(), task, joined, code=3)
    assert "there is no task" in refused.stderr
    for one in (task, joined):
        assert f"{one} is canceled" in refused.stderr, (
            "one that is refused keeps none of the others"
        )


def test_an_agent_sends_files_for_another_group_and_they_go_when_a_person_says_so(
    hub: WorkHub, tmp_path: Path
) -> None:
    token, brief = tmp_path / "token", tmp_path / "brief.md"
    token.write_text(hub.served.tokens["boss"])
    token.chmod(0o600)
    brief.write_text("over the wall")
    context, digest = hub.new_id(), digest_of(b"over the wall")
    path = f"/v1/blobs/{digest}?context={context}&group=blue"
    status, said = hub.ask("PUT", path, "boss", b"over the wall")
    assert (status, said["code"]) == (403, "foreign-group")
    assert "Try" not in said["detail"]
    assert "leave group out" in said["try"]
    asked = ("task", "submit", "research", "--group", "blue", "--in", str(brief), "-o", "json")
    as_boss = hub.served.environ | {"FLEET_HUB_TOKEN_FILE": str(token)}
    done = fleet(*asked, environ=as_boss | {"FLEET_HUB": hub.served.url})
    assert done.returncode == 0, done.stderr
    task = json.loads(done.stdout)
    assert (task["by"], task["state"]) == ("agent:boss", "auth-required")
    read = f"/v1/blobs/{digest}?context={task['context']}"
    assert hub.ask("GET", read, "spy")[0] == 404
    call(hub, "task", "approve", task["id"], "--yes")
    hub.done("POST", f"/v1/tasks/{task['id']}/claim", "spy")
    assert hub.done("GET", read, "spy")["text"] == "over the wall"


def test_entries_are_put_over_the_version_that_was_read(hub: WorkHub, tmp_path: Path) -> None:
    context = hub.new_id()
    file = tmp_path / "plan.md"
    file.write_text("one")
    hub.put(b"opens it", context, "boss")
    call(hub, "board", "put", context, "context/plan.md", str(file), "--over", "0")
    file.write_text("two")
    said = call(hub, "board", "put", context, "context/plan.md", str(file), "--over", "0", code=3)
    assert "it is at 1" in said.stderr
    call(hub, "board", "put", context, "context/plan.md", str(file), "--over", "1")
    entry = ("board", "get", context, "context/plan.md")
    assert call(hub, *entry).stdout == "two"
    assert call(hub, *entry, "--version", "1").stdout == "one"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("task", "submit", "research"), "--to AGENT or --group NAME"),
        (("task", "submit", "alchemy", "--to", "worker"), "fleet agent allow worker --can alchemy"),
        (("task", "submit", "research", "--to", "nobody"), "no agent nobody is enrolled"),
        (
            ("task", "submit", "research", "--to", "nobody", "--in", __file__),
            "no agent nobody is enrolled",
        ),
        (("task", "submit", "research", "--to", "worker", "--in", "/nowhere"), "cannot be read"),
        (("task", "submit", "research", "--to", "worker", "--in", "/dev/zero"), "no plain file"),
        (
            ("task", "submit", "research", "--to", "worker", "--context", "mine"),
            "'mine' is no id of a session",
        ),
        (("task", "submit", "Re search", "--to", "worker"), "is no kind of work"),
        (("task", "submit", "research", "--to", "../x"), "is not an agent name"),
        (("task", "submit", "research", "--group", "../x"), "is no name of a group"),
        (("task", "submit", "research", "--to", "worker", "--id", "mine"), "leave --id out"),
        (("task", "submit", "research", "--to", "worker", "--ttl", "0s"), "is not 1s to 90d"),
        (("task", "submit", "research", "--to", "worker", "--timeout", "8d"), "is not 1s to 7d"),
        (
            (
                "task",
                "submit",
                "research",
                "--to",
                "worker",
                "--id",
                "01KZZZZZZZZZZZZZZZZZZZZZZZ",
                "--after",
                "01KZZZZZZZZZZZZZZZZZZZZZZZ",
            ),
            "does not wait for itself",
        ),
        (("task", "list", "--context", "mine"), "is no id of a session"),
        (("board", "ls", "mine"), "is no id of a session"),
        (("task", "show", "mine"), "is no id of a task"),
        (("task", "show", "01KZZZZZZZZZZZZZZZZZZZZZZZ"), "there is no task"),
        (("task", "cancel", "../../etc"), "is no id of a task"),
        (
            ("board", "put", "01KZZZZZZZZZZZZZZZZZZZZZZZ", "context/a.md", __file__),
            "there is no context 01KZ",
        ),
        (("board", "ls", "01KZZZZZZZZZZZZZZZZZZZZZZZ"), "there is no context"),
        (("board", "get", "01KZZZZZZZZZZZZZZZZZZZZZZZ", "final/../x"), "is no entry of a board"),
        (("board", "get", "01KZZZZZZZZZZZZZZZZZZZZZZZ", "report"), "is no entry of a board"),
        (("agent", "allow", "worker", "--can", "Re search"), "is no kind of task"),
        (("agent", "allow", "nobody", "--can", "research"), "no agent nobody is enrolled"),
    ],
)
def test_a_wrong_call_is_told_with_what_to_try(
    hub: WorkHub,
    words: tuple[str, ...],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in hub.served.environ.items():
        monkeypatch.setenv(name, value)
    assert run(list(words)) == 3
    said = capsys.readouterr().err
    assert told in said
    assert "Try:" in said
    assert "GET /v1" not in said, "that is nothing for a command line"


def test_what_an_agent_may_do_is_changed_while_the_hub_serves(hub: WorkHub) -> None:
    body = {"id": hub.new_id(), "context": hub.new_id(), "kind": "research"}
    assert hub.ask("POST", "/v1/tasks", "worker", body)[0] == 403
    call(hub, "agent", "allow", "worker", "--may-delegate")
    assert hub.ask("POST", "/v1/tasks", "worker", body)[0] == 201
    call(hub, "agent", "allow", "worker", "--no-delegate")
    hub.done("POST", f"/v1/tasks/{body['id']}/cancel", "worker")
    found = json.loads(call(hub, "agent", "allow", "worker", "-o", "json").stdout)
    assert found == {
        "agent": "worker", "group": "red", "can": ["research"], "may_delegate": False,
    }  # fmt: skip


def test_content_goes_into_a_backup_by_its_flag_alone(hub: WorkHub, tmp_path: Path) -> None:
    hub.put(b"kept or not", hub.new_id(), "boss")
    name = digest_of(b"kept or not")[7:]
    without, with_blobs = tmp_path / "without", tmp_path / "with"
    said = call(hub, "backup", "--home", str(without)).stderr
    assert "--with-blobs takes it along" in said
    call(hub, "backup", "--home", str(with_blobs), "--with-blobs")
    assert b"kept or not" not in without.read_bytes()
    assert b"kept or not" in with_blobs.read_bytes()
    call(hub, "restore", "--home", str(with_blobs), "--to", str(tmp_path / "home"))
    assert (tmp_path / "home/blobs/red" / name).read_bytes() == b"kept or not"
