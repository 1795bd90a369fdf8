"""Commands that the hub did not send, now and for this agent, run zero times."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent_sidecar.commands.queue import CommandQueue, InboundMessage
from agent_sidecar.state.database import Database
from agent_sidecar.state.seen_ids import SeenIds
from agent_sidecar.state.session import Session
from fleet.contract import signing
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import MessageKind, Notice
from tests.support.broker import Mosquitto
from tests.support.fuzz import TOPIC, Forger, amount
from tests.support.sidecar import Listener, Sidecar

NOW = 1_773_869_400.0
SEED = 5
UP = 1_000_000.0
"""Seconds that a desk has been at work."""


def new_desk(key: Ed25519PrivateKey, folder: Path) -> CommandQueue:
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return CommandQueue(
        schema_validators(),
        {signing.key_id(public): public},
        SeenIds(Database(folder / "outbox.sqlite3")),
        Session.begin(folder / "session.json", NOW - UP),
        -UP,
    )


def executed(queue: CommandQueue, payload: bytes, retain: bool, now: float) -> int:
    """How many orders come out after one message."""
    queue.receive(InboundMessage(MessageKind.COMMAND, TOPIC, payload, retain), NOW, now)
    commands = 0
    while command := queue.start_next():
        queue.finished(command)
        commands += 1
    return commands


@pytest.mark.timeout(1800)
def test_forged_tampered_retargeted_and_retained_commands_run_zero_times(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    forger = Forger(key, Random(SEED), NOW)
    queue = new_desk(key, tmp_path)
    genuine = forged = 0
    for number, (payload, retain) in enumerate(forger.forgeries(amount(4_500, 80_000))):
        forged += executed(queue, payload, retain, float(number))
        if number % 500 == 0:
            genuine += executed(queue, forger.genuine(), False, float(number))
    assert forged == 0
    assert genuine == len(range(0, amount(4_500, 80_000), 500)), "the desk must work meanwhile"


@pytest.mark.timeout(1800)
def test_a_replayed_command_runs_zero_times_also_after_a_restart(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    forger = Forger(key, Random(SEED), NOW)
    queue = new_desk(key, tmp_path)
    old = [forger.genuine() for _ in range(amount(100, 900))]
    first = sum(executed(queue, payload, False, float(n)) for n, payload in enumerate(old))
    assert first == len(old)
    queue._seen.save()
    replayed, clock = 0, float(len(old))
    for _ in range(amount(5, 12)):
        replayed += sum(executed(queue, payload, False, clock) for payload in old)
    queue = new_desk(key, tmp_path)
    for _ in range(amount(5, 12)):
        replayed += sum(executed(queue, payload, False, clock) for payload in old)
    assert replayed == 0


def test_a_notice_of_another_is_not_believed(tmp_path: Path) -> None:
    hub, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    queue = new_desk(hub, tmp_path)
    forger = Forger(hub, Random(SEED), NOW)
    command = forger.command()
    notice = {"notice": "hub-online", "id": command["id"], "ts": command["ts"]}
    topic = "zephyr/broadcast"

    def heard(message: dict[str, object]) -> object:
        message = InboundMessage(MessageKind.BROADCAST, topic, json.dumps(message).encode(), False)
        return queue.receive(message, NOW, 0.0)

    assert heard(notice) is None
    assert heard(signing.sign(other, topic, notice)) is None
    assert heard(signing.sign(hub, TOPIC, notice)) is None
    assert heard(signing.sign(hub, topic, notice)) is Notice.HUB_ONLINE
    assert heard(signing.sign(hub, topic, notice)) is None, "a replay"


@pytest.mark.timeout(600)
def test_a_compromised_broker_commands_nothing(broker: Mosquitto, tmp_path: Path) -> None:
    """A real sidecar, and a bus on which everybody may publish everything."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    trusted = tmp_path / "commands.pub"
    trusted.write_text(public.hex() + "\n")
    sidecar = Sidecar(tmp_path / "alpha", broker.url, FLEET_COMMAND_KEYS=str(trusted))
    hub = Listener(broker.port, receipts=True).start()
    try:
        sidecar.start()
        boot = hub.wait(MessageKind.HEARTBEAT)["boot"]
        forger = Forger(key, Random(SEED), time.time())
        for payload, retain in forger.forgeries(amount(450, 9_000)):
            if not retain:  # to a subscriber that is there the flag is not shown in MQTT 3.1.1
                hub.send(TOPIC, payload)
        genuine = forger.genuine(boot)
        hub.send(TOPIC, genuine)
        wanted = json.loads(genuine)["id"]
        assert hub.reply(wanted)["result"] in ("done", "unsupported")
        replies = [m["reply"] for m in hub.all(MessageKind.STATUS) if "reply" in m]
        assert {r["result"] for r in replies if r.get("to") != wanted} <= {"rejected", "expired"}
    finally:
        hub.send(TOPIC, b"", retain=True)
        sidecar.stop()
        hub.stop()


def test_a_reload_is_written_down_before_it_runs(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    forger = Forger(key, Random(SEED), NOW)
    command = forger.command() | {"verb": "config-reload"}
    payload = json.dumps(signing.sign(key, TOPIC, command)).encode()
    queue = new_desk(key, tmp_path)
    queue.receive(InboundMessage(MessageKind.COMMAND, TOPIC, payload), NOW, 0.0)
    assert queue.start_next() is not None
    # The sidecar dies here, without a reply.
    assert executed(new_desk(key, tmp_path), payload, False, 0.0) == 0
