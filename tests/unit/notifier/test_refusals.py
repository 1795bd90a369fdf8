"""What an answer means for a message that was not taken, and how long a pause it asks for."""

from __future__ import annotations

import pytest

from fleet.notifier.refusals import LONGEST_ASKED, Refusal, refusal_of, retry_after

NOW = 1_773_900_000.0  # Thu, 19 Mar 2026 06:00:00 GMT


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (400, Refusal.REFUSED),
        (401, Refusal.FAILED),
        (403, Refusal.FAILED),
        (404, Refusal.FAILED),
        (410, Refusal.REFUSED),
        (408, Refusal.FAILED),
        (413, Refusal.TOO_LARGE),
        (422, Refusal.REFUSED),
        (425, Refusal.FAILED),
        (429, Refusal.AWAY),
        (302, Refusal.FAILED),
        (500, Refusal.FAILED),
        (503, Refusal.FAILED),
    ],
)
def test_what_speaks_of_the_moment_or_of_the_route_is_tried_again(
    status: int, refusal: Refusal
) -> None:
    assert refusal_of(status) is refusal


def test_who_asks_for_a_pause_speaks_of_itself_and_not_of_the_message() -> None:
    assert refusal_of(503, asked=7.0) is Refusal.AWAY
    assert refusal_of(400, asked=7.0) is Refusal.REFUSED


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 19 Mar 2026 06:01:30 GMT", 90.0),
        ("Thu, 19 Mar 2026 05:00:00 GMT", 0.0),
        ("Thursday, 19-Mar-26 06:01:30 GMT", 90.0),
        ("99999999999999999999", LONGEST_ASKED),
        ("Thu, 19 Mar 2099 06:00:00 GMT", LONGEST_ASKED),
        (None, 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("1e9", 0.0),
        ("²", 0.0),
        ("soon", 0.0),
    ],
)
def test_a_pause_is_read_in_seconds_and_as_a_date_and_is_bounded(
    value: str | None, seconds: float
) -> None:
    assert retry_after(value, NOW) == seconds
