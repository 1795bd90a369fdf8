"""OpenClaw's process: by its own lock, by its title alone as the last resort, never a tool's."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.config import load
from agent_sidecar.kinds import assemble
from agent_sidecar.kinds.openclaw_gateway import Gateway
from agent_sidecar.probes.base import Assembly
from agent_sidecar.probes.only_process import only_process
from agent_sidecar.probes.process import ProcessProbe
from agent_sidecar.probes.processes import table
from fleet.contract.vocabulary import Check
from tests.support.broker import free_port
from tests.support.namespaces import ELSEWHERE, can_contain, contained, numbers
from tests.support.openclaw import OpenClaw, ticks_of, titled
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and pidfds"),
    pytest.mark.xdist_group("agents"),  # each looks at all agents of this machine
]


@pytest.fixture
def openclaw(tmp_path: Path) -> Iterator[OpenClaw]:
    with OpenClaw(tmp_path / "state", free_port()) as one:
        yield one


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def beside(openclaw: OpenClaw) -> Assembly:
    environ = {
        "FLEET_AGENT": "alpha",
        "FLEET_KIND": "openclaw",
        "FLEET_AGENT_HOME": str(openclaw.folder),
    }
    return assemble(load(environ=environ))


def process_probe(openclaw: OpenClaw) -> ProcessProbe:
    return next(probe for probe in beside(openclaw).probes if isinstance(probe, ProcessProbe))


def test_the_gateway_is_found_by_its_lock_and_its_death_is_told_at_once(
    openclaw: OpenClaw,
) -> None:
    probe = process_probe(openclaw)
    assert probe.run().check is Check.FAIL
    awaiting = probe.fileno()
    assert awaiting is not None, "its start is awaited too: a beat may be ten minutes away"
    openclaw.start()
    assert select.select([awaiting], [], [], 20)[0], "its lock wakes us"
    assert probe.run().check is Check.PASS
    descriptor = probe.fileno()
    assert descriptor is not None
    openclaw.kill()
    assert select.select([descriptor], [], [], 20)[0] == [descriptor]
    assert probe.run().check is Check.FAIL
    assert openclaw.lock.exists(), "a kill leaves it behind"


def test_nothing_is_in_effect_where_nobody_lives(openclaw: OpenClaw) -> None:
    assembly = beside(openclaw)
    assert assembly.in_effect() is None, "no copy says what was taken"
    assert assembly.lives() is False
    settings = openclaw.folder / "openclaw.json"
    settings.with_name("openclaw.json.last-good").write_bytes(settings.read_bytes())
    openclaw.start()
    assert (assembly.in_effect(), assembly.lives()) == (True, True)
    openclaw.kill()
    assert (assembly.in_effect(), assembly.lives()) == (True, False), "the copy stays behind"


def test_a_command_line_tool_is_not_the_gateway(openclaw: OpenClaw) -> None:
    openclaw.start()
    gateway = Gateway(openclaw.folder)
    with ended(titled("openclaw")), ended(titled("openclaw-gateway")):
        assert gateway.pid() == openclaw.pid
        probe = process_probe(openclaw)
        assert probe.run().check is Check.PASS
        openclaw.kill()
        down = probe.run()
        assert down.check is Check.FAIL
        assert down.metrics == {}
        assert gateway.pid() is None, "its lock is stale, and nobody takes its place"


def test_a_title_is_believed_where_it_is_the_only_one_of_this_user() -> None:
    title = f"main-{os.getpid()}"
    assert only_process(title, os.getuid) is None
    with ExitStack() as stack:
        one, two = (stack.enter_context(ended(titled(title))) for _ in range(2))
        assert only_process(title, os.getuid) is None, "two of that name: no guess"
        known = frozenset({two.pid})
        assert only_process(title, os.getuid, lambda: known) == one.pid
        two.kill()
        two.wait()
        assert only_process(title, os.getuid) == one.pid
        assert only_process(title, lambda: os.getuid() + 1) is None, "another user's"
        assert only_process(title, lambda: None) is None


@pytest.mark.parametrize(
    "forged",
    [
        {"startTime": 1},
        {"startTime": None},
        {"startTime": True},
        {"startTime": "1"},
        {"pid": 1},
        {"pid": 1, "startTime": 0},
        {"pid": -1},
        {"pid": "x"},
        {"pid": 2**70},
        {"stateDir": "/"},
    ],
)
def test_a_lock_is_not_believed_blindly(openclaw: OpenClaw, forged: dict[str, Any]) -> None:
    openclaw.start().write_lock(**forged)
    assert Gateway(openclaw.folder).pid() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's file")
def test_a_lock_speaks_for_processes_of_its_owner_only(openclaw: OpenClaw) -> None:
    """Whoever may write the lock would have us watch, or reload, a process of somebody else."""
    openclaw.start()
    gateway = Gateway(openclaw.folder)
    assert gateway.locked() == openclaw.pid
    os.chown(openclaw.lock, 65_534, 65_534)
    assert gateway.locked() is None


def test_a_lock_that_was_copied_with_the_folder_names_another_instance(
    openclaw: OpenClaw, tmp_path: Path
) -> None:
    openclaw.start()
    with OpenClaw(tmp_path / "copy", free_port()) as copy:
        copy.lock.write_bytes(openclaw.lock.read_bytes())
        assert Gateway(copy.folder).locked() is None
        assert Gateway(copy.folder, lambda: copy.port).port() == copy.port
        assert Gateway(openclaw.folder).port() == openclaw.port


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '{"pid": 1', "\0" * 9])
def test_a_lock_that_is_none_finds_nobody(openclaw: OpenClaw, content: str) -> None:
    openclaw.lock.write_text(content)
    assert Gateway(openclaw.folder).locked() is None


def test_a_pipe_in_the_locks_place_holds_nobody_up(openclaw: OpenClaw) -> None:
    os.mkfifo(openclaw.lock)
    assert Gateway(openclaw.folder).locked() is None


def test_the_start_of_a_process_tells_it_from_the_next_of_its_number(openclaw: OpenClaw) -> None:
    openclaw.start()
    gateway = Gateway(openclaw.folder)
    openclaw.write_lock(startTime=ticks_of(openclaw.pid) + 1)
    assert gateway.locked() is None
    openclaw.write_lock()
    assert wait_until(gateway.locked, what="the gateway") == openclaw.pid


@pytest.mark.skipif(not can_contain(), reason="needs root, and namespaces")
def test_the_gateway_of_a_container_is_found_by_the_number_it_has_there(openclaw: OpenClaw) -> None:
    """Its folder has another path there, and what stands at that path here is another folder."""
    words = contained(openclaw.folder, "sleep", "60")
    with ended(subprocess.Popen(words, stdin=subprocess.DEVNULL)) as outer:
        [inner] = wait_until(
            lambda: [one.pid for one in table().descendants(outer.pid) if is_asleep(one.pid)]
        )
        own = {"pid": 1, "startTime": ticks_of(inner), "stateDir": ELSEWHERE}
        openclaw.process = outer
        openclaw.write_lock(**own)
        assert numbers(inner) == [inner, 1]
        assert Gateway(openclaw.folder).pid() == inner
        openclaw.write_lock(**{**own, "startTime": ticks_of(inner) + 1})
        assert Gateway(openclaw.folder).pid() is None, "another process of that number"


def is_asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
