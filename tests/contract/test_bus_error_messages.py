"""How a bus connects where things are not as they should be, and what it says then."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fleet.bus import aiomqtt_connection, mqtt5_connection
from fleet.bus.connect_options import ConnectOptions
from fleet.bus.mqtt import MqttBus, ingest_bus
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError
from tests.support.broker import Mosquitto, free_port
from tests.support.proxy import Proxy, Refusal
from tests.support.waiting import eventually

Make = Callable[[ConnectOptions], MqttBus]


@pytest.fixture(params=[MqttBus, ingest_bus], ids=["plain", "fast"])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@pytest.fixture
async def stranger() -> AsyncIterator[Callable[[bytes | None], asyncio.Future[int]]]:
    """Something that listens and answers `answer` (None: silence) to whatever comes."""
    servers: list[asyncio.Server] = []

    async def start(answer: bytes | None) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield lambda answer: asyncio.ensure_future(start(answer))
    for server in servers:
        server.close()


def at(port: int, host: str = "127.0.0.1", **options: object) -> ConnectOptions:
    return ConnectOptions(BrokerUrl(host, port), "visitor", **options)  # type: ignore[arg-type]


async def refusal(bus: MqttBus) -> str:
    with pytest.raises(BrokerError) as caught:
        await bus.__aenter__()
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize("answer", Refusal)
async def test_it_falls_back_to_an_older_mqtt(
    broker: Mosquitto, make: Make, answer: Refusal
) -> None:
    async with Proxy(broker.port, answer) as proxy, make(at(proxy.port, persistent=True)) as bus:
        assert bus.protocol == "3.1.1"
        assert proxy.refused == 1
        await bus.subscribe("t")
        await bus.publish("t", b"1")
        assert (await anext(bus.messages())).payload == b"1"


async def test_it_speaks_mqtt_5_where_it_can(broker: Mosquitto, make: Make) -> None:
    async with make(at(broker.port)) as bus:
        assert bus.protocol == "5"


async def test_a_broker_that_went_away_once_is_not_taken_for_an_old_one(
    broker: Mosquitto, make: Make
) -> None:
    changes: list[str] = []
    observed = at(broker.port, on_link=lambda _up, detail: changes.append(detail))
    async with make(observed) as bus:
        broker.kill()
        await eventually(lambda: len(changes) > 2, what="a failed attempt")
        broker.start()
        await eventually(lambda: changes[-1].startswith("MQTT"), what="the return of the link")
        assert bus.protocol == "5"


async def test_nobody_listens(make: Make) -> None:
    assert "Connection refused\nTry: fleet broker up" in await refusal(make(at(free_port())))


async def test_an_unknown_host_is_named(make: Make) -> None:
    said = await refusal(make(at(1883, "no-such-host.invalid")))
    assert "the broker's host no-such-host.invalid is not known" in said


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", None])
async def test_something_else_than_a_broker_listens(
    make: Make,
    answer: bytes | None,
    stranger: Callable[[bytes | None], asyncio.Future[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aiomqtt_connection, "TIMEOUT", 0.2)
    monkeypatch.setattr(mqtt5_connection, "TIMEOUT", 0.2)
    assert "does not answer as an MQTT broker" in await refusal(make(at(await stranger(answer))))


async def test_a_wrong_password_is_told_without_showing_it(
    tmp_path: Path, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "passwords").write_text("")
    lines = [f"password_file {tmp_path}/passwords"]
    broker = Mosquitto(tmp_path / "broker", lines, anonymous=False).start()
    try:
        url = BrokerUrl("127.0.0.1", broker.port, user="hub")
        options = ConnectOptions(url, "hub", password="hunter2-wrong")  # noqa: S106
        said = await refusal(make(options))
    finally:
        broker.stop()
    assert "not authorised" in said or "wrong user name or password" in said
    assert "hunter2" not in said + caplog.text + repr(options)


# paho leaves a socket whose TLS handshake failed to the garbage collector, which complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_plain_broker_does_not_pass_for_a_tls_one(broker: Mosquitto, make: Make) -> None:
    url = BrokerUrl("127.0.0.1", broker.port, tls=True)
    said = await refusal(make(ConnectOptions(url, "visitor")))
    assert "TLS" in said or "cannot be reached" in said
    gc.collect()


async def test_a_denied_publish_is_an_error(tmp_path: Path, make: Make) -> None:
    (tmp_path / "acl").write_text("topic readwrite open/#\n")
    broker = Mosquitto(tmp_path / "broker", [f"acl_file {tmp_path}/acl"]).start()
    try:
        async with make(at(broker.port)) as bus:
            with pytest.raises(BrokerError, match="refused a publish to shut/a"):
                await bus.publish("shut/a", b"1")
            await bus.publish("open/a", b"1")
    finally:
        broker.stop()


async def test_a_link_that_went_deaf_is_noticed_and_replaced(make: Make, broker: Mosquitto) -> None:
    """No reset, no end of file: only the missing answer to a ping tells."""
    changes: list[bool] = []
    async with Proxy(broker.port) as proxy:
        options = at(proxy.port, keepalive=2, on_link=lambda up, _detail: changes.append(up))
        async with make(options) as bus:
            proxy.hold()
            await eventually(lambda: False in changes, what="the loss of the link")
            proxy.release()
            proxy.cut()
            await eventually(lambda: changes[-1], what="the return of the link")
            await bus.publish("t", b"1")


async def test_every_connection_of_ours_sends_at_once(make: Make, broker: Mosquitto) -> None:
    async with make(at(broker.port)) as bus:
        link = bus._client
        found = (
            link._client.socket()
            if isinstance(link, aiomqtt_connection.AiomqttConnection)
            else link._transport.get_extra_info("socket")  # type: ignore[union-attr]
        )
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
