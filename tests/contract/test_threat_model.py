"""The threat model names a control, a residual risk and living tests for each threat."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "adr" / "0006-threat-model.md").read_text()
THREATS = dict(re.findall(r"^## (\d+\. .+?)\n(.*?)(?=^## )", TEXT, re.MULTILINE | re.DOTALL))
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
}
WANTED = (
    "ACL misconfiguration",
    "Command injection",
    "Poisoned telemetry",
    "Metadata leakage",
    "Scope creep",
    "Spoofing",
    "Replay",
    "Credential theft",
    "Denial of service",
    "Supply chain",
    "Paths of others",
    "A confused deputy",
    "Text that acts on its reader",
)


def test_every_threat_of_the_design_is_there() -> None:
    assert tuple(title.partition(". ")[2] for title in THREATS) == WANTED


@pytest.mark.parametrize("title", THREATS)
def test_a_threat_names_its_control_its_residual_risk_and_tests_that_exist(title: str) -> None:
    body = THREATS[title]
    for part in ("Threat", "Control", "Residual risk", "Test"):
        assert f"- **{part}**: " in body
    named = re.findall(r"`(test_\w+)`", body.partition("- **Test**: ")[2])
    assert named
    assert set(named) <= TESTS
