"""One alert as a notification names it: whose, how bad, since when, and which planes fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Severity
from fleet.domain.alert import Alert

Failing = Callable[[str], tuple[str, ...]]


def no_planes(_agent: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class NotifiedAlert:
    """One alert of a group; `agent` is empty for the hub's own, `since` RFC 3339, `planes` those
    that fail as it is told. `flapping`: it comes and goes, and its changes are not told. `code` and
    `over` are of a message about several codes, a digest. `flaps_told_at`: when it was last told as
    flapping, which tells one such message from the next, and is not sent."""

    agent: str
    severity: Severity
    since: str
    value: float | None = None
    planes: tuple[str, ...] = ()
    flapping: bool = False
    code: str = ""
    over: bool = False
    flaps_told_at: float | None = field(default=None, compare=False)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """
        Raises:
            KeyError, TypeError, ValueError: it is not one of ours.
        """
        return cls(
            data["agent"],
            Severity(data["severity"]),
            data["since"],
            data["value"],
            tuple(map(str, data.get("planes", ()))),
            bool(data.get("flapping", False)),
            str(data.get("code", "")),
            bool(data.get("over", False)),
        )

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        kept = asdict(self)
        del kept["flaps_told_at"]
        return kept

    @property
    def who(self) -> str:
        """In words, with the planes; in a digest with the code."""
        name = self.agent or "hub"
        if self.code:
            name += f": {self.code}{' is over' if self.over else ''}"
        return f"{name} ({', '.join(self.planes)})" if self.planes else name


def member_of(alert: Alert, planes: tuple[str, ...] = ()) -> NotifiedAlert:
    since = timestamp(alert.told_since)
    return NotifiedAlert(
        alert.agent, alert.severity, since, alert.value, planes, flapping=alert.flapping,
        flaps_told_at=alert.flaps.told_at,
    )  # fmt: skip
