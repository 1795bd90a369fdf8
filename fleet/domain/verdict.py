"""The hub's verdict of an agent: the worst that its planes and its presence support."""

from __future__ import annotations

from typing import Final

from fleet.contract.vocabulary import State, Word


class Verdict(Word):
    """What an operator reads first. Unknown is never counted as good or bad."""

    OK = "ok", "heard in time, and nothing says otherwise"
    DEGRADED = "degraded", "heard in time, but it or one of its planes says it does not work"
    LATE = "late", "silent for more than 1.5 intervals"
    STALE = "stale", "silent for more than 2.5 intervals"
    OFFLINE = "offline", "it said, or its last will says, that it is gone"
    UNKNOWN = "unknown", "nothing usable was heard yet"
    GHOST = "ghost", "on the bus but not enrolled"


_BADNESS: Final = {
    Verdict.OK: 0,
    Verdict.UNKNOWN: 1,
    Verdict.GHOST: 2,
    Verdict.DEGRADED: 3,
    Verdict.LATE: 4,
    Verdict.STALE: 5,
    Verdict.OFFLINE: 6,
}

VERDICT_OF_STATE: Final = {
    State.STARTING: Verdict.DEGRADED,
    State.RUNNING: Verdict.OK,
    State.DEGRADED: Verdict.DEGRADED,
    State.MAINTENANCE: Verdict.OK,
    State.STOPPING: Verdict.DEGRADED,
    State.OFFLINE: Verdict.OFFLINE,
}
"""What a stated state supports: whoever cannot work is not ok."""


def badness(verdict: Verdict) -> int:
    """How far up a table sorted worst first `verdict` stands; 0 is ok."""
    return _BADNESS[verdict]


def worse(one: Verdict, other: Verdict) -> Verdict:
    """The worse of both; `one` where they are as bad."""
    return other if _BADNESS[other] > _BADNESS[one] else one
