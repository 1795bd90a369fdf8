"""What every bus promises, in process or over MQTT; see `fleet.bus.port.Bus`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.inbound_queue import MAX_BATCH
from fleet.bus.local_broker import LocalBroker
from fleet.bus.mqtt import MqttBus, ingest_bus
from fleet.bus.port import Bus, Inbound, Will
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError
from tests.support.broker import free_port
from tests.support.buses import WORLDS, World
from tests.support.over_sending_proxy import OverSendingProxy
from tests.support.packet_proxy import HangUpProxy, Packet
from tests.support.waiting import eventually

PATIENCE = 20.0
"""Seconds for a message that must come; normally it comes in milliseconds."""


@pytest.fixture(params=WORLDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with WORLDS[request.param](tmp_path / "broker") as it:
        yield it


async def take(bus: Bus, count: int = 1, *, ack: bool = True) -> list[Inbound]:
    """The next `count` messages."""
    found: list[Inbound] = []
    async with asyncio.timeout(PATIENCE):
        async for message in bus.messages():
            found.append(message)
            if ack:
                await bus.ack(message)
            if len(found) == count:
                break
    return found


async def take_until(bus: Bus, topic: str) -> list[Inbound]:
    """The messages before the one on `topic`: what would have come did come by then."""
    found: list[Inbound] = []
    async with asyncio.timeout(PATIENCE):
        async for message in bus.messages():
            await bus.ack(message)
            if message.topic == topic:
                break
            found.append(message)
    return found


def topics(messages: list[Inbound]) -> list[str]:
    return [message.topic for message in messages]


async def test_a_message_reaches_whoever_asked_for_it(world: World) -> None:
    async with world.bus("hub") as hub, world.bus("agent") as agent:
        await hub.subscribe("t/a")
        await agent.publish("t/b", b"not asked for")
        await agent.publish("t/a", b"{}")
        (message,) = await take(hub)
    assert (message.topic, message.payload, message.qos, message.retain) == ("t/a", b"{}", 1, False)


async def test_wildcards_match_as_mqtt_says(world: World) -> None:
    async with world.bus("one") as one, world.bus("all") as every, world.bus("agent") as agent:
        await one.subscribe("t/+/x", "end")
        await every.subscribe("#")
        for topic in ("t/a/x", "t/a/b/x", "t//x", "u/a/x", "$t/a/x", "end"):
            await agent.publish(topic, b"1")
        assert topics(await take_until(one, "end")) == ["t/a/x", "t//x"]
        assert topics(await take_until(every, "end")) == ["t/a/x", "t/a/b/x", "t//x", "u/a/x"]


async def test_messages_keep_their_order_and_none_is_missing(world: World) -> None:
    async with world.bus("hub") as hub, world.bus("agent") as agent:
        await hub.subscribe("t")
        await asyncio.gather(*(agent.publish("t", b"%d" % n) for n in range(300)))
        assert [int(message.payload) for message in await take(hub, 300)] == list(range(300))


async def test_batches_hold_all_that_has_arrived_up_to_a_limit(world: World) -> None:
    count = MAX_BATCH + 500
    async with world.bus("hub") as hub, world.bus("agent") as agent:
        await hub.subscribe("t", qos=0)
        for n in range(count):
            await agent.publish("t", b"%d" % n, qos=0)
        found: list[list[Inbound]] = []
        async with asyncio.timeout(PATIENCE):
            async for batch in hub.batches():
                found.append(batch)
                if sum(map(len, found)) == count:
                    break
    assert [int(m.payload) for batch in found for m in batch] == list(range(count))
    assert all(1 <= len(batch) <= MAX_BATCH for batch in found)


async def test_retained_state_is_replayed_and_marked(world: World) -> None:
    async with world.bus("hub") as hub, world.bus("agent") as agent:
        await agent.publish("t/a", b"old", retain=True)
        await agent.publish("t/a", b"new", retain=True)
        await agent.publish("t/b", b"gone", retain=True)
        await agent.publish("t/b", b"", retain=True)
        await hub.subscribe("t/+", "end")
        await agent.publish("t/a", b"live", retain=True)
        await agent.publish("end", b"1")
        found = await take_until(hub, "end")
    assert [(m.payload, m.retain) for m in found] == [(b"new", True), (b"live", False)]


TELLS_AS_PUBLISHED = {"memory", "mosquitto-codec"}
"""The worlds in which a live message can be seen to have been published retained."""


async def test_filters_within_a_wider_one_bring_no_message_twice(
    world: World, request: pytest.FixtureRequest
) -> None:
    tells = request.node.callspec.params["world"] in TELLS_AS_PUBLISHED
    async with world.bus("hub", manual_ack=True) as hub, world.bus("agent") as agent:
        await agent.publish("f/a/command", b"kept", retain=True)
        await hub.subscribe("#", as_published=["f/+/command", "all"])
        await agent.publish("f/a/command", b"poison", retain=True)
        await agent.publish("f/a/command", b"plain")
        await agent.publish("all", b"poison", retain=True)
        await agent.publish("f/a/beat", b"beat", retain=True)
        await agent.publish("end", b"1")
        found = await take_until(hub, "end")
        assert [(m.payload, m.retain) for m in found] == [
            (b"kept", True), (b"poison", tells), (b"plain", False), (b"poison", tells),
            (b"beat", False),
        ]  # fmt: skip
        await agent.publish("f/a/command", b"", retain=True)
        await agent.publish("all", b"", retain=True)


async def test_what_was_asked_for_as_published_is_so_after_a_break(
    world: World, request: pytest.FixtureRequest
) -> None:
    tells = request.node.callspec.params["world"] in TELLS_AS_PUBLISHED
    changes: list[bool] = []
    options = {"persistent": True, "on_link": lambda up, _detail: changes.append(up)}
    async with world.bus("hub", **options) as hub, world.bus("agent") as agent:
        await hub.subscribe("f/#", as_published=["f/+/command"])
        world.cut("hub")
        await eventually(lambda: changes == [True, False, True], what="the return of the link")
        await agent.publish("f/a/command", b"poison", retain=True)
        await agent.publish("f/end", b"1")
        found = await take_until(hub, "f/end")
        assert [(m.payload, m.retain) for m in found] == [(b"poison", tells)]


async def test_a_will_speaks_for_a_client_that_vanishes(world: World) -> None:
    will = Will("t/status", b"offline")
    async with world.bus("hub") as hub, world.bus("agent", will=will) as agent:
        await hub.subscribe("t/#")
        await agent.publish("t/birth", b"1")
        await take(hub)
        world.cut("agent")
        (message,) = await take(hub)
        assert (message.topic, message.payload) == ("t/status", b"offline")
        async with world.bus("late") as late:
            await late.subscribe("t/status")
            (stored,) = await take(late)
            assert (stored.payload, stored.retain) == (b"offline", True)


async def test_a_clean_goodbye_drops_the_will(world: World) -> None:
    async with world.bus("hub") as hub:
        await hub.subscribe("t/status", "end")
        async with world.bus("agent", will=Will("t/status", b"offline")):
            pass
        await hub.publish("end", b"1")
        assert await take_until(hub, "end") == []


async def test_a_persistent_session_queues_while_we_are_away(world: World) -> None:
    async with world.bus("hub", persistent=True) as hub:
        await hub.subscribe("t/+")
    async with world.bus("agent") as agent:
        for n in range(3):
            await agent.publish(f"t/{n}", b"1")
    async with world.bus("hub", persistent=True) as hub:
        assert topics(await take(hub, 3)) == ["t/0", "t/1", "t/2"]


async def test_a_session_that_is_not_persistent_leaves_nothing(world: World) -> None:
    async with world.bus("hub") as hub:
        await hub.subscribe("t/+")
    async with world.bus("agent") as agent:
        await agent.publish("t/0", b"1")
        async with world.bus("hub") as hub:
            await hub.subscribe("end")
            await agent.publish("end", b"1")
            assert await take_until(hub, "end") == []


async def test_what_was_not_acknowledged_comes_again(world: World) -> None:
    async with world.bus("hub", persistent=True, manual_ack=True) as hub:
        await hub.subscribe("t/+")
        async with world.bus("agent") as agent:
            for n in range(4):
                await agent.publish(f"t/{n}", b"1")
        found = await take(hub, 4, ack=False)
        await hub.ack_many(found[:2])
    async with world.bus("hub", persistent=True, manual_ack=True) as hub:
        await hub.subscribe("t/+", "end")
        await hub.publish("end", b"1")
        assert topics(await take_until(hub, "end")) == ["t/2", "t/3"]
    async with world.bus("hub", persistent=True, manual_ack=True) as hub:
        await hub.publish("end", b"1")
        assert topics(await take_until(hub, "end")) == []


async def test_a_cut_link_comes_back_with_its_subscriptions(world: World) -> None:
    changes: list[bool] = []
    observer = {"on_link": lambda up, _detail: changes.append(up)}
    async with world.bus("hub", **observer) as hub, world.bus("agent") as agent:
        await hub.subscribe("t/+")
        world.cut("hub")
        await eventually(lambda: changes == [True, False, True], what="the return of the link")
        await agent.publish("t/a", b"1")
        assert topics(await take(hub)) == ["t/a"]


async def test_a_cut_link_loses_nothing_of_a_persistent_session(world: World) -> None:
    changes: list[bool] = []
    observer = {"on_link": lambda up, _detail: changes.append(up)}
    options = {"persistent": True, "manual_ack": True, **observer}
    async with world.bus("hub", **options) as hub, world.bus("agent") as agent:
        await hub.subscribe("t/+")
        await agent.publish("t/0", b"1")
        (stale,) = await take(hub, ack=False)
        world.cut("hub")
        await eventually(lambda: False in changes, what="the loss of the link")
        for n in range(1, 4):
            await agent.publish(f"t/{n}", b"1")
        assert topics(await take(hub, 4)) == ["t/0", "t/1", "t/2", "t/3"]
        await hub.ack(stale)  # of the link before: must acknowledge nothing, nor harm


async def test_a_publish_without_a_link_is_an_error_at_once(world: World) -> None:
    down = asyncio.Event()

    def observe(up: bool, _detail: str) -> None:
        if not up:
            down.set()

    async with world.bus("agent", on_link=observe) as agent:
        world.cut("agent")
        await asyncio.wait_for(down.wait(), PATIENCE)
        with pytest.raises(BrokerError, match="down"):
            await agent.publish("t", b"1")


async def test_a_topic_with_a_wildcard_is_refused(world: World) -> None:
    async with world.bus("agent") as agent:
        with pytest.raises(BrokerError, match="failed"):
            await agent.publish("t/+", b"1")


async def test_reading_ends_when_the_bus_is_closed(world: World) -> None:
    async with world.bus("hub") as hub:
        await hub.subscribe("t")
        reading = asyncio.create_task(anext(hub.messages(), None), name="reader")
        await asyncio.sleep(0)
    assert await asyncio.wait_for(reading, PATIENCE) is None
    assert [batch async for batch in hub.batches()] == []


ADAPTERS = pytest.mark.parametrize(
    ("make", "embedded", "protocol"),
    [(MqttBus, False, "5"), (ingest_bus, False, "5"), (ingest_bus, True, "3.1.1")],
    ids=["aiomqtt-5", "codec-5", "aiomqtt-3.1.1"],
)
"""Each way over MQTT, before which a faulty broker can be feigned."""


@ADAPTERS
@pytest.mark.parametrize("manual_ack", [True, False], ids=["acknowledged", "acknowledging"])
async def test_what_was_not_asked_for_is_dropped_acknowledged_and_counted(
    make: Callable[[ConnectOptions], MqttBus],
    embedded: bool,
    protocol: str,
    manual_ack: bool,
    tmp_path: Path,
) -> None:
    foreign = ("u/a", "t/a/b", "$SYS/x")
    with (
        LocalBroker(tmp_path / "broker", free_port(), embedded=embedded) as broker,
        OverSendingProxy(broker.port, foreign) as proxy,
    ):
        options = ConnectOptions(BrokerUrl("127.0.0.1", proxy.port), "hub", manual_ack=manual_ack)
        async with make(options) as hub:
            assert hub.protocol == protocol
            await hub.subscribe("t/+")
            await hub.publish("t/end", b"1")
            assert await take_until(hub, "t/end") == []
            assert hub.unasked == 2 * len(foreign) == proxy.sent
            await eventually(lambda: proxy.acknowledged == proxy.ids, what="acknowledgements")


@ADAPTERS
async def test_a_subscription_that_the_broker_hangs_up_on_fails_at_once(
    make: Callable[[ConnectOptions], MqttBus], embedded: bool, protocol: str, tmp_path: Path
) -> None:
    with (
        LocalBroker(tmp_path / "broker", free_port(), embedded=embedded) as broker,
        HangUpProxy(broker.port, Packet.SUBSCRIBE, b"$SYS") as proxy,
    ):
        async with make(ConnectOptions(BrokerUrl("127.0.0.1", proxy.port), "hub")) as hub:
            assert hub.protocol == protocol
            with pytest.raises(BrokerError, match="the link broke"):
                await hub.subscribe("$SYS/broker/version")
