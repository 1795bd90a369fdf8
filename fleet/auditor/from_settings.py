"""An audit from the settings: what is enrolled, who signs, what earlier weeks saw."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from fleet.auditor.allowance import Allowance
from fleet.auditor.audit import Audit
from fleet.auditor.capture import line_format
from fleet.auditor.capture.line_format import Gap
from fleet.auditor.report import archive, leak_budget, suppressions
from fleet.auditor.report.report import AuditReport, report_of
from fleet.auditor.rules.digester import Digester
from fleet.contract.amendments import added_words, front_matter
from fleet.contract.errors import ConfigError
from fleet.contract.reader import Added, Reader
from fleet.domain.daily_bounds import Bounds
from fleet.keys import load_signer
from fleet.provisioning.registry import Registry
from fleet.settings import Settings

FOLDER: Final = "capture"
"""The hub's captures, within its home."""


def auditor(settings: Settings, against: Path | None = None) -> Audit:
    """An audit by the rules of this deployment; `against` is a proposed ADR to try.

    Raises:
        ConfigError: an ADR, a key or an earlier report cannot be read.
    """
    added = settings.added_words()
    if against is not None:
        added = _with_proposed(added, against)
    registered = Registry(settings.home).everyone()
    everyone = (registered or {}).values()
    spans = {a.name: (a.enrolled_at, math.inf if a.revoked_at is None else a.revoked_at)
             for a in everyone}  # fmt: skip
    enrolled = frozenset(a.name for a in everyone if a.revoked_at is None)
    signer = load_signer(settings.home)
    audit = Audit(
        settings.topics,
        Reader(added),
        Digester.of_home(settings.home),
        enrolled=None if registered is None else enrolled,
        spans=spans,
        keys=signer.public_keys() if signer else None,
        seen=archive.shapes(settings.home),
    )
    audit.allow(frozenset(settings.tables.get("audit", {}).get("allow", ())))
    bounds = Bounds.of(settings.interval, settings.tables.get("traffic", {}))
    audit.allowance = Allowance(bounds, None if registered is None else enrolled)
    return audit


def _with_proposed(added: Added, path: Path) -> dict[str, tuple[str, ...]]:
    """The words in force and those of a proposal, as if it had been accepted."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"the ADR {path} cannot be read", why, f"ls -l {path}") from None
    adds = front_matter(text).get("adds")
    if adds is None:
        raise ConfigError(
            f"the ADR {path} adds no word",
            "its front matter has no adds",
            f"fleet adr check {path}",
        )
    accepted = f"---\nstatus: accepted\nadds: {adds}\n---\n"
    proposed = added_words([(path.name, accepted)])
    return {
        name: tuple(dict.fromkeys((*added.get(name, ()), *proposed.get(name, ()))))
        for name in {*added, *proposed}
    }


def captures(home: Path) -> list[Path]:
    """The hub's own capture files, oldest first."""
    return sorted((home / FOLDER).glob(line_format.PATTERN))


def conclude(
    settings: Settings,
    run: Audit,
    gaps: Iterable[Gap],
    suppressions_file: Path | None = None,
    *,
    save: bool = False,
    operations: Mapping[str, Any] | None = None,
) -> AuditReport:
    """The report, with suppressions, trend, leak budget, and what the hub says was done.

    Raises:
        ConfigError: the suppressions or an earlier report cannot be read.
    """
    own = settings.home / suppressions.FILE_NAME
    path = suppressions_file or (own if own.exists() else None)
    report = report_of(
        run,
        gaps,
        at=time.time(),
        suppressions=suppressions.load(path) if path else (),
        leak_budget=leak_budget.of(run.allowance).as_dict(),
    )
    report.operations = operations or {}
    report.trend = archive.trend(settings.home, report)
    if save:
        archive.save(settings.home, report)
    return report


async def listen(settings: Settings, run: Audit, seconds: float) -> list[Gap]:
    """Audit what the bus carries for `seconds`, known topics or not.

    Raises:
        BrokerError: the broker cannot be reached or refuses.
    """
    from fleet.bus.mqtt import open_bus

    line, topics = 0, settings.topics
    # As the hub listens: only so is a live message known that was published to be kept.
    async with open_bus(settings) as bus:
        await bus.subscribe("#", as_published=topics.passing)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for batch in bus.batches():
                    for inbound in batch:
                        line += 1
                        run.examine(
                            line,
                            time.time(),
                            inbound.topic,
                            inbound.payload,
                            inbound.retain,
                            inbound.properties,
                        )
    return []
