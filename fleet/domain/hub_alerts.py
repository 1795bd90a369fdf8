"""Which alerts the hub raises about one agent at one moment, and when to look again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from fleet.contract.vocabulary import HubAlertCode, Severity, State
from fleet.domain import degraded, liveness, twins
from fleet.domain.agent_record import SINCE, SKEW, AgentRecord, RareState
from fleet.domain.alert import Alert
from fleet.domain.clock_skew import is_skewed
from fleet.domain.events import Event, Fact
from fleet.domain.reported_state import NO_CODES, ReportedState, shared
from fleet.domain.severities import severity_of
from fleet.domain.verdict import Verdict

GAP_PATIENCE: Final = 60.0
"""Seconds a hole may stay before it is an alert: an outbox that is sent again fills most."""

GAP_HOLD: Final = 3600.0
"""Seconds after which a hole that nothing filled is history, and the alert resolves."""

DISSENTS: Final = 2
"""Contradicting reports in a row before it is an alert: one may be a change caught half-way."""

BY_RECORD: Final = frozenset(
    {
        *liveness.PRESENCE_CODES.values(),
        HubAlertCode.CLOCK_SKEW,
        HubAlertCode.SEQ_GAP,
        HubAlertCode.TELEMETRY_DISSENT,
        HubAlertCode.AGENT_DEGRADED,
        HubAlertCode.CREDENTIAL_USED_TWICE,
        HubAlertCode.CONFIG_DRIFT,
    }
)
"""The codes that an agent's record alone begins and ends."""

ALSO_OTHERWISE: Final = frozenset({HubAlertCode.TELEMETRY_DISSENT})
"""Those of them that somebody else begins and ends as well: `fleet verify`."""


def interval_of(record: AgentRecord, default: float) -> float:
    """Seconds between bus heartbeats, as the agent says or as the settings do."""
    interval = record.profile.interval
    return default if interval is None else interval


def verdict_of(record: AgentRecord, now: float, *, default: float, enrolled: bool) -> Verdict:
    """The verdict of `record` at `now`."""
    present = liveness.presence(
        seen_at=record.seen_at,
        offline=record.reported.state is State.OFFLINE,
        interval=interval_of(record, default),
        now=now,
    )
    return liveness.verdict(present=present, healthy=record.reported.health, enrolled=enrolled)


def codes_of(
    record: AgentRecord,
    verdict: Verdict,
    now: float,
    differs_from_group: bool = False,
    error: float | None = 0.0,
    degraded_after: float = degraded.AFTER,
) -> frozenset[str]:
    """The hub's own alert codes that are true of `record` at `now`.

    `differs_from_group`: its configuration is not the one of its group. `error`: seconds that the
    hub's own clock is ahead; None: nobody knows, so of the agent's clock nothing new is said.
    `degraded_after`: seconds after which an agent that is unwell in silence is an alert.
    """
    codes: list[str] = []
    presence = liveness.PRESENCE_CODES.get(verdict)
    if presence:
        codes.append(presence)
    before = HubAlertCode.CLOCK_SKEW in record.hub_codes
    if before if error is None else is_skewed(skew_of(record, error), before):
        codes.append(HubAlertCode.CLOCK_SKEW)
    rare = record.rare
    if rare is not None:
        gap_at = rare.gap_at  # compared as in `look_again_at`: rounding must not part the two
        if gap_at is not None and gap_at + GAP_PATIENCE <= now < gap_at + GAP_HOLD:
            codes.append(HubAlertCode.SEQ_GAP)
        if rare.dissents >= DISSENTS:
            codes.append(HubAlertCode.TELEMETRY_DISSENT)
        if degraded.is_due(record, verdict, now, degraded_after):
            codes.append(HubAlertCode.AGENT_DEGRADED)
        if twins.used_twice(rare, now):
            codes.append(HubAlertCode.CREDENTIAL_USED_TWICE)
    if differs_from_group or (rare is not None and rare.config_before is not None):
        codes.append(HubAlertCode.CONFIG_DRIFT)
    return shared(frozenset(codes)) if codes else NO_CODES


def skew_of(record: AgentRecord, error: float | None) -> float | None:
    """Seconds that the agent's clock is behind, where the hub's is ahead by `error`."""
    skew = record.number(SKEW)
    return None if skew is None or error is None else skew - error


