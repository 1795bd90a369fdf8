"""The web page's files fit together: what one names, another is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet.api.app import PAGE

MODULES = sorted(PAGE.glob("*.js"))
_IMPORTED = re.compile(
    r"^import (?:\* as \w+|\{(?P<names>[^}]*)\}) from \"(?P<path>[^\"]+)\";", re.MULTILINE
)
_EXPORTED = re.compile(r"^export (?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_imports_only_what_another_exports(module: Path) -> None:
    text = module.read_text()
    imports = list(_IMPORTED.finditer(text))
    assert len(imports) == len(re.findall(r"^import\b", text, re.MULTILINE)), (
        "every import is understood"
    )
    for found in imports:
        exported = set(_EXPORTED.findall((PAGE / found["path"]).read_text()))
        assert {name.strip() for name in (found["names"] or "").split(",")} <= exported | {""}


def test_every_module_is_used() -> None:
    used = {
        found["path"].removeprefix("./")
        for m in MODULES
        for found in _IMPORTED.finditer(m.read_text())
    }
    assert {module.name for module in MODULES} - used == {"main.js"}


def test_the_document_names_files_that_are_there() -> None:
    named = re.findall(r'(?:href|src)="/static/([^"]+)"', (PAGE / "index.html").read_text())
    assert "main.js" in named
    assert [name for name in named if not (PAGE / name).is_file()] == []
