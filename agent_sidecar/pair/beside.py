"""The pair beside the sidecar: leases come in, a guard is kept alive, and its word goes out.

Leases come from the sidecar's loop; a thread of its own looks after the guard and at the peer.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from agent_sidecar import machine_time
from agent_sidecar.config import Config
from agent_sidecar.pair import pair_file
from agent_sidecar.pair.former_name import end_guard, take_over
from agent_sidecar.pair.kept import KeptPair, Report
from agent_sidecar.pair.lease_keeper import Session, judged
from agent_sidecar.pair.peer_probe import PeerProbe
from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator
from fleet.contract.vocabulary import Reason

log = logging.getLogger(__name__)

LOOK: Final = 0.5
"""Seconds between looks at the guard's word."""

PROBE: Final = 3.0
"""Seconds between looks at the other's endpoint."""

PATIENCE: Final = 5.0
"""Seconds that a guard has to say its first word; Python starts in less."""

LONGEST_INTERVAL: Final = 10.0
"""Seconds between heartbeats at most: a third of a lease."""

EPOCHS_SAID: Final = 100
"""Only the last two digits of the epoch are said, see `fleet.domain.failover.pair`."""

Trusts = Callable[[str, Mapping[str, Any]], bool]


def pair_of(config: Config) -> PairBeside | None:
    """The agent's part in a pair; None: it is in none.

    Raises:
        ConfigError: the pair file, or what it needs beside it, is not usable.
    """
    path = config.path("FLEET_PAIR")
    if path is None:
        return None
    file = pair_file.read(path)
    if config.interval > LONGEST_INTERVAL:
        why = "a lease lasts 30 s from the heartbeat that it answers, so they come every 10 s"
        what = f"FLEET_INTERVAL={config.interval:g} is too long for an agent in a pair"
        raise ConfigError(what, why, "FLEET_INTERVAL=10")
    return PairBeside(file, str(path), KeptPair(config.state / "pair" / file.pair))


class PairBeside:
    """One agent's part. `start` begins to guard, `stop` leaves the guard to itself: it holds the
    agent to its role until the lease is over, and the next sidecar finds it."""

    def __init__(self, file: pair_file.PairFile, path: str, kept: KeptPair) -> None:
        self._file, self._path, self._kept = file, path, kept
        self._role = kept.role()
        self._probe = PeerProbe(file.probe) if file.probe else None
        self._guard: subprocess.Popen[bytes] | None = None
        self._started = float("-inf")
        self._report: Report | None = None
        self._told: Callable[[], None] = lambda: None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    # --- the sidecar's loop

    def start(self, told: Callable[[], None]) -> None:
        """Guard from now on; `told` is called, from any thread, when there is something to say."""
        trusted_path.make_folder(self._kept.folder)
        take_over(self._kept, self._path)
        self._role = self._kept.role()
        self._told = told
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="pair", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Twice is safe."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def receive(
        self,
        lease: tuple[str, bytes, bool],
        validator: SchemaValidator,
        session: Session,
        trusts: Trusts,
        dropped: Counter[str],
    ) -> bool:
        """Judge a message (topic, payload, retained): it counts, or is counted as dropped. Whether
        it is the hub's."""
        topic, payload, retained = lease
        if retained:
            dropped[Reason.RETAINED_COMMAND.value] += 1
            return False
        try:
            message = validator.read(payload)
        except Rejected as rejected:
            dropped[rejected.reason.value] += 1
            return False
        if not trusts(topic, message):
            dropped["untrusted-lease"] += 1
            return False
        if message["pair"] != self._file.pair:
            dropped["lease-of-another-pair"] += 1
        else:
            self._take(message, session, dropped)
        return True

    def numbers(self) -> dict[str, float]:
        """What rides in every heartbeat: what the guard says, and where there is none, that the
        agent may be active and is not fenced."""
        report, now = self._report, machine_time.now()
        alive = report is not None and report.is_fresh(machine_time.boot_id(), now)
        said: dict[str, float] = {
            "pair_epoch": (report.epoch if report else self._role.epoch) % EPOCHS_SAID,
            "pair_active": int(report.active if report and alive else True),
            "pair_fences": int(report is not None and alive and report.well and report.fences),
        }
        if self._probe is not None and self._probe.up is not None:
            said["pair_peer_up"] = int(self._probe.up)
        return said

    def _take(self, message: Mapping[str, Any], session: Session, dropped: Counter[str]) -> None:
        now = machine_time.now()
        found = judged(self._role, message, session, machine_time.boot_id(), now)
        if isinstance(found, str):
            dropped[found] += 1
            return
        if (found.role, found.epoch) != (self._role.role, self._role.epoch):
            log.warning("%s of the pair %s, epoch %d", found.role, self._file.pair, found.epoch)
        try:
            self._kept.save_role(found)  # what is not on disk was never heard
        except OSError as error:
            log.error("a lease cannot be kept: %s", error.strerror)  # noqa: TRY400
            return
        self._role = found

    # --- its own thread

    def _run(self) -> None:
        looked = float("-inf")
        while not self._stopping.wait(LOOK):
            now = machine_time.now()
            news = self._look_after(now)
            if self._probe is not None and now - looked >= PROBE:
                looked = now
                news = self._probe.look() or news
            if news:
                self._told()

    def _look_after(self, now: float) -> bool:
        """Replace a guard that does not answer; whether what it says is new."""
        report = self._kept.report()
        if report is not None and report.is_fresh(machine_time.boot_id(), now):
            before, self._report = self._report, report
            return before is None or report.said != before.said
        if now - self._started >= PATIENCE:
            self._replace(report, now)
        return False

    def _replace(self, report: Report | None, now: float) -> None:
        """End what is left of the old one: one that is stopped holds the lock."""
        self._started = now
        if report is not None and report.boot_id == machine_time.boot_id():
            end_guard(report.pid, self._kept.folder)
        if self._guard is not None:
            with suppress(OSError):
                self._guard.kill()
            self._guard.wait()
        argv = [sys.executable, "-m", "agent_sidecar.pair.guard"]
        try:
            self._guard = subprocess.Popen(
                [*argv, str(self._kept.folder), self._path],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            log.error("no guard can be started: %s", error.strerror)  # noqa: TRY400
