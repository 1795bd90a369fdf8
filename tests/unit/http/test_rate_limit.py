"""Token buckets: a burst, then the rate, and a bounded number of keys."""

from __future__ import annotations

from fleet.http.rate_limit import RateLimits


def test_a_burst_passes_and_then_only_the_rate() -> None:
    limits = RateLimits(per_second=2, burst=3)
    assert [limits.wait("larry", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limits.wait("larry", 0.0) == 0.5
    assert limits.wait("moe", 0.0) == 0.0, "each has a bucket of its own"
    assert limits.wait("larry", 0.5) == 0.0
    assert limits.wait("larry", 0.5) == 0.5


def test_a_bucket_never_holds_more_than_a_burst() -> None:
    limits = RateLimits(per_second=1, burst=2)
    limits.wait("larry", 0.0)
    assert [limits.wait("larry", 1e6) for _ in range(3)] == [0.0, 0.0, 1.0]


def test_the_longest_unused_key_is_forgotten_first() -> None:
    limits = RateLimits(per_second=1, burst=1, keys=2)
    for name in ("larry", "moe", "larry", "curly"):
        limits.wait(name, 0.0)
    assert limits.wait("larry", 0.0) > 0
    assert limits.wait("moe", 0.0) == 0.0, "forgotten: as if it had never asked"
