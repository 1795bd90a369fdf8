"""Where the broker is, and what must never stand in its address."""

from __future__ import annotations

import pytest

from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mqtt://127.0.0.1", BrokerUrl("127.0.0.1")),
        ("mqtt://broker:1884", BrokerUrl("broker", 1884)),
        ("mqtts://broker", BrokerUrl("broker", 8883, tls=True)),
        ("mqtts://ada@broker.example:1", BrokerUrl("broker.example", 1, "ada", True)),
        ("mqtt://[::1]:1883", BrokerUrl("::1", 1883)),
        ("mqtt://broker/", BrokerUrl("broker")),
    ],
)
def test_an_address_is_read_and_written_back(text: str, expected: BrokerUrl) -> None:
    assert BrokerUrl.parse(text) == expected
    assert BrokerUrl.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "broker",
        "broker:1883",
        "http://broker",
        "mqtt://",
        "mqtt://broker:0",
        "mqtt://broker:65536",
        "mqtt://broker:port",
        "mqtt://broker/path",
        "mqtt://broker?x=1",
        "mqtt://broker#x",
        "mqtt://[::1",
        "mqtt://bro ker",
        "mqtt://broker\n",
    ],
)
def test_an_unusable_address_shows_a_usable_one(text: str) -> None:
    with pytest.raises(ConfigError) as found:
        BrokerUrl.parse(text)
    assert "mqtt://" in found.value.remedy


@pytest.mark.parametrize("text", ["mqtt://ada:hunter2@broker", "mqtt://ada:hunter2@broker:port"])
def test_a_password_in_the_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as found:
        BrokerUrl.parse(text)
    assert "hunter2" not in str(found.value)
