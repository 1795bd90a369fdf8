"""Which commands are carried out, in which order, and what becomes of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent_sidecar.commands.queue import (
    BURST,
    MAX_WAITING,
    CommandQueue,
    CommandReply,
    InboundMessage,
)
from agent_sidecar.commands.trusted_keys import TrustedKeys
from agent_sidecar.state.database import Database
from agent_sidecar.state.seen_ids import SeenIds
from agent_sidecar.state.session import Session
from agent_sidecar.telemetry.encoding import encode
from fleet.contract import signing
from fleet.contract.schema_validator import schema_validators
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.vocabulary import MessageKind, Notice, ReplyCode, Result, Verb

NOON = 1_800_000_000.0
TOPIC = "fleet/alpha/command"
JUDGES = schema_validators()


class Bench:
    """A queue with a clock; `send` returns what the queue says to one message."""

    def __init__(
        self,
        folder: Path,
        keys: TrustedKeys | None = None,
        *,
        up: float = 3600.0,
        resume: bool = False,
    ) -> None:
        """`up`: seconds since it began."""
        self.seen = SeenIds(Database(folder / "outbox.sqlite3"))
        take_up = Session.resume if resume else Session.begin
        self.session = take_up(folder / "session.json", NOON - up)
        self.queue = CommandQueue(JUDGES, keys or {}, self.seen, self.session, -up)
        self.now = 0.0

    def send(self, message: dict[str, Any] | bytes, **more: Any) -> CommandReply | Notice | None:
        payload = message if isinstance(message, bytes) else encode(message)
        inbound = InboundMessage(
            more.get("kind", MessageKind.COMMAND), more.get("topic", TOPIC), payload,
            more.get("retain", False),
        )  # fmt: skip
        return self.queue.receive(inbound, NOON + self.now, self.now)

    def verbs(self) -> list[str]:
        found = []
        while (command := self.queue.start_next()) is not None:
            found.append(command.verb.value)
            self.queue.finished(command)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def outcome(answer: CommandReply | Notice | None) -> tuple[Result, ReplyCode]:
    assert isinstance(answer, CommandReply)
    return answer.result, answer.code


def test_urgent_goes_before_high_before_normal_and_each_in_its_turn(bench: Bench) -> None:
    bench.send({"verb": "health-check", "priority": "normal"})
    bench.send({"verb": "version-report"})
    bench.send({"verb": "status-report", "priority": "high"})
    bench.send({"verb": "config-reload", "priority": "urgent"})
    assert bench.verbs() == ["config-reload", "status-report", "health-check", "version-report"]


def test_a_retained_command_is_poison(bench: Bench) -> None:
    assert bench.send({"verb": "health-check"}, retain=True) is None
    assert bench.verbs() == []
    assert bench.queue.dropped == {"retained-command": 1}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"health-check", "not-json"),
        (b'{"verb":"reboot"}', "unknown-word"),
        (b'{"verb":"health-check","args":"rm -rf /"}', "unknown-field"),
        (b'{"verb":"health-check","verb":"config-reload"}', "duplicate-key"),
        (b'{"verb":"health-check","ttl":1e999}', "not-finite"),
        (b"x" * 5000, "too-large"),
        (b"\xff", "not-utf8"),
        (b"[]", "not-object"),
    ],
)
def test_a_malformed_command_is_counted_by_reason_and_not_answered(
    bench: Bench, payload: bytes, reason: str
) -> None:
    assert bench.send(payload) is None
    assert bench.queue.dropped == {reason: 1}
    assert len(bench.queue) == 0


def test_a_repeated_id_is_carried_out_once(bench: Bench) -> None:
    command = {"verb": "health-check", "id": ulid(NOON), "ts": timestamp(NOON)}
    for _ in range(3):
        assert bench.send(command) is None
    assert bench.verbs() == ["health-check"]
    assert bench.queue.dropped == {"repeated": 2}


def test_a_repeated_id_is_known_after_a_restart(tmp_path: Path) -> None:
    command = {"verb": "health-check", "id": ulid(NOON), "ts": timestamp(NOON)}
    first = Bench(tmp_path)
    first.send(command)
    first.queue.finished(first.queue.start_next() or pytest.fail("nothing is queued"))
    first.seen.save()
    second = Bench(tmp_path)
    second.send(command)
    assert second.verbs() == []


def test_an_expired_command_is_answered_expired(bench: Bench) -> None:
    bench.now = 61
    answer = bench.send({"verb": "health-check", "ts": timestamp(NOON)})
    assert outcome(answer) == (Result.EXPIRED, ReplyCode.TTL_EXPIRED)
    assert bench.verbs() == []


def test_a_long_ttl_waits_for_an_agent_that_sleeps(bench: Bench) -> None:
    bench.now = 600_000
    bench.send({"verb": "health-check", "ts": timestamp(NOON), "ttl": 604_800})
    assert bench.verbs() == ["health-check"]


def test_a_command_that_does_not_say_when_it_was_sent_does_not_expire(bench: Bench) -> None:
    bench.send({"verb": "health-check"})
    assert bench.verbs() == ["health-check"]


def test_one_of_a_verb_runs_at_a_time(bench: Bench) -> None:
    bench.send({"verb": "config-reload"})
    bench.send({"verb": "config-reload"})
    bench.send({"verb": "version-report"})
    first, second = bench.queue.start_next(), bench.queue.start_next()
    assert first is not None
    assert second is not None
    assert (first.verb, second.verb) == (Verb.CONFIG_RELOAD, Verb.VERSION_REPORT)
    assert bench.queue.start_next() is None
    bench.queue.finished(first)
    assert bench.verbs() == ["config-reload"]


def test_a_flood_is_refused_and_costs_bounded_memory(bench: Bench) -> None:
    answers = [bench.send({"verb": "health-check", "id": ulid(NOON)}) for _ in range(10_000)]
    refused = [answer for answer in answers if answer is not None]
    assert len(bench.queue) == BURST <= MAX_WAITING
    assert outcome(refused[0]) == (Result.REJECTED, ReplyCode.RATE_EXCEEDED)
    assert len(refused) == BURST
    assert bench.queue.dropped["unanswered"] == 10_000 - 2 * BURST


def test_a_full_desk_is_busy(bench: Bench) -> None:
    for _ in range(MAX_WAITING):
        bench.now += 1
        bench.send({"verb": "health-check"})
    bench.now += 1
    assert outcome(bench.send({"verb": "health-check"}))[0] is Result.BUSY


def test_a_notice_is_handed_on(bench: Bench) -> None:
    notice = {"notice": "hub-online", "ts": timestamp(NOON)}
    assert bench.send(notice, kind=MessageKind.BROADCAST) is Notice.HUB_ONLINE


# --- where commands must be signed

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.generate()


@pytest.fixture
def guarded(tmp_path: Path) -> Bench:
    return Bench(tmp_path, {signing.key_id(PUBLIC): PUBLIC})


def command(**more: Any) -> dict[str, Any]:
    return {"verb": "health-check", "id": ulid(NOON), "ts": timestamp(NOON), "ttl": 60, **more}


def test_a_command_of_the_hub_is_carried_out(guarded: Bench) -> None:
    assert guarded.send(signing.sign(KEY, TOPIC, command())) is None
    assert guarded.verbs() == ["health-check"]


def test_an_unsigned_command_is_refused(guarded: Bench) -> None:
    assert outcome(guarded.send(command())) == (Result.REJECTED, ReplyCode.UNSIGNED)


def test_a_command_of_a_stranger_is_refused(guarded: Bench) -> None:
    stranger = signing.sign(OTHER, TOPIC, command())
    assert outcome(guarded.send(stranger)) == (Result.REJECTED, ReplyCode.UNKNOWN_KEY)
    forged = {**stranger, "kid": signing.key_id(PUBLIC)}
    assert outcome(guarded.send(forged)) == (Result.REJECTED, ReplyCode.BAD_SIGNATURE)
    assert guarded.verbs() == []


def test_a_command_for_another_agent_is_refused(guarded: Bench) -> None:
    signed = signing.sign(KEY, "fleet/beta/command", command())
    assert outcome(guarded.send(signed)) == (Result.REJECTED, ReplyCode.BAD_SIGNATURE)


@pytest.mark.parametrize("change", [{"verb": "config-reload"}, {"ttl": 604_800}])
def test_a_command_that_was_changed_is_refused(guarded: Bench, change: dict[str, Any]) -> None:
    signed = signing.sign(KEY, TOPIC, command()) | change
    assert outcome(guarded.send(signed)) == (Result.REJECTED, ReplyCode.BAD_SIGNATURE)


def test_a_replayed_command_is_dropped_whatever_the_clock_says(guarded: Bench) -> None:
    signed = signing.sign(KEY, TOPIC, command())
    guarded.send(signed)
    assert guarded.send(signed) is None
    guarded.now = 3600
    guarded.send(signing.sign(KEY, TOPIC, command(id=ulid(NOON), ts=timestamp(NOON + 3600))))
    assert guarded.send(signed) is None, "answered once, and no longer valid"
    guarded.now = 0
    assert guarded.send(signed) is None, "a clock that was ahead makes it no new one"
    assert len(guarded.verbs()) == 2


def test_a_signed_command_without_id_is_refused(guarded: Bench) -> None:
    signed = signing.sign(KEY, TOPIC, command())
    del signed["id"]
    assert outcome(guarded.send(signed)) == (Result.REJECTED, ReplyCode.BAD_SIGNATURE)


def test_a_broadcast_must_be_signed_for_the_broadcast(guarded: Bench) -> None:
    topic = "zephyr/broadcast"
    more = {"kind": MessageKind.BROADCAST, "topic": topic}
    assert guarded.send(signing.sign(KEY, topic, command()), **more) is None
    assert outcome(guarded.send(signing.sign(KEY, TOPIC, command()), **more))[0] is Result.REJECTED
    assert guarded.verbs() == ["health-check"]


def test_a_notice_must_be_signed_fresh_and_new(guarded: Bench) -> None:
    topic = "zephyr/broadcast"
    more = {"kind": MessageKind.BROADCAST, "topic": topic}
    plain = {"notice": "hub-online", "ts": timestamp(NOON), "id": ulid(NOON)}
    assert guarded.send(plain, **more) is None
    signed = signing.sign(KEY, topic, plain)
    assert guarded.send(signed, **more) is Notice.HUB_ONLINE
    assert guarded.send(signed, **more) is None
    guarded.now = 3600
    assert guarded.send(signing.sign(KEY, topic, {**plain, "id": ulid(NOON)}), **more) is None
    assert guarded.queue.dropped == {"untrusted-notice": 1, "repeated": 2}
