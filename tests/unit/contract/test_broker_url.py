"""Where the broker is, and what must never stand in its address."""

from __future__ import annotations

import pytest

from fleet.contract.broker_url import BrokerUrl, BrokerUrls
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
        ("mqtt://vhost%3Aal%40pha@broker", BrokerUrl("broker", user="vhost:al@pha")),
        ("mqtt://%C3%BCmit@broker", BrokerUrl("broker", user="ümit")),
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
        "mqtt://50%@broker",
        "mqtt://a%0Ab@broker",
        "mqtt://a%FFb@broker",
        "mqtt://team/a@broker",
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


A, B = "mqtts://zephyr@a:8883", "mqtts://zephyr@b:8883"


def test_several_stand_with_commas_between_the_first_preferred() -> None:
    urls = BrokerUrls.parse(f"{A}, {B}")
    assert [one.host for one in urls.every] == ["a", "b"]
    assert urls.first.host == "a"
    assert BrokerUrls.parse(str(urls)) == urls
    assert str(urls.as_user("alpha")) == "mqtts://alpha@a:8883,mqtts://alpha@b:8883"


def test_one_is_several_of_one() -> None:
    assert BrokerUrls.parse(A) == BrokerUrls((BrokerUrl.parse(A),))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{A},{A}", "twice"),
        ("mqtts://zephyr@a,mqtts://alpha@b", "users differ"),
        ("mqtts://zephyr@a,mqtts://b", "users differ"),
        ("mqtts://a,mqtt://b", "would get the password"),
        ("mqtts://a,", "neither mqtt nor mqtts"),
        (",".join(f"mqtt://h{number}" for number in range(5)), "tried in turn"),
    ],
)
def test_several_that_do_not_go_together_are_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        BrokerUrls.parse(text)
    assert why in refused.value.why
    assert refused.value.remedy


def test_the_plain_listener_of_this_machine_may_stand_beside_one_that_encrypts() -> None:
    assert BrokerUrls.parse("mqtt://zephyr@127.0.0.1:1883,mqtts://zephyr@b").standbys
