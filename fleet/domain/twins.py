"""Two sidecars with one credential, told by sessions that live again after another replaced them.

A session that ended is over: a sidecar that starts takes a new number. So where a session sends a
heartbeat after a later one did, both are alive, each between two of the other's turns. Heartbeats
never wait in an outbox, so none is late. Once that is sure, the turns themselves are no news any
more: they would be stored for ever, and `offline` and `ok` would take turns with them.
"""

from __future__ import annotations

from typing import Final

from fleet.domain.agent_record import AgentRecord, RareState

RETURNS: Final = 3
"""Returns that make it sure: two machines may overlap for a moment while an agent moves."""

HOLD: Final = 1800.0
"""Seconds after the last return for which it is taken to be so: who gave way looks again whether
the place is free after a quarter of an hour at most."""


def used_twice(rare: RareState | None, now: float) -> bool:
    """Whether two are at work at `now` (s since the epoch, the hub's clock)."""
    return rare is not None and rare.returns >= RETURNS and now < over_at(rare)


def over_at(rare: RareState) -> float:
    """When that is no longer taken to be so, if nothing returns until then."""
    return rare.returned_at + HOLD


def begins_again(record: AgentRecord, boot: int, ts: float) -> bool:
    """Whether session `boot` lived before the one that is live now, and what it says now, dated
    `ts`, is later than all that was said: else it is a repetition."""
    rare = record.rare
    if rare is None or ts <= max(rare.latest, record.last_ts or 0.0):
        return False
    return any(boot == known for known, _ in rare.past)


def note_heartbeat(record: AgentRecord, at: float) -> bool:
    """Enter a live heartbeat of the live session; whether it is one turn more of two who are known
    to take turns. The one that makes it known is none: who reads what is stored is to know it."""
    rare = record.rare
    if rare is None or not rare.returning:
        return False
    if at >= over_at(rare):
        rare.returns = 0
    known = used_twice(rare, at)
    rare.returning = False
    rare.returns = min(rare.returns + 1, RETURNS)
    rare.returned_at = at
    return known
