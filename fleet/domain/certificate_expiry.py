"""When the end of a certificate is an alert, and how much it matters (ADR-0016)."""

from __future__ import annotations

from typing import Final

from fleet.contract.vocabulary import Severity

STEPS: Final = ((1.0, Severity.CRITICAL), (7.0, Severity.WARNING), (30.0, Severity.INFO))
"""Days left below which it matters so much, the worst first."""


def severity_of_days(left: float) -> Severity | None:
    """How much it matters that `left` days are left, less than none if it has ended; None: not."""
    return next((severity for days, severity in STEPS if left < days), None)
