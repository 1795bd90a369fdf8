"""The rule reference as Markdown, made from the rules.

`python -m fleet.auditor.report.reference` prints it.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Final

from fleet.auditor.rules.catalogue import RULES
from fleet.auditor.rules.rule import Rule

RECORDS: Final = {"ADR-0005": "0005-scoped-bus.md", "ADR-0022": "0022-work-by-reference.md"}
"""The records whose clauses rules name; a test holds that each link leads somewhere."""


def markdown() -> str:
    """The whole page; a test holds the committed one equal to it."""
    lines = [
        "# Rules of the audit",
        "",
        "Made from the code by `python -m fleet.auditor.report.reference`. Clauses are headings of",
        "[ADR-0005](../../adr/0005-scoped-bus.md) and its amendments.",
    ]
    for group, rules in groupby(RULES, key=lambda rule: rule.group):
        lines += ["", f"## {group.value}", "", f"{group.meaning[0].upper()}{group.meaning[1:]}."]
        lines += ["", "| Rule | Severity | Clause | A finding means | What to do |"]
        lines += ["|---|---|---|---|---|", *map(_row, rules)]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    record, _, clause = rule.clause.value.partition("#")
    link = f"[{clause}](../../adr/{RECORDS[record]}#{clause})"
    return f"| `{rule.id}` | {rule.severity.value} | {link} | {rule.finds} | {rule.remedy} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
