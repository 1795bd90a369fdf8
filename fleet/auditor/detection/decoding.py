"""The decodings of a text: what it says once encodings and disguises are taken off.

Bounded in depth and size, because what is read is chosen by whoever hides something.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

MAX_TEXT: Final = 65_536
"""Code points of one text that are looked at: sixteen whole messages of the contract."""

MAX_DEPTH: Final = 3
"""Encodings within encodings that are undone."""

MAX_READINGS: Final = 24
"""Readings of one text: a bound on work, far above what a person nests."""

_LOOK_ALIKES: Final = str.maketrans(
    "аеорсухіјѕԁһӏкмнтвАВЕКМНОРСТХІЈЅαοιρνκτυΑΒΕΖΗΙΚΜΝΟΡΤΥΧ‐‑‒–—−․。＠",  # noqa: RUF001
    "aeopcyxijsdhlkmhtbABEKMHOPCTXIJSaoipvktuABEZHIKMNOPTYX------..@",
)
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
_WORD_OR_MARK: Final = re.compile(r"\w+|[^\w\s]")
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={0,2}(?![A-Za-z0-9+/_=-])")
_HEX: Final = re.compile(
    r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[ :]?){7,}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])"
)
_BASE32: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z2-7]{16,}={0,6}(?![A-Za-z0-9])")
_SPACED: Final = re.compile(r"(?<!\w)(?:\w[ ._*|/-]){5,}\w(?!\w)")
_AT: Final = re.compile(
    r"\s*[\[({<]\s*(?:at|@)\s*[\])}>]\s*|\s+at\s+(?=\S+\s+dot\s)", re.IGNORECASE
)
_DOT: Final = re.compile(
    r"\s*[\[({<]\s*(?:dot|\.)\s*[\])}>]\s*|(?<=\w)\s+dot\s+(?=\w)", re.IGNORECASE
)

_AROUND: Final = re.compile(r"[\s\[({<]")
"""What stands around a written-out `at` or `dot`: most ids and signatures have none of it."""


def plain(text: str) -> str:
    """NFKC, without invisible characters, with Latin letters for their look-alikes."""
    text = text[:MAX_TEXT]
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _WORD_OR_MARK.sub(lambda run: _latin(run[0]), text)


def _latin(run: str) -> str:
    """A word in Latin letters, where it only poses in others: a word of Russian keeps its own."""
    disguised = any(c.isascii() and c.isalpha() for c in run)
    if disguised or all(ord(c) in _LOOK_ALIKES or not c.isalpha() for c in run):
        return run.translate(_LOOK_ALIKES)
    return run


def decodings(text: str) -> list[str]:
    """`text` in plain, then each thing that it decodes to, outermost first, without repeats."""
    found = [plain(text)]
    seen = set(found)
    level = found
    for _ in range(MAX_DEPTH):
        following: list[str] = []
        for outer in level:
            for raw in _unwrapped(outer):
                inner = plain(raw)
                if inner not in seen and inner.strip() and len(seen) < MAX_READINGS:
                    seen.add(inner)
                    following.append(inner)
        found += following
        level = following
    return found


def _unwrapped(text: str) -> Iterator[str]:
    if "%" in text:
        yield unquote(text, errors="replace")
    if "&" in text and ";" in text:
        yield html.unescape(text)
    if "\\" in text:
        yield _unescaped(text)
    stripped = text.strip()
    if stripped[:1] in ("{", "[", '"'):
        yield from _nested(stripped)
    for match in _HEX.finditer(text):
        yield from _decoded_hex(match[0])
    for match in _BASE64.finditer(text):
        yield from _decoded_base64(match[0])
    for match in _BASE32.finditer(text):
        yield from _decoded_base32(match[0])
    if _SPACED.search(text):
        yield _SPACED.sub(lambda match: re.sub(r"[ ._*|/-]", "", match[0]), text)
    if not _AROUND.search(text):
        return
    mailed = _DOT.sub(".", _AT.sub("@", text))
    if mailed != text:
        yield mailed


def _unescaped(text: str) -> str:
    return re.sub(
        r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})",
        lambda match: chr(int(match[1] or match[2], 16)),
        text,
    )


def _nested(text: str) -> Iterator[str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    parts = list(strings(value))
    if parts and parts != [text]:
        yield "\n".join(parts)


def strings(value: object, depth: int = 0) -> Iterator[str]:
    """Keys, strings and numbers in a JSON value, `key: value` side by side where both are short."""
    if depth > 20:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str | int | float) and not isinstance(item, bool):
                yield f"{key}: {item}"
            else:
                yield str(key)
                yield from strings(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item, depth + 1)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _decoded_hex(text: str) -> Iterator[str]:
    yield from _printable(bytes.fromhex(re.sub(r"[ :]", "", text)))


def _decoded_base64(text: str) -> Iterator[str]:
    body = text.rstrip("=").replace("-", "+").replace("_", "/")
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        yield from _printable(base64.b64decode(body + "=" * (-len(body) % 4), validate=True))
    except (binascii.Error, ValueError):
        return


def _decoded_base32(text: str) -> Iterator[str]:
    body = text.rstrip("=").upper()
    body = body[: len(body) - (len(body) % 8 in (1, 3, 6))]
    try:
        yield from _printable(base64.b32decode(body + "=" * (-len(body) % 8)))
    except (binascii.Error, ValueError):
        return


_RUN: Final = re.compile(rb"[\x20-\x7e\t\n\r]{7,}")


def _printable(data: bytes) -> Iterator[str]:
    """The text in `data`, if it is text: chance makes eight printable bytes once in 3,000."""
    if len(data) < 6:
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    shown = sum(character.isprintable() or character in "\t\n\r" for character in text)
    if text and shown == len(text):
        yield text
        return
    if len(data) >= 24:
        runs = [run for run in _RUN.findall(data) if len(run) >= 12 and len(run) * 3 >= len(data)]
        yield from (run.decode("ascii") for run in runs)