def severity_in(reported: ReportedState, code: str) -> Severity:
    """How much the hub's `code` matters of an agent that says this of itself."""
    if code == HubAlertCode.AGENT_DEGRADED:
        return degraded.severity_of_degraded(reported)
    return severity_of(code, goodbye=reported.goodbye)


def go_on_with(record: AgentRecord, known: Mapping[str, Alert]) -> bool:
    """Let what fires by `record` be what is `known` to fire, and its verdict the one that raised
    that, since then; whether it was something else. Alerts are stored with each change, and records
    a little later, or as another hub judged them."""
    before = record.hub_codes
    firing = {code for code, alert in known.items() if alert.firing}
    codes = (firing & BY_RECORD) - ALSO_OTHERWISE | before & ALSO_OTHERWISE
    raised = liveness.PRESENCE_CODES.get(record.verdict)
    if raised is not None and raised not in codes:
        heard = record.reported.health if record.seen_at is not None else Verdict.UNKNOWN
        record.verdict = heard  # until it is judged anew
    for verdict, code in liveness.PRESENCE_CODES.items():
        if code in codes:
            record.verdict, record.numbers[SINCE] = verdict, known[code].since
    if codes == before:
        return False
    record.hub_codes = shared(frozenset(codes))
    return True


def grown(
    record: AgentRecord,
    known: frozenset[str],
    before: ReportedState,
    error: float | None,
    at: float,
) -> list[Event]:
    """What there is to tell where a code that was `known` goes on and matters more, or less, than
    by `before`."""
    after = record.reported
    codes = [
        code
        for code in known & record.hub_codes
        if severity_in(before, code) is not severity_in(after, code)
    ]
    return events(Fact.ALERT_FIRING, record, codes, error, at)


def events(
    fact: Fact, record: AgentRecord, codes: Iterable[str], error: float | None, at: float
) -> list[Event]:
    """What there is to tell where `codes` began or ended; `error` is the hub clock's, seconds."""
    return [
        Event(
            fact,
            record.name,
            at,
            code,
            severity_in(record.reported, code),
            skew_of(record, error) if code == HubAlertCode.CLOCK_SKEW else None,
        )
        for code in sorted(codes)
    ]


def look_again_at(
    record: AgentRecord, now: float, *, default: float, degraded_after: float = degraded.AFTER
) -> float | None:
    """The first moment after `now` at which time alone may change what is true of `record`;
    None: never."""
    soonest: float | None = None
    if record.seen_at is not None and record.reported.state is not State.OFFLINE:
        interval = interval_of(record, default)
        moment = liveness.late_at(record.seen_at, interval)
        if moment <= now:
            moment = liveness.stale_at(record.seen_at, interval)
        if moment > now:
            soonest = moment
    rare = record.rare
    if twins.used_twice(rare, now) and rare is not None:
        over = twins.over_at(rare)
        soonest = over if soonest is None else min(soonest, over)
    due = degraded.due_at(record, degraded_after)
    if due is not None and due > now and (soonest is None or due < soonest):
        soonest = due
    if record.gap_at is not None:
        for moment in (record.gap_at + GAP_PATIENCE, record.gap_at + GAP_HOLD):
            if moment > now and (soonest is None or moment < soonest):
                soonest = moment
    return soonest


def is_past(rare: RareState, at: float, *, beat: bool = False) -> bool:
    """Whether nothing of what is kept aside has to do at `at` with a numbered message that says
    nothing new in the live session: it is of earlier ones, or over. `beat`: it is a heartbeat, and
    the next one: an alert that was taken lies before it."""
    return (
        (rare.gap_at is None or at >= rare.gap_at + GAP_HOLD)
        and not rare.older
        and not rare.dissents
        and rare.config_before is None
        and (beat or rare.after_beat is None)
        and not rare.returning
        and not twins.used_twice(rare, at)
        and rare.unwell_at is None
        and rare.alert_at is None
        and not rare.thresholds
    )


def is_unchanged(record: AgentRecord, error: float | None) -> bool:
    """Whether after a live heartbeat that said nothing new there is nothing to judge anew; `error`:
    seconds that the hub's own clock is ahead."""
    return (
        record.verdict is record.reported.health
        and record.rare is None
        and not record.hub_codes
        and record.slot is not None
        and not is_skewed(skew_of(record, error), before=False)
    )
