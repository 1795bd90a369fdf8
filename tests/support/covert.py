"""An agent that hides bits in messages that satisfy the contract, and whoever reads them there.

Each channel hides as many random bits as it can in one message, and reads them back from the
message alone: what is counted as carried was carried.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from math import factorial
from typing import Any

from fleet.contract.timestamps import timestamp

METRICS = tuple(f"load_{number}_ratio" for number in range(32))
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTERS = "abcdefghijklmnopqrstuvwxyz012345"
PLANES = ("process", "endpoint", "work", "channels", "cron", "config", "disk", "memory")
CHECKS = ("pass", "warn", "fail", "unknown")

Hide = Callable[[int], dict[str, Any]]
Read = Callable[[dict[str, Any]], int]


@dataclass(frozen=True)
class Channel:
    """One way to hide `bits` bits in the fields of a message of `kind`."""

    kind: str
    bits: int
    hide: Hide
    read: Read


def _digits(number: int, base: int, places: int) -> list[int]:
    return [number // base**place % base for place in range(places)]


def _number(digits: list[int], base: int) -> int:
    return sum(digit * base**place for place, digit in enumerate(digits))


def _words(number: int, length: int, alphabet: str) -> str:
    return "".join(alphabet[digit] for digit in _digits(number, 32, length))


def _spelled(text: str, alphabet: str) -> int:
    return _number([alphabet.index(letter) for letter in text], 32)


def _many_digits() -> Channel:
    def hide(number: int) -> dict[str, Any]:
        values = _digits(number, 2**49, 32)
        return {"metrics": dict(zip(METRICS, (2**49 + v for v in values), strict=True))}

    def read(message: dict[str, Any]) -> int:
        return _number([value - 2**49 for value in message["metrics"].values()], 2**49)

    return Channel("heartbeat", 49 * 32, hide, read)


def _three_digits() -> Channel:
    def hide(number: int) -> dict[str, Any]:
        values = _digits(number, 512, 32)
        return {"metrics": dict(zip(METRICS, (100 + v for v in values), strict=True))}

    def read(message: dict[str, Any]) -> int:
        return _number([value - 100 for value in message["metrics"].values()], 512)

    return Channel("heartbeat", 9 * 32, hide, read)


def _decades() -> Channel:
    """Three digits of any size, and of either sign."""

    def hide(number: int) -> dict[str, Any]:
        values = []
        for digits in _digits(number, 2**13, 32):
            size, rest = digits % 8, digits // 8
            sign, mantissa = rest % 2, 100 + rest // 2 % 512
            values.append((-1 if sign else 1) * mantissa * 10**size)
        return {"metrics": dict(zip(METRICS, values, strict=True))}

    def read(message: dict[str, Any]) -> int:
        found = []
        for value in message["metrics"].values():
            text = str(abs(value))
            size = len(text) - 3
            found.append(size + 8 * ((value < 0) + 2 * (int(text[:3]) - 100)))
        return _number(found, 2**13)

    return Channel("heartbeat", 13 * 32, hide, read)


def _counters() -> Channel:
    """How far counters grow."""
    stood = dict.fromkeys(METRICS, 10**6)
    seen = dict(stood)

    def hide(number: int) -> dict[str, Any]:
        for name, step in zip(METRICS, _digits(number, 512, 32), strict=True):
            stood[name] += 1 + step
        return {"metrics": dict(stood)}

    def read(message: dict[str, Any]) -> int:
        steps = [message["metrics"][name] - seen[name] - 1 for name in METRICS]
        seen.update(message["metrics"])
        return _number(steps, 512)

    return Channel("heartbeat", 9 * 32, hide, read)


def _names() -> Channel:
    def hide(number: int) -> dict[str, Any]:
        return {
            "metrics": {"x" + _words(part, 40, LETTERS): 1 for part in _digits(number, 2**200, 8)}
        }

    def read(message: dict[str, Any]) -> int:
        return _number([_spelled(name[1:], LETTERS) for name in message["metrics"]], 2**200)

    return Channel("heartbeat", 1600, hide, read)


def _order() -> Channel:
    def hide(number: int) -> dict[str, Any]:
        left, order = list(METRICS), []
        for size in range(32, 0, -1):
            number, place = divmod(number, size)
            order.append(left.pop(place))
        return {"metrics": dict.fromkeys(order, 1)}

    def read(message: dict[str, Any]) -> int:
        left, places = list(METRICS), []
        for name in message["metrics"]:
            places.append((len(left), left.index(name)))
            left.remove(name)
        number = 0
        for size, place in reversed(places):
            number = number * size + place
        return number

    return Channel("heartbeat", factorial(32).bit_length() - 1, hide, read)


def _planes() -> Channel:
    def hide(number: int) -> dict[str, Any]:
        found = [CHECKS[digit] for digit in _digits(number, 4, 8)]
        return {"checks": dict(zip(PLANES, found, strict=True))}

    def read(message: dict[str, Any]) -> int:
        return _number([CHECKS.index(check) for check in message["checks"].values()], 4)

    return Channel("heartbeat", 16, hide, read)


def _numbers_of_messages() -> Channel:
    def hide(number: int) -> dict[str, Any]:
        boot, seq = _digits(number, 2**50, 2)
        return {"boot": boot, "seq": seq, "uptime": number >> 100}

    def read(message: dict[str, Any]) -> int:
        return message["boot"] + (message["seq"] << 50) + (message["uptime"] << 100)

    return Channel("heartbeat", 133, hide, read)


def _versions() -> Channel:
    fields = ("agent", "sidecar", "runtime")

    def hide(number: int) -> dict[str, Any]:
        parts = [_words(part, 32, ALPHABET) for part in _digits(number, 2**160, 3)]
        return {"versions": dict(zip(fields, parts, strict=True))}

    def read(message: dict[str, Any]) -> int:
        return _number([_spelled(message["versions"][f], ALPHABET) for f in fields], 2**160)

    return Channel("status", 480, hide, read)


def _digest() -> Channel:
    return Channel(
        "status",
        256,
        lambda number: {"config": f"sha256:{number:064x}"},
        lambda message: int(message["config"].removeprefix("sha256:"), 16),
    )


def _ids() -> Channel:
    def hide(number: int) -> dict[str, Any]:
        text = _words(number & (2**125 - 1), 25, ALPHABET)
        return {
            "id": "0" + text,
            "value": number >> 125 & (2**50 - 1),
            "threshold": number >> 175,
        }

    def read(message: dict[str, Any]) -> int:
        text = _spelled(message["id"][1:], ALPHABET)
        return text + (message["value"] << 125) + (message["threshold"] << 175)

    return Channel("alert", 225, hide, read)


CHANNELS: dict[str, Callable[[], Channel]] = {
    "values of many digits": _many_digits,
    "values of three digits": _three_digits,
    "values of any size": _decades,
    "growth of counters": _counters,
    "names of metrics": _names,
    "order of keys": _order,
    "planes": _planes,
    "numbers of messages": _numbers_of_messages,
    "versions": _versions,
    "digests": _digest,
    "ids": _ids,
}

_REQUIRED = {
    "heartbeat": {"ok": True},
    "status": {"state": "running"},
    "alert": {"code": "disk-pressure", "severity": "warning", "state": "firing"},
}
TIME_BITS = 16
"""Bits that each message carries besides by the millisecond in which it comes."""


def messages(
    channel: Channel, since: float, seed: int = 5
) -> Iterator[tuple[float, str, bytes, int]]:
    """(time, kind, payload, bits carried) without end, a message within each 66 seconds."""
    random_bits = random.Random(seed)
    for number in count():
        secret = random_bits.getrandbits(channel.bits)
        late = random_bits.getrandbits(TIME_BITS)
        at = since + 66.0 * number + late / 1000
        message = {**_REQUIRED[channel.kind], "ts": timestamp(at), **channel.hide(secret)}
        payload = json.dumps(message, separators=(",", ":")).encode()
        assert channel.read(json.loads(payload)) == secret
        yield at, channel.kind, payload, channel.bits + TIME_BITS
