"""Strict JSON: what the standard library lets pass and the contract does not."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, Final, Never

from fleet.contract.limits import MAX_PAYLOAD
from fleet.contract.rejection import Rejected
from fleet.contract.surplus import check_blanks, check_number
from fleet.contract.vocabulary import Reason


def decode(payload: bytes) -> dict[str, Any]:
    """One JSON object from `payload`.

    Raises:
        Rejected: too large, not UTF-8, not JSON, not an object, a repeated key, NaN or Infinity, a
            number of too many digits, too many blanks.
    """
    if len(payload) > MAX_PAYLOAD:
        raise Rejected(Reason.TOO_LARGE)
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected(Reason.NOT_UTF8) from None
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Rejected(Reason.NOT_JSON) from None
    if not isinstance(value, dict):
        raise Rejected(Reason.NOT_OBJECT)
    check_blanks(text)
    return value


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value:
            raise Rejected(Reason.DUPLICATE_KEY)
        value[key] = item
    return value


def _refuse_constant(_name: str) -> Never:
    raise Rejected(Reason.NOT_FINITE)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Rejected(Reason.NOT_FINITE)
    check_number(text)
    return number


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
)
