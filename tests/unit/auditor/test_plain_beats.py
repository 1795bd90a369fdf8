"""A heartbeat of known words is read the short way, and judged as if it were read whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.audit.compact import compact
from fleet.auditor.allowance import Allowance
from fleet.auditor.audit import Audit
from fleet.auditor.detection.plain_beats import PlainBeats
from fleet.auditor.rules.digester import Digester
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


def judged(
    monkeypatch: pytest.MonkeyPatch, told: list[str], *, short: bool, agent: str = "a1"
) -> list[dict[str, Any]]:
    audit = Audit(Topics(), Reader(), Digester(b"key"), seen={agent: frozenset({"heartbeat.ok"})})
    audit.allowance = Allowance(Bounds(), frozenset({agent}))
    with monkeypatch.context() as patched:
        if not short:
            patched.setattr(PlainBeats, "read", lambda *_: None)
        for number, payload in enumerate(told):
            data = payload.encode("utf-8", "surrogatepass")
            audit.examine(number, NOON + number, f"fleet/{agent}/heartbeat", data, False)
    found = [finding.as_dict() for finding in audit.findings]
    shapes = {name: sorted(words) for name, words in audit.tally.shapes.items()}
    return [*found, {"bits": audit.allowance.most.bits, "shapes": shapes}]


def test_the_short_way_tells_what_the_long_one_tells(monkeypatch: pytest.MonkeyPatch):
    long = judged(monkeypatch, payloads(), short=False)
    assert len(long) > 20
    assert judged(monkeypatch, payloads(), short=True) == long


CARD = "4111111111111111"
HIDDEN = [
    {"uptime": 4_111_111_111_111_111}, {"seq": int(CARD)}, {"boot": int(CARD)},
    {"interval": 86_400.123456}, {"ts": "2026-03-18T12:00:00.411111Z"},
    {"metrics": {"queue_depth": int(CARD), "rows": 4}},
    {"metrics": {"rows": 4_111_111, "queue_depth": 3}},
    {"metrics": {"rows": 4111, "x": 1111, "queue_depth": 3}},
    {"metrics": {"x": 1}}, {"metrics": {"c1": 4111, "c2": 1111, "c3": 1111, "c4": 1111}},
    {"metrics": {"a": 104, "b": 101, "c": 108, "d": 108, "e": 111}},
    {"metrics": {"john_smith": 1, "queue_depth": 3}}, {"metrics": {"ssn_078_05_1120": 1}},
    {"checks": {"john.smith@example.com": "pass"}}, {"checks": {"process": "mary jones"}},
    {"checks": {"disk-pressure": "pass"}}, {"alerts": ["process"]}, {"alerts": ["john smith"]},
    {"alerts": ["disk-pressure"] * 40}, {"note": CARD}, {"ok": CARD}, {"ts": CARD},
]  # fmt: skip
"""Places of a heartbeat in which something could be said, each filled."""

SPELLED = [
    lambda text: text.replace('"uptime":60', '"uptime":60.000000000000000004111111111111111'),
    lambda text: text.replace('"uptime":60', '"uptime":6e1'),
    lambda text: text.replace('"interval":600', '"interval":600.00000000000000000004111111111'),
    lambda text: text.replace('"seq":7', '"seq":7.0'),
    lambda text: text.replace('"rows":4', '"rows":4.0000000000000000000000004111111'),
    lambda text: text.replace('"rows":4', '"rows":4e0000000000000000000000'),
    lambda text: text.replace('"seq":7', '"seq":-0'),
    lambda text: text.replace(",", " ,"),
    lambda text: text + "\n",
    lambda text: text + CARD,
    lambda text: text.replace('"seq":7', '"seq":7,"seq":4111111111111111'),
    lambda text: text.replace("process", "proc\\u0065ss"),
    lambda text: text.replace("pass", "\udcff\udcfe"),
    lambda text: "\ufeff" + text,
]
"""The same heartbeat in other letters, which have room too."""


@pytest.mark.parametrize("place", range(len(HIDDEN) + len(SPELLED)))
def test_nothing_is_hidden_from_the_short_way(monkeypatch: pytest.MonkeyPatch, place: int):
    honest = compact(BEAT)
    if place < len(HIDDEN):
        odd = compact({**BEAT, **HIDDEN[place]})
    else:
        odd = SPELLED[place - len(HIDDEN)](honest)
    told = [honest, odd, honest, odd, odd, compact({**BEAT, "alerts": ["disk-pressure"]}), odd]
    long = judged(monkeypatch, told, short=False)
    assert judged(monkeypatch, told, short=True) == long


metrics = st.dictionaries(
    st.sampled_from(
        ("queue_depth", "rows", "x", "c1", "c2", "john_smith", "cpu_seconds_total", "N")
    ),
    st.sampled_from((0, 3, 4.5, -1, 1e6, 1e13, 4_111_111_111_111_111, 10**17, 9_999_999.0)),
    max_size=4,
)
beats = st.fixed_dictionaries(
    {"ok": st.sampled_from((True, False, 1)), "ts": st.sampled_from((timestamp(NOON), "now"))},
    optional={
        "uptime": st.sampled_from((5, 5.5, 3.3e8, -1)),
        "interval": st.sampled_from((60, 0, 1e6)),
        "boot": st.sampled_from((1_773_000_000_000, 7, 10**15, 10**8)),
        "seq": st.sampled_from((1, 2, 99_999_999, 100_000_000, 4_111_111_111_111_111)),
        "checks": st.dictionaries(
            st.sampled_from(("process", "disk", "karma", "disk-pressure")),
            st.sampled_from(("pass", "fail", "odd")), max_size=2,
        ),
        "alerts": st.lists(st.sampled_from(("disk-pressure", "process", "odd")), max_size=2),
        "metrics": metrics,
    },
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(st.lists(beats, min_size=2, max_size=12))
def test_any_story_of_heartbeats_is_judged_alike(told: list[dict[str, Any]]):
    with pytest.MonkeyPatch.context() as patched:
        texts = [compact(beat) for beat in told]
        long = judged(patched, texts, short=False)
        assert judged(patched, texts, short=True) == long


def test_the_words_of_what_was_read_whole_are_known_and_no_others():
    audit = Audit(Topics(), Reader(), Digester(b"key"))
    beats, text = audit._fast_path.beats, compact(BEAT).encode()
    assert beats.read(text) is None
    audit.examine(1, NOON, "fleet/a1/heartbeat", text, False)
    beat, _ = beats.read(text.replace(b'"seq":7', b'"seq":8'))
    assert (beat.seq, beat.alerts, beat.metrics) == (8, [], {"queue_depth": 3, "rows": 4})
    assert beats.read(text.replace(b"rows", b"lines")) is None
    beat, _ = beats.read(b'{"ok":true,"ts":"2026-03-18T12:00:00Z"}')
    assert (beat.seq, beat.checks, beat.metrics) == (None, None, None)


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
