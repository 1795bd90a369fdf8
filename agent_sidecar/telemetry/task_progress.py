"""Which of what a worker says of its task is worth a message: states at once, percents seldom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fleet.contract.timestamps import timestamp
from fleet.contract.work_vocabulary import FINAL, TaskReason, TaskState

EVERY: Final = 5.0
"""Seconds between two percents of one task: nobody watches closer, and each takes a commit."""

MAX_TASKS: Final = 256
"""Tasks remembered: many times what one machine works on at once; the oldest go."""


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """What the worker says: of which claim, and how far it is, in percent. `epoch` and `attempt`
    are those that the claim was answered with."""

    task: str
    epoch: int
    attempt: int
    state: TaskState
    progress: int
    reason: TaskReason | None = None

    @property
    def final(self) -> bool:
        return self.state in FINAL

    def message(self, wall: float) -> dict[str, Any]:
        """The message without its number; `wall` is s since the epoch."""
        message: dict[str, Any] = {
            "task": self.task,
            "epoch": self.epoch,
            "attempt": self.attempt,
            "state": self.state.value,
            "progress": self.progress,
            "ts": timestamp(wall),
        }
        return message if self.reason is None else {**message, "reason": self.reason.value}


class ProgressNews:
    """Remembers what was said of each task last; `now` is monotonic s."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[TaskProgress, float]] = {}

    def is_news(self, told: TaskProgress, now: float) -> bool:
        """Whether to say it; then it counts as said."""
        last = self._said.pop(told.task, None)
        if last is not None and not _is_news(told, *last, now):
            self._said[told.task] = last
            return False
        self._said[told.task] = told, now
        if len(self._said) > MAX_TASKS:
            del self._said[next(iter(self._said))]
        return True


def _is_news(told: TaskProgress, last: TaskProgress, at: float, now: float) -> bool:
    if told == last:
        return False
    only_percent = (told.epoch, told.attempt, told.state, told.reason) == (
        last.epoch,
        last.attempt,
        last.state,
        last.reason,
    )
    return not only_percent or now - at >= EVERY
