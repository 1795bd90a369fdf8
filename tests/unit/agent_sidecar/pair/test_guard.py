"""What the guard says of an agent that does not lay down, by a clock that the test moves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent_sidecar import machine_time
from agent_sidecar.pair import pair_file
from agent_sidecar.pair.beside import PairBeside
from agent_sidecar.pair.guard import Guard
from agent_sidecar.pair.kept import KeptPair, Report
from agent_sidecar.pair.lease_keeper import Role
from agent_sidecar.pair.pair_file import DEACTIVATE
from fleet.contract.vocabulary import PairRole
from tests.support.waiting import wait_until

OVER = 1000.0
"""When the lease is over."""

HANGS = '["sleep", "600"]'


class Machine:
    """A guard, what it is to do, and the moment."""

    def __init__(self, folder: Path) -> None:
        self.kept, self.file = KeptPair(folder / "kept"), folder / "pair.toml"
        self.kept.folder.mkdir(0o700)
        self.marks = folder / "marks"
        self.kept.save_role(Role(3, PairRole.ACTIVE, OVER, machine_time.boot_id()))
        self.guards: list[Guard] = []

    def write(self, deactivate: str = '["true"]', *, fence: bool = True) -> None:
        activate = f'["sh", "-c", "echo >>{self.marks}"]'
        said = f"fence = {str(fence).lower()}\nactivate = {activate}\ndeactivate = {deactivate}\n"
        self.file.write_text(f'pair = "p"\n{said}')
        self.file.chmod(0o600)

    def guard(self, now: float) -> Guard:
        """One that begins at `now`, after whoever was before it."""
        made = Guard(self.kept.folder, self.file)
        self.guards.append(made)
        made.resume(now)
        return made

    def active(self) -> Guard:
        """One whose agent is active, ten seconds before the end of the lease."""
        guard = self.guard(OVER - 10)
        guard.tick(OVER - 10)
        self.until(guard, OVER - 9, lambda said: said.well)
        return guard

    def until(self, guard: Guard, now: float, holds: Callable[[Report], bool]) -> Report:
        def looked() -> bool:
            guard.tick(now)
            return holds(self.said)

        wait_until(looked, 60, "the guard's word")
        return self.said

    @property
    def said(self) -> Report:
        report = self.kept.report()
        assert report is not None
        return report


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    made.write()
    yield made
    for guard in made.guards:
        if guard._action is not None:
            os.killpg(guard._action.pid, 9)
            guard._action.wait()


def test_who_did_not_lay_down_promises_nothing_however_often_it_is_tried(machine: Machine) -> None:
    machine.write(HANGS)
    guard = machine.active()
    assert (machine.said.active, machine.said.well, machine.said.fences) == (True, True, True)
    guard.tick(OVER)
    guard.tick(OVER + DEACTIVATE)
    assert (machine.said.active, machine.said.well) == (True, False)
    guard.tick(OVER + DEACTIVATE + 10)  # again
    assert guard._action is not None
    assert (machine.said.active, machine.said.well) == (True, False)
    guard.tick(OVER + 30)
    machine.write()
    said = machine.until(guard, OVER + 60, lambda said: not said.active)
    assert (said.well, said.epoch) == (True, 3)


def test_an_action_in_a_folder_of_others_is_refused_and_the_guard_says_so(
    machine: Machine, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    script = shared / "down.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    machine.write(f'["{script}"]')
    guard = machine.active()
    guard.tick(OVER)
    assert (machine.said.active, machine.said.well) == (True, False)
    shared.chmod(0o755)
    machine.until(guard, OVER + 60, lambda said: said.well and not said.active)


def test_a_promise_to_lay_down_is_kept_when_the_file_does_not_ask_for_it_any_more(
    machine: Machine,
) -> None:
    guard = machine.guard(OVER - 10)
    machine.write(fence=False)
    machine.until(guard, OVER - 9, lambda said: said.well)
    assert machine.said.fences
    machine.until(guard, OVER, lambda said: not said.active)


def test_the_sidecar_says_of_fencing_what_the_guard_says(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pair_file.read(machine.file)
    monkeypatch.setattr(machine_time, "now", lambda: OVER)
    report = Report(1, OVER, machine_time.boot_id(), 3, True, True, True)
    for fences, well, said in ((True, True, 1), (False, True, 0), (True, False, 0)):
        machine.kept.save_report(replace(report, fences=fences, well=well))
        beside = PairBeside(file, str(machine.file), machine.kept)
        beside._look_after(OVER)
        assert beside.numbers()["pair_fences"] == said


def test_who_follows_a_guard_that_may_have_been_killed_while_it_activated_activates_again(
    machine: Machine,
) -> None:
    guard = machine.active()
    assert len(machine.marks.read_text()) == 1
    assert guard._action is None
    after = machine.guard(OVER - 5)
    after.tick(OVER - 5)
    machine.until(after, OVER - 4, lambda said: said.well and said.epoch == 3)
    assert len(machine.marks.read_text()) == 2


def test_who_follows_a_guard_only_after_the_lease_promises_nothing_until_it_laid_down(
    machine: Machine,
) -> None:
    machine.active()
    machine.write(HANGS)
    after = machine.guard(OVER + 7)
    after.tick(OVER + 7)
    assert (machine.said.active, machine.said.well) == (True, False)
    after.tick(OVER + 7 + DEACTIVATE)
    machine.write()
    machine.until(after, OVER + 60, lambda said: said.well and not said.active)
    last = machine.guard(OVER + 70)
    last.tick(OVER + 70)  # of one that was down nothing need be done
    assert last._action is None
    assert (machine.said.active, machine.said.well) == (False, True)
