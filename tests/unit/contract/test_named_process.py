"""Who can write a pid file can name processes of his own, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar.commands.reload import parse
from agent_sidecar.probes.process import PidFile
from fleet.contract.named_process import may_name, owners, send
from fleet.contract.vocabulary import ReplyCode
from tests.support.other_user import UID, as_root


def sleeper(uid: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"], user=uid)


@pytest.fixture
def ours() -> Iterator[subprocess.Popen[bytes]]:
    with sleeper(os.geteuid()) as process:
        yield process
        process.kill()


@pytest.fixture
def theirs() -> Iterator[subprocess.Popen[bytes]]:
    with sleeper(UID) as process:
        yield process
        process.kill()


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    """In a folder of the agent's user."""
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "pid").touch()
    if os.geteuid() == 0:
        os.chown(folder, UID, UID)
        os.chown(folder / "pid", UID, UID)
    return folder / "pid"


def test_the_owners_of_a_process(ours: subprocess.Popen[bytes]) -> None:
    assert owners(ours.pid) == {os.geteuid()}
    assert owners(2**22 + 1) == frozenset()


@as_root
def test_an_agent_names_its_own_process_and_no_other(
    pid_file: Path, ours: subprocess.Popen[bytes], theirs: subprocess.Popen[bytes]
) -> None:
    assert may_name(pid_file, theirs.pid)
    assert not may_name(pid_file, ours.pid)
    pid_file.write_text(str(ours.pid))
    assert PidFile(pid_file)() is None
    pid_file.write_text(str(theirs.pid))
    assert PidFile(pid_file)() == theirs.pid


@as_root
def test_a_file_that_everybody_writes_names_processes_of_its_owner_but_none_of_ours(
    pid_file: Path, ours: subprocess.Popen[bytes], theirs: subprocess.Popen[bytes]
) -> None:
    pid_file.chmod(0o666)
    assert may_name(pid_file, theirs.pid)
    assert not may_name(pid_file, ours.pid)
    os.chown(pid_file.parent, 0, 0)
    os.chown(pid_file, 0, 0)
    assert not may_name(pid_file, theirs.pid)
    assert not may_name(pid_file, ours.pid)


@as_root
def test_a_link_to_a_pid_file_of_root_is_still_the_agents_word(
    pid_file: Path, tmp_path: Path, ours: subprocess.Popen[bytes]
) -> None:
    (tmp_path / "daemon.pid").write_text(str(ours.pid))
    assert PidFile(tmp_path / "daemon.pid")() == ours.pid
    pid_file.unlink()
    pid_file.symlink_to(tmp_path / "daemon.pid")
    assert PidFile(pid_file)() is None


@as_root
def test_a_reload_by_signal_never_reaches_a_process_of_somebody_else(
    pid_file: Path, ours: subprocess.Popen[bytes], theirs: subprocess.Popen[bytes]
) -> None:
    action = parse("signal:TERM", PidFile(pid_file))
    assert action is not None
    pid_file.write_text(str(ours.pid))
    assert action.run() is ReplyCode.ACTION_FAILED
    assert ours.poll() is None
    pid_file.write_text(str(theirs.pid))
    assert action.run() is ReplyCode.OK
    assert theirs.wait() == -signal.SIGTERM


def test_a_process_that_takes_the_number_meanwhile_is_left_alone(
    ours: subprocess.Popen[bytes],
) -> None:
    found = iter([ours.pid, None])
    with pytest.raises(ProcessLookupError):
        send(lambda: next(found), signal.SIGKILL)
    assert ours.poll() is None
