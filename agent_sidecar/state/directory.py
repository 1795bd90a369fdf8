"""What a sidecar keeps between runs: one directory, one file a concern."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent_sidecar.probes.hysteresis import AlarmBoard
from agent_sidecar.state.database import Ledger
from agent_sidecar.state.outbox import Outbox
from agent_sidecar.state.seen_ids import SeenIds
from agent_sidecar.state.session import Session


@dataclass(frozen=True, slots=True)
class Memory:
    """The open state directory of one agent's sidecar; the caller holds its lock."""

    session: Session
    ledger: Ledger
    outbox: Outbox
    alarms: AlarmBoard
    seen: SeenIds

    @classmethod
    def open(cls, folder: Path, now: float, *, resume: bool) -> Memory:
        """Open everything in `folder`; `resume` goes on with the last session, if it can.

        Raises:
            FleetError: the outbox cannot be opened.
        """
        ledger = Ledger(folder / "outbox.sqlite3")
        start = Session.resume if resume else Session.begin
        return cls(
            session=start(folder / "session.json", now),
            ledger=ledger,
            outbox=Outbox(ledger),
            alarms=AlarmBoard(folder / "alarms.json"),
            seen=SeenIds(ledger),
        )

    def close(self) -> None:
        self.ledger.close()
        self.session.close()
