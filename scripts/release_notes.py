"""The version of this checkout, and its section of CHANGELOG.md.

python scripts/release_notes.py version
python scripts/release_notes.py notes 0.1.0
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def version(text: str) -> str:
    """The version that `fleet/__init__.py` states; "" if it states none."""
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    return found[1] if found else ""


def notes(changelog: str, wanted: str) -> str:
    """What CHANGELOG.md says of a version; of one that has no section yet, what is unreleased.

    Raises:
        LookupError: neither says anything.
    """
    parts = re.split(r"^## \[([^\]]+)\].*\n", changelog, flags=re.MULTILINE)
    sections = {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    for name in (wanted, "Unreleased"):
        if sections.get(name):
            return f"# {wanted}\n\n{sections[name]}\n"
    raise LookupError(f"CHANGELOG.md says nothing of {wanted}")


def main(arguments: list[str]) -> None:
    match arguments:
        case ["version"]:
            print(version((ROOT / "fleet" / "__init__.py").read_text()))
        case ["notes", wanted]:
            print(notes((ROOT / "CHANGELOG.md").read_text(), wanted), end="")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
