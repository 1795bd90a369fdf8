"""Which session a message belongs to."""

from __future__ import annotations

import pytest

from fleet.domain.sessions import Session, session_of


@pytest.mark.parametrize(
    ("boot", "known", "offline", "newer", "overdue", "expected"),
    [
        (None, None, False, True, False, Session.UNNUMBERED),
        (None, 7, True, True, True, Session.UNNUMBERED),
        (7, None, False, True, False, Session.NEW),
        (8, 7, False, False, False, Session.NEW),
        (8, 7, True, False, False, Session.NEW),
        (7, 7, True, False, False, Session.CURRENT),
        (6, 7, True, False, False, Session.LATE_WILL),
        (6, 7, True, True, True, Session.LATE_WILL),
        (6, 7, False, False, False, Session.OLD),
        (6, 7, False, True, False, Session.BACK),
        (6, 7, False, False, True, Session.BACK),
    ],
)
def test_a_boot_number_tells_the_session(*, boot, known, offline, newer, overdue, expected):
    assert session_of(boot, known, offline=offline, newer=newer, overdue=overdue) is expected
