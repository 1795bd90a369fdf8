"""A heartbeat that says nothing new is read the short way, and judged as if it were read whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.audit.compact import compact
from fleet.auditor.allowance import Allowance
from fleet.auditor.audit import Audit
from fleet.auditor.rules.digester import Digester
from fleet.auditor.unchanged import LastHeartbeat
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.domain import information
from fleet.domain.daily_bounds import Bounds

NOON = 1_773_835_200.0
BEAT: dict[str, Any] = {
    "ok": True, "ts": timestamp(NOON), "uptime": 60, "interval": 600, "boot": 1_773_000_000_000,
    "seq": 7, "checks": {"process": "pass"}, "alerts": [], "metrics": {"queue_depth": 3, "rows": 4},
}  # fmt: skip


def payloads() -> list[str]:
    """One honest heartbeat, and what comes behind it with the same end or nearly."""
    text = compact(BEAT)
    changed = [
        {"seq": 8}, {"uptime": 4e8}, {"seq": 4_111_111_111_111_111}, {"boot": 1_773_000_000_001},
        {"interval": 1}, {"interval": 100_000}, {"ok": "yes"}, {"seq": -1}, {"note": "x"},
        {"metrics": {"queue_depth": 5, "rows": 4}}, {"metrics": {"john_smith": 1}},
        {"checks": {"karma": "pass"}}, {"ts": "yesterday"}, {"uptime": None},
    ]  # fmt: skip
    found = [text, text, *(compact({**BEAT, **fields}) for fields in changed)]
    without = {name: value for name, value in BEAT.items() if name != "interval"}
    found += [compact(without), compact(without)]
    found += [
        text.replace('"seq":7', '"seq":7,"seq":8'),
        text.replace('"seq":7', '"seq": 7'),
        text.replace('{"ok"', '{"metrics":{"mary_jones":1},"ok"'),
        text.replace('{"ok"', '[{"ok"'),
        "x" + text,
        json.dumps(BEAT),
        text.replace('"seq":7', '"se\\u0071":7'),
    ]
    return [text for other in found for text in (found[0], other, other)]


def judged(monkeypatch: pytest.MonkeyPatch, *, short: bool) -> list[dict[str, Any]]:
    audit = Audit(Topics(), Reader(), Digester(b"key"))
    audit.allowance = Allowance(Bounds(), frozenset({"a1"}))
    with monkeypatch.context() as patched:
        if not short:
            patched.setattr(LastHeartbeat, "again", lambda *_: None)
        for number, payload in enumerate(payloads()):
            audit.examine(number, NOON + number, "fleet/a1/heartbeat", payload.encode(), False)
    told = [finding.as_dict() for finding in audit.findings]
    return [*told, {"bits": audit.allowance.most.bits, "kinds": audit.tally.kinds}]


def test_the_short_way_tells_what_the_long_one_tells(monkeypatch: pytest.MonkeyPatch):
    long = judged(monkeypatch, short=False)
    assert len(long) > 20
    assert judged(monkeypatch, short=True) == long


def test_only_a_heartbeat_with_the_same_end_and_fields_goes_the_short_way():
    last, text = LastHeartbeat(), compact(BEAT).encode()
    assert last.again(text) is None
    last.keep(text, Reader().read("heartbeat", text))
    assert last.again(text.replace(b'"seq":7', b'"seq":8')).seq == 8
    assert last.again(text.replace(b'"rows":4', b'"rows":5')) is None
    assert last.again(text.replace(b'"interval":600,', b"")) is None


def test_a_text_cut_at_its_tail_has_the_length_of_the_whole():
    said = information.Said()
    bits = [said.say(payload.encode(), NOON + n) for n, payload in enumerate(payloads())]
    whole = information.Said()
    whole_bits = []
    for number, payload in enumerate(payloads()):
        # With another tail in between nothing is taken from the message before.
        whole._tail = b"?"
        whole_bits.append(whole.say(payload.encode(), NOON + number))
    assert bits == whole_bits
