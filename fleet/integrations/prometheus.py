"""Prometheus: what to scrape, and the rules, as the files it reads."""

from __future__ import annotations

from typing import Any, Final

import yaml

from fleet.integrations.alert_rules import ALARMS, JOB, RECORDINGS

RULES: Final = "fleet.rules.yml"
TOKEN: Final = "fleet.token"  # noqa: S105 - the name of a file
"""Beside the configuration, 0600, of the account that Prometheus runs under."""

ACCOUNT: Final = 65534
"""Uid of Prometheus in its own image (`nobody`)."""

ALERTMANAGER: Final = "127.0.0.1:9093"


def files(target: str) -> dict[str, str]:
    """Contents by file name; `target` is the hub's host and port."""
    return {"prometheus.yml": dump(configuration(target)), RULES: dump(rules())}


def configuration(target: str) -> dict[str, Any]:
    """What `prometheus --config.file` takes."""
    scrape: dict[str, Any] = {
        "job_name": JOB,
        "authorization": {"credentials_file": TOKEN},
        "static_configs": [{"targets": [target]}],
    }
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": [RULES],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [ALERTMANAGER]}]}]},
        "scrape_configs": [scrape],
    }


def is_here(target: str) -> bool:
    """Whether the hub that is scraped is on this machine, so that its tokens are made here."""
    return target.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]")


def rules() -> dict[str, Any]:
    """Recording and alerting rules, as `promtool check rules` takes them."""
    recordings = [{"record": rule.name, "expr": rule.expr} for rule in RECORDINGS]
    alarms = [
        {
            "alert": alarm.name,
            "expr": alarm.expr,
            "for": alarm.hold,
            "labels": {"severity": alarm.severity},
            "annotations": {"summary": alarm.summary, "try": alarm.remedy},
        }
        for alarm in ALARMS
    ]
    return {
        "groups": [
            {"name": "fleet-recordings", "rules": recordings},
            {"name": "fleet-alerts", "rules": alarms},
        ]
    }


def dump(document: Any) -> str:
    text: str = yaml.safe_dump(document, sort_keys=False, width=100)
    return text
