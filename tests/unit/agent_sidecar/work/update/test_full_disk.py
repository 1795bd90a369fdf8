"""A disk that fills up in the middle of an update: it goes back, and something runs in the end."""

from __future__ import annotations

import errno
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from agent_sidecar.files import replace_text
from agent_sidecar.work.fake_hub import FakeHub
from agent_sidecar.work.hub import Claim
from agent_sidecar.work.update.attempt import UpdateAttempt
from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.journal import Journal, Phase
from agent_sidecar.work.update.recovery import recover
from agent_sidecar.work.update.updater import Updater
from agent_sidecar.work.update_plan import parse
from fleet.contract.update_words import UpdateAction, UpdateOrder
from fleet.contract.work_vocabulary import BuiltInKind, TaskReason, TaskState
from tests.support.updatable import Updatable

ROLLOUT = "01JQ00000000000000000R0001"


class Disk:
    """The sidecar's, which takes so many notes, and no more."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.room = 100
        patch.setattr("agent_sidecar.work.update.journal.replace_text", self._replace)

    def _replace(self, path: Path, text: str) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_text(path, text)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def agent(tmp_path: Path) -> Updatable:
    (tmp_path / "state").mkdir(mode=0o700)
    return Updatable(tmp_path / "agent")


def ordered(
    agent: Updatable, version: str, action: UpdateAction = UpdateAction.INSTALL
) -> TaskReason | None:
    plan = parse(agent.table(), "work.toml")
    updater = Updater(plan, agent.folder.parent / "state", Commands(plan.timeout))
    return updater.carry_out(UpdateOrder(action, version, ROLLOUT, "2.0"))


def phase(agent: Updatable) -> Phase | None:
    found = Journal(agent.folder.parent / "state").read()
    return found.phase if found else None


def test_what_cannot_be_noted_first_changes_nothing(agent: Updatable, disk: Disk) -> None:
    disk.room = 0
    with pytest.raises(OSError, match="No space left"):
        ordered(agent, "2.0")
    assert (agent.runs, agent.installed) == ("1.0", [])


@pytest.mark.parametrize("version", ["2.0", "bad-install", "bad-start", "bad-verify"])
def test_a_disk_that_fills_up_in_the_middle_leads_back(
    agent: Updatable, disk: Disk, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    disk.room = 1
    assert ordered(agent, version) is TaskReason.ROLLED_BACK
    assert (agent.runs, agent.installed) == ("1.0", [version, "1.0"])
    assert "No space left" in caplog.text
    assert phase(agent) is Phase.CHANGING, "which leads back at the next start, too"
    disk.room = 100
    recover(parse(agent.table(), "work.toml"), agent.folder.parent / "state")
    assert (agent.runs, phase(agent)) == ("1.0", Phase.BACK)


def test_a_way_back_that_fails_on_a_full_disk_is_said_as_what_it_is(
    agent: Updatable, disk: Disk
) -> None:
    disk.room = 1
    assert ordered(agent, "no-way-back") is TaskReason.ROLLBACK_FAILED
    assert agent.runs == "no-way-back", "never stopped"


def test_the_hub_sends_back_on_a_full_disk(agent: Updatable, disk: Disk) -> None:
    assert ordered(agent, "2.0") is None
    disk.room = 0
    assert ordered(agent, "1.0", UpdateAction.ROLL_BACK) is None
    assert agent.runs == "1.0"


def refused(**_how: Any) -> IO[bytes]:
    raise OSError(errno.ENOSPC, "No space left on device")


def full(**_how: Any) -> IO[bytes]:
    """Has a name, and no room."""
    return Path("/dev/full").open("r+b", buffering=0)


@pytest.mark.parametrize("file", [refused, full])
def test_a_command_runs_where_the_disk_has_no_room_for_what_it_says(
    monkeypatch: pytest.MonkeyPatch, file: Callable[..., IO[bytes]]
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", file)
    assert Commands(60).run(["echo", "1.0"]) == (True, "1.0")


def test_a_command_that_cannot_be_begun_is_one_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*_what: Any, **_how: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(tempfile, "TemporaryFile", none)
    monkeypatch.setattr("os.memfd_create", none)
    assert Commands(60).run(["true"]) == (False, "")


def test_an_attempt_goes_on_where_neither_its_order_nor_its_steps_can_be_written(
    agent: Updatable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def untellable(_claim: Claim, state: TaskState, *_more: object) -> None:
        if state is TaskState.WORKING:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    hub = FakeHub()
    order = UpdateOrder(UpdateAction.INSTALL, "2.0", ROLLOUT).to_json()
    kept = hub.submit(BuiltInKind.UPDATE, order)
    claim = hub.claim(kept.task)
    assert claim
    plan, state = parse(agent.table(), "work.toml"), agent.folder.parent / "state"
    attempt = UpdateAttempt(hub, claim, plan, state, time.monotonic(), untellable)
    assert attempt.run() is None
    assert (agent.runs, kept.state) == ("2.0", TaskState.COMPLETED)
