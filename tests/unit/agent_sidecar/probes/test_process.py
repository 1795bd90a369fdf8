"""The process probe between two looks: nothing that happens there is missed."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent_sidecar.probes.process import PidFile, ProcessProbe
from agent_sidecar.probes.processes import Process
from fleet.contract.vocabulary import Check

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs pidfds and inotify")

NOBODY = 2**22 - 1
"""A process id that the kernel gives last."""


class OneProcess:
    """A process table with one process in it, whatever the system says."""

    def __init__(self, pid: int) -> None:
        self.process: Process | None = Process(pid, 1, 1.0, "S", 1, 0.0)

    def look(self, pid: int) -> Process | None:
        return self.process

    def named(self, name: str) -> list[int]:
        return []

    def descendants(self, pid: int) -> list[Process]:
        return []


def tell(path: Path, pid: int | None, restarted: list[float]) -> None:
    """As our supervisor does."""
    said = {"pid": pid, "restarts": len(restarted), "restarted": restarted}
    path.with_suffix(".new").write_text(json.dumps(said))
    path.with_suffix(".new").replace(path)


def wakes(probe: ProcessProbe) -> bool:
    descriptor = probe.fileno()
    assert descriptor is not None, "the probe is blind until the next round"
    return bool(select.select([descriptor], [], [], 0)[0])


def test_a_process_that_ends_right_after_the_look_is_down_and_its_return_wakes(
    tmp_path: Path,
) -> None:
    pid_file = PidFile(tmp_path / "pid")
    tell(pid_file.path, NOBODY, [])
    probe = ProcessProbe(pid_file, "", processes=OneProcess(NOBODY), supervised=pid_file)
    assert probe.run().check is Check.FAIL
    assert not wakes(probe)
    tell(pid_file.path, os.getpid(), [time.monotonic()])
    assert wakes(probe)


def test_a_return_during_the_look_wakes_again(tmp_path: Path) -> None:
    pid_file = PidFile(tmp_path / "pid")
    tell(pid_file.path, None, [])
    back = False

    def find() -> int | None:
        found = pid_file()
        if back and found is None:  # between this look and what follows it
            tell(pid_file.path, os.getpid(), [time.monotonic()])
        return found

    probe = ProcessProbe(find, "", supervised=pid_file)
    assert probe.run().check is Check.FAIL
    back = True
    assert probe.run().check is Check.FAIL
    assert wakes(probe)
    assert probe.run().check is Check.PASS


def test_a_sidecar_that_comes_late_knows_of_the_restarts_before_it(tmp_path: Path) -> None:
    pid_file = PidFile(tmp_path / "pid")
    now = time.monotonic()
    tell(pid_file.path, None, [now - 2, now - 1, now])
    down = ProcessProbe(pid_file, "", supervised=pid_file).run()
    assert [(sign.code, sign.firing) for sign in down.evidence][1] == ("restart-loop", True)
    tell(pid_file.path, os.getpid(), [now - 1000, now - 900, now])
    up = ProcessProbe(pid_file, "", supervised=pid_file).run()
    assert (up.evidence[1].firing, up.evidence[1].value) == (False, 1)
    assert up.metrics["restarts_total"] == 3


def test_restarts_that_nobody_tells_are_counted_by_what_is_seen(tmp_path: Path) -> None:
    pid_file = PidFile(tmp_path / "pid")
    pid_file.path.write_text(str(os.getpid()))
    table = OneProcess(os.getpid())
    probe = ProcessProbe(pid_file, "", processes=table, supervised=pid_file)
    assert probe.run().metrics["restarts_total"] == 0
    assert table.process
    table.process = replace(table.process, ticks=2)
    assert probe.run().metrics["restarts_total"] == 1


@pytest.mark.parametrize(
    "text", ["{}", '{"restarts":3}', '{"restarts":"x","restarted":[]}', '{"restarted":5}', "[1]"]
)
def test_a_record_that_is_not_our_supervisors_tells_no_restarts(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert PidFile(tmp_path / "pid").restarts() is None
