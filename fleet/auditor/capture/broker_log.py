"""Who published: Mosquitto's own log (`log_type all`), read line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_LINE: Final = re.compile(r"(?P<at>\d{9,11}|\d{4}-\d\d-\d\dT[\d:.+-]+Z?)?:? ?(?P<text>.*)")
_PUBLISHED: Final = re.compile(
    r"Received PUBLISH from (?P<client>.+?) \(d\d, q\d, r\d, m\d+, '(?P<topic>.*)', .*\)"
)
_TAKEN_OVER: Final = re.compile(
    r"Client (?P<client>.+?) already connected, closing old connection\.?"
)


@dataclass(frozen=True, slots=True)
class Published:
    at: float | None
    client: str
    topic: str


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A second connection with the same client id pushed the first out."""

    at: float | None
    client: str


def parse(lines: Iterable[bytes]) -> Iterator[tuple[int, Published | TakenOver]]:
    """What is of use in a log, with its line number."""
    for number, raw in enumerate(lines, 1):
        line = _LINE.match(raw.decode("utf-8", "replace").strip())
        if line is None:
            continue
        published = _PUBLISHED.match(line["text"])
        if published:
            yield number, Published(_at(line["at"]), published["client"], published["topic"])
            continue
        taken = _TAKEN_OVER.match(line["text"])
        if taken:
            yield number, TakenOver(_at(line["at"]), taken["client"])


def _at(text: str | None) -> float | None:
    if not text:
        return None
    return float(text) if text.isdigit() else datetime.fromisoformat(text).timestamp()
