"""Work plane by model calls in numbers: tokens, errors, the last useful work, cost without work."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from agent_sidecar.probes.work import newest_of
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity

RECENT: Final = 600.0
"""Seconds that error rate, refusals and throttling look back: longer than a provider's hiccup."""

MIN_CALLS: Final = 4
"""Recent calls below which a share of errors says nothing."""

HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Calls:
    """Model calls in numbers; times are s since the epoch.

    Attributes:
        total, failed, tokens_input, tokens_output: since the source began to count; `failed` None
            where it does not know of failures.
        last_good: start of the last call that worked; None: never.
        last_user: start of the last call that a user asked for, None: never; `source_known` tells
            whether the source can tell who asked.
        recent, recent_failed: of the last `RECENT` seconds.
        refused: whether the provider lately refused a credential (401, 403).
        throttled: whether it lately throttled (429).
    """

    total: int
    failed: int | None
    tokens_input: int
    tokens_output: int
    last_good: float | None
    last_user: float | None
    source_known: bool
    recent: int
    recent_failed: int
    refused: bool
    throttled: bool


class UsageProbe:
    """Stalls, error rate, refused credentials, throttling, idle cost; `read` may not know."""

    plane = Plane.WORK.value
    name = "usage"
    timeout = 5.0
    ignores = "every text beside the numbers"

    def __init__(self, config: Config, read: Callable[[], Calls | None], reads: str) -> None:
        self._read = read
        self.reads = reads
        self._stalled = config.number("FLEET_WORK_STALLED", 0, 30 * 86_400)
        self._error_rate = config.number("FLEET_ERROR_RATE", 1, 100)
        self._idle = IdleCost(
            config.number("FLEET_IDLE_AFTER", 60, 30 * 86_400),
            config.number("FLEET_IDLE_TOKENS", 0, 10**9),
        )
        patterns = config.words("FLEET_WORK_FILES")
        self._files = newest_of(patterns) if patterns else lambda: None

    def run(self) -> ProbeResult:
        calls = self._read()
        if calls is None:
            return ProbeResult(
                self.plane, Check.UNKNOWN, why="no record of model calls can be read"
            )
        now = time.time()
        age = None if calls.last_good is None else max(0.0, now - calls.last_good)
        share = 100 * calls.recent_failed / calls.recent if calls.recent >= MIN_CALLS else 0.0
        stalled = bool(self._stalled) and age is not None and age >= self._stalled
        erring = share >= self._error_rate
        metrics = {
            "tokens_input_total": calls.tokens_input,
            "tokens_output_total": calls.tokens_output,
            "model_calls_total": calls.total,
        }
        if calls.failed is not None:
            metrics["errors_total"] = calls.failed
        if age is not None:
            metrics["work_age_seconds"] = round(age)
        evidence = [
            _sign(AlertCode.WORK_STALLED, stalled, age, self._stalled or None),
            self._idle_sign(calls, now),
        ]
        if calls.failed is not None:
            evidence += [
                _sign(AlertCode.ERROR_RATE, erring, round(share, 1), self._error_rate),
                _sign(AlertCode.AUTH_FAILURE, calls.refused, severity=Severity.CRITICAL),
                _sign(AlertCode.RATE_LIMITED, calls.throttled),
            ]
        check = Check.FAIL if stalled or erring else Check.PASS
        return ProbeResult(self.plane, check, evidence, metrics=metrics)

    def _idle_sign(self, calls: Calls, now: float) -> AlertEvidence:
        worked = self._files()
        if calls.source_known:
            worked = max(worked or 0.0, calls.last_user or 0.0)
        spent = self._idle.observe(calls.tokens_input + calls.tokens_output, worked, now)
        firing = None if spent is None else spent >= self._idle.limit
        return _sign(AlertCode.IDLE_COST, firing, spent, self._idle.limit or None)


class IdleCost:
    """Tokens spent in the last hour while no user work advanced.

    Args:
        after: seconds without user work from which tokens count as idle.
        limit: tokens an hour that are too many; 0 switches it off.
    """

    def __init__(self, after: float, limit: float) -> None:
        self.limit = limit
        self._after = after
        self._known: float | None = None
        self._spent: deque[tuple[float, float]] = deque()

    def observe(self, tokens: float, worked: float | None, now: float) -> float | None:
        """Idle tokens of the last hour; None where switched off or user work is unknown.

        Args:
            tokens: spent in all, ever; worked: when a user's work last advanced; now: both s.
        """
        before, self._known = self._known, tokens
        if not self.limit or worked is None:
            return None
        if before is not None and tokens > before and now - worked >= self._after:
            self._spent.append((now, tokens - before))
        while self._spent and self._spent[0][0] < now - HOUR:
            self._spent.popleft()
        return sum(amount for _, amount in self._spent)


def _sign(
    code: AlertCode,
    firing: bool | None,
    value: float | None = None,
    threshold: float | None = None,
    severity: Severity = Severity.WARNING,
) -> AlertEvidence:
    return AlertEvidence(code.value, firing, severity, value, threshold, source=UsageProbe.name)
