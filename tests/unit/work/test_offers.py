"""Who is told that there is work: who may do it, some of them, when its time has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.task import Task
from fleet.provisioning.registry import Enrolled, Registry
from fleet.work.members import Members
from fleet.work.offers import AT_ONCE, Offers

NOW = 1_790_000_000.0
TASK = Task("01JZ0000000000000000000000", "red", "01JZ0000000000000000000001", "research", NOW)


def offers(folder: Path, *agents: Enrolled) -> tuple[Offers, list[list[str]]]:
    registry = Registry(folder)
    registry.create()
    for agent in agents:
        registry.save(agent)
    told: list[list[str]] = []

    def on_offer(_task: Task, names: Sequence[str]) -> None:
        told.append(list(names))

    return Offers(Members(folder), on_offer), told


def test_only_who_may_do_it_is_told(tmp_path: Path) -> None:
    made, told = offers(
        tmp_path,
        Enrolled("able", groups=("red",), can=("research",)),
        Enrolled("unable", groups=("red",)),
        Enrolled("foreign", groups=("blue",), can=("research",)),
    )
    made.tell([TASK, replace(TASK, to="unable"), replace(TASK, to="foreign")], NOW)
    made.tell([replace(TASK, state=TaskState.AUTH_REQUIRED)], NOW)
    made.tell([replace(TASK, kind="script", to="unable")], NOW)
    assert told == [["able"], ["unable"]]


def test_a_task_that_waits_after_a_failure_is_told_when_its_time_has_come(tmp_path: Path) -> None:
    made, told = offers(tmp_path, Enrolled("able", groups=("red",), can=("research",)))
    made.tell([replace(TASK, not_before=NOW + 30)], NOW)
    made.tick(NOW + 29)
    assert told == []
    made.tick(NOW + 30)
    made.tick(NOW + 31)
    assert told == [["able"]]


def test_of_many_some_are_told_and_the_next_ones_next(tmp_path: Path) -> None:
    many = [Enrolled(f"a{n:03}", groups=("red",), can=("research",)) for n in range(40)]
    made, told = offers(tmp_path, *many)
    made.tell([TASK, TASK, TASK], NOW)
    assert [len(names) for names in told] == [AT_ONCE] * 3
    assert len({name for names in told for name in names}) == 40
