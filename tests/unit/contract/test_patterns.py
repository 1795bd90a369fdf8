"""The few strings that are no words: what fits their patterns, and what does not."""

from __future__ import annotations

import re
from calendar import monthrange
from itertools import product

import pytest
from pydantic import TypeAdapter, ValidationError

from fleet.contract import patterns
from fleet.contract.fields import Timestamp


def test_a_timestamp_is_a_real_day_from_1970_to_2099() -> None:
    fits = re.compile(patterns.TIMESTAMP).fullmatch
    for year, month, day in product(range(1960, 2110), range(14), range(33)):
        real = 1970 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
        assert bool(fits(f"{year}-{month:02d}-{day:02d}T00:00:00Z")) == real, (year, month, day)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-18T24:00:00Z",
        "2026-03-18T23:60:00Z",
        "2026-03-18T23:59:60Z",
        "2026-03-18T21:30:00",
        "2026-03-18T21:30:00z",
        "2026-03-18t21:30:00Z",
        "2026-03-18 21:30:00Z",
        "2026-03-18T21:30:00.Z",
        "2026-03-18T21:30:00.1234567Z",
        "2026-03-18T21:30:00+00:00",
        "2026-03-18T21:30:00Z\n",
        "2026-03-18T21:30:00Z ",
        "\u0662026-03-18T21:30:00Z",
    ],
)
def test_what_is_nearly_a_timestamp_is_none(text: str) -> None:
    assert not re.fullmatch(patterns.TIMESTAMP, text)
    with pytest.raises(ValidationError):
        TypeAdapter(Timestamp).validate_python(text)


@pytest.mark.parametrize(
    ("pattern", "fit", "unfit"),
    [
        (patterns.AGENT, ["a", "0", "a-b", "a" * 40], ["", "-", "a-", "a" * 41, "A", "a_b", "a.b"]),
        (
            patterns.VERSION,
            ["1", "2026.9.6", "v1.0+x_y-z"],
            ["", "1 2", "1" * 33, "é", "a/b", "a:b"],
        ),
        (
            patterns.METRIC,
            ["a", "cpu_seconds_total", "a" * 48],
            ["", "_a", "1a", "A", "a-b", "a" * 49],
        ),
        (patterns.DIGEST, ["sha256:" + "0a" * 32], ["sha256:" + "0A" * 32, "0a" * 32, "md5:00"]),
        (
            patterns.ULID,
            ["01JZ0000000000000000000000"],
            ["81JZ0000000000000000000000", "01JZ", "I" * 26],
        ),
        (patterns.KEY_ID, ["0123456789abcdef"], ["0123456789ABCDEF", "0123"]),
        (patterns.SIGNATURE, ["A" * 86, "-_" * 43], ["A" * 85, "A" * 84 + "==", "+/" * 43]),
    ],
)
def test_a_pattern_holds_the_whole_string(pattern: str, fit: list[str], unfit: list[str]) -> None:
    for text in fit:
        assert re.fullmatch(pattern, text), text
    for text in (*unfit, *(f"{text}\n" for text in fit)):
        assert not re.fullmatch(pattern, text), text
