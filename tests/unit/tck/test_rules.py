"""The table of rules: every clause is there, and every step refers to a rule."""

from __future__ import annotations

import re
from pathlib import Path

from fleet.cli.tck import PROFILES
from fleet.tck.reference import markdown
from fleet.tck.rules import BY_ID, RULES, Profile
from fleet.tck.signed_trials import signed_trials
from fleet.tck.trials import TRIALS

ROOT = Path(__file__).parents[3]


def test_every_clause_is_a_heading_of_a_record() -> None:
    for clause in {rule.clause for rule in RULES}:
        record, _, heading = clause.partition("#")
        (page,) = (ROOT / "adr").glob(f"{record.removeprefix('ADR-')}-*.md")
        titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
        assert heading in slugs, clause


def test_ids_are_unique_and_trials_name_rules() -> None:
    assert len(BY_ID) == len(RULES)
    trials = (*TRIALS, *signed_trials(lambda _topic, message: message, 1))
    assert {trial.rule for trial in trials} <= BY_ID.keys()


def test_the_command_line_offers_every_profile() -> None:
    assert tuple(PROFILES) == tuple(Profile)


def test_the_reference_is_current() -> None:
    page = ROOT / "docs" / "reference" / "tck-rules.md"
    assert page.read_text() == markdown()
