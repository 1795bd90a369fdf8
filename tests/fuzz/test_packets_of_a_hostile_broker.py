"""Whatever a broker sends, each link takes it or ends, and comes back; nothing is raised."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from agent_sidecar.config import load
from agent_sidecar.mqtt import connection, packet_limit
from agent_sidecar.mqtt.connection import BrokerConnection
from agent_sidecar.reactor import Reactor
from fleet.bus import aiomqtt_connection, mqtt, mqtt5_connection
from fleet.bus.connect_options import ConnectOptions
from fleet.bus.mqtt import MqttBus, ingest_bus
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError
from fleet.contract.vocabulary import MessageKind
from tests.support.fuzz import amount
from tests.support.hostile_broker import Case, HostileBroker, hostile_packets
from tests.support.waiting import wait_until

SEED = 11
TOPIC = "fleet/alpha/command"

LONGEST = amount(240, 3_000)
"""Seconds that a test may take; it takes a tenth of it."""


def found(broker: HostileBroker) -> list[tuple[Case, str]]:
    return [broker.outcomes.get_nowait() for _ in range(broker.outcomes.qsize())]


async def on_the_bus(make: Callable[[ConnectOptions], MqttBus], broker: HostileBroker) -> None:
    """A bus that goes on until the broker has become honest."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    options = ConnectOptions(BrokerUrl("127.0.0.1", broker.port), "hub", manual_ack=True)

    async def reader(bus: MqttBus) -> None:
        async for batch in bus.batches():
            await bus.ack_many(batch)

    async def talk(bus: MqttBus) -> None:
        while True:
            with contextlib.suppress(BrokerError):
                await bus.publish("fleet/x/receipt", b"{}")
            await asyncio.sleep(0.005)

    while not broker.honest.is_set():  # the first attempt of a bus is its caller's to repeat
        with contextlib.suppress(BrokerError):
            async with make(options) as bus, asyncio.TaskGroup() as group:
                tasks = [group.create_task(reader(bus)), group.create_task(talk(bus))]
                try:
                    with contextlib.suppress(BrokerError):
                        await bus.subscribe("#")
                        keeper = bus._keeper
                        assert keeper is not None
                        while not broker.honest.is_set():
                            assert not keeper.done(), keeper.exception()
                            await asyncio.sleep(0.01)
                finally:
                    for task in tasks:
                        task.cancel()
    assert told == [], told[0]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "FIRST_RETRY", 0.001)
    monkeypatch.setattr(mqtt, "LAST_RETRY", 0.002)
    monkeypatch.setattr(mqtt, "PATIENCE", 10**9)
    for module in (mqtt5_connection, aiomqtt_connection):
        monkeypatch.setattr(module, "TIMEOUT", 0.5)


def plain_3(options: ConnectOptions) -> MqttBus:
    bus = MqttBus(options)
    bus._version = MQTTProtocolVersion.MQTTv311
    return bus


# The compiled codec reports text that is no UTF-8 by itself before it panics.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(LONGEST + 60)
@pytest.mark.parametrize("make", [ingest_bus, MqttBus])
async def test_no_packet_of_a_broker_breaks_a_link_of_the_hub(
    make: Callable[[ConnectOptions], MqttBus], at_once: None, caplog: pytest.LogCaptureFixture
) -> None:
    cases = list(hostile_packets(Random(SEED), amount(100, 3_000), TOPIC, five=True))
    with HostileBroker(cases, TOPIC) as broker:
        await on_the_bus(make, broker)
        outcomes = found(broker)
    assert [case for case, outcome in outcomes if outcome == "stalled"] == []
    assert {outcome for _, outcome in outcomes} == {"alive", "ended"}
    shown = [record for record in caplog.records if record.name != aiomqtt_connection.__name__]
    assert not any(record.exc_info for record in shown), caplog.text


async def test_what_comes_before_the_filters_are_granted_is_acknowledged(at_once: None) -> None:
    """As a session that goes on brings it; it once took up room in the broker until the next."""
    goodbye, greeting = Case(b"\xe0\x00"), Case(b"\x20\x03\0\0\0", "connack")
    with HostileBroker([goodbye, greeting], TOPIC) as broker:
        await on_the_bus(ingest_bus, broker)
        assert [outcome for _, outcome in found(broker)] == ["ended", "alive"]


@pytest.mark.timeout(LONGEST + 60)
@pytest.mark.parametrize("five", [True, False])
def test_no_packet_of_a_broker_breaks_the_link_of_a_sidecar(
    five: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 0.5)
    # This broker always hangs up on the same small packet; that is not its limit.
    monkeypatch.setattr(packet_limit, "FORGET_AFTER", 0.0)
    cases = list(hostile_packets(Random(SEED), amount(100, 3_000), TOPIC, five=five))
    with HostileBroker(cases, TOPIC) as broker:
        config = load(
            {"FLEET_AGENT": "alpha", "FLEET_BROKER": f"mqtt://127.0.0.1:{broker.port}"}, {}
        )
        reactor = Reactor()
        link = BrokerConnection(config, reactor.wake)
        if not five:
            link._version, link._unsupported = MQTTProtocolVersion.MQTTv311, True
        link.listen((TOPIC,), lambda *_: None)

        def turn() -> bool:
            link._next_attempt = 0.0
            sockets = [link.descriptor] if link.descriptor >= 0 else []
            reactor.wait(0.05, sockets, link.descriptor if link.wants_write else -1)
            now = time.monotonic()
            link.ready(now)
            link.acknowledge(hold=False)
            link.tick(now)
            if link.up:
                link.publish(MessageKind.STATUS, b"{}", False)
            return broker.honest.is_set()

        wait_until(turn, deadline=LONGEST, what="the end")
        link.close()
        outcomes = found(broker)
    assert [case for case, outcome in outcomes if outcome == "stalled"] == []
    assert {outcome for _, outcome in outcomes} == {"alive", "ended"}
