"""The heartbeat of an agent that goes on as before: most of all messages, so applied by itself.

It does what `apply` would, and the judgement after it, for one case: a live beat, the next number
of the known session, from which no verdict or alert can follow. It repeats what the last one said
but for its numbers, or for planes of an agent that is well before and after, as one that warns.
"""

from __future__ import annotations

from array import array

from msgspec import UNSET

from fleet.contract.heartbeat_fast_path import Beat
from fleet.contract.vocabulary import State
from fleet.domain import hub_alerts
from fleet.domain.agent_record import METRICS, SKEW, UPTIME, AgentRecord
from fleet.domain.clock_skew import SKEW_RESOLVES, confirmed


def apply_unchanged(
    record: AgentRecord, beat: Beat, at: float, ts: float, clock: float, *, error: float | None
) -> bool:
    """Apply `beat`, received at `at` and dated `ts`; False, and nothing is changed, if it must be
    looked at as a whole. `clock`: up to when somebody listened; `error`: seconds that the
    hub's own is ahead; None: nobody knows."""
    reported, profile, rare = record.reported, record.profile, record.rare
    if (
        (rare is not None and not hub_alerts.is_past(rare, clock, beat=True))
        or record.hub_codes
        or record.verdict is not reported.health
        or record.slot is None
        or reported.dissent
        or reported.state is State.OFFLINE
        or beat.ok is not reported.ok
        or beat.boot is UNSET
        or beat.seq is UNSET
        or beat.boot != record.boot
    ):
        return False
    interval, checks, alerts, metrics = beat.interval, beat.checks, beat.alerts, beat.metrics
    if (
        (interval is not UNSET and interval != profile.interval)
        or (
            alerts is not UNSET
            and not (reported.lists_codes and reported.codes == frozenset(alerts))
        )
        or (metrics is not UNSET and tuple(metrics) != profile.metrics)
    ):
        return False
    numbers, offset, learned = record.numbers, at - ts, False
    if checks is not UNSET and checks != reported.checks:
        after = reported.well_with(checks)
        if after is None or error != 0.0 or abs(numbers[SKEW]) > SKEW_RESOLVES:
            return False
        reported = after
    if record.beat_ts is not None and record.beat_at is not None:
        learned = confirmed(offset, ts, record.beat_at - record.beat_ts, record.beat_ts)
    skewed = learned and abs(offset - (error or 0.0)) > SKEW_RESOLVES
    if skewed or not record.accept_next(beat.seq):
        return False
    if learned:
        numbers[SKEW] = offset
    record.reported, record.beat_at, record.beat_ts = reported, at, ts
    record.mark_seen(at)
    if rare is not None and rare.after_beat is not None:
        rare.after_beat = None
        record.drop_empty_rare()
    if checks is not UNSET:
        record.checks_at = at
    if beat.uptime is not UNSET:
        numbers[UPTIME] = beat.uptime
    if metrics is not UNSET:
        numbers[METRICS:] = array("d", metrics.values())
    return True
