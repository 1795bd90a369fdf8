"""What may be wrong with a request for work. Who asks over HTTP is told by `status` and `code`."""

from __future__ import annotations

from typing import ClassVar

from fleet.contract.errors import FleetError
from fleet.contract.work_vocabulary import TaskState


class WorkError(FleetError):
    """A request about work cannot be met; nothing was changed.

    Attributes:
        code: a word for programs.
        status: what HTTP calls it.
    """

    code: ClassVar[str] = "work"
    status: ClassVar[int] = 400


class InvalidTaskError(WorkError):
    """A field of the task is out of its bounds. `field` names it."""

    code = "invalid"

    def __init__(self, field: str, why: str, remedy: str) -> None:
        self.field = field
        super().__init__(f"the task cannot be taken: {field}", why, remedy)


class CyclicError(InvalidTaskError):
    """A task would wait for itself, or for a task that waits for it."""

    code = "cyclic"

    def __init__(self, other: str) -> None:
        self.other = other
        super().__init__(
            "after",
            f"{other} is the task itself, or one that delegated it and so waits for it",
            "leave it out of after",
        )


class UnknownTaskError(WorkError):
    """No such task; said likewise of one behind another group's wall."""

    code = "unknown-task"
    status = 404

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(f"there is no task {task}", "its id is not known here", "fleet task list")


class UnknownContextError(WorkError):
    """No such context; said likewise of one behind another group's wall."""

    code = "unknown-context"
    status = 404

    def __init__(self, context: str) -> None:
        self.context = context
        super().__init__(
            f"there is no context {context}",
            "no task of yours has opened it",
            "submit a task with a context of your own: a new ULID",
        )


class UnopenedContextError(WorkError):
    """Content for a context that is not there, and nothing says whose it would be."""

    code = "unopened-context"

    def __init__(self, context: str) -> None:
        self.context = context
        super().__init__(
            f"there is no context {context}",
            "nobody has opened it, and no group is named",
            "fleet task show ID names that of a task; over HTTP group=NAME opens one",
        )


class UnknownEntryError(WorkError):
    """No such entry, or no such version of it, on a board."""

    code = "unknown-entry"
    status = 404

    def __init__(self, context: str, section: str, name: str) -> None:
        self.context, self.section, self.name = context, section, name
        super().__init__(
            f"there is no {section}/{name} on this board",
            "nobody has put it there",
            f"fleet board ls {context}",
        )


class StaleEpochError(WorkError):
    """Who asks does not hold the task's lease (any more); another attempt may be running."""

    code = "stale-epoch"
    status = 409

    def __init__(self, task: str, epoch: int, current: int) -> None:
        self.task, self.epoch, self.current = task, epoch, current
        super().__init__(
            f"the lease of task {task} is not yours",
            f"you name epoch {epoch}, it is at {current}",
            "end the worker and claim again",
        )


class WrongStateError(WorkError):
    """A step that a task in its present state does not take."""

    code = "wrong-state"
    status = 409

    def __init__(self, task: str, state: TaskState, step: str) -> None:
        self.task, self.state, self.step = task, state, step
        super().__init__(
            f"task {task} cannot be changed by {step}",
            f"it is {state}: {state.meaning}",
            f"fleet task show {task}",
        )


class ConflictError(WorkError):
    """The same id with another content: an id names one task for ever."""

    code = "conflict"
    status = 409

    def __init__(self, task: str) -> None:
        self.task = task
        super().__init__(
            f"the id {task} is taken",
            "a task with this id and another content was submitted before",
            "use a new ULID",
        )


class VersionConflictError(WorkError):
    """A board entry is at another version than the writer believed; `current` 0: there is none."""

    code = "version-conflict"
    status = 412

    def __init__(self, name: str, expected: int, current: int) -> None:
        self.name, self.expected, self.current = name, expected, current
        super().__init__(
            f"{name} was not put on the board",
            f"you wrote over version {expected}, it is at {current}",
            "read the newest version and put again",
        )


class TooManyError(WorkError):
    """A bound was reached. `what` is the counted thing, `limit` how many there may be."""

    code = "too-many"
    status = 429

    def __init__(self, what: str, limit: int, remedy: str = "fleet task list") -> None:
        self.thing, self.limit = what, limit
        super().__init__(
            "the task or entry was not taken", f"there are {limit} {what} already", remedy
        )
