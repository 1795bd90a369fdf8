"""What MQTT 5 lets a PUBLISH carry beside topic and payload; the contract has no place for it.

User properties and their like take as much text as a packet holds, past every judge of payloads. So
they are told by name and size, and whoever reads messages rejects them. Message expiry, topic alias
and the receiver's own subscription identifiers carry nothing of the sender's and are let through.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import Reason

Properties = tuple[tuple[str, int], ...]
"""(name, bytes) of each; user properties count as one, names and values together."""

CONTENT_TYPE: Final = "content-type"
CORRELATION_DATA: Final = "correlation-data"
PAYLOAD_FORMAT: Final = "payload-format-indicator"
RESPONSE_TOPIC: Final = "response-topic"
USER_PROPERTY: Final = "user-property"

NAMES: Final = (CONTENT_TYPE, CORRELATION_DATA, PAYLOAD_FORMAT, RESPONSE_TOPIC, USER_PROPERTY)


def of_packet(packet: Any) -> Properties:
    """Those of a PUBLISH of package `mqtt5`."""
    return _sizes(
        packet.content_type,
        packet.correlation_data,
        packet.payload_format_indicator or None,  # the codec tells 0 and none alike
        packet.response_topic,
        packet.user_properties,
    )


def of_paho(properties: Any) -> Properties:
    """Those of a message of paho; None: it came over MQTT 3.1.1, which has none."""
    if properties is None:
        return ()
    return _sizes(
        getattr(properties, "ContentType", None),
        getattr(properties, "CorrelationData", None),
        getattr(properties, "PayloadFormatIndicator", None),
        getattr(properties, "ResponseTopic", None),
        getattr(properties, "UserProperty", None),
    )


def describe(properties: Properties, payload: bytes) -> bytes:
    """What a dead letter keeps of such a message: names and sizes, never the text."""
    return json.dumps({"properties": dict(properties), "payload": len(payload)}).encode()


def read(value: object) -> Properties:
    """What a capture tells of them; whatever is not of that form is passed by."""
    items = value.items() if isinstance(value, dict) else ()
    return tuple(
        (name, size) for name, size in items if name in NAMES and type(size) is int and size >= 0
    )


def require_none(properties: Properties) -> None:
    """
    Raises:
        Rejected: there are some; it names them.
    """
    if properties:
        raise Rejected(Reason.PROPERTIES, names(properties))


def names(properties: Properties) -> str:
    return ",".join(name for name, _ in properties)


def _sizes(
    content_type: str | None,
    correlation_data: bytes | None,
    payload_format: int | None,
    response_topic: str | None,
    user: Iterable[tuple[str, str]] | None,
) -> Properties:
    found: list[tuple[str, int]] = []
    if content_type is not None:
        found.append((CONTENT_TYPE, _bytes(content_type)))
    if correlation_data is not None:
        found.append((CORRELATION_DATA, len(correlation_data)))
    if payload_format is not None:
        found.append((PAYLOAD_FORMAT, 1))
    if response_topic is not None:
        found.append((RESPONSE_TOPIC, _bytes(response_topic)))
    if user:
        found.append((USER_PROPERTY, sum(_bytes(name) + _bytes(text) for name, text in user)))
    return tuple(found)


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
