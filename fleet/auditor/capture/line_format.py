"""Captures: JSON Lines, one message a line, with marks where something may be missing.

A message is `{"ts":…,"topic":…,"payload":"<raw text>","retain":bool}`, and where it carried MQTT
properties beside its payload their sizes, `"properties":{"user-property":120}`. Bytes that are not
UTF-8 stand in the text as lone surrogates U+DC80 to U+DCFF (Python's `surrogateescape`), so that
every payload survives. A gap is `{"gap":"<kind>","since":…,"until":…}`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, overload

import orjson

from fleet.contract.errors import ConfigError
from fleet.contract.publish_properties import Properties, read
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Word

PATTERN: Final = "capture-*.jsonl"
"""The hub's files, named by the time they were begun, so that names sort by time."""

MAX_LINE: Final = 4_194_304
"""Bytes of one line: a message of a megabyte, escaped. A longer one is told as unreadable."""


class GapKind(Word):
    """Why a capture may lack messages."""

    HUB_DOWN = "hub-down", "the hub was not running"
    LINK_DOWN = "link-down", "the hub had no link to the broker"
    BROKER_DROPS = "broker-drops", "the broker dropped messages"
    CAPTURE_FULL = "capture-full", "the capture had reached its bound or the disk was full"
    UNREADABLE = "unreadable", "a line of the capture cannot be read"
    EMPTY = "empty", "nothing was captured in this time"


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that the capture says nothing about; None where a bound is not known."""

    kind: GapKind
    since: float | None = None
    until: float | None = None
    line: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "since": None if self.since is None else timestamp(self.since),
            "until": None if self.until is None else timestamp(self.until),
            "line": self.line or None,
        }


class Captured(NamedTuple):
    """One message of a capture. A tuple: a frozen dataclass takes three times as long to make."""

    line: int
    at: float | None
    topic: str
    payload: bytes
    retain: bool
    properties: Properties = ()


def read_file(path: Path) -> Iterator[Captured | Gap]:
    """The messages and gaps of one file, in order; what cannot be read is a gap.

    Raises:
        ConfigError: the file cannot be opened.
    """
    with open_capture(path) as stream:
        yield from read_stream(stream)


def open_capture(path: Path) -> IO[bytes]:
    """
    Raises:
        ConfigError: it cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigError(
            f"the capture {path} cannot be read", error.strerror or "", f"ls -l {path}"
        ) from None


@overload
def read_stream(stream: IO[bytes], first: int = 1) -> Iterator[Captured | Gap]: ...


@overload
def read_stream(
    stream: IO[bytes], first: int, passes: Callable[[bytes], bool]
) -> Iterator[Captured | Gap | int]: ...


def read_stream(
    stream: IO[bytes], first: int = 1, passes: Callable[[bytes], bool] | None = None
) -> Iterator[Captured | Gap | int]:
    """The messages and gaps of an open file whose first line is number `first`. Of a line that
    `passes` there is only its number."""
    number = first - 1
    loads = orjson.loads
    while text := stream.readline(MAX_LINE):
        number += 1
        if len(text) >= MAX_LINE and not text.endswith(b"\n"):
            _skip_line(stream)
            yield Gap(GapKind.UNREADABLE, line=number)
            continue
        if passes is not None and passes(text):
            yield number
            continue
        try:
            item = loads(text)
            payload = item["payload"].encode()
            at = item["ts"]
            if type(at) is not float:
                at = _seconds(at)
            topic = item["topic"]
            if type(topic) is not str:
                raise TypeError  # noqa: TRY301
            beside = read(item["properties"]) if "properties" in item else ()
            yield Captured(number, at, topic, payload, item.get("retain") is True, beside)
        except (ValueError, KeyError, TypeError, AttributeError):
            if text.strip():
                yield _read_odd(number, text)


def _skip_line(stream: IO[bytes]) -> None:
    while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
        pass


def _read_odd(number: int, text: bytes) -> Captured | Gap:
    """A line that is not the common case: a gap mark, escapes, a time of another form, damage."""
    unreadable = Gap(GapKind.UNREADABLE, line=number)
    try:
        item = json.loads(text)
    except (ValueError, RecursionError):
        return unreadable
    if not isinstance(item, dict):
        return unreadable
    if "gap" in item:
        kind = item["gap"] if item["gap"] in [*GapKind] else GapKind.UNREADABLE
        return Gap(GapKind(kind), _seconds(item.get("since")), _seconds(item.get("until")), number)
    topic, payload = item.get("topic"), item.get("payload")
    if not isinstance(topic, str) or payload is None:
        return unreadable
    if not isinstance(payload, str):
        payload = json.dumps(payload)
    try:
        data = payload.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = payload.encode("utf-8", "surrogatepass")
    beside = read(item.get("properties"))
    at, retain = _seconds(item.get("ts")), item.get("retain") is True
    return Captured(number, at, topic, data, retain, beside)


def _seconds(value: object) -> float | None:
    """Seconds since the epoch of a number or RFC 3339 text; None if it is neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:
            return None
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError):
            return None
    return None
