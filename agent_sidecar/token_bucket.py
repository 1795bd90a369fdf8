"""A token bucket: what may happen so often, and so many times at once."""

from __future__ import annotations


class TokenBucket:
    """`burst` at once, `rate` a second; time is monotonic s."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._last: float | None = None

    def consume(self, now: float) -> bool:
        """Use up one token, if there is one."""
        if not self.holds(1, now):
            return False
        self._tokens -= 1
        return True

    def holds(self, count: int, now: float) -> bool:
        """Whether there are so many tokens; none is used up."""
        if self._last is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate)
        self._last = now
        return self._tokens >= count
