"""How much one message can tell: the length, in bits, of its text in a code that can be undone.

The code is prefix-free and knows what the agent said before, so whoever has the bits and the same
past has the message. By Kraft's inequality no choice of messages whose lengths add up to N bits
can carry more than N bits, whatever they are made of: values, names, order, spelling, times.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from fleet.contract import limits, patterns, vocabulary
from fleet.contract.vocabulary import Word
from fleet.contract.work_vocabulary import TaskReason, TaskState

ARRIVAL: Final = 27.0
"""Bits of when a message comes: one of a day's milliseconds, finer than a network keeps them."""

HEAD: Final = 1.0 + 2.0 + 1.0
"""Bits of every message: that there is one, its kind, and whether it is to be retained."""

KNOWN_SHAPES: Final = 8
"""Texts without their values that are remembered of an agent: an honest one has four or five."""

MAX_SHAPE: Final = 2048
"""Bytes of a shape that is remembered; whoever has larger ones pays for each anew."""

_SLOTS: Final = re.compile(rb'(?<=[:\[, ])("[^"\\]*"(?![" ]*:)|-?[0-9][0-9.eE+-]*)').split
"""Cuts a text into shape and values by turns: a value follows a colon, a comma or a bracket."""

_BETWEEN: Final = b"\0"
"""Stands for a value in a shape; JSON holds no such byte."""

_COMMON: Final = re.compile(rb'[\x00a-z0-9_{}\[\]":, .-]*').fullmatch
"""The characters of shapes as sidecars write them: fewer than 64."""

_PLAIN: Final = re.compile(rb"(-?)(0|[1-9][0-9]*)(?:\.([0-9]*[1-9])|(\.0))?").fullmatch
_TIMESTAMP: Final = re.compile(b'"' + patterns.TIMESTAMP.encode() + b'"').fullmatch
_DIGEST: Final = re.compile(b'"' + patterns.DIGEST.encode() + b'"').fullmatch
_ULID: Final = re.compile(b'"' + patterns.ULID.encode() + b'"').fullmatch

WORDS: Final = frozenset(
    f'"{word.value}"'.encode()
    for kind in (*vars(vocabulary).values(), TaskState, TaskReason)
    if isinstance(kind, type) and issubclass(kind, Word) and kind is not Word
    for word in kind
)
"""Words of the contract as they stand in a text: fewer than 512, so nine bits name one."""

_INDEX, _LENGTH = 3.0, 13.0
"""Bits of the number of a known shape, and of a length or place within a payload."""

_MANTISSA: Final = 10.0
"""Bits of three significant digits: 100 to 999, and 0."""

_STYLE: Final = 2.0
"""Bits of a sign, and of whether `.0` follows."""

_DECADE, _DECADES = 5.0, range(-8, 24)
"""Bits of an exponent, and which there are."""

_PLACES_COUNTED, _LONGEST = 6, 24
"""Decimals, and characters, of a counter whose growth is looked at."""

_MOMENT: Final = 32.0
"""Bits of a second between 1970 and 2099."""

_PLACES: Final = (0.0, 3.4, 6.7, 10.0, 13.3, 16.7, 20.0)
"""Bits of so many decimals of a second."""

NEAR: Final = 32
"""Seconds around its arrival in which an honest time is, so that six bits tell which."""


class Said:
    """What is known of one agent's messages: the latest of each shape."""

    __slots__ = ("_shapes", "_tail", "_tail_slots")

    def __init__(self) -> None:
        self._shapes: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
        self._tail = b""
        self._tail_slots: tuple[bytes, list[bytes]] = b"", []

    def say(self, payload: bytes, at: float) -> float:
        """Bits of a message that arrives at `at` (s since the epoch); what follows is told by
        the difference to it."""
        shape, values, tail = self._cut(payload)
        shapes = self._shapes
        before = shapes.pop(shape, None)
        if before is None:
            latest = next(reversed(shapes), b"")
            bits = 2.0 + _shape_bits(shape, latest)
            bits += sum(_told(value, b"", at) for value in (*values, *tail))
        else:
            bits = 1.0 + _INDEX + len(values) + len(tail)
            bits += _changes(values, before[0], at)
            if tail is not before[1]:
                bits += _changes(tail, before[1], at)
        if len(shape) <= MAX_SHAPE:
            shapes[shape] = values, tail
            if len(shapes) > KNOWN_SHAPES:
                del shapes[next(iter(shapes))]
        raw = 2.0 + _LENGTH + 8.0 * min(len(payload), limits.MAX_PAYLOAD + 1)
        return ARRIVAL + HEAD + min(raw, bits)

    def _cut(self, payload: bytes) -> tuple[bytes, list[bytes], list[bytes]]:
        """Shape and values of `payload`, those of its tail apart: where that is as in the message
        before, it is the same list again. To cut a text is most of what it costs to measure it."""
        place = tail_of(payload)
        tail = payload[place:]
        if tail != self._tail:
            self._tail, self._tail_slots = tail, _slots(tail)
        shape, values = _slots(payload[:place])
        return shape + self._tail_slots[0], values, self._tail_slots[1]


