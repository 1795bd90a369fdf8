"""What went wrong with a broker, in words a person can act on."""

from __future__ import annotations

import re
from typing import Final

from fleet.bus.connect_options import ConnectOptions
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError, RefusedError

UNSUPPORTED_PROTOCOL: Final = frozenset({1, 132})
"""CONNACK codes of a broker that does not speak MQTT 5 (3.1.1's and 5's own)."""

NO_QOS_1: Final = 0x9B
"""The reason code of a broker that does not take our quality of service."""

_REFUSALS: Final = {
    2: ("the client id is not allowed", "use the account's own name as client id"),
    133: ("the client id is not allowed", "use the account's own name as client id"),
    3: ("the broker is unavailable", "look at the broker's log"),
    136: ("the broker is unavailable", "look at the broker's log"),
    4: ("wrong user name or password", "check FLEET_BROKER's user and FLEET_PASSWORD_FILE"),
    134: ("wrong user name or password", "check FLEET_BROKER's user and FLEET_PASSWORD_FILE"),
    5: ("not authorised", "check FLEET_BROKER's user and FLEET_PASSWORD_FILE"),
    135: ("not authorised", "check FLEET_BROKER's user and FLEET_PASSWORD_FILE"),
    138: ("this client is banned", "fleet agent list shows revoked ones"),
    NO_QOS_1: (
        "it takes QoS 0 only, so what is lost would be lost unsaid",
        "max_qos 2 in mosquitto.conf, or another broker",
    ),
}


TAKEN_OVER: Final = "another client took this client id over"

_GOODBYES: Final = {
    0x00: "",
    0x87: "the broker no longer authorises this account",
    0x89: "the broker is busy",
    0x8B: "the broker is shutting down",
    0x8D: "the broker heard nothing of us for too long",
    0x8E: TAKEN_OVER,
    0x93: "more was in flight than the broker takes",
    0x95: "a packet was larger than the broker takes",
    0x97: "a quota of the broker is used up",
    0x98: "an administrator ended the connection",
    0x9A: "the broker keeps no retained messages",
    NO_QOS_1: "the broker does not take this quality of service",
}
"""Reason codes of a DISCONNECT that the broker sends (MQTT 5, 3.14.2.1)."""


def disconnected(code: int) -> str:
    """Why the broker hung up, by the reason code of its DISCONNECT; empty: it gave none."""
    return _GOODBYES.get(code, f"the broker hung up with reason code {code}")


def client_id_taken(options: ConnectOptions) -> str:
    """Connections that end right after they came about, again and again."""
    return (
        f"{TAKEN_OVER}, or the broker ends it at once: is another hub or client at work as"
        f" {options.client_id} on {options.url}?"
    )


def weakly_granted(url: BrokerUrl, name: str) -> RefusedError:
    """The broker gives a subscription less than QoS 1."""
    why, remedy = _REFUSALS[NO_QOS_1]
    return RefusedError(f"{url} grants the subscription to {name} without QoS 1", why, remedy)


def refused(url: BrokerUrl, code: int) -> BrokerError:
    """The broker answered CONNECT with `code`."""
    why, remedy = _REFUSALS.get(code, (f"CONNACK code {code}", "look at the broker's log"))
    return BrokerError(f"the broker {url} refused us", why, remedy)


def unreachable(url: BrokerUrl, error: BaseException) -> BrokerError:
    """No connection came about."""
    text = re.sub(r"^\[Errno -?[0-9]+\] ", "", str(error)) or type(error).__name__
    if "CERTIFICATE" in text or "SSL" in text:
        remedy = "check FLEET_CA_FILE, and that the host name is in the broker's certificate"
        return BrokerError(f"TLS with the broker {url} failed", text, remedy)
    if "Name or service" in text or "getaddrinfo" in text or "nodename" in text:
        return BrokerError(f"the broker's host {url.host} is not known", text, "check FLEET_BROKER")
    return BrokerError(
        f"the broker {url} cannot be reached", text, "fleet broker up starts one; or FLEET_BROKER=…"
    )


def not_mqtt(url: BrokerUrl) -> BrokerError:
    """Something listens there, but it does not answer as an MQTT broker."""
    return BrokerError(
        f"{url} does not answer as an MQTT broker",
        "it closed the connection or said nothing",
        "check host, port and mqtt:// or mqtts:// in FLEET_BROKER",
    )
