"""The process probe against real processes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent_sidecar.kinds.documents import nearest
from agent_sidecar.kinds.openclaw_gateway import TITLE
from agent_sidecar.probes.process import PidFile, ProcessProbe, by_name
from agent_sidecar.probes.processes import ProcTable, PsTable, Table, runs
from fleet.contract.vocabulary import Check
from tests.support.waiting import wait_until

Start = Callable[..., subprocess.Popen[bytes]]

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and pidfds")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes and ends those that the test left."""
    with ExitStack() as stack:

        def run(*argv: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield run


@pytest.fixture(params=[pytest.param(ProcTable, marks=linux), PsTable], ids=["proc", "ps"])
def processes(request: pytest.FixtureRequest) -> Table:
    table: Table = request.param()
    return table


def probe_of(pid_file: Path, processes: Table | None = None) -> ProcessProbe:
    return ProcessProbe(PidFile(pid_file), str(pid_file), processes=processes)


def test_a_living_process_passes_with_its_numbers(
    tmp_path: Path, start: Start, processes: Table
) -> None:
    pid_file = tmp_path / "agent.pid"
    pid_file.write_text(f"{start('sleep', '60').pid}\n")
    probe = probe_of(pid_file, processes)
    wait_until(lambda: probe.run().metrics["memory_bytes"] > 10_000, what="its start")
    result = probe.run()
    assert result.check is Check.PASS
    assert result.uptime is not None
    assert 0 <= result.uptime < 60
    assert result.metrics["processes"] == 1


def test_children_count_with_their_parent(tmp_path: Path, start: Start, processes: Table) -> None:
    pid_file = tmp_path / "agent.pid"
    pid_file.write_text(str(start("sh", "-c", "sleep 60 & sleep 60 & wait").pid))
    probe = probe_of(pid_file, processes)
    wait_until(lambda: probe.run().metrics["processes"] == 3, what="two children")


def test_a_killed_process_is_down_and_a_new_one_is_up_again(
    tmp_path: Path, start: Start, processes: Table
) -> None:
    pid_file = tmp_path / "agent.pid"
    probe = probe_of(pid_file, processes)
    first = start("sleep", "60")
    pid_file.write_text(str(first.pid))
    assert probe.run().check is Check.PASS
    first.kill()
    wait_until(lambda: probe.run().check is Check.FAIL, what="the death")  # a zombie is dead
    assert [sign.firing for sign in probe.run().evidence] == [True, False]
    pid_file.write_text(str(start("sleep", "60").pid))
    result = probe.run()
    assert result.check is Check.PASS
    assert result.metrics["restarts_total"] == 1


def test_three_restarts_in_ten_minutes_are_a_loop(tmp_path: Path, start: Start) -> None:
    pid_file = tmp_path / "agent.pid"
    probe = probe_of(pid_file)
    loops = []
    for _ in range(4):
        process = start("sleep", "60")
        pid_file.write_text(str(process.pid))
        loops.append(probe.run().evidence[1].firing)
        process.kill()
        process.wait()
    assert loops == [False, False, False, True]


def test_a_stopped_process_is_a_warning(tmp_path: Path, start: Start, processes: Table) -> None:
    process = start("sleep", "60")
    pid_file = tmp_path / "agent.pid"
    pid_file.write_text(str(process.pid))
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: probe_of(pid_file, processes).run().check is Check.WARN, what="the stop")


@linux
def test_its_death_wakes_the_sidecar_and_then_lets_it_sleep(tmp_path: Path, start: Start) -> None:
    process = start("sleep", "60")
    pid_file = tmp_path / "agent.pid"
    pid_file.write_text(str(process.pid))
    probe = probe_of(pid_file)
    assert probe.fileno() is None
    probe.run()
    descriptor = probe.fileno()
    assert descriptor is not None
    assert select.select([descriptor], [], [], 0)[0] == []
    process.kill()
    assert select.select([descriptor], [], [], 20)[0] == [descriptor]
    assert probe.run().check is Check.FAIL
    assert probe.fileno() is None, "a dead process stays readable for ever"
    probe.run()
    assert probe.fileno() is None


