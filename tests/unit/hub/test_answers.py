"""The short way of an answer leads to where the long way does, or is not taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.bus.port import Inbound
from fleet.contract.answer_fast_path import Answer, ReplyPart, VersionTexts, decode_answer
from fleet.contract.messages import Reply, Status, Versions
from fleet.contract.reader import Reader
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind, Plane
from fleet.domain.daily_bounds import Bounds
from fleet.domain.roster import Roster
from fleet.hub.committer import Committer
from fleet.hub.counters import Counters
from fleet.hub.daily_budget import DailyBudget
from fleet.hub.daily_limits import DailyLimits
from fleet.hub.feed import Feed
from fleet.hub.ingest import Ingest
from fleet.hub.judged_batch import JudgedBatch
from fleet.hub.receipts import Receipts
from fleet.store.in_memory import InMemoryStore
from tests.support.payloads import VALID, anything, damaged, text

NOON = 1_800_000_000.0
ID = "01JZ4KQX7WVB3N8M2RDTYCG5HA"
CONFIG = "sha256:" + "1a" * 32
READER = Reader()
BIRTH: dict[str, Any] = {
    "state": "running",
    "ts": timestamp(NOON),
    "boot": 7,
    "seq": 0,
    "kind": "nanobot",
    "versions": {"agent": "1.2", "sidecar": "0.1"},
    "config": CONFIG,
    "checks": {"process": "pass"},
}
BEAT = {"ok": True, "ts": timestamp(NOON), "interval": 60, "boot": 7, "checks": {"process": "pass"}}
REPLY = {"to": ID, "verb": "health-check", "result": "done", "code": "ok", "took": 0.25}


class Way:
    """An intake without bus and disk, whose short way may be closed."""

    def __init__(self, *, short: bool) -> None:
        self.counters, self.roster = Counters(), Roster(interval=60)
        committer = Committer(InMemoryStore(), self.roster, Feed(self.counters), self.counters)
        bus: Any = None
        receipts = Receipts(bus, Topics(), self.counters)
        self.limits = DailyLimits(Bounds(events=3, versions=1).refused())
        self.limits.draw = lambda most: most - 1
        budget = DailyBudget(3_000)
        self.ingest = Ingest(bus, Topics(), READER, committer, receipts, budget, limits=self.limits)
        self.taken = 0
        take = self.ingest._take_answer

        def counted(agent: str, payload: bytes, at: float, judged: JudgedBatch) -> bool:
            taken = short and take(agent, payload, at, judged)
            self.taken += taken
            return taken

        self.ingest._take_answer = counted  # type: ignore[method-assign]

    def hear(self, kind: str, payload: bytes, at: float, *, retain: bool = False) -> JudgedBatch:
        judged = JudgedBatch()
        inbound = Inbound(f"fleet/ada/{kind}", payload, 1, retain)
        self.ingest._judge_all([inbound], at, judged)
        return judged

    def state(self) -> Any:
        counts = self.limits._counts.get("ada")
        kept = counts and {name: getattr(counts, name) for name in counts.__slots__}
        view = self.roster.view("ada", NOON + 500)
        return list(self.roster.dump()), view, self.roster.unheard, kept, self.counters


def both() -> tuple[Way, Way]:
    """Two that heard a birth, and a beat."""
    ways = (Way(short=True), Way(short=False))
    for way in ways:
        way.hear("status", text(BIRTH), NOON)
        way.hear("heartbeat", text(BEAT | {"seq": 1}), NOON)
    return ways


def answer(**changes: Any) -> dict[str, Any]:
    message = BIRTH | {"seq": 2, "ts": timestamp(NOON + 5), "reply": REPLY} | changes
    return {name: value for name, value in message.items() if value is not None}


def same(short: Way, long: Way, kind: str, message: object, at: float, **how: Any) -> None:
    payload = text(message)
    assert short.hear(kind, payload, at, **how) == long.hear(kind, payload, at, **how)
    assert short.state() == long.state()


WORDLESS = dict.fromkeys(("kind", "versions", "config", "checks"))


@pytest.mark.parametrize(
    "changes",
    [{}, WORDLESS, {"reply": {"verb": "status-report", "result": "failed"}}, {"checks": None}],
)
def test_an_answer_that_says_nothing_else_takes_the_short_way(changes: dict[str, Any]) -> None:
    short, long = both()
    same(short, long, "status", answer(**changes), NOON + 5)
    assert (short.taken, long.taken) == (1, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "degraded"},
        {"state": "offline"},
        {"boot": 8},
        {"boot": None},
        {"seq": 1},
        {"seq": 3},
        {"seq": None},
        {"kind": "hermes"},
        {"versions": {"agent": "1.2"}},
        {"config": "sha256:" + "1b" * 32},
        {"config": "sha256:" + "1A" * 32},
        {"checks": {"process": "warn"}},
        {"checks": {"process": "pass", "mood": "pass"}},
        {"metrics": {"memory_bytes": 5}},
        {"reply": None},
        {"reply": REPLY | {"to": ID.lower()}},
        {"reply": REPLY | {"result": "maybe"}},
        {"reply": REPLY | {"took": -1}},
        {"reply": REPLY | {"note": "hello"}},
        {"ts": "yesterday"},
        {"note": "hello"},
    ],
)
def test_anything_else_takes_the_long_way(changes: dict[str, Any]) -> None:
    short, long = both()
    same(short, long, "status", answer(**changes), NOON + 5)
    assert not short.taken


def test_who_is_late_by_now_is_judged() -> None:
    short, long = both()
    same(short, long, "status", answer(), NOON + 93)
    assert not short.taken


def test_what_is_retained_and_what_waited_while_nobody_listened_take_the_long_way() -> None:
    short, long = both()
    same(short, long, "status", answer(), NOON + 5, retain=True)
    for way in (short, long):
        way.roster.stop_listening(NOON + 6)
    same(short, long, "status", answer(), NOON + 7)
    assert not short.taken


ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["running", "running", "degraded", "offline"]),
        "seq": st.integers(1, 6),
        "boot": st.sampled_from([7, 7, 8]),
        "ts": st.sampled_from([NOON - 3600, NOON + 30]).map(timestamp),
        "checks": st.sampled_from([None, {}, {"process": "pass"}, {"process": "fail"}]),
        "config": st.sampled_from([None, CONFIG, CONFIG.replace("a", "b")]),
        "versions": st.sampled_from([None, {"agent": "1.2", "sidecar": "0.1"}, {"agent": "2"}]),
        "reply": st.sampled_from([None, REPLY, {"verb": "config-reload", "result": "done"}]),
        "metrics": st.sampled_from([{}, {"memory_bytes": 1.23456}]),
    },
)
STEP = st.tuples(st.sampled_from([0.0, 1.0, 20.0, 95.0]), st.sampled_from([False, False, True]))
TURNS = st.lists(st.tuples(ANSWERS, STEP), max_size=9)


@settings(max_examples=120, deadline=None)
@given(turns=TURNS)
def test_both_ways_end_alike_whatever_comes(turns: list[tuple[dict[str, Any], Any]]) -> None:
    short, long = both()
    at = NOON
    for number, (changes, (later, beats)) in enumerate(turns):
        at += later
        said = {"seq": 2 + number, "ts": timestamp(at)}
        if beats:
            same(short, long, "heartbeat", BEAT | said, at)
        else:
            same(short, long, "status", answer(**(said | changes)), at)
        for way in (short, long):
            way.roster.tick(at)
        assert short.state() == long.state()


@settings(max_examples=120, deadline=None)
@given(message=st.one_of(VALID[MessageKind.STATUS], damaged(MessageKind.STATUS), anything))
def test_the_fast_path_sees_what_the_model_sees(message: object) -> None:
    payload = text(message)
    seen = decode_answer(payload)
    if seen is None or set(seen.checks or ()) - set(Plane):
        return
    if seen.config is not None or seen.versions is not None:
        return  # nor their texts
    whole = READER.read(MessageKind.STATUS, payload)
    for field in set(seen.__struct_fields__) - {"reply", "versions"}:
        assert getattr(whole, field) == getattr(seen, field)


@pytest.mark.parametrize(
    "changed",
    [
        ('"seq":2', '"seq":2,"seq":3'),
        ('"boot":7', '"boot":null'),
        ('"took":0.25', '"took":null'),
        ('"took":0.25', '"took":0.2500000000000000001'),
        ('"kind":"nanobot"', '"kind":null'),
        ('"agent":"1.2"', '"agent":"1.2","agent":"1.2"'),
        ('"state":', " " * 80 + '"state":'),
        ('"state":', '"st\\u0061te":'),
    ],
)
def test_what_the_fast_path_cannot_tell_is_left_to_the_reader(changed: tuple[str, str]) -> None:
    payload = json.dumps(answer(), separators=(",", ":"))
    assert decode_answer(payload.encode())
    assert decode_answer(payload.replace(*changed, 1).encode()) is None


@settings(max_examples=50, deadline=None)
@given(payload=st.binary(max_size=200))
def test_bytes_never_crash_the_fast_path(payload: bytes) -> None:
    decode_answer(payload)


def test_the_fast_path_knows_the_fields_of_the_models() -> None:
    assert {*Answer.__struct_fields__, "metrics"} == set(Status.model_fields)
    assert set(ReplyPart.__struct_fields__) == set(Reply.model_fields)
    assert set(VersionTexts.__struct_fields__) == set(Versions.model_fields)
