"""Which session a message belongs to."""

from __future__ import annotations

import pytest

from fleet.domain.sessions import SessionAge, session_of


@pytest.mark.parametrize(
    ("boot", "known", "offline", "newer", "overdue", "expected"),
    [
        (None, None, False, True, False, SessionAge.UNNUMBERED),
        (None, 7, True, True, True, SessionAge.UNNUMBERED),
        (7, None, False, True, False, SessionAge.NEW),
        (8, 7, False, False, False, SessionAge.NEW),
        (8, 7, True, False, False, SessionAge.NEW),
        (7, 7, True, False, False, SessionAge.CURRENT),
        (6, 7, True, False, False, SessionAge.LATE_WILL),
        (6, 7, True, True, True, SessionAge.LATE_WILL),
        (6, 7, False, False, False, SessionAge.OLD),
        (6, 7, False, True, False, SessionAge.BACK),
        (6, 7, False, False, True, SessionAge.BACK),
    ],
)
def test_a_boot_number_tells_the_session(*, boot, known, offline, newer, overdue, expected):
    assert session_of(boot, known, offline=offline, newer=newer, overdue=overdue) is expected


@pytest.mark.parametrize(
    ("offline", "newer", "overdue", "expected"),
    [
        (False, False, False, SessionAge.OLD),
        (True, False, False, SessionAge.LATE_WILL),
        (False, True, False, SessionAge.NEW),
        (False, False, True, SessionAge.NEW),
    ],
)
def test_a_larger_number_that_was_replaced_has_to_show_life(*, offline, newer, overdue, expected):
    """Its outbox is emptied late, or its sidecar is alive beside the other."""
    age = session_of(8, 7, offline=offline, newer=newer, overdue=overdue, replaced=True)
    assert age is expected
