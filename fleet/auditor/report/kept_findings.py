"""The findings of a report that was kept, by the numbers that it gave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fleet.auditor.report import archive
from fleet.auditor.report.groups import groups
from fleet.auditor.rules.catalogue import rule_named
from fleet.auditor.rules.finding import Finding
from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.vocabulary import Severity


def numbered(home: Path, path: Path | None, number: int) -> tuple[Finding, int]:
    """Finding `number` of the report in `path`, or of the latest kept; and how many are like it.

    Raises:
        ConfigError: there is no such report, or it is none.
        FleetError: it has no finding of that number.
    """
    report = _latest(home) if path is None else _read(path)
    try:
        found = groups(map(_from_dict, report["findings"]))
    except (KeyError, TypeError, ValueError):
        raise ConfigError(
            f"{path or 'the latest report'} is no report of the audit",
            "its findings cannot be read",
            "fleet audit run -o json > report.json",
        ) from None
    if not 1 <= number <= len(found):
        raise FleetError(
            f"there is no finding {number}", f"the report has {len(found)}", "fleet audit run"
        )
    first, same = found[number - 1]
    return first, len(same)


def _latest(home: Path) -> dict[str, Any]:
    kept = archive.latest(home)
    if kept is None:
        raise ConfigError("no report is kept yet", "", "fleet audit run --save")
    return kept[1]


def _read(path: Path) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    except (ValueError, RecursionError):
        report = {}
    return report if isinstance(report, dict) else {}


def _from_dict(told: dict[str, Any]) -> Finding:
    """The finding that a kept report tells of, as far as it does.

    Raises:
        FleetError: there is no such rule.
        KeyError, TypeError, ValueError: it is no finding.
    """
    rule, severity = rule_named(str(told["rule"])), Severity(told["severity"])
    return Finding(
        int(told["line"]),
        str(told["topic"]),
        rule,
        str(told["field"]),
        int(told["length"]),
        str(told["digest"]),
        doubt=None if severity is rule.severity else severity,
    )
