"""What a sidecar keeps between runs: one directory, one file a concern."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from agent_sidecar.probes.hysteresis import Hysteresis
from agent_sidecar.state.database import Database
from agent_sidecar.state.origin import Origin, place
from agent_sidecar.state.outbox import Outbox
from agent_sidecar.state.seen_ids import SeenIds
from agent_sidecar.state.self_report import SelfReportFile
from agent_sidecar.state.session import Session

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """The open state directory of one agent's sidecar; the caller holds its lock."""

    session: Session
    database: Database
    outbox: Outbox
    hysteresis: Hysteresis
    seen: SeenIds
    self_report: SelfReportFile
    origin: Origin

    @classmethod
    def open(cls, folder: Path, now: float, *, resume: bool) -> StateDirectory:
        """Open everything in `folder`; `resume` goes on with the last session, if it can, and if
        no other sidecar can do so with a copy.

        Raises:
            FleetError: the outbox cannot be opened.
        """
        database = Database(folder / "outbox.sqlite3")
        origin = Origin(folder, place(folder))
        start = Session.resume if resume and not origin.why else Session.begin
        return cls(
            session=start(folder / "session.json", now),
            database=database,
            outbox=Outbox(database),
            hysteresis=Hysteresis(folder / "alarms.json"),
            seen=SeenIds(database),
            self_report=SelfReportFile(folder / "self-report"),
            origin=origin,
        )

    def settle_alerts(self) -> None:
        """Forget the events that a crash would have repeated, unless memory alone holds them."""
        if self.hysteresis.waits and not self.outbox.refused:
            try:
                self.hysteresis.save()
            except OSError as error:
                log.warning("the alerts could not be written down: %s", error.strerror)

    def close(self) -> None:
        self.database.close()
        self.settle_alerts()  # the hub may have receipted what the disk refused
        self.session.close()
