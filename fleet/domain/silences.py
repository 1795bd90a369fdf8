"""What somebody decided not to be woken by: silences, and maintenance, which is one of them.

It knows names of agents, codes and severities alone, nothing of alerts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.timestamps import epoch, timestamp, ulid_time
from fleet.contract.vocabulary import HubAlertCode, Severity

if TYPE_CHECKING:
    from fleet.domain.hub_clock import Step

MAX_MAINTENANCE: Final = 8 * 3600.0
"""Seconds after which maintenance that nobody ended is over: it must not mute a night."""

MAX_PLANNED: Final = 30 * 86_400.0
"""Seconds that maintenance with an end, and a silence, may last."""

AGENT: Final = "agent"
"""Who states it, where it is an agent of itself."""

_MAINTENANCE: Final = "maintenance-"
_WINDOW: Final = f"{_MAINTENANCE}window-"
_GONE: Final = HubAlertCode.AGENT_OFFLINE


@dataclass(frozen=True, slots=True)
class Silence:
    """Holds back what matches: an empty `agent` or `code` matches all.

    `scope` is `group:NAME` or `site:NAME`, and `members` who that is, as the hub knows it. `begins`
    is None where it began when it was made. `ended`: a window that somebody ended, so that it is
    not opened again.
    """

    id: str
    until: float
    agent: str = ""
    code: str = ""
    by: str = ""
    scope: str = ""
    members: frozenset[str] = frozenset()
    begins: float | None = None
    ended: bool = False

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Silence:
        """What `as_dict` made."""
        agent, code, by = (data[key] or "" for key in ("agent", "code", "by"))
        begins = data.get("begins")
        return cls(
            data["id"],
            epoch(data["until"]),
            agent,
            code,
            by,
            data.get("scope") or "",
            frozenset(data.get("members") or ()),
            None if begins is None else epoch(begins),
        )

    def concerns(self, agent: str) -> bool:
        """Whether it is about `agent` (empty: the hub) at all."""
        if self.scope:
            return agent in self.members
        return self.agent in ("", agent)

    def covers(self, agent: str, code: str, severity: Severity) -> bool:
        """An agent's own word holds back neither what is critical nor that it is gone: whoever
        speaks for it could else go unseen."""
        if self.is_own_word and (severity is Severity.CRITICAL or code == _GONE):
            return False
        return self.concerns(agent) and self.code in ("", code)

    def of_agent(self, agent: str) -> Silence:
        """The same for an agent that has another name by now."""
        id_ = f"{_MAINTENANCE}{agent}" if self.is_own_word else self.id
        return replace(self, id=id_, agent=agent)

    @property
    def begun(self) -> float:
        """When it began (s since the epoch), as its id says or its end does."""
        if self.begins is not None:
            return self.begins
        return self.until - MAX_MAINTENANCE if self.is_maintenance else ulid_time(self.id)

    def restamped(self, step: Step) -> Silence:
        """It where the hub's stamps moved: as long as it was meant to be. What somebody set for a
        time to come, or a time of the week, stays there."""
        if self.is_window or self.begun > step.until:
            return self
        by = step.moved(self.begun) - self.begun
        begins = None if self.begins is None else self.begins + by
        return replace(self, until=self.until + by, begins=begins)

    @property
    def is_own_word(self) -> bool:
        """Whether the agent itself stated it, as maintenance."""
        return self.is_maintenance and self.by == AGENT

    @property
    def is_maintenance(self) -> bool:
        return self.id.startswith(_MAINTENANCE)

    @property
    def is_window(self) -> bool:
        """Whether the settings opened it."""
        return self.id.startswith(_WINDOW)

    @property
    def window(self) -> str:
        """The name of that window."""
        return self.id.removeprefix(_WINDOW).rpartition("-")[0]

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "until": timestamp(self.until),
            "agent": self.agent or None,
            "code": self.code or None,
            "by": self.by or None,
            "scope": self.scope or None,
            "members": sorted(self.members),
            "begins": None if self.begins is None else timestamp(self.begins),
            "maintenance": self.is_maintenance,
            "window": self.window if self.is_window else None,
        }


def maintenance(by: str, now: float, agent: str = "") -> Silence:
    """The silence that a `maintenance-begin` notice, or an agent in maintenance, means."""
    return Silence(f"{_MAINTENANCE}{agent or 'all'}", now + MAX_MAINTENANCE, agent=agent, by=by)


def planned(ulid: str) -> str:
    """The id of maintenance that a person plans."""
    return f"{_MAINTENANCE}{ulid}"


def window_id(name: str, begins: float) -> str:
    """The id of one opening of the window `name`: of each only one."""
    return f"{_WINDOW}{name}-{int(begins)}"
