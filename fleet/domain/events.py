"""What an observation made known: one closed list of facts, one small record to carry them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Severity, Word


class Fact(Word):
    """What happened, as the hub tells it to its own services and to operators."""

    BIRTH = "birth", "a session began, or a known one came back after an offline"
    OFFLINE = "offline", "the agent said, or its last will says, that it is gone"
    STATE = "state", "the agent states another state"
    VERDICT = "verdict", "the hub's verdict of the agent changed"
    LATE_WILL = "late-will", "a will of an older session, ignored"
    BOOT_BACK = "boot-back", "a session number smaller than before was accepted as the live one"
    OLD_SESSION = "old-session", "a message of an earlier session: kept, but no news of the agent"
    GAP = "gap", "messages of the session are missing"
    FILLED = "filled", "a missing message arrived after all"
    DUPLICATE = "duplicate", "seen before: it changes nothing"
    ALERT_FIRING = "alert-firing", "a problem started"
    ALERT_RESOLVED = "alert-resolved", "a problem ended"
    RETAINED_CLEARED = "retained-cleared", "somebody cleared retained state; the hub keeps its own"
    RETAINED_FORGED = "retained-forged", "retained state that cannot be true, ignored"
    GHOST = "ghost", "on the bus but not enrolled"
    CONFIG = "config", "the configuration fingerprint changed"
    TURN = "turn", "one of two sidecars with one credential has its turn: applied, not stored"
    REPLY = "reply", "the agent answered a command"
    COMMAND_REFUSED = (
        "command-refused",
        "the agent refused a command as forged or old, of which the hub awaits no answer",
    )
    CROWDED = "crowded", "too many names that nobody enrolled: this one is not kept"
    FORGOTTEN = "forgotten", "an operator said that the agent left, or is called something else"
    OVER_BUDGET = "over-budget", "the agent sent more today than is stored of one"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about one agent (`agent` is empty for the hub itself).

    `at` is the hub's clock in seconds since the epoch. `word` is the fact's own word: an alert
    code, a verdict, a state, a verb. `amount` is its number: messages missing, seconds of skew.
    """

    fact: Fact
    agent: str
    at: float
    word: str = ""
    severity: Severity | None = None
    amount: float | None = None
    id: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON form; what is not there is null."""
        return {
            "fact": self.fact.value,
            "agent": self.agent or None,
            "at": timestamp(self.at),
            "word": self.word or None,
            "severity": self.severity.value if self.severity else None,
            "amount": self.amount,
            "id": self.id or None,
        }
