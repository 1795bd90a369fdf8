"""A rejected message: the contract's own values are no evidence beside a foreign one."""

from __future__ import annotations

import errno
import http
import itertools
import json
import mimetypes
import os
import random
import signal
import sys
from collections import Counter
from importlib import metadata
from typing import Any

from prometheus_client import REGISTRY

from fleet.auditor.audit import Audit
from fleet.auditor.rules.digester import Digester
from fleet.auditor.rules.finding import Finding
from fleet.contract.messages import Alert, Heartbeat, Status
from fleet.contract.reader import Reader
from fleet.contract.topics import Topics

MESSAGES = 10_000 if os.environ.get("FLEET_FUZZ") == "whole" else 2_000
TOPICS, READER = Topics(), Reader()


def found(topic: str, payload: object, audit: Audit | None = None) -> list[Finding]:
    audit = audit or Audit(TOPICS, READER, Digester(b"test"))
    text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
    audit.examine(1, None, topic, text.encode(), False)
    told = list(audit.findings)
    audit.findings.clear()
    return told


def harmless() -> list[tuple[str, Any]]:
    """Fields that the contract lacks, by words that others chose: packages, signals, systems."""
    words = [
        *sorted(str(package.name).lower() for package in metadata.distributions()),
        *sorted(errno.errorcode.values()),
        *(entry.name for entry in signal.Signals),
        *sorted(set(mimetypes.MimeTypes().types_map[True].values())),
        *(status.name for status in http.HTTPStatus),
        *sorted(sys.stdlib_module_names),
        *(metric.name for metric in REGISTRY.collect()),
        "ok", "eu-west-1", "1.2.3", "",
    ]  # fmt: skip
    names = ("note", "region", "mode", "phase", "level", "unit", "group", "source", "extra")
    numbers = (0, 1, -1, 42, 1920, 65_535, 0.25, 99.5, True, False, None, [], {}, [1, 2, 3])
    fields = [(names[i % len(names)], word) for i, word in enumerate(words)]
    return fields + [(name, number) for name in names for number in numbers]


def valid(r: random.Random) -> tuple[str, dict[str, Any]]:
    """A message as a busy sidecar sends it, with every field that its kind has."""
    kind = r.choice((Heartbeat, Heartbeat, Heartbeat, Status, Alert))
    payload = json.loads(json.dumps(kind.examples[-1]))
    payload["boot"] = r.randint(1_700_000_000_000, 1_790_000_000_000)
    payload["seq"] = r.randint(0, 900_000)
    if kind is Heartbeat:
        payload["uptime"] = round(r.uniform(1, 4e6), 1)
        payload["metrics"] = {
            "memory_bytes": r.randint(10**7, 10**10),
            "tokens_input_total": r.randint(0, 10**9),
            "cpu_seconds_total": round(r.uniform(0, 1e6), 2),
        }
    if kind is Alert:
        payload["value"] = r.randint(0, 10**6)
    return f"fleet/{r.choice(('nanobot-1', 'claw-7', 'web-prod'))}/{kind.kind_of_message}", payload


def test_harmless_foreign_fields_are_told_by_the_contract_alone() -> None:
    r = random.Random(26)
    fields = itertools.cycle(harmless())
    others: Counter[str] = Counter()
    shown: list[tuple[str, str, str]] = []
    audit = Audit(TOPICS, READER, Digester(b"test"))
    for (name, value), _ in zip(fields, range(MESSAGES), strict=False):
        topic, payload = valid(r)
        payload[name] = value
        findings = found(topic, payload, audit)
        assert any(finding.rule.id == "contract.unknown-field" for finding in findings)
        for finding in findings:
            if finding.rule.group != "contract":
                others[finding.rule.id] += 1
                shown.append((finding.rule.id, finding.field, str(value)))
    assert not others, shown[:20]
