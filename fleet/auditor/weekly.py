"""The hub's two audit services: one records the bus, one audits what was recorded each week."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from prometheus_client.core import Metric

from fleet.auditor import from_settings, replay
from fleet.auditor.allowance import Most
from fleet.auditor.capture.line_format import GapKind
from fleet.auditor.capture.recorder import Bounds, CaptureWriter
from fleet.auditor.report import archive, leak_budget
from fleet.auditor.report.operations import operations
from fleet.bus.port import Inbound
from fleet.contract.backoff import Backoff
from fleet.contract.errors import FleetError
from fleet.contract.timestamps import epoch
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain import daily_bounds
from fleet.domain.events import Event, Fact
from fleet.domain.hub_clock import Step
from fleet.domain.severities import severity_of
from fleet.hub.committer import HUB
from fleet.hub.counters import Counters
from fleet.hub.hub import Hub
from fleet.metrics import hub_families
from fleet.metrics.collector import labelled, single
from fleet.settings import Settings

WEEK: Final = 7 * 86_400.0
LOOK: Final = 1.0
"""Seconds between looks at the link and at the broker's own count of drops."""

AGAIN: Final = 3_600.0
"""Seconds until an audit that could not be made is tried again."""

MOST_ROLLOUTS: Final = 200
"""Newest rollouts that a report looks back on."""

STATISTICS: Final = "$"
"""Topics of the broker itself begin so; they are no traffic."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What an audit found, for whoever raises the alarm."""

    report: str
    violations: int
    agents: tuple[str, ...]
    gaps: int


class BusRecorder:
    """Writes every message that the hub sees into its capture."""

    name = "recorder"

    def __init__(self, hub: Hub) -> None:
        self._counters: Counters = hub.counters
        self._now = hub.committer.now
        bounds = Bounds.of(hub.settings.tables.get("audit", {}))
        folder = hub.settings.home / from_settings.FOLDER
        self.capture = CaptureWriter(folder, bounds, hub.committer.now, hub.committer.time.due)
        hub.ingest.tap = self.record

    def record(self, at: float, batch: Sequence[Inbound]) -> None:
        """Record a batch, before it is acknowledged: a crash repeats it, and loses nothing."""
        for inbound in batch:
            if not inbound.topic.startswith(STATISTICS):
                topic, payload, _, retain, _, beside = inbound
                self.capture.write(at, topic, payload, retain, beside)
        self.capture.flush()

    def metrics(self) -> Iterable[Metric]:
        """What the exporter shows: a capture that lacks something is visible at once."""
        yield single(hub_families.AUDIT_LOST, self.capture.lost)

    async def run(self) -> None:
        self.capture.open()
        try:
            await self._watch()
        finally:
            self.capture.close()

    async def _watch(self) -> None:
        """Mark the times in which messages may be missing."""
        down_since: float | None = None
        dropped, looked = self._counters.broker_dropped, self._now()
        while True:
            await asyncio.sleep(LOOK)
            now = self._now()
            if not self._counters.link_up and down_since is None:
                down_since = looked
            elif self._counters.link_up and down_since is not None:
                self.capture.gap(GapKind.LINK_DOWN, down_since, now)
                down_since = None
            count = self._counters.broker_dropped
            if count is not None and dropped is not None and count > dropped:
                self.capture.gap(GapKind.BROKER_DROPS, looked, now)
            dropped, looked = count, now
            self.capture.flush()


