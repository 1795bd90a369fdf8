"""What a worker says of its task goes through the outbox: states at once, percents seldom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent_sidecar.config import load
from agent_sidecar.state.directory import StateDirectory
from agent_sidecar.state.outbox import PASSING, RANK
from agent_sidecar.telemetry.messages import MessageBuilder
from agent_sidecar.telemetry.observed_state import ObservedState
from agent_sidecar.telemetry.task_progress import EVERY, MAX_TASKS, ProgressNews, TaskProgress
from fleet.contract.schema_validator import schema_validators
from fleet.contract.timestamps import ulid
from fleet.contract.vocabulary import MessageKind, Severity, State
from fleet.contract.work_vocabulary import TaskReason, TaskState

NOON = 1_800_000_000.0
WORKING = TaskProgress("01JZ0000000000000000000002", 1, 1, TaskState.WORKING, 10)
FAILED = replace(WORKING, state=TaskState.FAILED, reason=TaskReason.WORKER_EXIT)


@pytest.fixture
def builder(tmp_path: Path) -> MessageBuilder:
    config = load({}, {"FLEET_AGENT": "alpha", "FLEET_HOME": str(tmp_path)})
    config.state.mkdir(parents=True)
    state = StateDirectory.open(config.state, NOON, resume=False)
    return MessageBuilder(config, "generic", state, ObservedState(25), schema_validators())


def test_it_has_a_number_and_satisfies_the_contract(builder: MessageBuilder):
    builder.status(State.RUNNING, 0, NOON)
    assert builder.progress(WORKING, NOON)
    assert builder.progress(FAILED, NOON)
    rows = builder._outbox.after(0, 9)
    assert [row.kind for row in rows] == ["status", "progress", "progress"]
    assert [row.seq for row in rows] == [0, 1, 2]
    assert not any(row.retain for row in rows[1:])
    judge = schema_validators()[MessageKind.PROGRESS]
    said = [judge.read(row.payload) for row in rows[1:]]
    assert [message.get("reason") for message in said] == [None, "worker-exit"]
    assert builder.withheld == 0


def test_an_end_outlasts_a_percent_in_a_full_outbox(builder: MessageBuilder):
    builder.progress(WORKING, NOON)
    builder.progress(FAILED, NOON)
    ranks = [row.rank for row in builder._outbox.after(0, 9)]
    assert ranks == [PASSING, RANK[Severity.WARNING]]
    assert min(RANK.values()) > PASSING


def test_what_the_hub_alone_may_say_is_withheld(builder: MessageBuilder):
    builder.progress(replace(WORKING, state=TaskState.LOST), NOON)
    assert builder.withheld == 1
    assert builder._outbox.after(0, 9) == []


def test_states_go_at_once_and_percents_seldom():
    news = ProgressNews()
    told = [
        news.is_news(replace(WORKING, progress=percent), percent / 10) for percent in range(100)
    ]
    assert sum(told) == 2
    assert not news.is_news(replace(WORKING, progress=50), EVERY)
    assert news.is_news(FAILED, EVERY + 0.01)
    assert not news.is_news(FAILED, 1000.0)
    assert news.is_news(replace(WORKING, epoch=2, attempt=2, progress=0), 1000.0)


def test_tasks_that_are_remembered_are_few():
    news = ProgressNews()
    for number in range(3 * MAX_TASKS):
        assert news.is_news(replace(WORKING, task=ulid(NOON + number)), 0.0)
    assert len(news._said) == MAX_TASKS
