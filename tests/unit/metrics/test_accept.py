"""The form of `/metrics` that a scraper gets."""

from __future__ import annotations

import pytest

from fleet.metrics.accept import prefers_openmetrics

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        (PROMETHEUS, True),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0", True),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text; Q=0.000, text/plain", False),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.8", False),
        ("application/openmetrics-text;q=0.2, text/*;q=0.8, text/plain;q=0.1", True),
        ("application/openmetrics-text;q=nan", False),
        ("application/openmetrics-text;q=much", False),
        ("application/openmetrics-text-2", False),
        ("text/plain", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_openmetrics_goes_to_whoever_asks_for_it_and_does_not_refuse_it(
    accept: str, openmetrics: bool
) -> None:
    assert prefers_openmetrics(accept) is openmetrics
