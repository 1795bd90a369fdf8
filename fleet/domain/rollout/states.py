"""Where a rollout is, and where each agent of it is; every change stands in one of two tables."""

from __future__ import annotations

from typing import Final

from fleet.contract.vocabulary import Word


class RolloutState(Word):
    """Where a rollout is."""

    DRAFT = "draft", "planned; nobody was asked for anything"
    RUNNING = "running", "its waves are opened one after the other"
    PAUSED = "paused", "nobody new is asked; what was begun goes on"
    COMPLETED = "completed", "every agent of it has come to an end, good or bad"
    ABORTED = "aborted", "nobody new is asked any more; the rest stays as it was"


class ExecutionState(Word):
    """Where one agent of a rollout is."""

    QUEUED = "queued", "not asked yet"
    PRECHECK = "precheck", "asked; nothing is changed yet"
    SNAPSHOT = "snapshot", "keeps what a rollback needs"
    INSTALLING = "installing", "puts the version in place and starts it"
    VERIFYING = "verifying", "started; must run the version and work again"
    SOAKING = "soaking", "runs the version and works; watched for a while"
    COMMITTED = "committed", "runs the version and worked through the soak"
    ROLLING_BACK = "rolling-back", "failed, or is called back: goes to the version before"
    ROLLED_BACK = "rolled-back", "runs the version before again; the update failed"
    ROLLBACK_FAILED = "rollback-failed", "the way back failed, or nobody knows: look at it"
    REJECTED = "rejected", "refused before anything was changed"
    TIMED_OUT = "timed-out", "away, or never answered; nothing was changed"


class Why(Word):
    """Why a rollout or one of its agents ended as it did, beyond what a task says."""

    OPERATOR = "operator", "an operator said so"
    THRESHOLD = "threshold", "too many failed"
    WRONG_VERSION = "wrong-version", "another version runs than was asked for"
    NO_WORK = "no-work", "it runs and does no work"
    NOT_OK = "not-ok", "it runs and is not well"
    SILENT = "silent", "nothing was heard of it"
    AWAY = "away", "it was away for all of the time"
    NO_ANSWER = "no-answer", "its sidecar never took the task"
    NOT_ASKED = "not-asked", "the hub could not hand out its task"
    INTERRUPTED = "interrupted", "its sidecar was lost in the middle"
    AGENT_GONE = "agent-gone", "it was revoked"


class RolloutStep(Word):
    """What can happen to a rollout."""

    START = "start", "an operator starts it"
    PAUSE = "pause", "an operator holds it"
    RESUME = "resume", "an operator lets it go on"
    FINISH = "finish", "everybody has come to an end"
    ABORT = "abort", "an operator or the threshold ends it"
    ROLL_BACK = "roll-back", "an operator takes back what it changed"


_R = RolloutState
ROLLOUT_STEPS: Final[dict[tuple[RolloutState, RolloutStep], RolloutState]] = {
    (_R.DRAFT, RolloutStep.START): _R.RUNNING,
    (_R.DRAFT, RolloutStep.ABORT): _R.ABORTED,
    (_R.RUNNING, RolloutStep.PAUSE): _R.PAUSED,
    (_R.RUNNING, RolloutStep.FINISH): _R.COMPLETED,
    (_R.RUNNING, RolloutStep.ABORT): _R.ABORTED,
    (_R.PAUSED, RolloutStep.RESUME): _R.RUNNING,
    (_R.PAUSED, RolloutStep.FINISH): _R.COMPLETED,
    (_R.PAUSED, RolloutStep.ABORT): _R.ABORTED,
    (_R.RUNNING, RolloutStep.ROLL_BACK): _R.ABORTED,
    (_R.PAUSED, RolloutStep.ROLL_BACK): _R.ABORTED,
    (_R.COMPLETED, RolloutStep.ROLL_BACK): _R.ABORTED,
    (_R.ABORTED, RolloutStep.ROLL_BACK): _R.ABORTED,
}


class Step(Word):
    """What can happen to one agent of a rollout."""

    OPEN = "open", "it is asked"
    SNAPSHOT = "snapshot", "it keeps what a rollback needs"
    INSTALL = "install", "it installs"
    INSTALLED = "installed", "it has installed and started the version"
    RUNS = "runs", "the version runs and works"
    COMMIT = "commit", "it did so for the whole soak"
    UNDO = "undo", "it must go back"
    UNDONE = "undone", "it went back"
    UNDO_FAILED = "undo-failed", "it did not get back"
    REJECT = "reject", "it refuses, and changed nothing"
    TIME_OUT = "time-out", "its time is over, and it changed nothing"
    WITHDRAW = "withdraw", "it is not asked after all"


_E = ExecutionState
_ASKED: Final = (_E.PRECHECK, _E.SNAPSHOT, _E.INSTALLING, _E.VERIFYING)
EXECUTION_STEPS: Final[dict[tuple[ExecutionState, Step], ExecutionState]] = {
    (_E.QUEUED, Step.OPEN): _E.PRECHECK,
    (_E.QUEUED, Step.REJECT): _E.REJECTED,
    (_E.QUEUED, Step.TIME_OUT): _E.TIMED_OUT,
    (_E.PRECHECK, Step.WITHDRAW): _E.QUEUED,
    (_E.PRECHECK, Step.TIME_OUT): _E.TIMED_OUT,
    (_E.PRECHECK, Step.SNAPSHOT): _E.SNAPSHOT,
    (_E.VERIFYING, Step.RUNS): _E.SOAKING,
    (_E.SOAKING, Step.COMMIT): _E.COMMITTED,
    (_E.SOAKING, Step.UNDO): _E.ROLLING_BACK,
    (_E.COMMITTED, Step.UNDO): _E.ROLLING_BACK,
    (_E.ROLLBACK_FAILED, Step.UNDO): _E.ROLLING_BACK,
    (_E.ROLLING_BACK, Step.UNDONE): _E.ROLLED_BACK,
    (_E.ROLLING_BACK, Step.UNDO_FAILED): _E.ROLLBACK_FAILED,
} | {
    (before, step): after
    for before in _ASKED
    for step, after in (
        (Step.INSTALL, _E.INSTALLING),
        (Step.INSTALLED, _E.VERIFYING),
        (Step.UNDO, _E.ROLLING_BACK),
        (Step.UNDONE, _E.ROLLED_BACK),
        (Step.UNDO_FAILED, _E.ROLLBACK_FAILED),
        (Step.REJECT, _E.REJECTED),
    )
}
"""What is not in the table cannot happen: one that refused is not asked again, and no way leads
from a rollback to a success."""

FINAL: Final = frozenset(
    {
        _E.COMMITTED, _E.ROLLED_BACK, _E.ROLLBACK_FAILED, _E.REJECTED, _E.TIMED_OUT,
    }
)  # fmt: skip
FAILED: Final = frozenset({_E.ROLLING_BACK, _E.ROLLED_BACK, _E.ROLLBACK_FAILED})
"""What counts against the threshold, from the moment at which it is known."""
UNDER_WAY: Final = frozenset({*_ASKED, _E.SOAKING})
"""Whose end is not known yet: each may still fail."""
UNAVAILABLE: Final = frozenset({*_ASKED, _E.ROLLING_BACK})
"""Who may do no work at the moment."""
WITH_TASK: Final = frozenset({*_ASKED, _E.ROLLING_BACK})
"""Who was asked, and whose answer is waited for, or for what follows from it."""
