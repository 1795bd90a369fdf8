"""`agent-sidecar exec` at a terminal: Ctrl-C and a closed window leave nobody, nohup stays."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import alive, mentioning
from tests.support.supervised_agent import SupervisedAgent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[SupervisedAgent]:
    supervised = SupervisedAgent(tmp_path / "home")
    yield supervised
    supervised.clear()


def at_a_terminal(supervised: SupervisedAgent, deaf: tuple[str, ...]) -> tuple[int, int]:
    """The pid of a supervisor that leads a session, and the master side of its terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, supervised.argv(deaf=deaf), supervised.environ)  # noqa: S606
    return pid, terminal


@pytest.mark.parametrize("deaf", [(), ("SIGTERM", "SIGHUP")], ids=["mild", "stubborn"])
def test_a_closed_terminal_ends_all(supervised: SupervisedAgent, deaf: tuple[str, ...]) -> None:
    pid, terminal = at_a_terminal(supervised, deaf)
    agent = supervised.wait_agent(1)
    supervised.sidecar()
    os.close(terminal)
    os.waitpid(pid, 0)
    assert not alive(agent)
    assert mentioning(supervised.folder) == {}
    assert len(supervised.agents()) == 1, "it was started again for nobody"


def test_ctrl_c_ends_all_also_after_a_restart(supervised: SupervisedAgent) -> None:
    pid, terminal = at_a_terminal(supervised, ())
    os.kill(supervised.wait_agent(1), signal.SIGKILL)
    supervised.wait_agent(2)
    os.write(terminal, b"\x03")
    os.waitpid(pid, 0)
    os.close(terminal)
    assert mentioning(supervised.folder) == {}
    assert len(supervised.agents()) == 2


def test_ctrl_c_to_the_whole_foreground_group_ends_all(supervised: SupervisedAgent) -> None:
    """Without a terminal of its own on stdin, as in a pipeline of a script."""
    process = supervised.start(deaf=())
    supervised.wait_agent(1)
    supervised.sidecar()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert mentioning(supervised.folder) == {}


def ignores(pid: int, number: signal.Signals) -> bool:
    """Seen in the process table: that it is still there a moment later would prove nothing."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [mask] = [int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:")]
    return bool(mask & 1 << (number - 1))


def test_nohup_outlives_the_terminal(supervised: SupervisedAgent) -> None:
    argv = ["nohup", *supervised.argv("--no-sidecar", deaf=())]
    pid, terminal = pty.fork()
    if pid == 0:
        for stream in (1, 2):  # else nohup writes a file
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        os.execvpe("nohup", argv, supervised.environ)  # noqa: S606
    agent = supervised.wait_agent(1)
    os.close(terminal)
    assert ignores(pid, signal.SIGHUP)
    assert ignores(agent, signal.SIGHUP)
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    assert mentioning(supervised.folder) == {}
