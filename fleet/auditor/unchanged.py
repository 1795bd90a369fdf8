"""Heartbeats that say nothing new: nine of ten, read in a fraction of the time.

What stands behind `"checks":` or `"metrics":` and is byte for byte as in the message before was
judged with that one: words, names, values. What is left is the form of the whole and the numbers
before it.
"""

from __future__ import annotations

from typing import Final, cast

from msgspec import UNSET

from fleet.contract.heartbeat_fast_path import Beat, decode_heartbeat
from fleet.contract.messages import Heartbeat
from fleet.domain.information import tail_of

_FIELDS: Final = ("uptime", "interval", "boot", "seq", "checks", "alerts", "metrics")


class LastHeartbeat:
    """What is kept of the last heartbeat of a topic that was read whole, and leaked nothing."""

    __slots__ = ("_absent", "_tail")

    def __init__(self) -> None:
        self._tail = b""
        self._absent: list[str] = []

    def again(self, payload: bytes) -> Heartbeat | None:
        """The heartbeat in `payload` if it has the same fields as the last, and only its first
        numbers differ. By type it is none, but has its fields, None where one is absent."""
        if not self._tail or not payload.endswith(self._tail):
            return None
        beat = decode_heartbeat(payload)
        if beat is None or _absent(beat, UNSET) != self._absent:
            return None
        for name in self._absent:
            setattr(beat, name, None)
        return cast("Heartbeat", beat)

    def keep(self, payload: bytes, beat: Heartbeat) -> None:
        """Remember `beat`, whose text is `payload`."""
        self._tail = payload[tail_of(payload) :]
        self._absent = _absent(beat, None)


def _absent(beat: Beat | Heartbeat, mark: object) -> list[str]:
    return [name for name in _FIELDS if getattr(beat, name) is mark]
