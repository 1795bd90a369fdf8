"""Tasks on the bus: ids, epochs and states, and nothing that could say what the work is."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from fleet.contract.messages import MODELS, shapes
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.topics import FROM_AGENT, PASSING, ROUTES, STATES, TO_AGENT, Topics
from fleet.contract.vocabulary import MessageKind, Reason, Verb
from fleet.contract.work_messages import Progress, TaskOffer, Told
from fleet.contract.work_vocabulary import TaskState

READER = Reader()
OFFER: dict[str, Any] = dict(TaskOffer.examples[0])
PROGRESS: dict[str, Any] = dict(Progress.examples[0])


def rejected(kind: MessageKind, message: dict[str, Any]) -> tuple[Reason, str]:
    with pytest.raises(Rejected) as found:
        READER.read(kind, json.dumps(message).encode())
    return found.value.reason, found.value.field


def test_every_kind_has_a_route_and_a_model():
    assert list(ROUTES) == list(MODELS) == list(MessageKind)


def test_what_is_retained_is_what_an_agent_says_of_itself():
    assert set(STATES) < set(FROM_AGENT)
    assert set(PASSING).isdisjoint({*STATES, MessageKind.RECEIPT})
    assert MessageKind.PROGRESS in PASSING
    assert Topics().passing == [
        "fleet/+/command",
        "zephyr/broadcast",
        "fleet/+/task",
        "fleet/+/progress",
    ]
    assert set(TO_AGENT).isdisjoint(FROM_AGENT)


def test_a_task_is_no_command_and_adds_no_verb():
    assert len(Verb) == 4
    fault = (Reason.MISSING_FIELD, "verb")
    assert rejected(MessageKind.COMMAND, {}) == fault
    assert rejected(MessageKind.COMMAND, OFFER)[0] is Reason.UNKNOWN_FIELD


@pytest.mark.parametrize("name", ["kind", "group", "context", "input", "digest", "to", "title"])
@pytest.mark.parametrize("kind", [MessageKind.TASK, MessageKind.PROGRESS])
def test_what_the_work_is_has_no_field(kind: MessageKind, name: str):
    message = OFFER if kind is MessageKind.TASK else PROGRESS
    digest = "sha256:" + "0" * 64
    assert rejected(kind, message | {name: digest}) == (Reason.UNKNOWN_FIELD, "*")


@pytest.mark.parametrize("state", sorted(set(TaskState) - set(get_args(Told))))
def test_an_agent_cannot_say_what_is_the_hubs_verdict(state: str):
    assert state in {"submitted", "auth-required", "timed-out", "lost"}
    assert rejected(MessageKind.PROGRESS, PROGRESS | {"state": state})[0] is Reason.UNKNOWN_WORD


@pytest.mark.parametrize(
    ("field", "value"),
    [("epoch", -1), ("epoch", 1_000_001), ("attempt", 0), ("attempt", 1_001), ("progress", 101)],
)
def test_numbers_that_grow_by_one_are_small(field: str, value: int):
    assert rejected(MessageKind.PROGRESS, PROGRESS | {field: value}) == (
        Reason.OUT_OF_RANGE,
        field,
    )


@pytest.mark.parametrize("field", ["boot", "seq", "task", "epoch", "attempt", "state", "ts"])
def test_progress_is_numbered_and_whole(field: str):
    partial = {name: value for name, value in PROGRESS.items() if name != field}
    assert rejected(MessageKind.PROGRESS, partial) == (Reason.MISSING_FIELD, field)


def test_no_string_of_the_contract_is_free():
    """Each field of each shape is bounded by a vocabulary, a pattern or a range."""
    for shape in shapes():
        schema = shape.model_json_schema()
        for name, field in schema["properties"].items():
            if field.get("type") == "string" and "$ref" not in field:
                assert field.keys() & {"pattern", "enum", "const"}, f"{shape.__name__}.{name}"


def test_no_door_of_an_agent_takes_progress_but_the_sidecars_outbox():
    """Elsewhere it has no number by which it is counted once."""
    from agent_sidecar.drop import directory
    from agent_sidecar.drop.publish import _EXAMPLES
    from fleet.api.routes.messages import Publishable

    assert set(Publishable) == set(STATES) == set(_EXAMPLES)
    for kind in MessageKind:
        assert bool(directory._NAME.fullmatch(f"{kind}-1.json")) is (kind in STATES)
