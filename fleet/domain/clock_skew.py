"""How far an agent's clock is from the hub's, told apart from messages that merely waited.

`offset` is receipt minus `ts`. A queue that drains after an outage delivers old messages at
once: their offsets fall as fast as their `ts` rise. A wrong clock keeps its offset while time
goes on. So only an offset that two messages confirm is a skew.
"""

from __future__ import annotations

from typing import Final

SKEW_FIRES: Final = 5.0
"""Seconds of difference that raise `clock-skew`: commands live 60 s, so this is early enough."""

SKEW_RESOLVES: Final = 2.5
"""Seconds below which it resolves: half, so that a clock at the edge does not flap."""

_DRIFT: Final = 0.25
"""Seconds of offset change allowed a second between two messages; a draining queue has 1."""

_DRIFTED: Final = 2.0
"""Seconds of it at most: two messages ten minutes apart that a busy hub took a minute and two
minutes late are no clock."""

_LATENCY: Final = 0.5
"""Seconds of offset change that networks and busy probes explain."""


def confirmed(offset: float, ts: float, last_offset: float, last_ts: float) -> bool:
    """Whether two messages agree that `offset` is the clock's and not the queue's."""
    passed = ts - last_ts
    allowed = min(_DRIFTED, _DRIFT * passed) + min(_LATENCY, 0.5 * passed)
    return passed >= 1.0 and abs(offset - last_offset) <= allowed


def corrected(ts: float, skew: float | None, at: float) -> float | None:
    """The hub's time of something the agent dated `ts`; None if that would lie in the future."""
    moment = ts + (skew or 0.0)
    return None if moment > at + SKEW_FIRES else min(moment, at)


def is_skewed(skew: float | None, before: bool) -> bool:
    """Whether the clock is off, with hysteresis around what was said `before`."""
    return skew is not None and abs(skew) > (SKEW_RESOLVES if before else SKEW_FIRES)
