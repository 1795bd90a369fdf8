"""However often something fails, the log stays small, and says that there was more."""

from __future__ import annotations

import logging

from fleet.http.log_limit import LINES, LogLimit


def test_a_minute_has_a_bound_and_the_next_says_what_was_left_out() -> None:
    limit = LogLimit()

    def passes(at: float) -> logging.LogRecord | None:
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "it %s", ("broke",), None)
        record.created = at
        return record if limit.filter(record) else None

    assert sum(passes(60.0) is not None for _ in range(1_000)) == LINES
    after = passes(120.0)
    assert after is not None
    assert after.getMessage() == f"it broke ({1_000 - LINES} like it were left out before)"
    again = passes(121.0)
    assert again is not None
    assert again.getMessage() == "it broke"
