"""How often a caller may ask: token buckets, bounded in number, time as an argument."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class RateLimits:
    """One token bucket a key; the least recently used key is forgotten beyond `keys`.

    Args:
        per_second: tokens that flow in each second.
        burst: tokens a bucket holds.
        keys: buckets kept; a flood of invented keys costs bounded memory.
    """

    def __init__(self, per_second: float, burst: int, keys: int = 10_000) -> None:
        self._per_second = per_second
        self._burst = burst
        self._keys = keys
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, key: str, now: float, *, cost: float = 1.0) -> float:
        """Take `cost` tokens: 0.0 if they were there, else the seconds until they will be."""
        bucket = self._filled(key, now)
        if bucket.level >= cost:
            bucket.level -= cost
            return 0.0
        return (cost - bucket.level) / self._per_second

    def _filled(self, key: str, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(float(self._burst), now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
            elapsed = max(0.0, now - bucket.at)
            bucket.level = min(self._burst, bucket.level + elapsed * self._per_second)
            bucket.at = now
        return bucket
