"""What went wrong with a broker, in words a person can act on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fleet.bus.connect_options import ConnectOptions
from fleet.contract.broker_capabilities import REASONS, Lack, Need
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError, RefusedError
from fleet.contract.tls_faults import REMEDIES, TlsFault, fault_of, why

UNSUPPORTED_PROTOCOL: Final = frozenset({1, 132})
"""CONNACK codes of a broker that does not speak MQTT 5 (3.1.1's and 5's own)."""

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
    0x97: "a quota of the broker is used up",
    0x98: "an administrator ended the connection",
}
"""Reason codes of a DISCONNECT that the broker sends (MQTT 5, 3.14.2.1)."""


def disconnected(code: int) -> str:
    """Why the broker hung up, by the reason code of its DISCONNECT; empty: it gave none."""
    if code in REASONS:
        return Lack(REASONS[code]).sentence
    return _GOODBYES.get(code, f"the broker hung up with reason code {code}")


def client_id_taken(options: ConnectOptions) -> str:
    """Connections that end right after they came about, again and again."""
    return (
        f"{TAKEN_OVER}, or the broker ends it at once: is another hub or client at work as"
        f" {options.client_id} on {options.url}?"
    )


def weakly_granted(url: BrokerUrl, name: str) -> RefusedError:
    """The broker gives a subscription less than QoS 1."""
    lack = Lack(Need.QOS_1)
    what = f"the broker {url} {lack.missing} (it grants the subscription to {name} so)"
    return RefusedError(what, lack.effect, lack.remedy)


def lacking(url: BrokerUrl, lack: Lack) -> BrokerError:
    """The broker cannot do what everything needs."""
    return BrokerError(f"the broker {url} {lack.missing}", lack.effect, lack.remedy)


def publish_refused(topic: str, code: int, lacks: Sequence[Lack]) -> RefusedError:
    """The broker answers a publish with `code`; `lacks` are what it said at the beginning."""
    need = REASONS.get(code)
    if need is None:
        remedy = "fleet acl test shows what this account may do"
        return RefusedError(
            f"the broker refused a publish to {topic}", f"reason code {code}", remedy
        )
    lack = next((one for one in lacks if one.need is need), Lack(need))
    return RefusedError(f"the broker refused a publish to {topic}", lack.sentence, lack.remedy)


def in_a_line(error: BrokerError) -> str:
    """What went wrong and what to try, for a log."""
    said = f"{error.what}: {error.why}" if error.why else error.what
    return f"{said}; try: {error.remedy}" if error.remedy else said


NO_BROKER: Final = "does not answer as an MQTT broker"
"""Of what takes a connection and hangs up on CONNECT, or says nothing."""


REFUSED_US: Final = "refused us"
"""Of a broker that answers, and lets this account not in."""


def refused(url: BrokerUrl, code: int) -> BrokerError:
    """The broker answered CONNECT with `code`."""
    if code in REASONS:
        return lacking(url, Lack(REASONS[code]))
    reason, remedy = _REFUSALS.get(code, (f"CONNACK code {code}", "look at the broker's log"))
    return BrokerError(f"the broker {url} {REFUSED_US}", reason, remedy)


def unreachable(url: BrokerUrl, error: BaseException) -> BrokerError:
    """No connection came about."""
    text = re.sub(r"^\[Errno -?[0-9]+\] ", "", str(error)) or type(error).__name__
    fault = fault_of(text) if url.tls else None
    if fault is not None:
        return tls_failed(url, fault, text)
    if "Name or service" in text or "getaddrinfo" in text or "nodename" in text:
        return BrokerError(f"the broker's host {url.host} is not known", text, "check FLEET_BROKER")
    return BrokerError(
        f"the broker {url} cannot be reached", text, "fleet broker up starts one; or FLEET_BROKER=…"
    )


def none_of(refusals: Sequence[BrokerError]) -> BrokerError:
    """No broker of several gives us a link; of one, what it said."""
    if len(refusals) == 1:
        return refusals[0]
    why = "; ".join(f"{one.what}: {one.why}" if one.why else one.what for one in refusals)
    return BrokerError("no broker of FLEET_BROKER gives a link", why, refusals[0].remedy)


def tls_failed(url: BrokerUrl, fault: TlsFault, said: str = "") -> BrokerError:
    """There is no TLS link; `said` are the library's words."""
    return BrokerError(f"TLS with the broker {url} failed", why(fault, said), REMEDIES[fault])


def not_mqtt(url: BrokerUrl, fault: TlsFault | None) -> BrokerError:
    """Something listens there, but it does not answer as an MQTT broker; `fault`: why, by TLS."""
    if fault is not None:
        return tls_failed(url, fault)
    return BrokerError(
        f"{url} {NO_BROKER}",
        "it closed the connection or said nothing",
        "check host, port and mqtt:// or mqtts:// in FLEET_BROKER",
    )
