"""An audit by several processes makes the report that one makes."""

from __future__ import annotations

import json
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from benchmarks.audit.compact import compact
from fleet.auditor import replay, shares
from fleet.auditor.allowance import Allowance
from fleet.auditor.audit import Audit
from fleet.auditor.report import leak_budget
from fleet.auditor.report.report import report_of
from fleet.contract.errors import FleetError
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.domain.daily_bounds import Bounds
from tests.support.audits import NOON, an_audit

AGENTS = ("ada", "bob", "carol", "dave", "john-smith", "ssn-078-05-1120", "eve", "mallory")
TASK = "01KJCBQPXJW1QJN0WAZ3AW8JJE"
ODD = (
    b"", b"  \n", b"not json\n", b'{"gap":"hub-down","since":1,"until":2}\n', b"[1,2]\n",
    b'{"ts":1773835200,"topic":"fleet/ada/heartbeat","payload":"{}","topic":"fleet/bob/heartbeat"}\n',
    b'{"ts":1773835200,"topic":"fleet/ada/heartbeat","payload":"{}","\\u0074opic":"fleet/eve/alert"}\n',
    b'{"topic":"fleet/dave/heartbeat","ts":1773835200.5,"payload":"x"}\n',
    b'{"ts":1773835200,"topic":"fleet/ada/heartbeat","payload":"{\n',
    b'{"ts":1773835200,"topic":"fleet/\xff/heartbeat","payload":"x"}\n',
    b'{"ts":"2026-03-18T12:00:00Z","topic":"fleet/caf\\u00e9/heartbeat","payload":{"a":1}}\n',
)  # fmt: skip
"""Lines that are not as the hub writes them."""


def message(r: random.Random, at: float) -> dict[str, Any]:
    """Anything that a fleet, or whoever is in it, may say."""
    agent = r.choice(AGENTS)
    beat = {
        "ok": True, "ts": timestamp(at), "uptime": r.choice((5, 6, 4_111_111_111_111_111)),
        "boot": r.choice((1_773_000_000_000, 1_773_000_000_001)), "seq": r.randint(1, 9),
        "interval": r.choice((1, 600)), "checks": {"process": r.choice(("pass", "fail", "odd"))},
        "metrics": {f"{r.choice(('rows', 'queue', 'mary_jones'))}_{r.randint(1, 9)}": r.random()},
    }  # fmt: skip
    offer = {"id": TASK, "epoch": r.randint(0, 3), "ts": timestamp(at), "ttl": 60,
             "kid": "0" * 16, "sig": "A" * 86}  # fmt: skip
    told = {"task": TASK, "epoch": r.randint(1, 3), "attempt": 1, "state": "working",
            "ts": timestamp(at), "boot": 7, "seq": 1, "progress": 40}  # fmt: skip
    topic, payload = r.choice(
        (
            *[(f"fleet/{agent}/heartbeat", beat)] * 8,
            (f"fleet/{agent}/heartbeat", {**beat, "note": "call john.smith@example.com"}),
            (f"fleet/{agent}/status", {"state": "running", "ts": timestamp(at)}),
            (f"fleet/{agent}/alert", {"code": "disk-pressure", "severity": "info",
                                      "state": "firing", "ts": timestamp(at)}),
            (f"fleet/{agent}/progress", told),
            (f"fleet/{agent}/task", offer),
            (f"fleet/{agent}/command", {"verb": "health-check", "id": TASK}),
            (Topics().broadcast, {"verb": "health-check"}),
            (f"fleet/{agent}/chat/{r.choice(AGENTS)}", {"text": "hello"}),
            (f"other/{agent}/dm", {"x": 1}),
            (f"fleet/{agent}/heartbeat", ""),
        )
    )  # fmt: skip
    text = payload if isinstance(payload, str) else compact(payload)
    return {"ts": at, "topic": topic, "payload": text, "retain": r.random() < 0.2}


def capture(folder: Path, seed: int, count: int) -> list[Path]:
    """Two files, the last of which ends within a line."""
    r, paths = random.Random(seed), []
    for part in range(2):
        path = folder / f"capture-{seed}-{part}.jsonl"
        with path.open("wb") as stream:
            for number in range(count):
                at = NOON + 43_000 * part + number * r.choice((0.01, 30.0))
                stream.write(json.dumps(message(r, at)).encode() + b"\n")
                if r.random() < 0.05:
                    stream.write(r.choice(ODD))
            if part:
                stream.write(b'{"ts":1773835200,"topic":"fleet/bob/heartbeat","payl')
        paths.append(path)
    return paths


def audit() -> Audit:
    one = an_audit(
        enrolled=frozenset({"ada", "bob", "carol"}),
        seen={"ada": frozenset({"heartbeat.ok"}), "carol": frozenset()},
    )
    one.allowance = Allowance(Bounds(), frozenset({"ada", "bob", "carol"}))
    return one


def report(one: Audit, paths: list[Path], jobs: int) -> str:
    gaps = replay.over_files(one, paths, jobs=jobs)
    budget = leak_budget.of(one.allowance).as_dict()
    return json.dumps(report_of(one, gaps, at=NOON, leak_budget=budget).as_dict())


@pytest.mark.parametrize("seed", range(3))
def test_the_report_is_the_same_byte_for_byte(tmp_path: Path, seed: int):
    paths = capture(tmp_path, seed, 300)
    alone = report(audit(), paths, 1)
    assert len(json.loads(alone)["findings"]) > 100
    assert len(json.loads(alone)["gaps"]) > 3
    assert {"work.two-holders", "traffic.rate"} <= json.loads(alone)["rules"].keys()
    assert report(audit(), paths, 2) == alone
    assert report(audit(), paths, 3) == alone


def test_what_comes_by_a_pipe_is_read_by_one_process(tmp_path: Path):
    [path, _] = capture(tmp_path, 1, 40)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes()))
    writing.start()
    one = audit()
    replay.over_files(one, [pipe], jobs=2)
    writing.join(30)
    assert one.tally.messages > 20


def test_what_the_broker_says_is_judged_by_all_that_was_heard(tmp_path: Path):
    paths = capture(tmp_path, 4, 100)
    log = tmp_path / "log"
    log.write_text("1773835200: Received PUBLISH from eve (d0, q1, r0, m1, 'fleet/ada/status', …\n")
    told = []
    for jobs in (1, 3):
        one = audit()
        replay.over_files(one, paths, jobs=jobs)
        replay.over_broker_log(one, log)
        told.append(([one.register.show(f"fleet/{name}/x") for name in AGENTS], one.findings))
    assert told[0] == told[1]


def test_more_agents_than_are_told_apart_are_judged_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    paths = capture(tmp_path, 5, 100)
    for place in ("topic_register", "detection.fast_path"):
        monkeypatch.setattr(f"fleet.auditor.{place}.MAX_REMEMBERED", 3)
    assert shares.over_files(audit(), paths, 2) is None
    assert report(audit(), paths, 2) == report(audit(), paths, 1)


def test_a_process_that_dies_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def die(*_: object) -> None:
        raise SystemExit(9)

    monkeypatch.setattr(Audit, "examine", die)
    with pytest.raises(FleetError, match="ended without its part"):
        shares.over_files(audit(), capture(tmp_path, 6, 20), 2)
