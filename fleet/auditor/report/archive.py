"""Kept reports, and the log whose hashes chain them: a report that was deleted shows."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleet.auditor.report.report import AuditReport, Trend
from fleet.contract.errors import ConfigError
from fleet.contract.kept_file import MAX_LIST, read_json
from fleet.contract.secret_file import write_secret
from fleet.contract.trusted_path import append_line
from fleet.lock import in_turn

FOLDER: Final = "audit"
LOG: Final = "reports.log"
RECENT: Final = 60
"""Reports that are summed up for the page and for models: more than a year of weekly ones."""

_FIRST: Final = "0" * 64
_KEYS: Final = ("name", "ts", "sha256", "chain")


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
    with in_turn(home / FOLDER / "reports.lock"):
        return _save(home, report)


def _save(home: Path, report: AuditReport) -> Path:
    folder = home / FOLDER
    entries = read_log(home)
    stem = f"report-{report.ts.replace(':', '').replace('-', '').replace('.', '')}"
    path = folder / f"{stem}.json"
    text = json.dumps(report.as_dict(), indent=2) + "\n"
    write_secret(path, text)
    before = entries[-1].chain if entries else _FIRST
    entry = Entry.after(before, path.name, report.ts, _sha256(text))
    try:
        append_line(folder / LOG, entry.as_line())
    except OSError as error:
        path.unlink(missing_ok=True)  # a report that is not in the log would be called a forgery
        why = error.strerror or ""
        raise ConfigError(f"{folder / LOG} cannot be written", why, f"df -h {folder}") from None
    return path


def read_log(home: Path) -> list[Entry]:
    """
    Raises:
        ConfigError: a line is damaged.
    """
    path = home / FOLDER / LOG
    try:
        # A last line without its end was never told to be kept: the next one takes its place.
        whole = path.read_text("utf-8").rpartition("\n")[0]
        items = [json.loads(line) for line in whole.splitlines()]
        return [Entry(*(str(i[key]) for key in _KEYS)) for i in items]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = getattr(error, "strerror", None) or "a line is damaged"
        remedy = f"put {path} back from a copy, or move {path.parent} away to begin a new one"
        raise ConfigError(f"the log of reports {path} cannot be read", why, remedy) from None


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
        try:
            same = _sha256(path.read_text("utf-8")) == entry.digest
        except FileNotFoundError:
            wrong.append(f"{entry.name} was deleted")
        except OSError as error:
            wrong.append(f"{entry.name} was not checked: {error.strerror}")
        except UnicodeDecodeError:
            wrong.append(f"{entry.name} was changed")
        else:
            wrong += [] if same else [f"{entry.name} was changed"]
    return wrong + [f"{name} is not in the log" for name in strangers(home)]


def strangers(home: Path) -> list[str]:
    """Reports that are there and not in the log: it was cut, or somebody put them there.

    Raises:
        ConfigError: the log cannot be read.
    """
    known = {entry.name for entry in read_log(home)}
    names = (path.name for path in sorted((home / FOLDER).glob("report-*.json")))
    return [name for name in names if name not in known]


def latest(home: Path) -> tuple[str, dict[str, Any]] | None:
    """The newest kept report with its name, if there is one that can be read."""
    for path in sorted((home / FOLDER).glob("report-*.json"), reverse=True):
        if (report := _report(path)) is not None:
            return path.stem, report
    return None


def text_of(home: Path, name: str) -> str:
    """The kept report `name`, as JSON text.

    Raises:
        ConfigError: there is none of that name in the log, or it is not what the log says.
    """
    stem, remedy = name.removesuffix(".json"), "fleet audit report --verify"
    known = {entry.name: entry for entry in read_log(home)}
    if f"{stem}.json" not in known:
        raise ConfigError(f"there is no report {stem!r}", "", "fleet audit report")
    try:
        text = (home / FOLDER / f"{stem}.json").read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"the report {stem} is gone", error.strerror or "", remedy) from None
    except UnicodeDecodeError:
        text = ""
    if _sha256(text) != known[f"{stem}.json"].digest:
        why = "it is not what the log says that was kept"
        raise ConfigError(f"the report {stem} was changed", why, remedy)
    return text


def summary(home: Path, entry: Entry) -> dict[str, Any]:
    """What a list shows of a kept report; a missing one has counts of None."""
    name = entry.name.removesuffix(".json")
    report = _report(home / FOLDER / entry.name) or {}
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
        report = _report(path)
        if report is None:
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


def _report(path: Path) -> dict[str, Any] | None:
    """A kept report; None where it is gone, or what stands there is none of ours. `check` says
    which."""
    remedy = "fleet audit report --verify"
    try:
        return read_json(path, _parsed, shape="an audit report", remedy=remedy, most=MAX_LIST)
    except ConfigError:
        return None


def _parsed(document: dict[str, Any]) -> dict[str, Any]:
    """
    Raises:
        KeyError, TypeError, ValueError, AttributeError: it lacks what is read of it here.
    """
    return document | {
        "messages": int(document["messages"]),
        "rules": {str(rule): int(count) for rule, count in document["rules"].items()},
        "findings": [{**finding, "rule": finding["rule"]} for finding in document["findings"]],
        "gaps": list(document["gaps"]),
        "shapes": {str(a): list(names) for a, names in document.get("shapes", {}).items()},
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
