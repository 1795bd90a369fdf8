"""The leak budget: the most bits that one agent can say in a day without a finding.

An upper bound of what is tolerated, not of what was said: the audit counts every message by the
length of a code that can be undone (`fleet.domain.information`) and tells of the first beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fleet.auditor.allowance import Allowance, Most
from fleet.contract.limits import MAX_PAYLOAD
from fleet.domain.daily_bounds import BITS_A_BEAT, BITS_A_COMMAND, BITS_BESIDE, DAY, Bounds
from fleet.domain.information import ARRIVAL

ASSUMPTIONS: Final = (
    "everything of a message counts: values, names, order, spelling, numbers, ids, digests, and "
    f"its time of arrival to the millisecond ({ARRIVAL:g} bits)",
    f"heartbeats come at the interval given, {BITS_A_BEAT} bits each, and {BITS_BESIDE:,} bits "
    "beside them in a day",
    "what a day leaves over may be said on the next, so that it is a mean over days; a single "
    "day has at most twice as much",
    f"not in it: {BITS_A_COMMAND:,} bits for each command and notice of the hub, which an agent "
    "cannot send, its name, and what is rejected or found",
)
UNLISTED: Final = "nobody keeps a list of agents, so that each may announce any interval"
"""What weakens it where nobody is enrolled."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What is tolerated.

    Attributes:
        listed: whether somebody keeps a list of agents; who is on it is held to its interval.
        most: the most that one agent did say in a day.
    """

    bounds: Bounds
    listed: bool
    most: Most

    @property
    def per_day(self) -> int:
        """Bits an agent and day, of those who belong to this fleet."""
        return self.enrolled if self.listed else self.anybody

    @property
    def enrolled(self) -> int:
        return self.bounds.bits(self.bounds.enrolled)

    @property
    def anybody(self) -> int:
        return self.bounds.bits(self.bounds.anybody)

    @property
    def refused_from(self) -> int:
        """Bits a day that pass a hub: those of as many of the largest messages as it takes in."""
        bounds = self.bounds.refused()
        return (bounds.beats(bounds.enrolled) + bounds.events) * MAX_PAYLOAD * 8

    def assumptions(self) -> tuple[str, ...]:
        return ASSUMPTIONS if self.listed else (UNLISTED, *ASSUMPTIONS)

    def as_dict(self) -> dict[str, Any]:
        bounds = self.bounds
        return {
            "bits_per_day": self.per_day,
            "enrolled": {"bits_per_day": self.enrolled, "interval": bounds.enrolled},
            "not_enrolled": {"bits_per_day": self.anybody, "interval": bounds.anybody},
            "list_of_agents": self.listed,
            "most_said": {
                "bits": round(self.most.bits),
                "agent": self.most.agent,
                "interval": self.most.interval,
            },
            "tolerated_per_day": {
                "heartbeats_due": round(DAY / bounds.enrolled),
                "new_metrics": bounds.metrics,
                "versions": bounds.versions,
                "configs": bounds.configs,
                "sessions": bounds.sessions,
                "events": bounds.events,
                "exact_numbers": bounds.exact_numbers(bounds.enrolled),
            },
            "hub_refuses": {
                "interval": bounds.enrolled,
                "heartbeats": bounds.refused().beats(bounds.enrolled),
                "events": bounds.refused().events,
                "exact_numbers": bounds.refused().exact_numbers(bounds.enrolled),
                "bits_per_day": self.refused_from,
            },
            "assumptions": list(self.assumptions()),
        }


def of(allowance: Allowance | None) -> Budget:
    """The budget by which an audit counted."""
    if allowance is None:
        return Budget(Bounds(), False, Most())
    return Budget(allowance.bounds, allowance.enrolled is not None, allowance.most)


def sentence(told: dict[str, Any]) -> str:
    """One line for a person, from `Budget.as_dict`."""
    applies = told["enrolled"] if told["list_of_agents"] else told["not_enrolled"]
    who = "an enrolled agent" if told["list_of_agents"] else "an agent"
    other = (
        f"{told['not_enrolled']['bits_per_day']:,} for one that is not enrolled"
        if told["list_of_agents"]
        else f"{told['enrolled']['bits_per_day']:,} if it were enrolled"
    )
    return (
        f"at most {applies['bits_per_day']:,} bits a day are tolerated of {who}, at one heartbeat "
        f"in {applies['interval']:g} s ({other}); the most that one said before a finding: "
        f"{told['most_said']['bits']:,}"
    )