def tail_of(payload: bytes) -> int:
    """Where the part of a message of the contract begins that stays the same for long: checks,
    metrics and what stands behind them. Between two keys no value is cut in two."""
    if b"\\" in payload:
        return len(payload)
    place = payload.find(b',"checks":')
    if place < 0:
        place = payload.find(b',"metrics":')
    return place + 1 if place >= 0 else len(payload)


def _slots(text: bytes) -> tuple[bytes, list[bytes]]:
    parts = _SLOTS(text)
    return _BETWEEN.join(parts[0::2]), parts[1::2]


def _changes(values: list[bytes], before: list[bytes], at: float) -> float:
    """Bits of the values that are not as before, beyond the one that says so."""
    bits = 0.0
    for value, last in zip(values, before, strict=True):
        if value != last:
            bits += _told(value, last, at) - 1.0
    return bits


def _shape_bits(shape: bytes, latest: bytes) -> float:
    """A new shape: how much of the latest it begins and ends with, and what is between."""
    most = min(len(shape), len(latest))
    first = next((n for n in range(most) if shape[n] != latest[n]), most)
    left = most - first
    last = next((n for n in range(left) if shape[-1 - n] != latest[-1 - n]), left)
    between = shape[first : len(shape) - last]
    return 3 * _LENGTH + 1.0 + (6.0 if _COMMON(between) else 8.0) * len(between)


def _told(value: bytes, last: bytes, at: float) -> float:
    """Bits of a value that differs from the last one in its place.

    One bit says that it does; the rest is one of the codes whose turn comes by flags: 0 same
    decade, 10 growth, 110 three digits, 1110 next number, 11110 word, 111110 text, 111111 number.
    """
    if value[:1] == b'"':
        return 6.0 + 9.0 if value in WORDS else 7.0 + _text_bits(value, at)
    whole = value.isdigit()
    digits = None if whole and len(value.rstrip(b"0")) > 3 else significant(value)
    if digits is not None and digits[0][1] in _DECADES:
        known = significant(last) if last else None
        if known is not None and digits[0] == known[0]:
            return 2.0 + _MANTISSA
        return 4.0 + _STYLE + _DECADE + _MANTISSA
    growth = _growth(value, last) if last else None
    if growth == (1, 0):
        return 5.0
    if growth is not None:
        return 3.0 + _DECADE + _MANTISSA
    return 7.0 + 4.0 * (len(value) + 1)


@lru_cache(maxsize=20_000)
def significant(text: bytes) -> tuple[tuple[bytes, int, bool], int] | None:
    """(sign, decade, whether `.0` follows) and three digits of a number of no more significant
    ones, where they say how it is spelled; None for any other number."""
    match = _PLAIN(text)
    if match is None:
        return None
    sign, whole, decimals, point = match.groups()
    digits = whole + (decimals or b"")
    leading = digits.lstrip(b"0")
    kept = leading.rstrip(b"0")
    if len(kept) > 3:
        return None
    decade = len(leading) - len(decimals or b"") - 1 if kept else 0
    return (sign, decade, bool(point)), int(kept.ljust(3, b"0") or b"0")


def _growth(value: bytes, last: bytes) -> tuple[int, int] | None:
    """By how much a counter grew, and in how many decimals that is counted; None if it did not
    by three significant digits."""
    if value.isdigit() and last.isdigit() and max(len(value), len(last)) <= _LONGEST:
        return _counted(int(value) - int(last), 0)
    match, before = _PLAIN(value), _PLAIN(last)
    if match is None or before is None or match[1] or before[1] or match[4] or before[4]:
        return None
    places = max(len(match[3] or b""), len(before[3] or b""))
    if places > _PLACES_COUNTED or len(value) > _LONGEST or len(last) > _LONGEST:
        return None
    return _counted(_scaled(match, places) - _scaled(before, places), places)


def _counted(growth: int, places: int) -> tuple[int, int] | None:
    if growth <= 0 or (growth > 999 and len(str(growth).rstrip("0")) > 3):
        return None
    return growth, places


def _scaled(number: re.Match[bytes], places: int) -> int:
    return int(number[2] + (number[3] or b"").ljust(places, b"0"))


def _text_bits(value: bytes, at: float) -> float:
    """Bits of a string: 0 time, 100 digest, 101 id, 110 in ASCII, 111 in bytes."""
    if _TIMESTAMP(value):
        return 1.0 + _time_bits(value, at)
    if _DIGEST(value):
        return 3.0 + 256.0
    if _ULID(value):
        return 3.0 + 128.0
    return 3.0 + (7.0 if value.isascii() else 8.0) * (len(value) - 1)


def _time_bits(value: bytes, at: float) -> float:
    text = value[1:-1].decode("ascii")
    decimals = len(text) - len("2026-03-18T21:30:00Z") - 1 if "." in text else 0
    second = datetime.fromisoformat(text[:19] + "+00:00").timestamp()
    near = -NEAR <= second - int(at) < NEAR
    return 1.0 + 3.0 + (6.0 if near else _MOMENT) + _PLACES[decimals]
