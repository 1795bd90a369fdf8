"""Who belongs to a supervised agent, as `/proc` says it and as `ps` does on other systems."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent_sidecar.supervise import process_table
from agent_sidecar.supervise.process_table import look
from agent_sidecar.supervise.process_tree import AGENT, ROLES, SIDECAR, ProcessTree
from tests.support.processes import alive, mentioning
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="compares with /proc")

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(params=["proc", "ps"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(process_table, "PROC", request.param == "proc")
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A shell in a group of its own that runs the script; nothing of it stays."""
    with ExitStack() as stack:

        def run(script: str, **environ: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                ["sh", "-c", script],
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env={**os.environ, **environ},
            )
            stack.callback(_clear, process, tmp_path)
            return process

        yield run


def _clear(process: subprocess.Popen[str], folder: Path) -> None:
    group = {pid for pid, row in look().items() if row.group == process.pid and not row.dead}
    for pid in group | set(mentioning(folder)):
        os.kill(pid, signal.SIGKILL)
    process.communicate()


def child_of(process: subprocess.Popen[str]) -> int:
    """The pid that its script prints."""
    assert process.stdout is not None
    return int(process.stdout.readline())


PARENT = "sleep 600 & echo $!; wait"


@pytest.mark.usefixtures("table")
def test_both_tables_know_parent_group_and_start(start: Start) -> None:
    process = start("exec sleep 600")
    row = look([process.pid])[process.pid]
    assert (row.pid, row.parent, row.group, row.dead) == (
        process.pid, os.getpid(), process.pid, False
    )  # fmt: skip
    assert look()[process.pid] == row, "it is the same at every look"
    process.kill()
    wait_until(lambda: look([process.pid])[process.pid].dead, what="an end not yet collected")
    process.wait(10)
    assert look([process.pid]) == {}


@pytest.mark.usefixtures("table")
def test_who_is_on_record_ends_with_its_children(tmp_path: Path, start: Start) -> None:
    agent, sidecar = start(f"trap '' TERM; {PARENT}"), start("exec sleep 600")
    child = child_of(agent)
    tree = ProcessTree(tmp_path)
    tree.record({AGENT: agent.pid, SIDECAR: sidecar.pid})
    assert set(tree.members()) == {agent.pid, child, sidecar.pid}
    assert set(tree.members([AGENT])) == {agent.pid, child}
    assert ProcessTree(tmp_path).end_all() == []
    assert not any(map(alive, (agent.pid, child, sidecar.pid)))


@pytest.mark.usefixtures("table")
def test_a_number_that_went_to_another_process_is_left_alone(tmp_path: Path, start: Start) -> None:
    stranger = start(PARENT)
    child_of(stranger)
    tree = ProcessTree(tmp_path)
    tree.record({AGENT: stranger.pid})
    said = json.loads((tmp_path / "children").read_text())
    said[AGENT][1] = "another start"
    (tmp_path / "children").write_text(json.dumps(said))
    assert ProcessTree(tmp_path).members() == {}
    assert ProcessTree(tmp_path).members(fresh=True) == {}
    assert ProcessTree(tmp_path).end_all() == []
    assert alive(stranger.pid)


@pytest.mark.usefixtures("table")
def test_a_copied_record_ends_nobody(tmp_path: Path, start: Start) -> None:
    made, copied = tmp_path / "made", tmp_path / "copied"
    made.mkdir()
    agent, sidecar = start("exec sleep 600"), start("exec sleep 600")
    ProcessTree(made).record({AGENT: agent.pid, SIDECAR: sidecar.pid})
    shutil.copytree(made, copied)
    tree = ProcessTree(copied)
    assert tree.members() == tree.members(fresh=True) == {}
    assert tree.end_all() == tree.end_all(fresh=True) == []
    assert tree.of_others() == sorted([agent.pid, sidecar.pid])
    assert alive(agent.pid)
    assert alive(sidecar.pid)
    made.rename(tmp_path / "moved")
    moved = ProcessTree(tmp_path / "moved")
    assert (set(moved.members()), moved.of_others()) == ({agent.pid, sidecar.pid}, [])


def test_a_record_of_an_earlier_version_is_believed_of_who_carries_the_mark(
    tmp_path: Path, start: Start
) -> None:
    tree = ProcessTree(tmp_path)
    agent, stranger = start("exec sleep 600", **tree.mark), start("exec sleep 600")
    tree.record({AGENT: agent.pid, SIDECAR: stranger.pid})
    said = json.loads((tmp_path / "children").read_text())
    (tmp_path / "children").write_text(json.dumps({role: said[role] for role in ROLES}))
    assert tree.end_all() == []
    assert not alive(agent.pid)
    assert alive(stranger.pid)
    assert tree.of_others() == [stranger.pid]


@pytest.mark.usefixtures("table")
def test_the_group_of_one_that_ended_is_its_own_only_for_a_moment(
    tmp_path: Path, start: Start
) -> None:
    tree = ProcessTree(tmp_path)
    agent = start("sleep 600 & echo $!; exec sleep 600")
    child = child_of(agent)
    tree.record({AGENT: agent.pid})
    agent.kill()
    agent.wait(10)
    assert tree.members() == {}
    assert set(tree.members(fresh=True)) == {child}
    assert tree.end_all(fresh=True) == []
    assert not alive(child)


def test_the_mark_finds_who_left_the_group_and_lost_its_parent(
    tmp_path: Path, start: Start
) -> None:
    tree, other = ProcessTree(tmp_path / "one"), ProcessTree(tmp_path / "other")
    agent = start("setsid sleep 600 & echo $!", **tree.mark)
    child = child_of(agent)
    agent.wait(10)
    wait_until(lambda: set(tree.members()) == {child}, what="the orphan")
    assert other.members() == {}
    assert tree.end_all() == []
    assert not alive(child)


@pytest.mark.usefixtures("table")
def test_it_never_ends_itself_or_who_started_it(tmp_path: Path) -> None:
    tree = ProcessTree(tmp_path)
    tree.record({AGENT: os.getppid()})
    assert not {os.getpid(), os.getppid()} & set(tree.members(fresh=True))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"agent": 7}', '{"agent": ["x", 1]}', "7"])
def test_an_unreadable_record_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "children").write_text(text)
    assert ProcessTree(tmp_path).members(fresh=True) == {}
