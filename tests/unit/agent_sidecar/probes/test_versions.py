"""The running version beside the installed one."""

from __future__ import annotations

import pytest

from agent_sidecar.probes.versions import VersionProbe


@pytest.mark.parametrize(
    ("running", "installed", "drifted"),
    [
        ("2026.9.5", "2026.9.6", True),
        ("2026.9.6", "2026.9.5", True),
        ("2026.9.6", "2026.9.6", False),
        (None, "2026.9.6", None),
        ("2026.9.6", None, None),
    ],
)
def test_drift_is_a_difference_of_two_that_are_known(
    running: str | None, installed: str | None, drifted: bool | None
) -> None:
    result = VersionProbe(lambda: running, lambda: installed, 1.0).run()
    assert [sign.firing for sign in result.evidence] == [drifted]
    assert result.versions == ({"agent": running} if running else {})
