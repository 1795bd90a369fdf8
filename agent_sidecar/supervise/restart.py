"""When a child that ended is started again, and how long that waits at first and at most."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

FIRST_DELAY: Final = 1.0
MAX_DELAY: Final = 60.0
"""Seconds before a restart: a crash loop costs little."""


NOT_AGAIN: Final = 78
"""Exit code (EX_CONFIG) by which OpenClaw, Hermes and others ask not to be started again: only a
person can mend what is wrong. 75, by which Hermes asks to be started again, is a failure as any."""


class Restart(StrEnum):
    """When a child that ended is started again."""

    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    NEVER = "never"

    def wanted(self, code: int) -> bool:
        """Of an agent that ended with `code`; its own word comes before the policy."""
        if code == NOT_AGAIN:
            return False
        return self is Restart.ALWAYS or (self is Restart.ON_FAILURE and code != 0)
