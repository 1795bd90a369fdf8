"""What a task may ask for, and what is said of one that asks for something else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import MediaType, TaskState
from fleet.domain.work import submission
from fleet.domain.work.errors import CyclicError, InvalidTaskError
from fleet.domain.work.limits import MAX_AFTER, MAX_DEPTH, MAX_DESCRIPTORS
from fleet.domain.work.task import Descriptor, Task

ID = "01JQ0000000000000000000001"
OTHER = "01JQ0000000000000000000003"
GOOD = Task(ID, "lab", "01JQ0000000000000000000002", "research", 0.0)
BLOB = Descriptor("sha256:" + "0" * 64, 4)
MANY = tuple(f"01JQ00000000000000000001{n:02}" for n in range(MAX_AFTER + 1))


def test_a_task_with_nothing_but_the_least_is_good() -> None:
    submission.require_valid(GOOD)
    submission.require_valid(replace(GOOD, to="larry", input=(BLOB,), after=(OTHER,)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "my-task"),
        ("id", ID + "\n"),
        ("context", ""),
        ("parent", "x"),
        ("kind", "Research"),
        ("kind", "a b"),
        ("group", "../lab"),
        ("to", "larry;rm"),
        ("by", "x" * 201),
        ("ttl", 0.0),
        ("ttl", float("nan")),
        ("ttl", float("inf")),
        ("timeout", 1e9),
        ("max_attempts", 0),
        ("max_attempts", 1192),
        ("state", TaskState.COMPLETED),
        ("input", (Descriptor("sha256:0", 4),)),
        ("input", (replace(BLOB, size=-1),)),
        ("input", (BLOB,) * (MAX_DESCRIPTORS + 1)),
        ("after", (OTHER, OTHER)),
        ("after", MANY),
        ("after", ("x",)),
    ],
)
def test_a_field_out_of_its_bounds_is_named_and_can_be_mended(field: str, value: Any) -> None:
    with pytest.raises(InvalidTaskError) as caught:
        submission.require_valid(replace(GOOD, **{field: value}))
    assert caught.value.field == field
    assert "\nTry: " in str(caught.value)


@pytest.mark.parametrize("fields", [{"after": (ID,)}, {"parent": ID}])
def test_a_task_cannot_wait_for_itself(fields: dict[str, Any]) -> None:
    with pytest.raises(CyclicError):
        submission.require_valid(replace(GOOD, **fields))


def test_a_task_cannot_wait_for_who_waits_for_it() -> None:
    parent = replace(GOOD, id=OTHER)
    with pytest.raises(CyclicError, match=OTHER):
        submission.require_acyclic(replace(GOOD, parent=OTHER, after=(OTHER,)), [parent])


def test_delegation_ends_at_its_depth() -> None:
    submission.require_depth(MAX_DEPTH)
    with pytest.raises(InvalidTaskError, match="delegated 5 times"):
        submission.require_depth(MAX_DEPTH + 1)


def test_a_life_begins_at_its_beginning_whatever_its_submitter_says() -> None:
    forged = replace(GOOD, attempt=-9, epoch=7, holder="me", depth=-4, told=True, output=(BLOB,))
    task = submission.begun(forged, 1, 100.0)
    assert (task.attempt, task.epoch, task.holder, task.depth) == (0, 0, "", 1)
    assert (task.told, task.output, task.created, task.expires) == (False, (), 100, 100 + task.ttl)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "review"},
        {"to": "larry"},
        {"by": "other"},
        {"priority": Priority.URGENT},
        {"ttl": 7.0},
        {"input": (BLOB,)},
        {"input": (replace(BLOB, media_type=MediaType.JSON),)},
        {"after": (OTHER,)},
        {"parent": OTHER},
    ],
)
def test_a_request_is_known_by_its_whole_content(change: dict[str, Any]) -> None:
    assert submission.content(GOOD) != submission.content(replace(GOOD, **change))
    later = replace(GOOD, attempt=2, state=TaskState.WORKING, created=5.0)
    assert submission.content(GOOD) == submission.content(later)
