"""The circumstances of one message: when and how it reached the hub."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

from fleet.contract.limits import DEFAULT_INTERVAL
from fleet.domain.clock_skew import corrected


@dataclass(slots=True)
class Arrival:
    """`at` is the hub's clock at receipt, `ts` the agent's own time, both in seconds since epoch.

    `behind`: a later number of the session came first. `numbered`: it has a number, so that live
    and not behind it is the latest. `listening_since`: since when the hub listens without a break,
    infinite while it does not. `interval`: seconds between beats of an agent that does not say.
    `digest`: of a message without a number, what it says.
    """

    at: float
    ts: float
    retained: bool = False
    listening_since: float = float("-inf")
    interval: float = DEFAULT_INTERVAL
    behind: bool = False
    numbered: bool = True
    digest: float = nan

    @property
    def out_of_order(self) -> bool:
        """Whether only its own time can tell if something later was taken already: a broker hands
        out retained state in any order, and an outbox sends again what waited in it."""
        return self.retained or self.behind

    def moment(self, skew: float | None) -> float | None:
        """When it was so on the hub's clock: receipt, or for retained state its own time,
        corrected; None if that would lie in the future."""
        return corrected(self.ts, skew, self.at) if self.retained else self.at