def test_a_process_in_another_namespace_is_unknown_while_something_proves_it_lives(
    tmp_path: Path,
) -> None:
    lives = True
    absent = PidFile(tmp_path / "none")
    probe = ProcessProbe(absent, "nothing", elsewhere=lambda: lives)
    assert probe.run().check is Check.UNKNOWN
    assert probe.run().evidence[0].firing is None
    lives = False
    assert probe.run().check is Check.FAIL


@pytest.mark.parametrize("text", ["", "x", "-5", "true", "[1]", '{"pid": "7"}', "1e99", "[" * 9999])
def test_a_pid_file_that_holds_none_finds_nobody(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agent.pid"
    path.write_text(text)
    assert PidFile(path)() is None


def test_a_pid_file_may_be_a_json_object(tmp_path: Path) -> None:
    path = tmp_path / "gateway.json"
    path.write_text('{"pid": 4711, "workspace": null}')
    assert PidFile(path)() == 4711


def test_a_process_is_found_by_the_name_of_its_program_or_script(
    tmp_path: Path, start: Start, processes: Table
) -> None:
    program = f"agent-{os.getpid()}"
    script = tmp_path / f"{program}.sh"
    script.write_text("#!/bin/sh\nsleep 60\nexit 0\n")
    start("tail", "-f", str(script))  # reads a file of that name: not the agent
    older = start("sh", str(script))
    find = by_name(program, processes)
    assert wait_until(find, what="the script") == older.pid
    start("sh", str(script))
    assert find() == older.pid
    older.kill()
    older.wait()
    assert wait_until(lambda: find() != older.pid and find(), what="the younger one")


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["/usr/bin/worker", "serve"], True),
        (["node", "/usr/lib/node_modules/worker/worker.mjs"], True),
        (["/opt/venv/bin/python3.11", "-m", "worker"], True),
        (["vim", "worker"], False),
        (["python3", "-m", "http.server", "worker"], False),
        (["node", "server.js", "worker"], False),
        ([""], False),
    ],
)
def test_what_a_command_line_runs(argv: list[str], found: bool) -> None:
    assert runs(argv, "worker") is found


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["openclaw-gateway"], True),
        (["openclaw"], False),
        (["node", "/usr/lib/node_modules/openclaw/openclaw.mjs", "cron", "list"], False),
        (["/usr/bin/openclaw", "gateway", "status"], False),
    ],
)
def test_no_command_line_tool_is_openclaws_gateway(argv: list[str], found: bool) -> None:
    """Titles as measured with 2026.9.6."""
    assert runs(argv, TITLE) is found


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["/opt/venv/bin/python3.11", "/opt/venv/bin/nanobot", "gateway"], True),
        (["python", "-m", "nanobot", "gateway", "--port", "1"], True),
        (["nanobot", "gateway"], True),
        (["/opt/venv/bin/python3.11", "/opt/venv/bin/nanobot", "agent", "-m", "gateway"], False),
        (["nanobot", "agent"], False),
        (["vim", "gateway"], False),
        (["gateway"], False),
        ([], False),
    ],
)
def test_a_subcommand_tells_the_gateway_from_the_tool(argv: list[str], found: bool) -> None:
    assert runs(argv, "nanobot gateway") is found


def test_a_process_title_with_blanks_is_found_too(start: Start) -> None:
    """nanobot overwrites its command line with its name and pads it."""
    assert runs(["nanobot-gateway      "], "nanobot-gateway")


@linux
def test_a_first_start_makes_the_folder_of_its_file_and_wakes_us(
    tmp_path: Path, start: Start
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    pid_file = home / "run/agent.json"
    probe = ProcessProbe(PidFile(pid_file), "", appears_in=lambda: nearest(pid_file.parent, home))

    def woken() -> bool:
        descriptor = probe.fileno()
        assert descriptor is not None
        return bool(select.select([descriptor], [], [], 10)[0])

    assert probe.run().check is Check.FAIL
    (home / "log").write_text("others write there, too")
    assert woken()
    assert not probe.is_news()
    pid_file.parent.mkdir()
    assert woken()
    assert not probe.is_news()
    pid_file.write_text(str(start("sleep", "60").pid))
    assert woken()
    assert probe.is_news()
    assert probe.run().check is Check.PASS
    assert probe.is_news(), "its end will be"
