"""What is told of each kind in the situations that operators meet: the second table of the page
of kinds. The tests of real agents read what they expect from here; nothing at run time does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from fleet.contract.vocabulary import AlertCode, Check, Kind, Plane


class When(Enum):
    """How soon the sidecar knows; the value is a sentence for people."""

    AT_ONCE = "at once"
    LOOK = "at the next look"
    OVERDUE = "1.5 periods late"


class Situation(Enum):
    """The value is a sentence for people."""

    KILLED = "its process is killed"
    RETURNED = "it starts again"
    LOOPING = "it was started again 3 times in 10 minutes"
    STOPPED = "its process is stopped (SIGSTOP)"
    HANGING_MODEL = "a job's model hangs: the job never ends, or is not begun"
    NEVER = "a job is switched on and has no next run"
    HANGS_UP = "the provider hangs up, or is not there"
    THROTTLED = "the provider answers 429"
    REFUSED = "the provider answers 401"
    CHANNEL = "a channel is refused"
    BROKEN = "its configuration is broken while it runs"
    UPDATED = "another release is put in its place"
    DENIED = "its files are closed to the sidecar's user"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is told then.

    Attributes:
        planes: those that are neither `pass` nor as they were.
        alerts: those of the sidecar; the hub may add its own.
    """

    planes: Mapping[Plane, Check] = field(default_factory=dict)
    alerts: frozenset[AlertCode] = frozenset()
    when: When = When.LOOK

    def described(self) -> str:
        """A cell of the page of kinds."""
        planes = ", ".join(f"`{plane}` {check}" for plane, check in self.planes.items())
        alerts = ", ".join(f"`{code}`" for code in sorted(self.alerts))
        return "; ".join(filter(None, (planes, alerts, self.when.value)))


def _told(when: When, planes: Mapping[Plane, Check], *alerts: AlertCode) -> Expected:
    return Expected(planes, frozenset(alerts), when)


_FAIL, _WARN, _UNKNOWN = Check.FAIL, Check.WARN, Check.UNKNOWN
_DIED: Final = _told(When.AT_ONCE, {Plane.PROCESS: _FAIL}, AlertCode.PROCESS_DOWN)
_BACK: Final = Expected(when=When.AT_ONCE)
_LOOPING: Final = _told(When.AT_ONCE, {}, AlertCode.RESTART_LOOP)
_LATE: Final = _told(When.OVERDUE, {Plane.WORK: _FAIL}, AlertCode.WORK_STALLED)
_JOB_FAILED: Final = _told(When.LOOK, {Plane.CRON: _FAIL}, AlertCode.CRON_FAILURE)
_BROKEN: Final = _told(When.LOOK, {Plane.CONFIG: _FAIL}, AlertCode.CONFIG_INVALID)
_UPDATED: Final = _told(When.LOOK, {}, AlertCode.VERSION_DRIFT)
_DENIED: Final = _told(When.LOOK, {Plane.PROCESS: _UNKNOWN, Plane.CONFIG: _UNKNOWN})


def _calls_failed(*more: AlertCode) -> Expected:
    """nanobot alone writes each failed call, and of four of them the share counts."""
    planes = {Plane.CRON: _FAIL, Plane.WORK: _FAIL}
    return _told(When.LOOK, planes, AlertCode.CRON_FAILURE, AlertCode.ERROR_RATE, *more)


