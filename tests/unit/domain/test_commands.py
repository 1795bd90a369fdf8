"""A command's life follows the table, and only the table."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fleet.contract.vocabulary import Priority, ReplyCode, Result, Verb
from fleet.domain.commands import (
    ENDS,
    GRACE,
    OPEN,
    STEPS,
    CommandBook,
    CommandState,
    IssuedCommand,
    Step,
    in_order,
)


def command(
    command_id: str = "A", *, priority: Priority = Priority.NORMAL, created: float = 100.0
) -> IssuedCommand:
    return IssuedCommand(command_id, "ada", Verb.HEALTH_CHECK, priority, 60, created)


def test_a_sent_command_that_is_answered_ends_as_the_agent_says() -> None:
    done = command().step(Step.SEND, 101.0).replied(Result.DONE, ReplyCode.OK, 0.2, 102.0)
    assert (done.state, done.sent, done.ended, done.took) == (CommandState.DONE, 101.0, 102.0, 0.2)


def test_an_unsent_command_expires_and_a_sent_one_falls_silent() -> None:
    assert command().step(Step.END_OF_TIME, 161.0).state is CommandState.EXPIRED
    sent = command().step(Step.SEND, 101.0)
    assert sent.step(Step.END_OF_TIME, 170.0).state is CommandState.SILENT


def test_a_late_reply_corrects_silence_but_no_other_end() -> None:
    silent = command().step(Step.SEND, 101.0).step(Step.END_OF_TIME, 170.0)
    assert silent.replied(Result.DONE, None, None, 171.0).state is CommandState.DONE
    failed = command().step(Step.SEND, 101.0).replied(Result.FAILED, None, None, 102.0)
    assert failed.replied(Result.DONE, None, None, 103.0) is failed


def test_every_result_has_an_end_and_every_end_stays() -> None:
    assert set(ENDS) == set(Result)
    for state, step in product(set(CommandState) - OPEN, Step):
        assert (state, step) not in STEPS


@pytest.mark.parametrize("step", [Step.SEND, Step.READ, Step.END_OF_TIME])
def test_a_repeated_step_changes_nothing_but_the_time_of_sending(step: Step) -> None:
    once = command().step(step, 101.0)
    twice = once.step(step, 101.0)
    assert twice.state in (once.state, CommandState.SENT, CommandState.SILENT)
    if step is not Step.END_OF_TIME:
        assert twice == once


def test_urgent_goes_before_high_before_normal_and_older_before_newer() -> None:
    commands = [
        command("N1", created=1),
        command("U", priority=Priority.URGENT, created=9),
        command("H", priority=Priority.HIGH, created=5),
        command("N0", created=0),
    ]
    assert [o.id for o in in_order(commands)] == ["U", "H", "N0", "N1"]


def test_a_returning_agent_gets_what_has_not_expired() -> None:
    book = CommandBook([command("old", created=0), command("new", created=100)])
    assert [o.id for o in book.waiting("ada", now=120.0)] == ["new"]
    assert book.waiting("boole", now=120.0) == []


def test_the_book_forgets_what_has_ended() -> None:
    book = CommandBook([command("a")])
    for ended in book.over(now=161.0):
        book.save(ended)
    assert len(book) == 0


def test_a_sent_command_has_a_grace_for_its_reply() -> None:
    book = CommandBook([command().step(Step.SEND, 100.0)])
    assert book.over(now=160.0 + GRACE - 0.1) == []
    assert [o.state for o in book.over(now=160.0 + GRACE)] == [CommandState.SILENT]


steps = st.lists(st.one_of(st.sampled_from(list(Step)), st.sampled_from(list(Result))), max_size=12)


@given(steps)
def test_no_sequence_of_events_leaves_an_end_for_another_but_silence(
    events: list[Step | Result],
) -> None:
    now, current = 100.0, command()
    for event in events:
        now += 1
        before = current
        if isinstance(event, Step):
            current = current.step(event, now)
        else:
            current = current.replied(event, None, None, now)
        if not before.open and before.state is not CommandState.SILENT:
            assert current == before
        assert current.open == (current.ended is None)


def test_a_reply_to_a_broadcast_ends_the_order_of_the_agent_that_sent_it_and_no_other() -> None:
    both = [replace(command(f"id-{n}"), agent=f"a{n}", broadcast="all") for n in range(2)]
    book = CommandBook(both)
    assert book.asked("a1", "all") == both[1]
    assert book.asked("a1", "id-1") is None, "on the bus it has the broadcast's id"
    assert book.asked("mallory", "all") is None
    book.save(both[1].replied(Result.DONE, None, None, 101.0))
    assert book.asked("a1", "all") is None
    assert list(book) == book.of_agent("a0") == [both[0]]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 200)), max_size=30))
def test_what_is_over_is_found_whenever_one_looks(given: list[tuple[int, int]]) -> None:
    book, left = CommandBook(), {}
    for number, (ttl, now) in enumerate(given):
        made = replace(command(f"id-{number}", created=float(now)), ttl=ttl)
        book.save(made)
        left[made.id] = made
        over = {one.id for one in book.over(float(now))}
        assert over == {one.id for one in left.values() if one.deadline <= now}
        for one in book.over(float(now)):
            book.save(one)
            left.pop(one.id)


def test_a_command_is_json_with_null_for_the_unknown() -> None:
    item = command(created=1_800_000_000.0).as_dict()
    assert json.loads(json.dumps(item)) == item
    assert {key for key, value in item.items() if value is None} == {
        "sent", "ended", "code", "took", "reply_to", "broadcast",
    }  # fmt: skip
    sent = command(created=1_800_000_000.0).step(Step.SEND, 1_800_000_001.0)
    done = sent.replied(Result.DONE, ReplyCode.OK, 0.25, 1_800_000_002.0).as_dict()
    assert (done["state"], done["code"], done["took"]) == ("done", "ok", 0.25)
    assert done["created"] < done["sent"] < done["ended"]
