"""The kinds of bus that the contract tests run over, behind one way to ask for them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.in_process import InProcessBroker
from fleet.bus.local_broker import LocalBroker
from fleet.bus.mqtt import MqttBus, ingest_bus
from fleet.bus.port import Bus
from fleet.contract.broker_url import BrokerUrl
from tests.support.broker import free_port
from tests.support.proxy import Proxy, Refusal


@dataclass(frozen=True, slots=True)
class World:
    """A broker, how to get a bus on it, and how to break a client's link.

    `bus("name", **options)` takes the options of `ConnectOptions`.
    """

    bus: Callable[..., Bus]
    cut: Callable[[str], None]


@contextlib.asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[World]:
    broker = InProcessBroker()

    def bus(client_id: str, **options: Any) -> Bus:
        return broker.connect(ConnectOptions(BrokerUrl("memory"), client_id, **options))

    yield World(bus, broker.cut)


@contextlib.asynccontextmanager
async def behind_a_proxy(
    folder: Path,
    make: Callable[[ConnectOptions], Bus],
    *,
    refusal: Refusal | None = None,
    embedded: bool = False,
) -> AsyncIterator[World]:
    with LocalBroker(folder, free_port(), embedded=embedded) as broker:
        async with Proxy(broker.port, refusal) as proxy:
            url = BrokerUrl("127.0.0.1", proxy.port)

            def bus(client_id: str, **options: Any) -> Bus:
                return make(ConnectOptions(url, client_id, **options))

            yield World(bus, proxy.cut)


def mosquitto(folder: Path) -> contextlib.AbstractAsyncContextManager[World]:
    return behind_a_proxy(folder, MqttBus)


def mosquitto_3(folder: Path) -> contextlib.AbstractAsyncContextManager[World]:
    return behind_a_proxy(folder, MqttBus, refusal=Refusal.CODE_5)


def mosquitto_codec(folder: Path) -> contextlib.AbstractAsyncContextManager[World]:
    return behind_a_proxy(folder, ingest_bus)


def embedded(folder: Path) -> contextlib.AbstractAsyncContextManager[World]:
    return behind_a_proxy(folder, ingest_bus, embedded=True)


WORLDS = {
    "memory": memory,
    "mosquitto-5": mosquitto,
    "mosquitto-codec": mosquitto_codec,
    "mosquitto-3.1.1": mosquitto_3,
    "embedded": embedded,
}
