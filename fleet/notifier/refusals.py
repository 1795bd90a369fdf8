"""What a receiver's answer means for a message that it did not take."""

from __future__ import annotations

import math
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import Word

LONGEST_ASKED: Final = 3600.0
"""Seconds of a `Retry-After` that are obeyed: a receiver may not shut itself off for good."""

_TRANSIENT: Final = frozenset({408, 425, 429})
"""Answers of 4xx that speak of the moment and not of the message."""

_OF_THE_ROUTE: Final = frozenset({401, 403, 404, 407})
"""Answers of 4xx that speak of our credential or the address: no message would be taken. Where
others are, it is the message after all, and is set aside in the end."""

_TOO_LARGE: Final = 413
_TOO_MANY: Final = 429


class Refusal(Word):
    """Why a message was not taken."""

    AWAY = "away", "nobody answers, or asks for a pause: the route is at fault"
    FAILED = "failed", "it was tried and failed: the route may be at fault, or the message"
    REFUSED = "refused", "this message will never be taken as it is"
    TOO_LARGE = "too-large", "parts of it may be taken"


class SendError(FleetError):
    """An attempt failed.

    Attributes:
        refusal: what that means for the message.
        retry_after: seconds for which the receiver asks to be left alone.
        said: `why` and the beginning of the answer, for a person who tests; it may hold anything,
            so it is neither logged nor kept.
    """

    def __init__(
        self,
        what: str,
        why: str = "",
        remedy: str = "",
        *,
        refusal: Refusal = Refusal.FAILED,
        retry_after: float = 0.0,
        said: str = "",
    ) -> None:
        super().__init__(what, why, remedy)
        self.refusal = refusal
        self.retry_after = retry_after
        self.said = said or why


def refusal_of(status: int, asked: float = 0.0) -> Refusal:
    """What HTTP `status` means; `asked`: seconds of a pause that came with it."""
    if status == _TOO_LARGE:
        return Refusal.TOO_LARGE
    if 400 <= status < 500 and status not in _TRANSIENT | _OF_THE_ROUTE:
        return Refusal.REFUSED
    return Refusal.AWAY if asked or status == _TOO_MANY else Refusal.FAILED


def retry_after(value: str | None, now: float | None = None) -> float:
    """Seconds that the `value` of `Retry-After` asks for, in seconds or as an HTTP date (`now`:
    epoch seconds); 0 if it says nothing usable."""
    text = (value or "").strip()
    seconds = _number(text)
    if seconds is None:
        seconds = _until(text, time.time() if now is None else now)
    return min(max(seconds, 0.0), LONGEST_ASKED)


def _number(text: str) -> float | None:
    # Digits alone: `float` takes "nan", "1e9" and more that no header may say.
    if not (text.isascii() and text.isdigit()):
        return None
    return float(text) if len(text) < 10 else math.inf


def _until(text: str, now: float) -> float:
    try:
        moment = parsedate_to_datetime(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
