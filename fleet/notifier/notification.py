"""What is sent: one group of alerts that fire or are over, as data that survives a restart."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import AlertCode, AlertState, HubAlertCode, Severity
from fleet.domain.alerts import Alert, AlertGroup

TEST_CODE: Final = "route-test"
"""The code of `fleet alerts test`; never on the bus."""

MEANINGS: Final[dict[str, str]] = {
    TEST_CODE: "a test: nothing is wrong",
    **{code.value: code.meaning for code in (*AlertCode, *HubAlertCode)},
}

NAMED: Final = 20
"""Agents that a line of text names."""


@dataclass(frozen=True, slots=True)
class NotifiedAlert:
    """One alert of a group; `agent` is empty for the hub's own, `since` RFC 3339."""

    agent: str
    severity: Severity
    since: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to operators. The same group has the same `id`, whoever makes it and when."""

    id: str
    code: str
    state: AlertState
    severity: Severity
    members: tuple[NotifiedAlert, ...]

    @classmethod
    def of(cls, alert_group: AlertGroup) -> Self:
        members = tuple(map(member_of, alert_group.alerts))
        return cls(
            _digest(alert_group.code, alert_group.state, members),
            alert_group.code,
            alert_group.state,
            alert_group.severity,
            members,
        )

    @classmethod
    def test(cls, state: AlertState, at: float) -> Self:
        """A group that only shows whether a route works."""
        members = (NotifiedAlert("", Severity.INFO, timestamp(at)),)
        digest = _digest(TEST_CODE, state, members)
        return cls(digest, TEST_CODE, state, Severity.INFO, members)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """
        Raises:
            KeyError, TypeError, ValueError: it is not one of ours.
        """
        members = tuple(
            NotifiedAlert(m["agent"], Severity(m["severity"]), m["since"], m["value"])
            for m in data["members"]
        )
        state, severity = AlertState(data["state"]), Severity(data["severity"])
        return cls(data["id"], data["code"], state, severity, members)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def meaning(self) -> str:
        """The sentence that explains the code; empty for a deployment's own."""
        return MEANINGS.get(self.code, "")

    @property
    def title(self) -> str:
        """One line for people."""
        who = [member.agent or "hub" for member in self.members]
        named = ", ".join(who[:NAMED])
        more = f" and {len(who) - NAMED} more" if len(who) > NAMED else ""
        word = "over" if self.state is AlertState.RESOLVED else self.severity.value
        return f"{self.code} ({word}): {named}{more}"


def member_of(alert: Alert) -> NotifiedAlert:
    return NotifiedAlert(alert.agent, alert.severity, timestamp(alert.since), alert.value)


def _digest(code: str, state: AlertState, members: tuple[NotifiedAlert, ...]) -> str:
    text = "\n".join([code, state.value, *(f"{m.agent} {m.since}" for m in members)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
