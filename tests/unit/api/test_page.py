"""The web page's files fit together, and speak the hub's words without typing one again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from fleet.api.app import create_app
from fleet.api.routes.page import CONSTANTS, FOLDER, VOCABULARIES, VOCABULARY
from fleet.contract import vocabulary
from fleet.contract.vocabulary import Word
from fleet.domain.commands import CommandState
from fleet.domain.verdict import Verdict
from fleet.tokens import Role, Tokens

MODULES = sorted(FOLDER.glob("*.js"))
MADE = "vocabulary.js"
_IMPORTED = re.compile(
    r"^import (?:\* as \w+|\{(?P<names>[^}]*)\}) from \"\./(?P<file>[^\"]+)\";", re.MULTILINE
)
_EXPORTED = re.compile(r"^export (?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
_COMMENT = re.compile(r"^\s*//.*$| // .*$", re.MULTILINE)
_TEXT = re.compile(r'"([^"\n]*)"|`([^`]*)`')

NO_WORD = {
    "agent",  # a parameter of queries
    "alert",  # a role of ARIA
    "progress",  # an element of HTML
    "unknown",  # prose: nobody knows this value
}
"""Texts that look like a word of a vocabulary and mean something else."""


def source(file: str) -> str:
    return VOCABULARY if file == MADE else (FOLDER / file).read_text()


def texts(module: Path) -> set[str]:
    """Every text in quotes, and the pieces of templates and of queries."""
    code = _COMMENT.sub("", module.read_text())
    found: set[str] = set()
    for quoted, template in _TEXT.findall(code):
        found |= set(re.split(r"\$\{[^}]*\}|[?&=]", quoted or template))
    return found


def words() -> set[str]:
    """Every word of every vocabulary that the hub may say to the page."""
    own = [v for v in vars(vocabulary).values() if isinstance(v, type) and issubclass(v, Word)]
    return {word.value for v in {*own, *VOCABULARIES, Verdict, CommandState, Role} for word in v}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_imports_only_what_another_exports(module: Path) -> None:
    text = module.read_text()
    imports = list(_IMPORTED.finditer(text))
    assert len(imports) == len(re.findall(r"^import\b", text, re.MULTILINE))
    for found in imports:
        exported = set(_EXPORTED.findall(source(found["file"])))
        assert {name.strip() for name in (found["names"] or "").split(",")} <= exported | {""}


def test_every_module_is_used() -> None:
    used = {found["file"] for module in MODULES for found in _IMPORTED.finditer(module.read_text())}
    assert ({module.name for module in MODULES} | {MADE}) - used == {"main.js"}


def test_the_document_names_files_that_are_there() -> None:
    named = re.findall(r'(?:href|src)="/static/([^"]+)"', (FOLDER / "index.html").read_text())
    assert "main.js" in named
    assert [name for name in named if not (FOLDER / name).is_file()] == []


def test_the_words_that_are_served_are_the_vocabularies() -> None:
    served = dict(
        re.findall(
            r"^export const (\w+) = (?:Object\.freeze\()?(.*?)\)?;$", VOCABULARY, re.MULTILINE
        )
    )
    for one in VOCABULARIES:
        assert json.loads(served.pop(one.__name__)) == {word.name: word.value for word in one}
    assert {name: json.loads(value) for name, value in served.items()} == json.loads(
        json.dumps(CONSTANTS)
    )


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_word_of_the_hub_is_typed_again(module: Path) -> None:
    assert texts(module) & (words() - NO_WORD) == set()


@pytest.mark.parametrize("style", sorted(FOLDER.glob("*.css")), ids=lambda path: path.name)
def test_no_word_of_the_hub_is_typed_in_the_style(style: Path) -> None:
    classes = set(re.findall(r"\.([a-z][a-z-]*)", style.read_text()))
    assert {part for name in classes for part in name.split("-")} & (words() - NO_WORD) == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_member_that_is_named_exists(module: Path) -> None:
    """JavaScript would say undefined, and say it to nobody."""
    known = {one.__name__: set(one.__members__) for one in VOCABULARIES}
    named = re.findall(rf"\b({'|'.join(known)})\.([A-Z_]+)\b", module.read_text())
    assert [f"{one}.{member}" for one, member in named if member not in known[one]] == []


def test_every_word_that_is_shown_has_a_shape() -> None:
    shapes = set(
        re.findall(r"^  \[(\w+)\.(\w+)\]: \[", (FOLDER / "dom.js").read_text(), re.MULTILINE)
    )
    shown = {
        "Verdict", "Check", "Severity", "CommandState", "Outcome", "TaskState", "RolloutState",
        "ExecutionState", "Confidence", "Phase", "PairRole",
    }  # fmt: skip
    by_name = {one.__name__: one for one in VOCABULARIES if one.__name__ in shown}
    assert by_name.keys() == shown
    have = {by_name[one][member].value for one, member in shapes}
    assert have == {word.value for one in by_name.values() for word in one}


def test_every_path_that_is_asked_for_is_a_route(app: Any) -> None:
    routes = app.openapi()["paths"]
    patterns = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in routes]
    asked = {
        re.sub(r"\$\{[^}]*\}", "x", path)
        for module in MODULES
        for path in re.findall(r"[\"`](/v1/[^\"`?]*)", module.read_text())
    }
    assert len(asked) > 10
    assert {path for path in asked if not any(p.fullmatch(path) for p in patterns)} == set()


@pytest.fixture
def app(tmp_path: Path) -> Any:
    no_backend: Any = None  # the page's own files ask nothing of the hub
    return create_app(no_backend, Tokens(tmp_path))


async def test_the_words_are_script_of_our_own_and_sent_once(app: Any) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        first = await client.get("/static/vocabulary.js")
        assert (first.status_code, first.text) == (200, VOCABULARY)
        assert first.headers["Content-Type"].startswith("text/javascript")
        assert "no-cache" in first.headers["Cache-Control"]
        known = {"If-None-Match": first.headers["ETag"]}
        again = await client.get("/static/vocabulary.js", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        other = await client.get("/static/vocabulary.js", headers={"If-None-Match": '"old"'})
        assert other.status_code == 200
        assert (await client.get("/static/main.js")).status_code == 200
        assert "main.js" in (await client.get("/")).text
