"""The page's files name one another rightly: a browser shows nothing when one is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet.api.routes.page import VOCABULARY

PAGE = Path(__file__).parents[2] / "fleet/api/page"
SCRIPTS = sorted(PAGE.glob("*.js"))
IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""")
NAMED = re.compile(r"""import\s*\{([^}]*)\}\s*from\s*["']\./([^"']+)["']""")
EXPORT = re.compile(r"export\s+(?:async\s+)?(?:function\*?|const|let|class)\s+(\w+)")

MADE = "vocabulary.js"
"""The one script that is no file: the hub makes it."""


def text_of(name: str) -> str:
    return VOCABULARY if name == MADE else (PAGE / name).read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_a_script_imports_is_there_and_exported(script: Path) -> None:
    text = script.read_text()
    for target in IMPORT.findall(text):
        there = target == f"./{MADE}" or (PAGE / target).is_file()
        assert there, f"{script.name} imports {target}"
    for names, target in NAMED.findall(text):
        exported = set(EXPORT.findall(text_of(target)))
        wanted = {name.split(" as ")[0].strip() for name in names.split(",") if name.strip()}
        assert wanted <= exported, f"{script.name} wants {wanted - exported} of {target}"


def test_what_the_page_loads_is_there() -> None:
    loaded = re.findall(r'(?:src|href)="([^"#:]+)"', (PAGE / "index.html").read_text())
    assert loaded
    for target in loaded:
        assert (PAGE / target.removeprefix("/static/")).is_file(), target


def test_every_script_is_reached_from_the_page() -> None:
    reached, waiting = set(), ["main.js"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            found = IMPORT.findall(text_of(name))
            waiting += [target.removeprefix("./") for target in found if "/vendor/" not in target]
    assert reached == {MADE, *(path.name for path in SCRIPTS)}
