"""Messages that a receiver will not take as they are: kept until a person has them tried again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from fleet.contract.timestamps import timestamp
from fleet.notifier.notification import NAMED, Notification

MAX_SET_ASIDE: Final = 200
"""Messages kept of one route; beyond it the oldest go, and are counted as dropped."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """One message, why it was not taken, and when it was given up (epoch seconds)."""

    message: Notification
    why: str
    at: float

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """
        Raises:
            KeyError, TypeError, ValueError: it is not one of ours.
        """
        return cls(Notification.from_json(data["message"]), str(data["why"]), float(data["at"]))

    def as_json(self) -> dict[str, Any]:
        return {"message": self.message.as_json(), "why": self.why, "at": self.at}

    def as_dict(self) -> dict[str, Any]:
        """As HTTP shows it."""
        agents = [member.agent or "hub" for member in self.message.members]
        return {
            "id": self.message.id,
            "code": self.message.code,
            "state": self.message.state.value,
            "severity": self.message.severity.value,
            "agents": agents[:NAMED],
            "more": max(0, len(agents) - NAMED),
            "why": self.why,
            "at": timestamp(self.at),
        }


class SetAsideMessages:
    """Those of one route, by id."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, SetAside] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._kept

    def __iter__(self) -> Iterator[SetAside]:
        return iter(self._kept.values())

    def add(self, one: SetAside) -> int:
        """How many had to go for it."""
        self._kept[one.message.id] = one
        over = max(0, len(self._kept) - MAX_SET_ASIDE)
        for _ in range(over):
            self._kept.popitem(last=False)
        return over

    def supersede(self, later: Notification) -> None:
        """Later news of the same alerts make the earlier ones untrue: nobody shall be told by hand
        that something fires which is over."""
        agents = {member.agent for member in later.members}
        for known, one in list(self._kept.items()):
            if one.message.code != later.code:
                continue
            left = one.message.without(agents)
            if left is None:
                del self._kept[known]
            elif left is not one.message:
                self._kept[known] = replace(one, message=left)

    def take(self) -> list[Notification]:
        """All of them, oldest first; none is left."""
        messages = [one.message for one in self._kept.values()]
        self._kept.clear()
        return messages
