"""Presence and health of one agent at one moment: each truth rule a function of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fleet.contract.limits import JITTER_ALLOWANCE, LATE_AFTER, STALE_AFTER
from fleet.contract.vocabulary import Check, HubAlertCode, Plane, State
from fleet.domain.verdict import VERDICT_OF_STATE, Verdict, worse

JITTER_SHARE: Final = 0.5
"""Of an interval, at most: at a 1 s interval two whole seconds would hide two beats."""


def allowance(interval: float) -> float:
    """Seconds of jitter allowed on top of each window."""
    return min(JITTER_ALLOWANCE, JITTER_SHARE * interval)


def late_at(seen_at: float, interval: float) -> float:
    """From when on silence since `seen_at` is late."""
    return seen_at + LATE_AFTER * interval + allowance(interval)


def stale_at(seen_at: float, interval: float) -> float:
    """From when on silence since `seen_at` is stale."""
    return seen_at + STALE_AFTER * interval + allowance(interval)


def presence(*, seen_at: float | None, offline: bool, interval: float, now: float) -> Verdict:
    """What time supports: an explicit offline holds, a time that nobody knows is unknown."""
    if offline:
        return Verdict.OFFLINE
    if seen_at is None:
        return Verdict.UNKNOWN
    if now >= stale_at(seen_at, interval):
        return Verdict.STALE
    return Verdict.LATE if now >= late_at(seen_at, interval) else Verdict.OK


OF_AGENT: Final = (Plane.PROCESS, Plane.ENDPOINT, Plane.WORK, Plane.CHANNELS, Plane.CRON)
"""Planes that say how the agent is, and not only the machine below it or the link beside it."""


def health(*, ok: bool | None, state: State | None, checks: Mapping[str, Check]) -> Verdict:
    """What planes and the agent's own words support, whatever their age.

    A plane that failed and was not reported since stays failed: time alone never makes an
    agent look better. A warning is slow, not dead. Of an agent all of whose planes are unknown
    nothing is known, and unknown is never well.
    """
    if ok is False or Check.FAIL in checks.values():
        return Verdict.DEGRADED
    if state and VERDICT_OF_STATE[state] is not Verdict.OK:
        return VERDICT_OF_STATE[state]
    of_agent = [checks[plane] for plane in OF_AGENT if plane in checks]
    watched = any(check is not Check.UNKNOWN for check in of_agent)
    return Verdict.OK if watched or not of_agent else Verdict.UNKNOWN


def verdict(*, present: Verdict, healthy: Verdict, enrolled: bool) -> Verdict:
    """The worst of both; who is not enrolled is a ghost, however well it says it is."""
    if not enrolled:
        return Verdict.GHOST
    return present if present is Verdict.UNKNOWN else worse(present, healthy)


_ALIVE: Final = (Plane.ENDPOINT, Plane.WORK)


def dissent(*, ok: bool | None, state: State | None, checks: Mapping[str, Check]) -> bool:
    """Whether sources contradict each other in a way that no single truth explains.

    A process that is there while its endpoint is not, is merely ill. A process that is gone
    while its endpoint answers is a contradiction, and so is a verdict that all is well. That an
    agent says it is not well while every probe passes is none: it knows what no probe sees.
    """
    gone = checks.get(Plane.PROCESS) is Check.FAIL
    if gone and (state is State.RUNNING or any(checks.get(p) is Check.PASS for p in _ALIVE)):
        return True
    return ok is True and (gone or checks.get(Plane.ENDPOINT) is Check.FAIL)


PRESENCE_CODES: Final = {
    Verdict.LATE: HubAlertCode.AGENT_LATE,
    Verdict.STALE: HubAlertCode.AGENT_STALE,
    Verdict.OFFLINE: HubAlertCode.AGENT_OFFLINE,
    Verdict.GHOST: HubAlertCode.AGENT_GHOST,
}
"""The alert that each verdict of presence raises; the others raise none."""
