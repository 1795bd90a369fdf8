"""Heartbeats without a word that was not judged before: nearly all, read in half the time.

What can be hidden in one that is right in form is a word (of a check, a code, a metric's name), a
large number, more digits than a double holds, or blanks. So one whose words all stood in a message
that was read whole and leaked nothing, whose numbers are within the bounds of their fields, and
whose text has neither long numbers nor blanks leaks nothing. Everything else is read whole.
"""

from __future__ import annotations

from typing import Final, cast

from msgspec import UNSET

from fleet.auditor.detection import numeric_bounds
from fleet.contract.heartbeat_fast_path import Beat, decode_heartbeat
from fleet.contract.messages import Heartbeat
from fleet.contract.surplus import is_bare

MAX_NAMES: Final = 20_000
"""Names of metrics that are remembered: an honest fleet has hundreds."""

FIELDS: Final = ("uptime", "interval", "boot", "seq", "checks", "alerts", "metrics")
"""Those that a heartbeat may lack."""

_ABSENT: Final = tuple(
    tuple(name for place, name in enumerate(FIELDS) if which >> place & 1)
    for which in range(1 << len(FIELDS))
)

PRESENT: Final = tuple(frozenset(("ok", "ts", *FIELDS)) - {*absent} for absent in _ABSENT)
"""The fields of a heartbeat, by the number that `PlainBeats.read` tells."""

_SEQ: Final = numeric_bounds.FIELDS["seq"]
_BOOT: Final = numeric_bounds.FIELDS["boot"]
_UPTIME: Final = numeric_bounds.FIELDS["uptime"]
_SINCE, _UNTIL = numeric_bounds.BOOT_SINCE, numeric_bounds.BOOT_UNTIL


class PlainBeats:
    """Reads heartbeats at a glance, by the words that were met."""

    def __init__(self) -> None:
        self._planes: set[str] = set()
        self._codes: set[str] = set()
        self._limits: dict[str, float] = {}
        self._foreign: set[str] = set()

    def meet(self, beat: Heartbeat) -> None:
        """Remember the words of checks and codes in `beat`, which satisfies the contract."""
        self._planes.update(beat.checks or ())
        self._codes.update(beat.alerts or ())

    def meet_metric(self, name: str, limit: float) -> None:
        """Remember `name`, which leaks nothing; its values need no look up to `limit`."""
        if len(self._limits) + len(self._foreign) >= MAX_NAMES:
            self._limits.clear()
            self._foreign.clear()
        if limit == numeric_bounds.FOREIGN:
            self._foreign.add(name)
        else:
            self._limits[name] = limit

    def read(self, payload: bytes) -> tuple[Heartbeat, int] | None:
        """The heartbeat in `payload`, and which of `PRESENT` it has; None: it is to be read whole.

        By type it is none, but has its fields, None where one is absent.
        """
        beat = decode_heartbeat(payload)
        if beat is None or not is_bare(payload) or not _are_small(beat):
            return None
        checks, alerts, metrics = beat.checks, beat.alerts, beat.metrics
        if (
            (checks is not UNSET and not checks.keys() <= self._planes)
            or (alerts is not UNSET and not self._codes.issuperset(alerts))
            or (metrics is not UNSET and not self._are_plain(metrics))
        ):
            return None
        absent = (
            (beat.uptime is UNSET)
            | (beat.interval is UNSET) << 1
            | (beat.boot is UNSET) << 2
            | (beat.seq is UNSET) << 3
            | (checks is UNSET) << 4
            | (alerts is UNSET) << 5
            | (metrics is UNSET) << 6
        )
        for name in _ABSENT[absent]:
            setattr(beat, name, None)
        return cast("Heartbeat", beat), absent

    def _are_plain(self, metrics: dict[str, float]) -> bool:
        """Whether all names are known, and all values small. Of two names without a word of
        operations the values may be pieces of one, so that they are looked at together."""
        limits, foreign = self._limits, 0
        for name, value in metrics.items():
            limit = limits.get(name)
            if limit is None:
                if foreign or name not in self._foreign:
                    return False
                foreign, limit = 1, numeric_bounds.FOREIGN
            if not -limit <= value <= limit:
                return False
        return True


def _are_small(beat: Beat) -> bool:
    """Whether its own numbers are such as time and counting make them."""
    uptime, boot, seq = beat.uptime, beat.boot, beat.seq
    return (
        (uptime is UNSET or uptime <= _UPTIME)
        and (seq is UNSET or seq <= _SEQ)
        and (boot is UNSET or _SINCE <= boot <= _UNTIL or boot <= _BOOT)
    )