SITUATIONS: Final[Mapping[Situation, Mapping[Kind, Expected]]] = {
    Situation.KILLED: {
        Kind.OPENCLAW: _DIED,
        Kind.NANOBOT: _DIED,
        Kind.HERMES: _DIED,
        Kind.ROCKBOT: _DIED,
    },
    Situation.RETURNED: {
        Kind.OPENCLAW: _BACK,
        Kind.NANOBOT: _BACK,
        Kind.HERMES: _BACK,
        Kind.ROCKBOT: Expected(),
    },
    Situation.LOOPING: {
        Kind.OPENCLAW: _LOOPING,
        Kind.NANOBOT: _LOOPING,
        Kind.HERMES: _LOOPING,
        Kind.ROCKBOT: _told(When.LOOK, {}, AlertCode.RESTART_LOOP),
    },
    Situation.STOPPED: {
        Kind.OPENCLAW: Expected({Plane.PROCESS: _WARN, Plane.ENDPOINT: _FAIL}),
        Kind.NANOBOT: Expected({Plane.PROCESS: _WARN, Plane.ENDPOINT: _FAIL}),
        Kind.HERMES: Expected({Plane.PROCESS: _WARN}),
        Kind.ROCKBOT: Expected({Plane.PROCESS: _WARN}),
    },
    Situation.HANGING_MODEL: {
        Kind.OPENCLAW: _LATE,
        Kind.NANOBOT: _LATE,
        Kind.HERMES: _LATE,
    },
    Situation.NEVER: {
        Kind.NANOBOT: Expected({Plane.WORK: _WARN}),
        Kind.HERMES: Expected({Plane.WORK: _WARN}),
    },
    Situation.HANGS_UP: {
        Kind.OPENCLAW: _JOB_FAILED,
        Kind.NANOBOT: _calls_failed(),
        Kind.HERMES: _JOB_FAILED,
    },
    Situation.THROTTLED: {
        Kind.OPENCLAW: _JOB_FAILED,
        Kind.NANOBOT: _calls_failed(AlertCode.RATE_LIMITED),
        Kind.HERMES: _JOB_FAILED,
    },
    Situation.REFUSED: {
        Kind.OPENCLAW: _JOB_FAILED,
        Kind.NANOBOT: _calls_failed(AlertCode.AUTH_FAILURE),
        Kind.HERMES: _JOB_FAILED,
    },
    Situation.CHANNEL: {
        Kind.OPENCLAW: Expected({Plane.CHANNELS: _FAIL, Plane.ENDPOINT: _WARN}),
        Kind.HERMES: Expected({Plane.CHANNELS: _FAIL}),
    },
    Situation.BROKEN: {
        Kind.OPENCLAW: _BROKEN,
        Kind.NANOBOT: _BROKEN,
        Kind.HERMES: _BROKEN,
    },
    Situation.UPDATED: {
        Kind.OPENCLAW: _UPDATED,
        Kind.NANOBOT: _UPDATED,
        Kind.HERMES: _UPDATED,
    },
    Situation.DENIED: {
        Kind.OPENCLAW: _DENIED,
        Kind.NANOBOT: _DENIED,
        Kind.HERMES: _DENIED,
        Kind.ROCKBOT: Expected({Plane.CONFIG: _UNKNOWN}),
    },
}
"""A kind that is not there has no source that would tell: nothing is said, and nothing is `pass`
for that reason."""


SEEN: Final = (Kind.OPENCLAW, Kind.NANOBOT, Kind.HERMES, Kind.ROCKBOT)
"""Kinds on the page, in order."""


def rows() -> Iterator[tuple[str, ...]]:
    """The table of the page: a situation, and what is told of each kind."""
    for situation, told in SITUATIONS.items():
        cells = (told[kind].described() if kind in told else "not seen" for kind in SEEN)
        yield (situation.value, *cells)


NOTES: Final = """*At once*: between two heartbeats, whatever the interval; the kernel wakes the
sidecar (pidfd, inotify). *At the next look*: with the next heartbeat or `health-check`;
`error-rate`, `work-stalled` and `version-drift` fire at the second look in a row. *Not seen*: this
kind has no source of it, and what is told stays as it was. A refused channel has no alert of the
sidecar's own: the hub tells it as `agent-degraded`. nanobot says nothing of its channels: its
`/health` stays `ready` without any.

Tried with the real agents that `scripts/agents.sh` installs: one gateway a kind is led through
them, and beside it a second one with a home of its own, and one more of the same user (a profile,
or another configuration), whose sidecars tell of their own only. By recorded shapes: the restart
loops of OpenClaw, whose start takes 37 s of processor time, and of Hermes; and RockBot, of which
no package can be had. A death is told when the kernel says so: on 2 cores, 0.14 s after the kill
(OpenClaw, twice, nothing beside it), and 0.3 to 1.5 s with loads of 10 to 20, where a probe waits
for the processor.

OpenClaw replaced under a living gateway, 2026.9.5 by 2026.9.6 and back (by npm and by hand on
2026-11-29; `sh scripts/agents.sh --all-releases` installs what a test of it needs):
`version-drift` came while npm was still at work, `versions` named 2026.9.5 until the restart and
2026.9.6 after it, and the drift ended with the second look. Meanwhile 2026.9.5 went on with its
jobs and did not let the new command line in: `work` and `cron` were unknown. 2026.9.6 looks
itself, and ended with 1 before npm had: `process-down`. Put back, 2026.9.5 ended with 78, since
two databases had been migrated (schemas 17 to 18, and 21 to 23), until the copies that OpenClaw
saves beside them were put back, too."""
