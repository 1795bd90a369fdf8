"""What is sent: one group of alerts that fire or are over, as data that survives a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import AlertCode, AlertState, HubAlertCode, Severity
from fleet.domain.alert import AlertGroup
from fleet.domain.flapping import FlapNews
from fleet.notifier.notified_alert import Failing, NotifiedAlert, member_of, no_planes

TEST_CODE: Final = "route-test"
"""The code of `fleet alerts test`; never on the bus."""

DIGEST_CODE: Final = "digest"
"""The code of a digest; never on the bus."""

WATCHDOG_CODE: Final = "Watchdog"
"""The alert that always fires, by the name that Alertmanager's users know; never on the bus."""

MEANINGS: Final[dict[str, str]] = {
    WATCHDOG_CODE: "always fires: whoever misses it knows that the hub cannot tell of anything",
    DIGEST_CODE: "what was of interest since the last digest, each alert as it was last",
    TEST_CODE: "a test: nothing is wrong",
    **{code.value: code.meaning for code in (*AlertCode, *HubAlertCode)},
}

NAMED: Final = 20
"""Agents that a line of text names."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to operators. The same group has the same `id`, whoever makes it and when."""

    id: str
    code: str
    state: AlertState
    severity: Severity
    members: tuple[NotifiedAlert, ...]
    flap: FlapNews = FlapNews.NONE

    @classmethod
    def of(cls, alert_group: AlertGroup, failing: Failing = no_planes) -> Self:
        """`failing`: the planes of an agent that fail."""
        degraded = alert_group.code == HubAlertCode.AGENT_DEGRADED
        planes = failing if degraded and alert_group.state is AlertState.FIRING else no_planes
        members = tuple(member_of(alert, planes(alert.agent)) for alert in alert_group.alerts)
        flap = alert_group.flap
        # What flaps is told again, and what got worse: each time another message.
        before = [str(one.flaps.told_at) for one in alert_group.alerts] if flap else []
        as_bad = _severities(alert_group.state, members)
        return cls(
            _digest(alert_group.code, alert_group.state, members, flap, *before, *as_bad),
            alert_group.code,
            alert_group.state,
            alert_group.severity,
            members,
            flap,
        )

    @classmethod
    def test(cls, state: AlertState, at: float) -> Self:
        """A group that only shows whether a route works."""
        members = (NotifiedAlert("", Severity.INFO, timestamp(at)),)
        digest = _digest(TEST_CODE, state, members)
        return cls(digest, TEST_CODE, state, Severity.INFO, members)

    @classmethod
    def watchdog(cls, since: float) -> Self:
        """What always fires while the hub runs."""
        members = (NotifiedAlert("", Severity.INFO, timestamp(since)),)
        digest = _digest(WATCHDOG_CODE, AlertState.FIRING, members)
        return cls(digest, WATCHDOG_CODE, AlertState.FIRING, Severity.INFO, members)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """
        Raises:
            KeyError, TypeError, ValueError: it is not one of ours.
        """
        members = tuple(map(NotifiedAlert.from_json, data["members"]))
        state, severity = AlertState(data["state"]), Severity(data["severity"])
        flap = FlapNews(data.get("flap", FlapNews.NONE))
        return cls(data["id"], data["code"], state, severity, members, flap)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "code": self.code,
            "state": self.state,
            "severity": self.severity,
            "members": [member.as_json() for member in self.members],
            "flap": self.flap,
        }

    def halves(self) -> tuple[Self, ...]:
        """The same news in two messages; none where it names one agent only."""
        middle = len(self.members) // 2
        if not middle:
            return ()
        return self._with(self.members[:middle]), self._with(self.members[middle:])

    def news(self, given: Container[str]) -> dict[str, NotifiedAlert]:
        """Its alerts by ids of their own, without those that are in `given` as this bad or worse:
        nobody is told that one is milder."""
        return {
            self._id_of(one, one.severity): one
            for one in self.members
            if not any(
                self._id_of(one, as_bad) in given
                for as_bad in Severity
                if as_bad.rank >= one.severity.rank
            )
        }

    def _id_of(self, member: NotifiedAlert, severity: Severity) -> str:
        """The end is one, however it came. That it flaps is told again, and that it does not."""
        if self.state is not AlertState.FIRING:
            return _digest(self.code, self.state, (member,))
        again = [self.flap, str(member.flaps_told_at)] if self.flap else []
        return _digest(self.code, self.state, (member,), severity.value, *again)

    def with_only(self, members: Iterable[NotifiedAlert]) -> Self | None:
        """The same news of some of its alerts; None: of none."""
        left = tuple(members)
        if len(left) == len(self.members):
            return self
        return self._with(left) if left else None

    def without(self, agents: Container[str]) -> Self | None:
        """The same message without some agents; None: nobody is left."""
        left = tuple(member for member in self.members if member.agent not in agents)
        return replace(self, members=left) if left else None

    def _with(self, members: tuple[NotifiedAlert, ...]) -> Self:
        worst = max((member.severity for member in members), key=lambda severity: severity.rank)
        as_bad = _severities(self.state, members)
        digest = _digest(self.code, self.state, members, self.flap, self.id, *as_bad)
        return replace(self, id=digest, severity=worst, members=members)

    @property
    def meaning(self) -> str:
        """The sentence that explains the code; empty for a deployment's own."""
        return MEANINGS.get(self.code, "")

    @property
    def title(self) -> str:
        """One line for people."""
        who = [member.who for member in self.members]
        named = ", ".join(who[:NAMED])
        more = f" and {len(who) - NAMED} more" if len(who) > NAMED else ""
        word = "over" if self.state is AlertState.RESOLVED else self.severity.value
        said = {FlapNews.FLAPS: "flapping, ", FlapNews.SETTLED: "flaps no more, "}
        return f"{self.code} ({said.get(self.flap, '')}{word}): {named}{more}"


def _severities(state: AlertState, members: Iterable[NotifiedAlert]) -> list[str]:
    """How bad each is: one may get worse that is told together with what is worse already."""
    return [one.severity.value for one in members] if state is AlertState.FIRING else []


def _digest(code: str, state: AlertState, members: tuple[NotifiedAlert, ...], *more: str) -> str:
    lines = [code, state.value, *(f"{m.agent} {m.since}" for m in members), *filter(None, more)]
    text = "\n".join(lines)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
