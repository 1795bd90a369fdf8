"""The short way of a heartbeat leads to where the long way does, or is not taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.contract.heartbeat_fast_path import Beat, decode_heartbeat
from fleet.contract.messages import Heartbeat
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import AlertCode, MessageKind, Plane
from fleet.domain.hub_alerts import GAP_HOLD
from fleet.domain.roster import Roster
from tests.support.payloads import VALID, anything, damaged, text

NOON = 1_800_000_000.0
ADA = Address("ada", MessageKind.HEARTBEAT)
OF_ALERTS = Address("ada", MessageKind.ALERT)
READER = Reader()
BEAT = {
    "ok": True,
    "ts": timestamp(NOON),
    "uptime": 5,
    "interval": 60,
    "boot": 7,
    "seq": 3,
    "checks": {"process": "pass", "disk": "warn"},
    "alerts": ["disk-pressure"],
    "metrics": {"memory_bytes": 5, "cpu_seconds_total": 1.5},
}


def heard(roster: Roster, payload: bytes, at: float) -> None:
    roster.observe(ADA, READER.read(MessageKind.HEARTBEAT, payload), at=at)


def both() -> tuple[Roster, Roster]:
    """Two rosters that heard the same beat."""
    rosters = (Roster(), Roster())
    for roster in rosters:
        heard(roster, text(BEAT), NOON)
    return rosters


def state(roster: Roster) -> Any:
    (frozen,) = roster.dump()
    return frozen, roster.view("ada", NOON + 500)


def next_beat(**changes: Any) -> dict[str, Any]:
    return BEAT | {"seq": 4, "ts": timestamp(NOON + 60)} | changes


def unchanged(roster: Roster, message: dict[str, Any], at: float = NOON + 60.2) -> bool:
    beat = decode_heartbeat(text(message))
    return beat is not None and roster.observe_unchanged("ada", beat, at)


@pytest.mark.parametrize(
    "changes",
    [{}, {"uptime": 6.5}, {"metrics": {"memory_bytes": 6, "cpu_seconds_total": 2}}],
)
def test_a_beat_that_says_nothing_new_takes_the_short_way(changes: dict[str, Any]) -> None:
    short, long = both()
    assert unchanged(short, next_beat(**changes))
    heard(long, text(next_beat(**changes)), NOON + 60.2)
    assert state(short) == state(long)


@pytest.mark.parametrize("field", ["interval", "checks", "alerts", "metrics", "uptime"])
def test_what_a_beat_leaves_out_stays_as_it_was(field: str) -> None:
    short, long = both()
    message = {name: value for name, value in next_beat().items() if name != field}
    assert unchanged(short, message)
    heard(long, text(message), NOON + 60.2)
    assert state(short) == state(long)


@pytest.mark.parametrize(
    "checks",
    [
        {"process": "warn", "disk": "warn"},
        {"process": "pass", "disk": "pass"},
        {"process": "pass", "disk": "unknown"},
        {"disk": "pass", "process": "pass"},
    ],
)
def test_planes_of_which_no_verdict_follows_take_the_short_way(checks: dict[str, str]) -> None:
    short, long = both()
    assert unchanged(short, next_beat(checks=checks))
    heard(long, text(next_beat(checks=checks)), NOON + 60.2)
    assert state(short) == state(long)
    assert short.view("ada", NOON + 61).checks == checks


def test_changed_planes_take_the_long_way_while_the_hubs_clock_is_wrong() -> None:
    roster, _ = both()
    roster.know_clock_error(200.0, NOON + 1)
    assert not unchanged(roster, next_beat(checks={"process": "pass", "disk": "pass"}))


def test_an_alert_does_not_close_the_short_way_to_the_beats_behind_it() -> None:
    short, long = both()
    alert = {"code": "idle-cost", "severity": "info", "state": "firing", "boot": 7, "seq": 4}
    message = READER.read(MessageKind.ALERT, text(alert | {"ts": timestamp(NOON + 30)}))
    codes = ["disk-pressure", "idle-cost"]
    for roster in (short, long):
        roster.observe(OF_ALERTS, message, at=NOON + 30)
    assert unchanged(short, next_beat(seq=5, alerts=codes))
    heard(long, text(next_beat(seq=5, alerts=codes)), NOON + 60.2)
    assert state(short) == state(long)


@pytest.mark.parametrize(
    "changes",
    [
        {"ok": False},
        {"boot": 8},
        {"seq": 3},
        {"seq": 5},
        {"interval": 30},
        {"checks": {"process": "fail", "disk": "warn"}},
        {"checks": {"process": "pass"}},
        {"checks": {"process": "unknown", "disk": "pass"}},
        {"checks": {"process": "pass", "disk": "warn", "mood": "pass"}},
        {"checks": {"process": "pass", "mood": "warn"}},
        {"alerts": []},
        {"alerts": ["idle-cost"]},
        {"alerts": ["no-such-code"]},
        {"metrics": {"memory_bytes": 5}},
        {"metrics": {"Memory": 5, "cpu_seconds_total": 1.5}},
        {"ts": "yesterday"},
        {"note": "hello"},
    ],
)
def test_anything_else_takes_the_long_way(changes: dict[str, Any]) -> None:
    roster, untouched = both()
    assert not unchanged(roster, next_beat(**changes))
    assert state(roster) == state(untouched)


def test_a_wrong_clock_takes_the_long_way_once_it_is_confirmed() -> None:
    roster, _ = both()
    assert unchanged(roster, next_beat(ts=timestamp(NOON + 20)))
    assert not unchanged(roster, next_beat(seq=5, ts=timestamp(NOON + 80)), NOON + 120.2)


def test_beats_that_waited_in_a_queue_take_the_short_way() -> None:
    short, long = both()
    for seq in range(4, 50):
        message = next_beat(seq=seq, ts=timestamp(NOON + seq))
        at = NOON + 3600 + seq / 1000
        assert unchanged(short, message, at)
        heard(long, text(message), at)
    assert state(short) == state(long)


def test_an_agent_that_nobody_heard_of_takes_the_long_way() -> None:
    assert not unchanged(Roster(), BEAT)


def test_what_is_kept_of_an_earlier_session_does_not_close_the_short_way() -> None:
    short, long = both()
    again = BEAT | {"boot": 8, "seq": 0, "ts": timestamp(NOON + 60)}
    for roster in (short, long):
        heard(roster, text(again), NOON + 60)
    message = again | {"seq": 1, "ts": timestamp(NOON + 120)}
    assert unchanged(short, message, NOON + 120)
    heard(long, text(message), NOON + 120)
    assert state(short) == state(long)


def test_a_lost_message_closes_the_short_way_only_until_it_is_history() -> None:
    short, long = both()
    for roster in (short, long):
        heard(roster, text(next_beat(seq=9)), NOON + 60)
    taken = []
    for number in range(10, 80):
        at = NOON + 60 * (number - 8)
        message = text(next_beat(seq=number, ts=timestamp(at)))
        beat = decode_heartbeat(message)
        assert beat is not None
        for roster in (short, long):
            roster.tick(at)
        taken.append(short.observe_unchanged("ada", beat, at))
        if not taken[-1]:
            heard(short, message, at)
        heard(long, message, at)
        assert state(short) == state(long)
    assert taken == sorted(taken)
    assert taken.count(False) == GAP_HOLD / 60 - 1


PLANES: tuple[dict[str, str], ...] = (
    {},
    {"process": "pass"},
    BEAT["checks"],
    {"disk": "warn", "process": "pass"},
    *({"process": process, "disk": "pass"} for process in ("pass", "warn", "fail", "unknown")),
    {"process": "warn", "disk": "fail"},
    {"process": "pass", "endpoint": "fail"},
)
ALERTS = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["disk-pressure", "idle-cost"]),
        "severity": st.just("warning"),
        "state": st.sampled_from(["firing", "resolved"]),
    },
    optional={"threshold": st.just(90)},
)
LIKE_BEFORE = st.fixed_dictionaries(
    {},
    optional={
        "ok": st.booleans(),
        "seq": st.integers(2, 6),
        "boot": st.sampled_from([6, 7, 8]),
        "ts": st.sampled_from([NOON - 3600, NOON + 30, NOON + 60]).map(timestamp),
        "checks": st.sampled_from(PLANES),
        "alerts": st.sampled_from([[], ["disk-pressure"] * 2, ["disk-pressure"] * 40]),
        "interval": st.sampled_from([60, 60.0, 30]),
        "metrics": st.sampled_from([{}, {"cpu_seconds_total": 1, "memory_bytes": 2}]),
    },
)


@settings(max_examples=300, deadline=None)
@given(
    turns=st.lists(
        st.tuples(LIKE_BEFORE | ALERTS, st.floats(0, 400) | st.just(GAP_HOLD)), max_size=8
    ),
    ticks=st.booleans(),
    error=st.sampled_from([0.0, 0.0, None, 200.0]),
)
def test_both_ways_end_alike_whatever_comes(
    turns: list[tuple[dict[str, Any], float]], ticks: bool, error: float | None
) -> None:
    short, long = both()
    at = NOON
    assert short.know_clock_error(error, at) == long.know_clock_error(error, at)
    for number, (changes, later) in enumerate(turns):
        at += later
        if ticks:
            assert short.tick(at) == long.tick(at)
        if "code" in changes:
            payload = text({"ts": timestamp(at), "boot": 7, "seq": 4 + number} | changes)
            alert = READER.read(MessageKind.ALERT, payload)
            told = [roster.observe(OF_ALERTS, alert, at=at) for roster in (short, long)]
            assert told[0] == told[1]
            continue
        payload = text(next_beat(**({"seq": 4 + number} | changes)))
        beat = decode_heartbeat(payload)
        try:
            message = READER.read(MessageKind.HEARTBEAT, payload)
        except Rejected:
            assert beat is None or not short.observe_unchanged("ada", beat, at)
            continue
        events = long.observe(ADA, message, at=at)
        if beat is not None and short.observe_unchanged("ada", beat, at):
            assert events == []
        else:
            short.observe(ADA, message, at=at)
        assert state(short) == state(long)


@settings(max_examples=300, deadline=None)
@given(message=st.one_of(VALID[MessageKind.HEARTBEAT], damaged(MessageKind.HEARTBEAT), anything))
def test_the_fast_path_sees_what_the_model_sees(message: object) -> None:
    payload = text(message)
    beat = decode_heartbeat(payload)
    if beat is None or set(beat.metrics or ()) - set("abc"):
        return
    if set(beat.checks or ()) - set(Plane) or set(beat.alerts or ()) - set(AlertCode):
        return  # the fast path looks up no words
    whole = READER.read(MessageKind.HEARTBEAT, payload)
    for field in type(beat).__struct_fields__:
        seen = getattr(beat, field)
        assert getattr(whole, field) == (seen if field in json.loads(payload) else None)


@settings(max_examples=300, deadline=None)
@given(payload=st.binary(max_size=200))
def test_bytes_never_crash_the_fast_path(payload: bytes) -> None:
    decode_heartbeat(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"ok":false,"ok":true,"ts":"2026-03-18T21:30:00Z"}',
        b'{"ok":true,"ts":"2026-03-18T21:30:00Z","metrics":{"a":1,"a":2}}',
        b'{"ok":true,"ts":"2026-03-18T21:30:00Z","checks":{"disk":"pass","disk":"fail"}}',
        b'{"ok":false,"ok":true,"ok":true,"ts":"2026-03-18T21\\u003a30\\u003a00Z"}',
        b'{"ok":true,"ts":"2026-03-18T21:30:00Z","uptime":1e999}',
        b'{"ok":true,"ts":"2026-03-18T21:30:00Z","uptime":null}',
        b'{"ok":true,"ts":"2026-03-18T21:30:00Z","boot":1.0}',
        b'{"ok":true,"ts":"2026-03-18T21:30:00Z","note":"\xff"}',
        b'{"ok":true,"ts":"2026-02-30T21:30:00Z"}',
        b'{"ok":true,"ts":"2026-03-18T21:30:00Z"}' + b" " * 4096,
        b"[" * 4000,
        b"",
    ],
)
def test_what_the_fast_path_cannot_tell_is_left_to_the_reader(payload: bytes) -> None:
    assert decode_heartbeat(payload) is None


def test_the_fast_path_knows_the_fields_of_the_model() -> None:
    assert set(Beat.__struct_fields__) == set(Heartbeat.model_fields)
