"""Which leases count, and until when the agent may be active. Pure: moments are given.

A lease lasts from the message of ours that it answers, which we know when we sent: so no clock of
anybody else's is asked, and one that waited on its way is over when it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Protocol

from fleet.contract.limits import MAX_EPOCH
from fleet.contract.vocabulary import PairRole

LONGEST: Final = 120.0
"""Seconds that a lease may last at most: who waits for the end of one must not wait for days."""


@dataclass(frozen=True, slots=True)
class Role:
    """What the agent is. `until`: when its lease is over, by the clock of the machine's start
    `boot_id`; of another start it is over already."""

    epoch: int = 0
    role: PairRole = PairRole.STANDBY
    until: float = 0.0
    boot_id: str = ""

    def may_be_active(self, boot_id: str, now: float, *, fence: bool) -> bool:
        """`fence`: whether it lays down when its lease is over, or only when it is told to."""
        if self.role is not PairRole.ACTIVE:
            return False
        return not fence or (self.boot_id == boot_id and now < self.until)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Role:
        """
        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        epoch, until = said["epoch"], said["until"]
        if type(epoch) is not int or not 0 <= epoch <= MAX_EPOCH:
            raise ValueError
        return cls(epoch, PairRole(said["role"]), float(until), str(said["boot_id"]))


class Session(Protocol):
    """This session of the sidecar: its number, and when it sent which message."""

    boot: int

    def sent_at(self, seq: int) -> float | None: ...


def judged(
    kept: Role, lease: Mapping[str, Any], session: Session, boot_id: str, now: float
) -> Role | str:
    """The role after a lease that is for this agent and its pair; or why it is dropped."""
    epoch, role = lease["epoch"], PairRole(lease["role"])
    if epoch < kept.epoch:
        return "old-epoch"
    if role is not PairRole.ACTIVE:
        return Role(epoch, role, 0.0, boot_id)
    if lease.get("boot") != session.boot:
        return "lease-of-another-session"
    sent_at = session.sent_at(lease.get("seq", -1))
    if sent_at is None:
        return "lease-for-nothing-sent"
    until = sent_at + min(lease["ttl"], LONGEST)
    if until <= now:
        return "lease-over"
    held = kept.role is role and kept.epoch == epoch and kept.boot_id == boot_id
    if held:
        return replace(kept, until=max(until, kept.until))
    return Role(epoch, role, until, boot_id)
