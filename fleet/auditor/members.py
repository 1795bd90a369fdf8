"""Who belongs to the fleet that is audited, and since when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

_NEVER: Final = (0.0, 0.0)
"""The span of an agent whose enrolment has no dates."""


class Members:
    """`enrolled`: who belongs now, None where nobody says; `spans`: from when to when (epoch s)."""

    def __init__(
        self, enrolled: frozenset[str] | None, spans: Mapping[str, tuple[float, float]]
    ) -> None:
        self._enrolled = enrolled
        self._spans = spans

    def is_enrolled(self, agent: str) -> bool:
        return self._enrolled is None or agent in self._enrolled

    @property
    def listed(self) -> frozenset[str]:
        """The names that somebody wrote down: they are known to be names."""
        return self._enrolled or frozenset()

    def belonged(self, agent: str, at: float | None) -> bool:
        """Whether `agent` was enrolled then; at an unknown time: whether it is now."""
        return self.is_enrolled(agent) or (at or math.inf) < self._spans.get(agent, _NEVER)[1]

    def had_joined(self, agent: str, at: float | None) -> bool:
        """Whether what came before `agent` is over."""
        return (at or math.inf) >= self._spans.get(agent, _NEVER)[0]
