"""The numbers of the contract, each with its unit and its reason."""

from __future__ import annotations

MAX_PAYLOAD = 4096
"""Bytes. A heartbeat with every field full is about 2 KiB; nothing honest needs more."""

MAX_METRICS = 32
"""Metrics a message: bounds the series an agent can create in Prometheus."""

MAX_ALERTS = 32
"""Codes a heartbeat may list: twice what the contract has, room for a deployment's own."""

DEFAULT_INTERVAL = 600
"""Seconds between bus heartbeats when the message does not say: OpenClaw's own rhythm."""

MIN_INTERVAL, MAX_INTERVAL = 1, 86_400
"""Seconds. Faster floods the bus; slower than a day is not monitoring."""

DEFAULT_TTL = 60
"""Seconds a command stays valid: long enough for a slow link, short enough to be meant."""

MAX_TTL = 604_800
"""Seconds (7 days): a command for an agent that sleeps over a holiday."""

MAX_EPOCH = 1_000_000
"""Claims of one task: one a minute for two years. It grows by one, so it needs no more digits."""

MAX_ATTEMPTS = 1_000
"""Attempts at one task; three are usual, and beyond a hundred nobody learns anything new."""

NOTICE_AGE = 300.0
"""Seconds a signed notice counts, by either clock: an old one that is sent again is a replay."""

MAX_AHEAD = 300.0
"""Seconds a command may be dated ahead of the clock that judges it: by as much two clocks may
differ; beyond it a command would be valid for longer than was meant."""

MAX_INTEGER = 2**53 - 1
"""The largest integer every JSON reader keeps exactly (RFC 8259 §6)."""

MAX_UPTIME = 10**10
"""Seconds, about 317 years: a bound keeps a counter from carrying data."""

LATE_AFTER, STALE_AFTER = 1.5, 2.5
"""Intervals without a heartbeat. A window equal to the interval flaps."""

JITTER_ALLOWANCE = 2.0
"""Seconds added to both windows: a beat waits for a slow probe or a busy broker."""
