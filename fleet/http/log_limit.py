"""What callers can cause to be logged is bounded, whatever it is: a log must not fill the disk."""

from __future__ import annotations

import logging
from typing import Final

LINES: Final = 10
"""Records a minute: enough to see what is wrong, a traceback each."""


class LogLimit(logging.Filter):
    """Lets `LINES` records of each minute pass; the first after it says how many did not."""

    def __init__(self) -> None:
        super().__init__()
        self._minute = 0
        self._seen = 0

    def filter(self, record: logging.LogRecord) -> bool:
        minute = int(record.created // 60)
        if minute != self._minute:
            left_out = self._seen - LINES
            self._minute, self._seen = minute, 0
            if left_out > 0:
                record.msg = f"{record.getMessage()} ({left_out} like it were left out before)"
                record.args = None
        self._seen += 1
        return self._seen <= LINES
