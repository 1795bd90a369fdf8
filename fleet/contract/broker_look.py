"""A look whether a broker is at work that logs nobody in: no place is taken, no password given.

A CONNECT in a version of MQTT that is none. A broker answers it with a CONNACK that refuses
(MQTT 5, 3.1.2.2); one that is stopped, or a forwarder before one that is away, does not.
"""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 5.0
"""Seconds for name, TCP, TLS and the answer, each."""

_UNKNOWN_VERSION: Final = 0x7F

HELLO: Final = bytes((0x10, 14, 0, 4, *b"MQTT", _UNKNOWN_VERSION, 2, 0, 10, 0, 2, *b"--"))
"""A CONNECT for a clean session of 10 s of keep-alive with the client id `--`."""

_CONNACK: Final = 0x20


def is_answer(data: bytes) -> bool:
    """Whether a broker said this to `HELLO`."""
    return data[:1] == bytes((_CONNACK,))
