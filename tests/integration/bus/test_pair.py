"""A bus with two brokers: it goes to the second, and back without a message lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.bus import mqtt
from fleet.bus.connect_options import ConnectOptions
from fleet.bus.links import plain
from fleet.bus.mqtt import MqttBus, ingest_bus
from fleet.contract import broker_choice
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError
from tests.support.broker import Mosquitto
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Mosquitto, Mosquitto]]:
    """Two that know nothing of each other."""
    made = tuple(Mosquitto(tmp_path / name, persistence=True).start() for name in ("a", "b"))
    yield made[0], made[1]
    for broker in made:
        broker.kill()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is believed after a moment."""
    for name, value in (("LOOK", 0.1), ("WELL", 0.5), ("LONGEST_WELL", 1.0)):
        monkeypatch.setattr(broker_choice, name, value)


def options(two: tuple[Mosquitto, Mosquitto]) -> ConnectOptions:
    first, second = (BrokerUrl.parse(broker.url) for broker in two)
    return ConnectOptions(first, "zephyr", persistent=True, manual_ack=True, standbys=(second,))


async def texts(bus: MqttBus, count: int) -> list[bytes]:
    """The next messages, acknowledged."""
    found: list[bytes] = []
    async for batch in bus.batches():
        await bus.ack_many(batch)
        found += [message.payload for message in batch]
        if len(found) >= count:
            break
    return found


@pytest.mark.parametrize("link", [plain, None], ids=["plain", "fast"])
async def test_it_goes_on_at_the_second_and_returns_once_the_first_is_well(
    two: tuple[Mosquitto, Mosquitto], soon: None, link: object
) -> None:
    first, second = two
    made = MqttBus(options(two), plain) if link else ingest_bus(options(two))
    async with made as bus:
        await bus.subscribe("x/#")
        first.kill()
        await eventually(lambda: bus.broker.port == second.port, what="the second's turn")

        async def said(text: bytes) -> bool:
            try:
                await bus.publish("x/1", text)
            except BrokerError:
                return False
            return True

        await eventually(lambda: said(b"there"), what="a link")  # type: ignore[arg-type]
        assert await texts(bus, 1) == [b"there"]
        first.start()
        await eventually(lambda: bus.broker.port == first.port, what="the way back")
        await bus.publish("x/1", b"here")
        assert await texts(bus, 1) == [b"here"]
    assert "Client zephyr disconnected" in second.log.read_text()


async def test_what_was_taken_at_one_is_acknowledged_there(
    two: tuple[Mosquitto, Mosquitto], soon: None
) -> None:
    """A reader that is slow has deliveries of both links in hand; neither comes again."""
    first, second = two
    async with ingest_bus(options(two)) as bus:
        await bus.subscribe("x/#")
        await bus.publish("x/1", b"at the first")
        first.kill()
        await eventually(lambda: bus.broker.port == second.port, what="the second's turn")
        assert await texts(bus, 1) == [b"at the first"]


async def test_a_link_begins_at_the_second_where_the_first_is_away(
    two: tuple[Mosquitto, Mosquitto],
) -> None:
    two[0].kill()
    async with ingest_bus(options(two)) as bus:
        assert bus.broker.port == two[1].port


async def test_where_both_are_away_each_is_named(two: tuple[Mosquitto, Mosquitto]) -> None:
    for broker in two:
        broker.kill()
    with pytest.raises(BrokerError) as failed:
        await ingest_bus(options(two)).__aenter__()
    assert all(str(broker.port) in failed.value.why for broker in two)


async def test_what_is_kept_for_us_where_we_are_not_is_ended(
    two: tuple[Mosquitto, Mosquitto], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that was lost with its link would queue at that broker for a week."""
    monkeypatch.setattr(mqtt, "STEADY", 0.2)
    first, second = two
    there = replace(options((second, first)), standbys=())
    async with ingest_bus(there) as bus:
        await bus.subscribe("x/#")
    async with ingest_bus(options(two)) as bus:
        await bus.subscribe("x/#")
        connects = "as zephyr (p5, c1"  # a clean start ends what was there
        await eventually(lambda: connects in second.log.read_text(), what="the visit")
        await eventually(lambda: not bus._left, what="the end of the session")
        await bus.publish("x/1", b"still here")
        assert await texts(bus, 1) == [b"still here"]


async def test_what_the_first_kept_for_us_meanwhile_does_not_come_on_the_return(
    two: tuple[Mosquitto, Mosquitto], soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the link ended: a kill may look like a takeover, since for a moment it listens."""

    async def still(_: ConnectOptions) -> bool:
        return True

    monkeypatch.setattr(mqtt, "listens", still)
    first, second = two
    async with ingest_bus(options(two)) as bus:
        await bus.subscribe("x/#")
        first.send_signal(signal.SIGUSR1)  # it keeps the session on its disk
        await eventually(lambda: list(first.folder.rglob("*.db")), what="the session on disk")
        first.kill()
        await eventually(lambda: bus.broker.port == second.port, what="the second's turn")
        first.start()
        other = ConnectOptions(BrokerUrl.parse(first.url), "other")
        async with ingest_bus(other) as neighbour:
            await neighbour.publish("x/1", b"came by the bridge as well")
        await eventually(lambda: bus.broker.port == first.port, what="the way back")
        await bus.publish("x/1", b"here")
        assert await texts(bus, 1) == [b"here"]


async def test_what_the_first_kept_for_the_hub_before_is_ended_too(
    two: tuple[Mosquitto, Mosquitto], soon: None
) -> None:
    """It was away when this hub began."""
    first, _ = two
    async with ingest_bus(options(two)) as bus:
        await bus.subscribe("x/#")
    first.stop()
    async with ingest_bus(options(two)) as bus:
        await bus.subscribe("x/#")
        first.start()
        async with ingest_bus(ConnectOptions(BrokerUrl.parse(first.url), "other")) as neighbour:
            await neighbour.publish("x/1", b"came by the bridge as well")
        await eventually(lambda: bus.broker.port == first.port, what="the way back")
        await bus.publish("x/1", b"here")
        assert await texts(bus, 1) == [b"here"]
