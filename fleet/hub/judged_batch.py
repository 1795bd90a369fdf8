"""One batch on its way from the bus into the store, and what of it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fleet.bus.port import Inbound
from fleet.contract.limits import MAX_PAYLOAD
from fleet.contract.publish_properties import describe
from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import MessageKind
from fleet.domain.events import Event
from fleet.domain.work.progress_report import ProgressReport
from fleet.hub.committer import Committer
from fleet.hub.daily_budget import DailyBudget
from fleet.store.records import DeadLetter, StoredMessage

KEPT: Final = MAX_PAYLOAD + 1
"""Bytes kept of a dead letter: as many as show that it is too large."""


@dataclass(slots=True)
class JudgedBatch:
    """What to store of it, what was learned, whom to receipt."""

    messages: list[StoredMessage] = field(default_factory=list)
    progress: list[ProgressReport] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    sessions: set[tuple[str, int]] = field(default_factory=set)


class Keeping:
    """Puts what is to be stored into a batch, within the budget of each agent's day."""

    def __init__(self, committer: Committer, budget: DailyBudget) -> None:
        self._committer = committer
        self.budget = budget

    def keep(
        self,
        agent: str,
        kind: MessageKind,
        payload: bytes,
        at: float,
        judged: JudgedBatch,
        retained: bool = False,
    ) -> None:
        """What an agent said, if its day has room for it."""
        beats = kind is MessageKind.HEARTBEAT
        stores = self.budget.take if beats else self.budget.take_news
        if stores(agent, len(payload), at):
            number = self._committer.next_id()
            judged.messages.append(StoredMessage(number, at, agent, kind, retained, payload))
        else:
            self.leave_out(agent, at, judged)

    def leave_out(self, agent: str, at: float, judged: JudgedBatch) -> None:
        """Of this agent enough is stored today; what it says was applied all the same."""
        self._committer.counters.left_out += 1
        self._committer.changed(agent)
        judged.events += self.budget.news(agent, at)

    def reject(self, inbound: Inbound, rejected: Rejected, at: float, judged: JudgedBatch) -> None:
        """What breaks the contract is counted, and a dead letter."""
        self._committer.counters.rejected[rejected.reason] += 1
        beside, payload = inbound.properties, inbound.payload
        judged.dead_letters.append(
            DeadLetter(
                self._committer.next_id(),
                at,
                inbound.topic,
                describe(beside, payload) if beside else payload[:KEPT],
                inbound.retain,
                rejected.reason,
                rejected.field,
            )
        )
