"""A dead letter may hold anything, on any topic: what is replayed is what the contract allows of an
agent, byte for byte, and all else is one error."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Final

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fleet.cli.dead_letters import _one, _replay
from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.topics import STATES, Topics
from fleet.contract.vocabulary import MessageKind, Reason
from fleet.settings import load
from fleet.store.records import Batch, DeadLetter
from fleet.store.sqlite import SqliteStore
from tests.support.broker import Mosquitto
from tests.support.fuzz import amount, hostile_payloads
from tests.support.telemetry import NOON
from tests.support.waiting import wait_until

SEED: Final = 29
FOREIGN: Final = (
    "fleet/alpha/receipt", "fleet/alpha", "zephyr/broadcast", "fleet/alpha/heartbeat/x", "#",
    "fleet/+/heartbeat", "fleet//heartbeat", "$SYS/broker/uptime", "fleet/al\0pha/heartbeat", "",
    "$CONTROL/dynamic-security/v1", "fleet/alpha/\u2028status", "x" * 70_000, "fleet/alpha/command",
)  # fmt: skip
"""Topics on which no agent publishes."""

GOOD: Final = b'{"ok":true,"ts":"2026-03-18T21:30:00Z","uptime":86400}'


def letters(count: int) -> list[DeadLetter]:
    random, topics, made = Random(SEED), Topics(), []
    for number, (kind, payload) in enumerate(hostile_payloads(random, count), 1):
        addressed = MessageKind.BROADCAST is kind or number % 4 == 0
        topic = random.choice(FOREIGN) if addressed else topics.of(kind, "alpha")
        if number % 10 == 1:  # what was rejected for another reason than what it says
            topic = topics.of(MessageKind.HEARTBEAT, "alpha")
        said = GOOD + b" " * (number % 50) if number % 10 == 1 else payload
        reason = random.choice([*Reason])
        made.append(DeadLetter(number, NOON, topic, said, number % 5 == 0, reason, ""))
    return made


def is_allowed(letter: DeadLetter, reader: Reader) -> bool:
    try:
        kind = Topics().parse(letter.topic).kind
        reader.read(kind, letter.payload)
    except Rejected:
        return False
    return kind in STATES


async def stored(home: Path, kept: list[DeadLetter]) -> None:
    store = SqliteStore(home)
    store.open()
    await store.commit(Batch(dead_letters=kept))
    await store.close()


@pytest.mark.timeout(1800)
def test_only_what_the_contract_allows_of_an_agent_is_replayed(
    tmp_path: Path, broker: Mosquitto
) -> None:
    settings = load({"home": str(tmp_path), "broker": broker.url}, {})
    kept, reader = letters(amount(150, 6_000)), Reader()

    asyncio.run(stored(tmp_path, kept))
    heard: list[tuple[str, bytes]] = []
    ear = mqtt.Client(CallbackAPIVersion.VERSION2, "ear")
    ear.on_message = lambda _client, _data, message: heard.append((message.topic, message.payload))
    ear.connect("127.0.0.1", broker.port)
    ear.subscribe("#", 1)
    ear.loop_start()
    due: list[tuple[str, bytes]] = []
    for letter in kept:
        if is_allowed(letter, reader):
            due.append((letter.topic, letter.payload))
            asyncio.run(_replay(settings, letter.id))
            continue
        with pytest.raises(ConfigError) as refused:
            asyncio.run(_replay(settings, letter.id))
        assert "\n" not in refused.value.what + refused.value.why
    assert len(due) >= len(kept) / 10
    wait_until(lambda: len(heard) >= len(due), what="what was replayed")
    ear.loop_stop()
    assert heard == due


@pytest.mark.parametrize("number", [0, -1, 7, 2**63, 10**40, -(10**40)])
def test_a_number_that_is_none_s_is_an_error(tmp_path: Path, number: int) -> None:
    async def look() -> None:
        await stored(tmp_path, letters(3))
        await _one(load({"home": str(tmp_path)}, {}), number)

    with pytest.raises(FleetError, match=f"no dead letter {number}"):
        asyncio.run(look())
