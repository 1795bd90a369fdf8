"""What a row of cells says of an agent's last intervals."""

from __future__ import annotations

from itertools import count, islice

import pytest

from fleet.domain.beat_bar import LENGTH, Cell, Heard, beat_bar, tally
from fleet.domain.listening import Spans

OK, BAD, LATE, MISSED, UNKNOWN = (
    Cell.ON_TIME, Cell.DEGRADED, Cell.LATE, Cell.MISSED, Cell.UNKNOWN
)  # fmt: skip
ALWAYS = Spans([(0, 1e9)])


def at(*times: float, interval: float = 100) -> list[Heard]:
    return [Heard(time, interval) for time in times]


@pytest.mark.parametrize(
    ("times", "now", "cells"),
    [
        ((), 1000, []),
        ((1000,), 1010, [OK]),
        ((1000, 1100, 1205, 1300), 1310, [OK, OK, OK, OK]),
        ((1000, 1180), 1200, [OK, LATE]),
        ((1000, 1400), 1410, [OK, MISSED, MISSED, MISSED, OK]),
        ((1000,), 1160, [OK, LATE]),
        ((1000,), 1320, [OK, MISSED, MISSED]),
        ((1000, 1180, 1280), 1290, [OK, LATE, OK]),
        ((1000, 1010, 1020, 1100), 1110, [OK, OK]),
    ],
)
def test_gaps_are_told_by_the_interval_that_was_promised(
    times: tuple[float, ...], now: float, cells: list[Cell]
) -> None:
    assert beat_bar(at(*times), ALWAYS, now) == cells


def test_nothing_is_told_of_a_time_in_which_nobody_listened() -> None:
    listening = Spans([(0, 1040), (1360, 5000)])
    assert beat_bar(at(1000, 1500), listening, 1510) == [OK, UNKNOWN, UNKNOWN, UNKNOWN, MISSED, OK]
    assert beat_bar(at(1000), Spans([(0, 1040)]), 1160) == [OK, UNKNOWN]


def test_of_one_interval_the_newest_word_holds() -> None:
    beats = [Heard(1000, 100, degraded=True), Heard(1010, 100), Heard(1100, 100, degraded=True)]
    assert beat_bar(beats, ALWAYS, 1110) == [OK, BAD]


def test_beats_more_often_than_promised_are_told_by_the_interval() -> None:
    beats = at(*range(1000, 1600, 10))
    assert len(beat_bar(beats, ALWAYS, 1600)) in range(6, 13)


def test_a_bar_has_forty_cells_at_most_however_long_the_silence() -> None:
    many = at(*islice(count(1000, 100), 60))
    assert beat_bar(many, ALWAYS, 6910) == [OK] * LENGTH
    assert beat_bar(at(1000), ALWAYS, 1e8) == [MISSED] * LENGTH


def test_a_new_interval_counts_from_the_beat_that_promised_it() -> None:
    beats = [Heard(1000, 100), Heard(1100, 10), Heard(1110, 10), Heard(1120, 100), Heard(1220, 100)]
    assert beat_bar(beats, ALWAYS, 1230) == [OK] * 5


def test_a_tally_names_what_is_there() -> None:
    assert tally([OK, OK, MISSED]) == {"on-time": 2, "missed": 1}
