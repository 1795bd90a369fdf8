"""Model calls in numbers: tokens, errors, the last useful work, and cost without work."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.probes.base import Finding, Sign
from agent_sidecar.probes.work import newest_of
from fleet.contract.words import AlertCode, Check, Plane, Severity

Usage = Callable[[], tuple[float, ...] | None]
"""(tokens in, tokens out, calls, failed calls, last good call in ms since the epoch, recent calls,
recent failures, a recent 401 or 403, a recent 429); None where it cannot be read."""

MIN_CALLS: Final = 4
"""Recent calls below which a share of errors says nothing."""

HOUR: Final = 3600.0


class UsageProbe:
    """Work by model calls. Stalls, error rate, refused credentials, throttling, idle cost."""

    plane = Plane.WORK.value
    name = "usage"
    timeout = 5.0
    ignores = "every text in the database"

    def __init__(self, config: Config, usage: Usage, reads: str) -> None:
        self._usage = usage
        self.reads = reads
        self._stalled = config.number("FLEET_WORK_STALLED", 0, 30 * 86_400)
        self._error_rate = config.number("FLEET_ERROR_RATE", 1, 100)
        self._idle = IdleCost(
            config.number("FLEET_IDLE_AFTER", 60, 30 * 86_400),
            config.number("FLEET_IDLE_TOKENS", 0, 10**9),
        )
        patterns = config.words("FLEET_WORK_FILES")
        self._user_work = newest_of(patterns) if patterns else None

    def run(self) -> Finding:
        numbers = self._usage()
        if numbers is None:
            return Finding(self.plane, Check.UNKNOWN)
        tokens_in, tokens_out, calls, failed, last_ms, recent, bad, auth, throttled = numbers
        now = time.time()
        age = max(0.0, now - last_ms / 1000) if last_ms else None
        share = 100 * bad / recent if recent >= MIN_CALLS else 0.0
        stalled = bool(self._stalled) and age is not None and age >= self._stalled
        erring = share >= self._error_rate
        metrics = {
            "tokens_input_total": tokens_in,
            "tokens_output_total": tokens_out,
            "model_calls_total": calls,
            "errors_total": failed,
        }
        if age is not None:
            metrics["work_age_seconds"] = round(age)
        signs = [
            _sign(AlertCode.WORK_STALLED, stalled, age, self._stalled or None),
            _sign(AlertCode.ERROR_RATE, erring, round(share, 1), self._error_rate),
            _sign(AlertCode.AUTH_FAILURE, auth > 0, None, None, Severity.CRITICAL),
            _sign(AlertCode.RATE_LIMITED, throttled > 0, None, None),
            self._idle_sign(tokens_in + tokens_out, now),
        ]
        check = Check.FAIL if stalled or erring else Check.PASS
        return Finding(self.plane, check, signs, metrics=metrics, work_age=age)

    def _idle_sign(self, tokens: float, now: float) -> Sign:
        worked = self._user_work() if self._user_work else None
        spent = self._idle.observe(tokens, worked, now)
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
        """Idle tokens of the last hour; None where switched off or user work is unknown."""
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
    value: float | None,
    threshold: float | None,
    severity: Severity = Severity.WARNING,
) -> Sign:
    return Sign(
        code.value, firing, severity, value=value, threshold=threshold, source=UsageProbe.name
    )
