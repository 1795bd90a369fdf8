"""Tells an unnumbered message that the broker delivers again after a break from a new one."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

RECENT: Final = 4096
"""Unnumbered messages remembered: more than a broker may have in flight to us."""


class Redelivered:
    """What was committed last, and may come again.

    A broken link leaves messages committed but not acknowledged. Sidecars number theirs; for
    the others the same text from the same agent, once each, right after the break, is one.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[str, bytes]] = deque(maxlen=RECENT)
        self._expected: Counter[tuple[str, bytes]] = Counter()

    def committed(self, topic: str, payload: bytes) -> None:
        self._recent.append((topic, payload))

    def expect(self) -> None:
        """The link broke: what was committed last may come again."""
        self._expected = Counter(self._recent)

    def is_one(self, topic: str, payload: bytes) -> bool:
        key = (topic, payload)
        if not self._expected or not self._expected[key]:
            return False
        self._expected[key] -= 1
        return True
