"""A record after the hub's stamps moved (see `hub_clock.Step`): each time in it stands for another
now, and the agent's clock is as far off as it was. And what records say of the hub's clock.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from fleet.domain.agent_record import SINCE, SKEW, AgentRecord
from fleet.domain.hub_clock import MAX_WITNESSES, TOLERANCE, Step
from fleet.domain.verdict import Verdict

_HERE = frozenset({Verdict.OK, Verdict.DEGRADED, Verdict.LATE})
"""Verdicts of agents whose clocks are known as they are now; who is not enrolled has no say."""


def restamp(record: AgentRecord, step: Step) -> None:
    """Move every time of the hub in `record`."""

    def moved(at: float | None) -> float | None:
        return None if at is None else step.moved(at)

    record.seen_at = moved(record.seen_at)
    record.beat_at = moved(record.beat_at)
    record.checks_at = moved(record.checks_at)
    since = record.number(SINCE)
    if since is not None:
        record.numbers[SINCE] = step.moved(since)
    rare = record.rare
    if rare is not None:
        rare.gap_at = moved(rare.gap_at)
        rare.unwell_at = moved(rare.unwell_at)
        rare.alert_at = moved(rare.alert_at)
        rare.older = {plane: moved(at) for plane, at in rare.older.items()}
        rare.returned_at = step.moved(rare.returned_at) if rare.returned_at else 0.0
        if rare.older_beat is not None:
            ts, at, digest = rare.older_beat
            rare.older_beat = ts, step.moved(at), digest
    skew = record.number(SKEW)
    if skew is not None and record.beat_at is not None and record.beat_ts is not None:
        # It was learnt by the old stamps or by those before them: the last beat tells.
        offset = record.beat_at - record.beat_ts
        record.numbers[SKEW] = min((skew, skew + step.by), key=lambda one: abs(one - offset))


def skews(records: Collection[AgentRecord], since: float) -> list[float]:
    """How far (s) the hub's clock is ahead of the agents', as heard after `since` from those that
    are here, and confirmed by the last beat. A large fleet is sampled: who speaks one after the
    other waits as long in a queue, and would agree by that."""
    found: list[float] = []
    for record in islice(records, 0, None, -(-len(records) // MAX_WITNESSES) or 1):
        skew, at, ts = record.number(SKEW), record.beat_at, record.beat_ts
        if skew is None or at is None or ts is None or record.verdict not in _HERE:
            continue
        if at > since and abs(at - ts - skew) <= TOLERANCE:
            found.append(skew)
    return found
