"""Suppressions: findings that somebody answers for, for a reason and until a day.

They stand in `audit.toml` of the hub's home, or in a file given by name:

    [[suppress]]
    rule = "pii.name"            # or a group: "pii"
    agent = "alpha"              # optional
    field = "topic"              # optional
    digest = "0123456789abcdef"  # optional: just this value
    reason = "the agent is named after a ship"
    owner = "dana"
    until = 2027-01-31
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from fleet.auditor.rules.catalogue import RULES
from fleet.auditor.rules.finding import Finding
from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.timestamps import timestamp

FILE_NAME: Final = "audit.toml"
_REQUIRED: Final = ("rule", "reason", "owner", "until")
_OPTIONAL: Final = ("agent", "field", "digest")


@dataclass(frozen=True, slots=True)
class Suppression:
    """Holds back what matches; an empty `agent`, `field` or `digest` matches all."""

    rule: str
    reason: str
    owner: str
    until: float
    agent: str = ""
    field: str = ""
    digest: str = ""

    def covers(self, finding: Finding) -> bool:
        return (
            self.rule in (finding.rule.id, finding.rule.group.value)
            and self.agent in ("", finding.agent)
            and self.field in ("", finding.field)
            and self.digest in ("", finding.digest)
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "reason": self.reason,
            "owner": self.owner,
            "until": timestamp(self.until),
        }


def load(path: Path) -> list[Suppression]:
    """
    Raises:
        ConfigError: it cannot be read, or a suppression lacks rule, reason, owner or until.
    """
    try:
        document = tomllib.loads(trusted_path.read_text(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    except (ValueError, RecursionError) as error:  # also a number with too many digits
        raise ConfigError(f"{path} is not TOML", str(error), f"mend {path}") from None
    items = document.get("suppress", [])
    if not isinstance(items, list) or set(document) - {"suppress"}:
        raise ConfigError(f"{path} has more than [[suppress]] tables", "", f"mend {path}")
    return [_parse(path, number, item) for number, item in enumerate(items, 1)]


def _parse(path: Path, number: int, item: Mapping[str, Any]) -> Suppression:
    def bad(why: str) -> ConfigError:
        return ConfigError(f"suppression {number} in {path} is not usable", why, f"mend {path}")

    missing = [name for name in _REQUIRED if not item.get(name)]
    if missing:
        raise bad(f"it has no {missing[0]}")
    unknown = set(item) - {*_REQUIRED, *_OPTIONAL}
    if unknown:
        raise bad(f"unknown key {min(unknown)!r}")
    rule = item["rule"]
    if rule not in {known.id for known in RULES} | {known.group.value for known in RULES}:
        raise bad(f"there is no rule {rule!r}")
    until = item["until"]
    if not isinstance(until, date):
        raise bad("until is not a date such as 2027-01-31")
    if not isinstance(until, datetime):
        until = datetime.combine(until, time(23, 59, 59), UTC)
    elif until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    texts = {name: str(item[name]) for name in (*_REQUIRED[:3], *_OPTIONAL) if name in item}
    return Suppression(**texts, until=until.timestamp())
