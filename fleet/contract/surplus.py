"""What JSON leaves to whoever writes it, and what prose would fit into: digits beyond those that a
double holds, and blanks between the words."""

from __future__ import annotations

import re
from typing import Final

from fleet.contract.rejection import Rejected
from fleet.contract.vocabulary import Reason

MAX_DIGITS: Final = 17
"""Significant digits: any double is told apart from its neighbours by so many."""

MAX_BLANKS: Final = 64
"""Bytes of blanks beside one after each colon and comma, and a newline at the end: people publish
by hand, and indent."""

_SHAPE: Final = bytes(
    ord("0") if chr(byte) in "0123456789.+-eE" else ord(" ") if chr(byte) in "\t\r\n" else byte
    for byte in range(256)
)
_LONG: Final = b"0" * (MAX_DIGITS + 2)
"""A number of more digits than there may be has at least so many characters with its point."""

_DUE: Final = re.compile(rb"[:,] ")


def is_suspect(payload: bytes) -> bool:
    """Whether there may be more of either than there may be: a glance, which blames too many."""
    shape = payload.translate(_SHAPE)
    return _LONG in shape or shape.count(b" ") > MAX_BLANKS


def is_bare(payload: bytes) -> bool:
    """Whether there is none of either for sure: no blank at all, and no number that long."""
    shape = payload.translate(_SHAPE)
    return _LONG not in shape and b" " not in shape


def check_number(text: str) -> None:
    """
    Raises:
        Rejected: a number with a point or an exponent has too many digits, in either.
    """
    mantissa, _, exponent = text.lower().partition("e")
    digits = mantissa.lstrip("-").replace(".", "").lstrip("0")
    if len(digits) > MAX_DIGITS or len(exponent) > MAX_DIGITS:
        raise Rejected(Reason.TOO_PRECISE)


def check_blanks(text: str) -> None:
    """
    Raises:
        Rejected: too many of them stand between the words.
    """
    payload = text.encode()
    blanks = payload.translate(_SHAPE).count(b" ")
    if blanks - len(_DUE.findall(payload)) - payload.endswith(b"\n") > MAX_BLANKS:
        raise Rejected(Reason.BLANKS)
