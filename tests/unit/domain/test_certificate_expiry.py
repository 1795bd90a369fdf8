"""How much it matters that a certificate ends."""

from __future__ import annotations

import pytest

from fleet.contract.vocabulary import Severity
from fleet.domain.certificate_expiry import severity_of_days


@pytest.mark.parametrize(
    ("left", "severity"),
    [
        (397, None),
        (30, None),
        (29.9, Severity.INFO),
        (7, Severity.INFO),
        (6.9, Severity.WARNING),
        (1, Severity.WARNING),
        (0.9, Severity.CRITICAL),
        (-400, Severity.CRITICAL),
    ],
)
def test_it_matters_more_the_less_is_left(left: float, severity: Severity | None) -> None:
    assert severity_of_days(left) is severity
