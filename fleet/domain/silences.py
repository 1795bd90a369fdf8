"""What somebody decided not to be woken by: silences, and maintenance, which is one of them.

It knows names of agents, codes and severities alone, nothing of alerts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fleet.contract.timestamps import epoch, timestamp
from fleet.contract.vocabulary import HubAlertCode, Severity

MAX_MAINTENANCE: Final = 8 * 3600.0
"""Seconds after which maintenance that nobody ended is over: it must not mute a night."""

AGENT: Final = "agent"
"""Who states it, where it is an agent of itself."""

_MAINTENANCE: Final = "maintenance-"
_GONE: Final = HubAlertCode.AGENT_OFFLINE


@dataclass(frozen=True, slots=True)
class Silence:
    """Holds back what matches: an empty `agent` or `code` matches all."""

    id: str
    until: float
    agent: str = ""
    code: str = ""
    by: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Silence:
        """What `as_dict` made."""
        agent, code, by = (data[key] or "" for key in ("agent", "code", "by"))
        return cls(data["id"], epoch(data["until"]), agent, code, by)

    def covers(self, agent: str, code: str, severity: Severity) -> bool:
        """An agent's own word holds back neither what is critical nor that it is gone: whoever
        speaks for it could else go unseen."""
        if self.is_own_word and (severity is Severity.CRITICAL or code == _GONE):
            return False
        return self.agent in ("", agent) and self.code in ("", code)

    @property
    def is_own_word(self) -> bool:
        """Whether the agent itself stated it, as maintenance."""
        return self.is_maintenance and self.by == AGENT

    @property
    def is_maintenance(self) -> bool:
        return self.id.startswith(_MAINTENANCE)

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "until": timestamp(self.until),
            "agent": self.agent or None,
            "code": self.code or None,
            "by": self.by or None,
        }


def maintenance(by: str, now: float, agent: str = "") -> Silence:
    """The silence that a `maintenance-begin` notice, or an agent in maintenance, means."""
    return Silence(f"{_MAINTENANCE}{agent or 'all'}", now + MAX_MAINTENANCE, agent=agent, by=by)
