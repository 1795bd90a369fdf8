"""What agents say of tasks does not fit together: the rules `work.*`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fleet.auditor import work_watch
from fleet.auditor.audit import Audit
from fleet.contract.signing import key_id, sign
from fleet.contract.timestamps import timestamp, ulid
from tests.support.audits import NOON, an_audit

OLD = ulid(NOON - 86_400)
NEW = ulid(NOON + 60)


class Bus:
    """Messages about tasks, one a minute after noon unless it is said when."""

    def __init__(self, **how: Any) -> None:
        self.audit: Audit = an_audit(**how)
        self.line = 0
        self.seq = 0
        self.told: list[str] = []

    def _say(self, agent: str, kind: str, body: dict[str, Any], at: float, retain: bool) -> None:
        self.line += 1
        before = len(self.audit.findings)
        payload = json.dumps(body, separators=(",", ":")).encode()
        self.audit.examine(self.line, at, f"fleet/{agent}/{kind}", payload, retain)
        self.told += [finding.rule.id for finding in self.audit.findings[before:]]

    def offer(
        self, agent: str, task: str, *, at: float = NOON, retain: bool = False, **more: Any
    ) -> None:
        body = {"id": task, "epoch": 0, "ts": timestamp(at), "ttl": 60, **more}
        self._say(agent, "task", body, at, retain)

    def progress(
        self, agent: str, task: str, *, at: float = NOON, retain: bool = False, **more: Any
    ) -> None:
        self.seq += 1
        body = {"task": task, "epoch": 1, "attempt": 1, "state": "working", "progress": 1,
                "ts": timestamp(at), "boot": 1773869400125, "seq": self.seq, **more}  # fmt: skip
        self._say(agent, "progress", body, at, retain)


def test_work_that_was_offered_and_goes_on_is_clean():
    bus = Bus()
    bus.progress("alpha", OLD)
    bus.offer("beta", NEW, at=NOON + 61)
    for second in range(100):
        bus.progress("beta", NEW, at=NOON + 62 + second, progress=second)
    bus.progress("beta", NEW, at=NOON + 200, state="failed", reason="worker-exit")
    bus.offer("alpha", NEW, at=NOON + 201, epoch=1)
    bus.progress("alpha", NEW, at=NOON + 202, epoch=2, attempt=2)
    assert bus.told == []


def test_two_agents_under_one_epoch_are_told_once():
    bus = Bus()
    bus.progress("alpha", OLD)
    bus.progress("beta", OLD)
    bus.progress("beta", OLD)
    assert bus.told == ["work.two-holders"]


def test_a_worker_that_lost_its_task_and_goes_on_is_told_and_what_is_sent_again_is_not():
    bus = Bus()
    bus.progress("alpha", OLD)
    bus.progress("beta", OLD, at=NOON + 60, epoch=2, attempt=2)
    bus.progress("alpha", OLD, at=NOON + 100)
    bus.progress("alpha", OLD, at=NOON + 500, ts=timestamp(NOON + 100))
    assert bus.told == []
    bus.progress("alpha", OLD, at=NOON + 121)
    assert bus.told == ["work.old-epoch"]


def test_a_task_that_was_never_offered_is_told_unless_it_is_older_than_the_capture():
    bus = Bus()
    bus.offer("alpha", NEW)
    bus.progress("beta", OLD)
    assert bus.told == []
    bus.progress("beta", NEW, at=NOON + 61)
    assert bus.told == ["work.unoffered"]


def test_when_offers_were_forgotten_nobody_is_blamed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(work_watch, "MAX_OFFERS", 2)
    bus = Bus()
    tasks = [ulid(NOON + 60 + number) for number in range(4)]
    for task in tasks:
        bus.offer("alpha", task)
    for task in tasks:
        bus.progress("alpha", task, at=NOON + 70)
    assert bus.told == []


@pytest.mark.parametrize("kind", ["task", "progress"])
def test_a_digest_on_the_bus_is_told_and_never_printed(kind: str):
    bus = Bus()
    digest = "sha256:" + "0123456789abcdef" * 4
    say = bus.offer if kind == "task" else bus.progress
    say("alpha", OLD, digest=digest)
    assert {"work.digest", "contract.unknown-field"} <= set(bus.told)
    [found] = [f for f in bus.audit.findings if f.rule.id == "work.digest"]
    assert found.length == len(digest)
    assert "0123456789abcdef" not in repr(found)


def test_a_retained_task_or_progress_is_told():
    bus = Bus()
    bus.offer("alpha", OLD, retain=True)
    bus.progress("alpha", OLD, retain=True)
    assert bus.told == ["traffic.retained-command"] * 2


def test_an_offer_that_the_hub_did_not_sign_is_told_where_it_signs():
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    bus = Bus(keys={key_id(public): public})
    bus.offer("alpha", OLD)
    assert bus.told == ["traffic.lateral"]
    topic, body = "fleet/alpha/task", {"id": NEW, "epoch": 0, "ts": timestamp(NOON), "ttl": 60}
    signed = sign(key, topic, body)
    bus.audit.examine(9, NOON, topic, json.dumps(signed, separators=(",", ":")).encode(), False)
    elsewhere = json.dumps(signed, separators=(",", ":")).encode()
    assert len(bus.audit.findings) == 1
    bus.audit.examine(9, NOON, "fleet/beta/task", elsewhere, False)
    assert len(bus.audit.findings) == 2


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(work_watch, "MAX_TASKS", 50)
    bus = Bus()
    for number in range(200):
        bus.progress("alpha", ulid(NOON - 3600 + number))
    assert len(bus.audit._work._seen) == 50
