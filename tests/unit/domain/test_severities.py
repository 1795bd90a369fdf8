"""One table says how much each alert of the hub matters."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from fleet.contract.vocabulary import AlertCode, HubAlertCode, Priority, Severity
from fleet.domain.severities import AFTER_GOODBYE, OF_THE_HUB, SEVERITIES, severity_of

CODE = re.compile(r"\b(Hub)?(Alert)?Code\.[A-Z_]+\b")
PACKAGE = Path(__file__).parents[3] / "fleet"


def test_every_hub_alert_has_a_severity():
    assert set(SEVERITIES) == set(HubAlertCode)
    assert set(OF_THE_HUB) <= set(AlertCode)


@pytest.mark.parametrize(
    ("code", "goodbye", "expected"),
    [
        ("agent-offline", False, Severity.CRITICAL),
        ("agent-offline", True, Severity.WARNING),
        ("agent-stale", True, Severity.CRITICAL),
        ("clock-skew", False, Severity.WARNING),
        ("disk-pressure", False, Severity.WARNING),
        ("gpu-hot", False, Severity.WARNING),
    ],
)
def test_a_stop_that_was_announced_is_milder_and_a_bare_code_a_warning(code, goodbye, expected):
    assert severity_of(code, goodbye=goodbye) is expected


def test_a_goodbye_only_ever_makes_milder():
    for code, severity in AFTER_GOODBYE.items():
        assert severity.rank < SEVERITIES[code].rank


def test_words_with_an_order_stand_in_it():
    assert sorted(Severity, key=lambda word: word.rank) == ["info", "warning", "critical"]
    assert sorted(Priority, key=lambda word: word.rank) == ["normal", "high", "urgent"]


def test_nobody_but_the_table_states_how_much_an_alert_of_the_hub_matters():
    """A call that names a hub's code and a severity beside it would be a second home."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                text = ast.unparse(node)
                if CODE.search(text) and "Severity." in text:
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert found == []
