"""Kept reports, and the log whose hashes chain them: a report that was deleted shows."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleet.auditor.report.report import AuditReport, Trend
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import write_secret
from fleet.contract.trusted_path import open_file

FOLDER: Final = "audit"
LOG: Final = "reports.log"
RECENT: Final = 60
"""Reports that are summed up for the page and for models: more than a year of weekly ones."""

_FIRST: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log; `chain` is the SHA-256 of the line before it and of this one's rest."""

    name: str
    ts: str
    digest: str
    chain: str

    @classmethod
    def after(cls, before: str, name: str, ts: str, digest: str) -> Entry:
        return cls(name, ts, digest, _sha256(f"{before}\n{name}\n{ts}\n{digest}"))

    def as_line(self) -> str:
        return json.dumps(
            {"name": self.name, "ts": self.ts, "sha256": self.digest, "chain": self.chain}
        )


def save(home: Path, report: AuditReport) -> Path:
    """Keep the report as JSON, 0600, and enter its hash in the log; the file's path.

    Raises:
        ConfigError: the folder cannot be written, or the log is damaged.
    """
    folder = home / FOLDER
    entries = read_log(home)
    stem = f"report-{report.ts.replace(':', '').replace('-', '').replace('.', '')}"
    path = folder / f"{stem}.json"
    text = json.dumps(report.as_dict(), indent=2) + "\n"
    write_secret(path, text)
    before = entries[-1].chain if entries else _FIRST
    entry = Entry.after(before, path.name, report.ts, _sha256(text))
    handle = open_file(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with os.fdopen(handle, "a", encoding="utf-8") as stream:
        stream.write(entry.as_line() + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return path


def read_log(home: Path) -> list[Entry]:
    """
    Raises:
        ConfigError: a line is damaged.
    """
    path = home / FOLDER / LOG
    try:
        lines = path.read_text("utf-8").splitlines()
        items = [json.loads(line) for line in lines]
        return [Entry(i["name"], i["ts"], i["sha256"], i["chain"]) for i in items]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or "a line is damaged"
        raise ConfigError(f"the log of reports {path} cannot be read", why, f"cat {path}") from None


def check(home: Path) -> list[str]:
    """What is wrong with the kept reports, one sentence each: deleted, changed, cut, unknown.

    Raises:
        ConfigError: the log cannot be read.
    """
    wrong: list[str] = []
    before = _FIRST
    folder = home / FOLDER
    entries = read_log(home)
    for entry in entries:
        if Entry.after(before, entry.name, entry.ts, entry.digest).chain != entry.chain:
            wrong.append(f"the log was changed at or before {entry.name}")
        before = entry.chain
        path = folder / entry.name
        if not path.exists():
            wrong.append(f"{entry.name} was deleted")
        elif _sha256(path.read_text("utf-8")) != entry.digest:
            wrong.append(f"{entry.name} was changed")
    known = {entry.name for entry in entries}
    wrong += [
        f"{path.name} is not in the log"
        for path in sorted(folder.glob("report-*.json"))
        if path.name not in known
    ]
    return wrong


def latest(home: Path) -> tuple[str, dict[str, Any]] | None:
    """The newest kept report with its name, if there is one that can be read."""
    for path in sorted((home / FOLDER).glob("report-*.json"), reverse=True):
        try:
            report: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        return path.stem, report
    return None


def text_of(home: Path, name: str) -> str:
    """The kept report `name`, as JSON text.

    Raises:
        ConfigError: there is none of that name in the log.
    """
    stem = name.removesuffix(".json")
    if f"{stem}.json" not in {entry.name for entry in read_log(home)}:
        raise ConfigError(f"there is no report {stem!r}", "", "fleet audit report")
    try:
        return (home / FOLDER / f"{stem}.json").read_text("utf-8")
    except OSError as error:
        why = error.strerror or ""
        raise ConfigError(
            f"the report {stem} is gone", why, "fleet audit report --verify"
        ) from None


def summary(home: Path, entry: Entry) -> dict[str, Any]:
    """What a list shows of a kept report; a missing one has counts of None."""
    name = entry.name.removesuffix(".json")
    try:
        report: dict[str, Any] = json.loads((home / FOLDER / entry.name).read_text("utf-8"))
    except (OSError, ValueError):
        report = {}
    return {
        "name": name,
        "ts": entry.ts,
        "outcome": report.get("outcome", "missing"),
        "messages": report.get("messages"),
        "findings": sum(report["rules"].values()) if "rules" in report else None,
        "gaps": len(report["gaps"]) if "gaps" in report else None,
    }


def recent(home: Path) -> list[dict[str, Any]]:
    """Summaries of the latest reports, newest first: counts and rules, never values."""
    found: list[dict[str, Any]] = []
    for path in sorted((home / FOLDER).glob("report-*.json"), reverse=True)[:RECENT]:
        try:
            report: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        rules = Counter(finding["rule"] for finding in report.get("findings", []))
        found.append(
            {
                "name": path.stem,
                "ts": report.get("ts"),
                "messages": report.get("messages"),
                "findings": rules.total(),
                "rules": dict(rules),
                "gaps": len(report.get("gaps", [])),
            }
        )
    return found


def shapes(home: Path) -> dict[str, frozenset[str]] | None:
    """Fields and metrics by agent in the newest report; None if there is none."""
    found = latest(home)
    if found is None:
        return None
    return {agent: frozenset(names) for agent, names in found[1].get("shapes", {}).items()}


def trend(home: Path, report: AuditReport) -> Trend | None:
    """`report` beside the newest kept one."""
    found = latest(home)
    if found is None:
        return None
    name, before = found
    then: Counter[str] = Counter(before.get("rules", {}))
    now = report.rules
    rules = {rule: now[rule] - then[rule] for rule in {*now, *then} if now[rule] != then[rule]}
    return Trend(
        name, report.messages - before.get("messages", 0), now.total() - then.total(), rules
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
