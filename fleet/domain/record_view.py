"""A record as operators, JSON and metrics see it.

The verdict and the codes are handed in: the roster judges, this only shows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from fleet.domain.agent_record import SINCE, UPTIME, AgentRecord, digest_text
from fleet.domain.agent_view import AgentView, PlaneView
from fleet.domain.enrolment import Enrolment
from fleet.domain.hub_alerts import severity_in
from fleet.domain.measured import Measured
from fleet.domain.verdict import Verdict

_DISTINCT: Final = 1_024
"""Versions remembered: a fleet has some dozens."""


def view_of(
    record: AgentRecord,
    verdict: Verdict,
    codes: frozenset[str],
    *,
    now: float,
    interval: float,
    enrolled: bool,
    enrolment: Enrolment,
    skew: float | None,
) -> AgentView:
    """One agent at `now`; `codes` are the hub's own, the agent's are added. `skew` is the agent's
    clock's, where the hub can tell."""
    reported, profile, seen = record.reported, record.profile, record.sequence
    hubs = {code: severity_in(reported, code) for code in codes}
    severities = {code: reported.severity(code) for code in reported.codes} | hubs
    return AgentView(
        agent=record.name,
        state=verdict,
        age=_age(record.heard_at, now),
        last_seen=record.heard_at,
        since=record.number(SINCE),
        says=reported.state,
        ok=reported.ok,
        enrolled=enrolled,
        kind=profile.kind or enrolment.kind,
        interval=interval,
        uptime=record.number(UPTIME),
        skew=skew,
        boot=record.boot,
        seq=seen.high if seen else None,
        missing=seen.missing if seen else 0,
        config=digest_text(record.config) if record.config is not None else None,
        versions=_versions(profile.versions) if profile.versions else None,
        alerts=tuple(sorted(severities)),
        severities={code: severities[code] for code in sorted(severities)},
        planes={
            plane: PlaneView(check, _age(at, now)) for plane, (check, at) in record.planes().items()
        },
        metrics=record.metrics,
        labels=enrolment.labels,
        groups=enrolment.groups,
        goodbye=reported.goodbye,
    )


def measured_of(
    record: AgentRecord,
    verdict: Verdict,
    *,
    interval: float,
    enrolment: Enrolment,
    skew: float | None,
) -> Measured:
    """What `view_of` says, as far as a scrape shows it."""
    profile = record.profile
    return Measured(
        record.name,
        verdict,
        record.heard_at,
        interval,
        profile.kind or enrolment.kind,
        _shared_versions(profile.versions) if profile.versions else None,
        record.number(UPTIME),
        skew,
        record.missing,
        record.reported.checks,
        record.metrics,
    )


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else max(0.0, now - at)


def _versions(values: tuple[str | None, str | None, str | None]) -> dict[str, str]:
    names = ("agent", "sidecar", "runtime")
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


_shared_versions = lru_cache(_DISTINCT)(_versions)
"""The same, one for all who say it: a scrape asks of everyone, and changes nothing in it."""
