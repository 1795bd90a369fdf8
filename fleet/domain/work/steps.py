"""What can happen to a task in which state, and what comes of it: one table for all changes."""

from __future__ import annotations

from typing import Any, Final

from fleet.contract.vocabulary import Word
from fleet.contract.work_vocabulary import FINAL, TaskState
from fleet.domain.work.errors import WrongStateError
from fleet.domain.work.task import Task, changed


class Step(Word):
    """What can happen to a task."""

    CLAIM = "claim", "an agent takes the lease"
    RENEW = "renew", "its worker goes on"
    RESUME = "resume", "who held it last brings its result, and nobody has claimed it since"
    COMPLETE = "complete", "its worker is done"
    AGAIN = "again", "an attempt failed, and another is left"
    FAIL = "fail", "the last attempt failed"
    LOSE = "lose", "the last attempt's lease ran out"
    REJECT = "reject", "its agent cannot do it as it was asked"
    ASK = "ask", "its worker asks for more"
    ANSWER = "answer", "what the worker asked for is given"
    FLAG = "flag", "it is called off while a worker is at it"
    CANCEL = "cancel", "it is called off"
    APPROVE = "approve", "a person allows it"
    REFUSE = "refuse", "a person does not allow it"
    BREAK = "break", "a task that must come first ended badly"
    TTL_OVER = "ttl-over", "its time to live is over"
    GONE = "gone", "the only agent that it is for was revoked"
    RETRY = "retry", "an operator gives it a new life"


_S = TaskState
STEPS: Final[dict[tuple[TaskState, Step], TaskState]] = {
    (_S.SUBMITTED, Step.CLAIM): _S.WORKING,
    (_S.SUBMITTED, Step.RESUME): _S.WORKING,
    (_S.SUBMITTED, Step.CANCEL): _S.CANCELED,
    (_S.SUBMITTED, Step.BREAK): _S.REJECTED,
    (_S.SUBMITTED, Step.TTL_OVER): _S.TIMED_OUT,
    (_S.WORKING, Step.RENEW): _S.WORKING,
    (_S.WORKING, Step.FLAG): _S.WORKING,
    (_S.WORKING, Step.COMPLETE): _S.COMPLETED,
    (_S.WORKING, Step.AGAIN): _S.SUBMITTED,
    (_S.WORKING, Step.FAIL): _S.FAILED,
    (_S.WORKING, Step.LOSE): _S.LOST,
    (_S.WORKING, Step.REJECT): _S.REJECTED,
    (_S.WORKING, Step.ASK): _S.INPUT_REQUIRED,
    (_S.WORKING, Step.CANCEL): _S.CANCELED,
    (_S.WORKING, Step.TTL_OVER): _S.TIMED_OUT,
    (_S.INPUT_REQUIRED, Step.ANSWER): _S.SUBMITTED,
    (_S.INPUT_REQUIRED, Step.CANCEL): _S.CANCELED,
    (_S.INPUT_REQUIRED, Step.TTL_OVER): _S.TIMED_OUT,
    (_S.AUTH_REQUIRED, Step.APPROVE): _S.SUBMITTED,
    (_S.AUTH_REQUIRED, Step.REFUSE): _S.REJECTED,
    (_S.AUTH_REQUIRED, Step.CANCEL): _S.CANCELED,
    (_S.AUTH_REQUIRED, Step.BREAK): _S.REJECTED,
    (_S.AUTH_REQUIRED, Step.TTL_OVER): _S.TIMED_OUT,
    (_S.SUBMITTED, Step.GONE): _S.REJECTED,
    (_S.WORKING, Step.GONE): _S.REJECTED,
    (_S.INPUT_REQUIRED, Step.GONE): _S.REJECTED,
    (_S.AUTH_REQUIRED, Step.GONE): _S.REJECTED,
} | {(end, Step.RETRY): _S.SUBMITTED for end in FINAL - {_S.COMPLETED}}
"""What is not in the table is refused: an end is an end, but for an operator's new life."""


def moved(task: Task, step: Step, now: float, **changes: Any) -> Task:
    """`task` after `step`, with `changes`.

    Raises:
        WrongStateError: the table has no such step.
    """
    state = STEPS.get((task.state, step))
    if state is None:
        raise WrongStateError(task.id, task.state, step.value)
    if state is not TaskState.WORKING:
        changes["lease_until"] = None
        changes["cancel"] = False
    if state in FINAL:
        changes["ended"] = now
    return changed(task, state=state, **changes)
