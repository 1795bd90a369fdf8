"""The timing wheel gives each entry back once, in the second after its moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fleet.domain.timing_wheel import TimingWheel, TimingWheelSlot


@dataclass(eq=False)
class Waiting:
    name: str
    slot: TimingWheelSlot[Any] | None = None


def names(wheel: TimingWheel[Waiting], now: float) -> list[str]:
    return [entry.name for entry in wheel.due(now)]


def test_an_entry_is_due_in_the_second_after_its_moment_and_once():
    wheel: TimingWheel[Waiting] = TimingWheel()
    larry = Waiting("larry")
    wheel.schedule(larry, 10.5)
    assert names(wheel, 10.9) == []
    assert names(wheel, 11.0) == ["larry"]
    assert larry.slot is None
    assert names(wheel, 100) == []


def test_an_entry_is_looked_at_no_later_than_its_earliest_moment():
    wheel: TimingWheel[Waiting] = TimingWheel()
    larry = Waiting("larry")
    for moment in (20.0, 10.0, 30.0):
        wheel.schedule(larry, moment)
    assert names(wheel, 11) == ["larry"]
    assert names(wheel, 50) == []


def test_an_entry_without_a_moment_is_let_go():
    wheel: TimingWheel[Waiting] = TimingWheel()
    larry, moe = Waiting("larry"), Waiting("moe")
    wheel.schedule(larry, 10)
    wheel.schedule(moe, 10)
    wheel.schedule(larry, None)
    assert names(wheel, 20) == ["moe"]


def test_an_entry_scheduled_while_the_wheel_turns_is_due_in_the_same_turn_if_its_time_has_come():
    wheel: TimingWheel[Waiting] = TimingWheel()
    larry = Waiting("larry")
    wheel.schedule(larry, 10)
    seen = []
    for entry in wheel.due(12):
        seen.append(entry.name)
        if len(seen) == 1:
            wheel.schedule(entry, 11)
    assert seen == ["larry", "larry"]


def test_an_entry_whose_moment_lies_behind_the_wheel_is_due_at_its_next_turn():
    wheel: TimingWheel[Waiting] = TimingWheel()
    assert names(wheel, 1000) == []
    wheel.schedule(Waiting("late"), 10)
    assert names(wheel, 1001) == ["late"]


def test_an_entry_scheduled_behind_the_wheel_while_it_turns_is_due_at_its_next_turn():
    wheel: TimingWheel[Waiting] = TimingWheel()
    wheel.schedule(Waiting("larry"), 10)
    assert names(wheel, 10) == []
    for entry in wheel.due(11):
        wheel.schedule(entry, 3)
    assert names(wheel, 12) == ["larry"]


def test_a_wheel_nobody_turned_begins_with_its_first_slot():
    wheel: TimingWheel[Waiting] = TimingWheel()
    for name, moment in (("moe", 2_000_000_000.0), ("larry", 1_800_000_000.0)):
        wheel.schedule(Waiting(name), moment)
    assert names(wheel, 2_000_000_100) == ["larry", "moe"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("turn"), st.integers(0, 40)),
            st.tuples(st.sampled_from(["larry", "moe", "curly"]), st.integers(0, 200)),
        ),
        max_size=30,
    )
)
def test_it_does_what_a_list_would_that_is_searched_each_time(steps: list[tuple[str, int]]):
    wheel: TimingWheel[Waiting] = TimingWheel()
    entries = {name: Waiting(name) for name in ("larry", "moe", "curly")}
    waiting: dict[str, int] = {}
    now = 0
    for name, number in steps:
        if name == "turn":
            now += number
            due = {one for one, moment in waiting.items() if moment + 1 <= now}
            assert set(names(wheel, now)) == due
            waiting = {one: moment for one, moment in waiting.items() if one not in due}
        else:
            wheel.schedule(entries[name], number)
            waiting[name] = min(number, waiting.get(name, number))
