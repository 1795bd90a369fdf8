"""Two topic filters overlap where some topic matches both."""

from __future__ import annotations

import pytest

from fleet.acl.effective_rights import overlap


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("#", "fleet/#", True),
        ("fleet/a/command", "fleet/#", True),
        ("fleet", "fleet/#", True),
        ("fleet/#", "fleet", True),
        ("+/+/command", "fleet/#", True),
        ("+", "fleet/#", True),
        ("homes/#", "fleet/#", False),
        ("fleet2/#", "fleet/#", False),
        ("+/a", "fleet/b", False),
        ("#", "$CONTROL/#", False),
        ("+/dynamic-security/v1", "$CONTROL/#", False),
        ("$CONTROL/dynamic-security/v1", "$CONTROL/#", True),
        ("a/b", "a/b/c", False),
        ("a/+/c", "a/b/+", True),
    ],
)
def test_filters_overlap(one: str, other: str, meet: bool) -> None:
    assert overlap(one, other) is meet
    assert overlap(other, one) is meet
