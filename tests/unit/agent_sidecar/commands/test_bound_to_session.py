"""Where commands are signed, what runs cannot have run before, whatever the disk says."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.commands.queue import CommandQueue
from agent_sidecar.state.seen_ids import MAX_IDS
from fleet.contract import signing
from fleet.contract.schema_validator import schema_validators
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import ReplyCode, Result
from tests.unit.agent_sidecar.commands.test_queue import (
    KEY,
    NOON,
    PUBLIC,
    TOPIC,
    Bench,
    command,
    outcome,
)

KEYS = {signing.key_id(PUBLIC): PUBLIC}
OTHER_SESSION = (Result.REJECTED, ReplyCode.OTHER_SESSION)


@pytest.fixture
def guarded(tmp_path: Path) -> Bench:
    return Bench(tmp_path, KEYS)


def test_what_may_have_run_before_this_process_is_refused_with_an_empty_state(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, KEYS, up=0.0)
    for moment in (NOON - 60, NOON, NOON + 299):  # by another clock it may be older than it says
        sent = signing.sign(KEY, TOPIC, command(ts=timestamp(moment), ttl=3600))
        assert outcome(bench.send(sent)) == OTHER_SESSION
    assert bench.verbs() == []
    assert bench.queue.awaits(bench.now)
    bench.now = 600
    assert not bench.queue.awaits(bench.now)
    late = command(ts=timestamp(NOON + 301), ttl=3600)
    assert bench.send(signing.sign(KEY, TOPIC, late)) is None
    assert bench.verbs() == ["health-check"]


def test_what_is_signed_for_this_session_runs_once_and_for_another_never(tmp_path: Path) -> None:
    bench = Bench(tmp_path, KEYS, up=0.0)
    asked = command(ttl=3600)
    assert outcome(bench.send(signing.sign(KEY, TOPIC, asked))) == OTHER_SESSION
    ours = signing.sign(KEY, TOPIC, asked | {"boot": bench.session.boot})
    assert bench.send(ours) is None
    assert not bench.queue.awaits(bench.now)
    assert bench.send(ours) is None
    assert bench.verbs() == ["health-check"]
    for boot in (bench.session.boot - 1, bench.session.boot + 1):
        theirs = signing.sign(KEY, TOPIC, command(boot=boot, ts=timestamp(NOON + 400)))
        bench.now = 401
        assert outcome(bench.send(theirs)) == OTHER_SESSION


def test_the_session_is_under_the_signature(guarded: Bench) -> None:
    ours = {"boot": guarded.session.boot}
    for forged in (
        signing.sign(KEY, TOPIC, command()) | ours,
        signing.sign(KEY, TOPIC, command(boot=1)) | ours,
    ):
        assert outcome(guarded.send(forged)) == (Result.REJECTED, ReplyCode.BAD_SIGNATURE)
    unbound = signing.sign(KEY, TOPIC, command(**ours))
    del unbound["boot"]
    assert outcome(guarded.send(unbound)) == (Result.REJECTED, ReplyCode.BAD_SIGNATURE)


def test_a_clock_that_was_set_after_the_start_does_not_move_the_start(tmp_path: Path) -> None:
    """Without a battery a machine starts in 1970, and is told the time a little later."""
    bench = Bench(tmp_path, KEYS, up=NOON)
    bench.queue = CommandQueue(schema_validators(), KEYS, bench.seen, bench.session, started=0.0)
    bench.now = 20
    old = signing.sign(KEY, TOPIC, command(ts=timestamp(NOON), ttl=3600))
    assert outcome(bench.send(old)) == OTHER_SESSION


def test_a_one_shot_asks_in_a_session_of_its_own_before_it_obeys(tmp_path: Path) -> None:
    Bench(tmp_path, KEYS).session.close()
    copied = (tmp_path / "session.json").read_text()
    asked = command(ttl=3600)
    boots: list[int] = []
    for seconds in (
        1,
        2,
    ):  # then from a copy that knows nothing of the first
        (tmp_path / "outbox.sqlite3").unlink()
        (tmp_path / "session.json").write_text(copied)
        bench = Bench(tmp_path, KEYS, up=0.0, resume=True)
        bench.now = seconds
        old = bench.session.boot
        for boot in [old, *boots]:
            again = signing.sign(KEY, TOPIC, asked | {"boot": boot})
            assert outcome(bench.send(again)) == OTHER_SESSION
        assert bench.session.boot not in (old, *boots)
        ours = signing.sign(KEY, TOPIC, asked | {"boot": bench.session.boot})
        assert bench.send(ours) is None
        assert bench.verbs() == ["health-check"]
        boots.append(bench.session.boot)


def test_a_command_dated_ahead_is_refused_signed_or_not(tmp_path: Path) -> None:
    refused = (Result.REJECTED, ReplyCode.DATED_AHEAD)
    for keys in ({}, KEYS):
        bench = Bench(tmp_path, keys)
        for ahead, ttl in ((86_400, 60), (301, 604_800)):
            sent = signing.sign(KEY, TOPIC, command(ts=timestamp(NOON + ahead), ttl=ttl))
            assert outcome(bench.send(sent)) == refused
        assert bench.send(signing.sign(KEY, TOPIC, command(ts=timestamp(NOON + 299)))) is None
        assert bench.verbs() == ["health-check"]


def test_an_id_that_is_still_valid_is_not_forgotten_for_a_new_one(guarded: Bench) -> None:
    first = signing.sign(KEY, TOPIC, command(ttl=604_800))
    guarded.send(first)
    for number in range(MAX_IDS - 1):
        guarded.seen.add(str(number), NOON + 700_000, NOON)
    more = signing.sign(KEY, TOPIC, command(ttl=604_800))
    assert outcome(guarded.send(more)) == (Result.BUSY, ReplyCode.RATE_EXCEEDED)
    assert guarded.send(first) is None
    assert guarded.verbs() == ["health-check"]