class WeeklyAudit:
    """Audits the hub's capture once a week and raises `audit-violation`."""

    name = "audit"

    def __init__(self, hub: Hub, on_verdict: Callable[[AuditResult], None] | None = None) -> None:
        self._hub = hub
        self._on_verdict = on_verdict
        table = hub.settings.tables.get("audit", {})
        self._every = float(table.get("every_days", WEEK / 86_400)) * 86_400
        self.last: AuditResult | None = None
        traffic = hub.settings.tables.get("traffic", {})
        self._bounds = daily_bounds.Bounds.of(hub.settings.interval, traffic)
        self._audited: float | None = None
        hub.on_step.append(self._restamp)

    async def run(self) -> None:
        backoff = Backoff(AGAIN, AGAIN)
        while True:
            wait = self._wait()
            if wait > 0:  # an hour at a time: the hub's clock may be found wrong, and step
                await asyncio.sleep(min(wait, AGAIN))
                continue
            try:
                await self.audit()
            except FleetError as error:
                _log.warning("the weekly audit could not be made: %s", error.what)
                await asyncio.sleep(backoff.failed(time.monotonic()))
            except Exception:  # noqa: BLE001  what the audit lacks, the fleet must not
                # A defect of the audit: the fleet is watched all the same, and the log says where.
                _log.exception("the weekly audit failed")
                await asyncio.sleep(backoff.failed(time.monotonic()))

    async def audit(self) -> AuditResult:
        """Audit now, in a process of its own: the hub must not miss a beat meanwhile. A stop ends
        that process too; the next hub audits anew.

        Raises:
            FleetError: the capture, the reports or their log cannot be used, or the process died.
        """
        verdict = await _in_child(self._hub.settings, await self._operations())
        self.last, self._audited = verdict, self._hub.committer.now()
        await self._raise(verdict)
        if self._on_verdict is not None:
            self._on_verdict(verdict)
        return verdict

    async def _operations(self) -> dict[str, Any]:
        """What was done to the fleet since the last report was due; nothing where the store is
        away: the audit is made all the same."""
        store, since = self._hub.store, self._hub.committer.now() - self._every
        try:
            rollouts, pairs = await store.rollouts.rollouts(MOST_ROLLOUTS), await store.pairs.all()
        except FleetError as error:
            _log.warning("the audit's report tells of no operations: %s", error.what)
            return {}
        return operations(rollouts, pairs, since)

    def metrics(self) -> Iterable[Metric]:
        """What the exporter shows of the newest audit; no value where none was made yet."""
        last = self.last
        yield labelled(hub_families.AUDIT_FINDINGS, {(): last.violations} if last else {})
        yield labelled(hub_families.AUDIT_GAPS, {(): last.gaps} if last else {})
        budget = leak_budget.Budget(self._bounds, self._hub.roster.has_list, Most())
        yield single(hub_families.LEAK_BUDGET, budget.per_day / 8)

    def _wait(self) -> float:
        """Seconds until the next audit is due: a week after the last one, or after the start."""
        now = self._hub.committer.now()
        latest = archive.latest(self._hub.settings.home)
        reported = None if latest is None else epoch(latest[1]["ts"])
        if reported is None or reported > now:  # by a clock that ran ahead
            reported = self._audited or self._hub.started_at or now
        return max(0.0, reported + self._every - now)

    def _restamp(self, step: Step) -> None:
        self._audited = None if self._audited is None else step.moved(self._audited)

    async def _raise(self, verdict: AuditResult) -> None:
        now = self._hub.committer.now()
        fact = Fact.ALERT_FIRING if verdict.violations else Fact.ALERT_RESOLVED
        code = HubAlertCode.AUDIT_VIOLATION
        event = Event(fact, HUB, now, code, severity_of(code))
        await self._hub.committer.write([event])


async def _in_child(settings: Settings, done: Mapping[str, Any]) -> AuditResult:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_audit_into, args=(theirs, settings, done), daemon=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    child.start()  # some milliseconds; what it imports, it imports by itself
    theirs.close()
    loop.add_reader(child.sentinel, ended.set)
    try:
        await ended.wait()
        found = ours.recv() if ours.poll() else None
    except EOFError:
        found = None
    finally:
        loop.remove_reader(child.sentinel)
        child.kill()
        child.join()
        ours.close()
    if isinstance(found, FleetError):
        raise found
    if not isinstance(found, AuditResult):
        raise FleetError(
            "the audit's process ended without a report",
            f"exit code {child.exitcode}: killed, or out of memory",
            "fleet audit run shows how far it gets",
        )
    return found


def _audit_into(pipe: Connection, settings: Settings, done: Mapping[str, Any]) -> None:
    """The child's work: its result or what is wrong goes into `pipe`. Ctrl-C is the hub's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pipe.send(audit_home(settings, done))
    except FleetError as error:
        pipe.send(error)


def audit_home(settings: Settings, done: Mapping[str, Any]) -> AuditResult:
    """Audit the hub's own capture and keep the report, with what was `done` to the fleet.

    Raises:
        FleetError: the capture, the reports or their log cannot be used.
    """
    auditor = from_settings.auditor(settings)
    gaps = replay.over_files(auditor, from_settings.captures(settings.home))
    report = from_settings.conclude(settings, auditor, gaps, save=True, operations=done)
    agents = tuple(sorted({finding.agent for finding in report.violations if finding.agent}))
    return AuditResult(
        report.ts, len(report.violations) + report.omitted.total(), agents, len(report.gaps)
    )
