"""A timing wheel: whom to look at again in which second, so a tick costs what is due.

It knows seconds and slots, nothing of what it holds; an entry remembers its own slot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar


class Entry(Protocol):
    """What a wheel can hold; without a slot it is not waited for."""

    slot: TimingWheelSlot[Any] | None


E = TypeVar("E", bound=Entry)


class TimingWheelSlot(list[E]):
    """The entries to look at again in one second."""

    __slots__ = ("second",)

    def __init__(self, second: int) -> None:
        super().__init__()
        self.second = second


class TimingWheel(Generic[E]):
    """Entries by the second in which something may change. An entry that left its slot, or went
    to an earlier one, stays behind in the list and is passed over: removing it would cost more."""

    def __init__(self) -> None:
        self._slots: dict[int, TimingWheelSlot[E]] = {}
        self._turned_to: int | None = None

    def schedule(self, entry: E, moment: float | None) -> None:
        """Hold `entry` no later than the second after `moment`; None: let it go."""
        if moment is None:
            entry.slot = None
            return
        second = int(moment) + 1
        held = entry.slot
        if held is not None and held.second <= second:
            return
        slot = self._slots.get(second)
        if slot is None:
            slot = self._slots[second] = TimingWheelSlot(second)
            if self._turned_to is not None:
                self._turned_to = min(self._turned_to, second)
        slot.append(entry)
        entry.slot = slot

    def due(self, now: float) -> Iterator[E]:
        """Turn to `now`: every entry that is due, no longer held. It may be scheduled again
        meanwhile."""
        second = int(now)
        start = self._turned_to if self._turned_to is not None else min(self._slots, default=second)
        seconds: Iterable[int] = range(start, second + 1)
        if second - start > len(self._slots):
            seconds = sorted(key for key in self._slots if key <= second)
        self._turned_to = second  # first: what is scheduled behind it meanwhile is due next time
        for key in seconds:
            slot = self._slots.pop(key, None)
            for entry in slot or ():
                if entry.slot is slot:
                    entry.slot = None
                    yield entry
