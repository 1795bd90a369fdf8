"""The catalogue of rules, its documentation, and the clauses it cites."""

from __future__ import annotations

import re
from pathlib import Path

from fleet.auditor.detection import scanner
from fleet.auditor.report.reference import markdown
from fleet.auditor.rules import pii, secret, text
from fleet.auditor.rules.catalogue import RULES
from fleet.auditor.rules.rule import Clause

ROOT = Path(__file__).parents[4]


def test_every_id_is_unique_and_of_its_group():
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"[a-z]+\.[a-z-]+", rule.id)
        assert rule.id.startswith(f"{rule.group.value}.")


def test_every_rule_of_a_detector_has_its_rank():
    """The scanner asks for it when it has to choose between two hits."""
    assert set(scanner._ORDER) == {*pii.RULES, *secret.RULES, *text.RULES}


def test_every_clause_is_a_heading_of_the_record():
    text = (ROOT / "adr" / "0005-scoped-bus.md").read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    for clause in Clause:
        assert clause.value.partition("#")[2] in anchors


def test_the_committed_reference_is_current():
    assert (ROOT / "docs" / "reference" / "audit-rules.md").read_text() == markdown()
