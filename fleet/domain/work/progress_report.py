"""What an agent said of a task it claimed, as intake hands it on to whoever keeps tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from fleet.contract.timestamps import epoch
from fleet.contract.work_messages import Progress
from fleet.contract.work_vocabulary import TaskReason, TaskState


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """One `progress` message that was new by its number.

    It is what the agent says, and no more: whether the agent holds that task under that epoch is
    for who keeps the tasks to judge, and one that is repeated must change nothing.

    Attributes:
        agent: whose topic it came on.
        at: the hub's clock at receipt; `said_at` the agent's; both s since the epoch.
    """

    agent: str
    at: float
    task: str
    epoch: int
    attempt: int
    state: TaskState
    progress: int
    reason: TaskReason | None
    said_at: float

    @classmethod
    def of(cls, agent: str, message: Progress, at: float) -> Self:
        """From the message as it came in."""
        return cls(
            agent,
            at,
            message.task,
            message.epoch,
            message.attempt,
            message.state,
            message.progress,
            message.reason,
            epoch(message.ts),
        )
