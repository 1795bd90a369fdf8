"""`agent-sidecar exec` with real children."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Mosquitto
from tests.support.processes import alive
from tests.support.waiting import wait_until

ENDLESS = "while :; do sleep 0.05; done"

Exec = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def execute(tmp_path: Path) -> Iterator[Exec]:
    """`agent-sidecar exec` around a shell script; alone, unless flags say otherwise."""
    with ExitStack() as stack:

        def run(
            script: str, *flags: str, shell: str = "sh", alone: bool = True, **given: Any
        ) -> subprocess.Popen[bytes]:
            argv = [sys.executable, "-m", "agent_sidecar", "exec", "--agent", "alpha"]
            argv += ["--home", str(tmp_path), *(["--no-sidecar"] if alone else []), *flags]
            process = subprocess.Popen([*argv, "--", shell, "-c", script], **given)
            stack.callback(_end, process)
            return process

        yield run


def _end(process: subprocess.Popen[bytes]) -> None:
    """A supervisor that is killed leaves its child: ask first."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
    process.communicate()


def record(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "sidecar/alpha/agent/pid"
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return found


def agent_pid(tmp_path: Path) -> int:
    return int(wait_until(lambda: record(tmp_path).get("pid"), what="the agent's start"))


def test_stdin_stdout_and_stderr_are_the_agents_own(execute: Exec) -> None:
    noise = bytes(range(256)) * 400
    process = execute(
        "cat; printf 'err\\377' >&2", stdin=subprocess.PIPE, stdout=-1, stderr=subprocess.PIPE
    )
    out, err = process.communicate(noise, timeout=30)
    assert (out, err, process.returncode) == (noise, b"err\xff", 0)


@pytest.mark.parametrize("code", [1, 7, 255])
def test_the_exit_code_is_kept(execute: Exec, code: int) -> None:
    assert execute(f"exit {code}", "--restart", "never").wait(30) == code


def test_an_agent_that_a_signal_ended_gives_the_shells_code(execute: Exec) -> None:
    assert execute("kill -9 $$", "--restart", "never").wait(30) == 137


def test_a_command_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "agent_sidecar", "exec", "--agent", "alpha", "--no-sidecar"]
    done = subprocess.run(
        [*argv, "--home", str(tmp_path), "--", "no-such-agent"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.startswith("no-such-agent cannot be started: No such file")
    assert "Try: command -v no-such-agent" in done.stderr


@pytest.mark.parametrize("name", ["HUP", "USR1", "USR2", "INT", "TERM"])
def test_signals_go_on_to_the_agent(tmp_path: Path, execute: Exec, name: str) -> None:
    ready = tmp_path / "ready"
    process = execute(f"trap 'exit 42' {name}; : >{ready}; {ENDLESS}", "--restart", "never")
    wait_until(ready.exists, what="the trap")
    process.send_signal(signal.Signals[f"SIG{name}"])
    assert process.wait(30) == 42


def test_a_stopped_agent_is_not_started_again(tmp_path: Path, execute: Exec) -> None:
    ready, count = tmp_path / "ready", tmp_path / "count"
    process = execute(f"echo >>{count}; trap 'exit 9' TERM; : >{ready}; {ENDLESS}")
    wait_until(ready.exists, what="the trap")
    process.terminate()
    assert process.wait(30) == 9
    assert count.read_text() == "\n"


def test_an_agent_that_asks_not_to_be_started_again_is_not(tmp_path: Path, execute: Exec) -> None:
    count = tmp_path / "count"
    script = f"echo >>{count}; [ $(wc -l <{count}) -lt 2 ] && exit 75; exit 78"
    process = execute(script, "--restart", "always", stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 78
    assert count.read_text() == "\n\n", "75 asks for a start, 78 for none"
    assert b"it asks not to be started again" in said


def test_a_stop_while_it_waits_to_start_again_ends_it(tmp_path: Path, execute: Exec) -> None:
    process = execute("exit 5", "--restart", "always", stderr=subprocess.PIPE)
    wait_until(lambda: record(tmp_path).get("pid", 0) is None, what="the first end")
    process.terminate()
    assert process.wait(30) == 5


def test_a_killed_agent_is_started_again_with_its_count_told(tmp_path: Path, execute: Exec) -> None:
    process = execute(ENDLESS, stderr=subprocess.PIPE)
    first = agent_pid(tmp_path)
    assert record(tmp_path)["restarts"] == 0
    os.kill(first, signal.SIGKILL)
    second = wait_until(
        lambda: (pid := record(tmp_path).get("pid")) not in (None, first) and pid, what="a restart"
    )
    told = record(tmp_path)
    assert (told["pid"], told["restarts"], len(told["restarted"])) == (second, 1, 1)
    process.terminate()
    process.wait(30)
    assert process.stderr is not None
    assert b"the agent ended with code 137; starting it again in" in process.stderr.read()


def test_the_agent_leads_its_own_group_and_nothing_of_it_is_left_behind(
    tmp_path: Path, execute: Exec
) -> None:
    child = tmp_path / "child"
    process = execute(f"sh -c 'trap \"\" TERM; {ENDLESS}' & echo $! >{child}; exec sleep 60")
    pid = agent_pid(tmp_path)
    assert os.getpgid(pid) == pid != os.getpgid(process.pid)
    wait_until(lambda: child.exists() and child.read_text(), what="the grandchild")
    process.terminate()
    assert process.wait(30) == 143
    assert not alive(int(child.read_text()))


def test_an_agent_at_a_terminal_may_read_from_it(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "agent_sidecar", "exec", "--agent", "alpha", "--no-sidecar"]
    argv += ["--home", str(tmp_path), "--", "sh", "-c", "read word; echo got-$word"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, argv)  # noqa: S606
    os.write(terminal, b"hello\n")
    said = b""
    with contextlib.suppress(OSError):  # Linux says EIO at the end
        while b"got-hello" not in said and (piece := os.read(terminal, 1024)):
            said += piece
    os.close(terminal)
    os.waitpid(pid, 0)
    assert b"got-hello" in said


@pytest.mark.skipif(
    shutil.which("unshare") is None or os.geteuid() != 0, reason="needs root and unshare"
)
def test_as_process_1_it_collects_orphans_and_ends_with_the_agents_code(tmp_path: Path) -> None:
    script = (
        "i=0; while [ $i -lt 20 ]; do (sleep 0.05 &); i=$((i+1)); done; sleep 1;"
        "grep -l 'State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l; exit 6"
    )
    argv = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-m", "agent_sidecar"]
    argv += ["exec", "--agent", "alpha", "--home", str(tmp_path), "--no-sidecar"]
    done = subprocess.run(
        [*argv, "--restart", "never", "--", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("this machine allows no PID namespaces")
    assert (done.stdout.strip(), done.returncode) == ("0", 6), done.stderr


def test_a_crash_loop_is_told_on_the_bus_and_a_stop_says_goodbye(
    tmp_path: Path, execute: Exec, broker: Mosquitto
) -> None:
    """The alert comes by the sidecar that runs beside, long before its next bus heartbeat."""
    with (tmp_path / "heard").open("wb") as out:
        listening = subprocess.Popen(
            ["mosquitto_sub", "-p", str(broker.port), "-t", "fleet/alpha/#", "-F", "%p"], stdout=out
        )
    environ = {**os.environ, "FLEET_DROP": "-", "FLEET_KIND": "generic", "FLEET_DISK": "-"}
    process = execute(
        ENDLESS,
        "--broker",
        broker.url,
        "--interval",
        "600",
        alone=False,
        env=environ,
        stderr=subprocess.PIPE,
    )

    def heard() -> list[dict[str, Any]]:
        return [json.loads(line) for line in (tmp_path / "heard").read_text().splitlines()]

    def alerts() -> list[tuple[str, str]]:
        """In order; without a hub's receipt the outbox says each of them again now and then."""
        once = {(m["id"], m["state"]): m["code"] for m in heard() if "code" in m}
        return [(code, state) for (_, state), code in once.items()]

    try:
        for count in range(3):
            wait_until(lambda n=count: record(tmp_path).get("restarts") == n, what="a start")  # type: ignore[misc]
            pid = agent_pid(tmp_path)
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: ("restart-loop", "firing") in alerts(), what="the alert of a loop")
        assert ("process-down", "firing") in alerts()
        wait_until(lambda: alerts().count(("process-down", "resolved")) >= 1, what="its return")
        process.terminate()
        assert process.wait(30) == 143
        wait_until(lambda: heard()[-1].get("state") == "offline", what="the goodbye")
        downs = [state for code, state in alerts() if code == "process-down"]
        assert downs == ["firing", "resolved"] * (len(downs) // 2)
        assert downs, "a stop on purpose is no incident"
    finally:
        listening.terminate()
        listening.wait(10)
