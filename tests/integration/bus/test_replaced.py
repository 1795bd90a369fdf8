"""A bus whose broker gives its place to another client, again and again."""

from __future__ import annotations

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.mqtt import PATIENCE, ingest_bus
from fleet.contract.broker_url import BrokerUrl
from tests.support.broker import Mosquitto
from tests.support.packet_proxy import Packet, PacketProxy
from tests.support.waiting import eventually


def taken_over(packet: bytes, from_broker: bool) -> bytes:
    """A DISCONNECT of MQTT 5 with the reason 0x8E behind each CONNACK."""
    taken = from_broker and packet[0] >> 4 == Packet.CONNACK
    return packet + b"\xe0\x01\x8e" if taken else packet


async def test_it_gives_way_after_a_few_turns_and_says_who_has_the_place(
    broker: Mosquitto,
) -> None:
    told: list[tuple[bool, str]] = []
    with PacketProxy(broker.port, taken_over) as proxy:
        url = BrokerUrl.parse(f"mqtt://127.0.0.1:{proxy.port}")
        options = ConnectOptions(url, "zephyr", on_link=lambda *one: told.append(one))
        async with ingest_bus(options) as bus:
            await eventually(lambda: bus.replaced, what="that it gives way")
            assert sum(up for up, _ in told) == PATIENCE
            assert "as zephyr" in told[-1][1]
            assert bus.contested


async def test_a_broker_that_restarts_is_nobody_else(broker: Mosquitto) -> None:
    told: list[bool] = []
    options = ConnectOptions(
        BrokerUrl.parse(broker.url), "zephyr", on_link=lambda up, _: told.append(up)
    )
    async with ingest_bus(options) as bus:
        for _ in range(4):
            broker.kill()
            await eventually(lambda: told[-2:] == [False, False], what="a try in vain")
            broker.start()
            await eventually(lambda: told[-1] is True, deadline=60, what="the link")
        assert not bus.replaced
