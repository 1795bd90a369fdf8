"""The rules of the conformance kit as Markdown; `python -m fleet.tck.reference` prints it."""

from __future__ import annotations

import sys
from pathlib import Path

from fleet.tck.rules import RULES, Profile, Rule

ADR = Path(__file__).parents[2] / "adr"


def markdown() -> str:
    """The whole page; a test holds the committed one equal to it."""
    lines = [
        "# Rules of the conformance kit",
        "",
        "Made from the code by `python -m fleet.tck.reference`. [How to certify an"
        " agent](../how-to/tck.md) says how they are tried.",
    ]
    for profile in Profile:
        lines += ["", f"## {profile.value}", "", f"Who claims it {profile.meaning}.", ""]
        lines += ["| Rule | A conforming agent | Clause | Needs |", "|---|---|---|---|"]
        lines += [_row(rule) for rule in RULES if rule.profile is profile]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    record, _, heading = rule.clause.partition("#")
    (page,) = ADR.glob(f"{record.removeprefix('ADR-')}-*.md")
    link = f"[{rule.clause}](../../adr/{page.name}#{heading})"
    needs = ", ".join(need.meaning for need in rule.needs)
    return f"| `{rule.id}` | {rule.title} | {link} | {needs} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
