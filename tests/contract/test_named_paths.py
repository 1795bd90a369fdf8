"""Every file, folder, module and function that a page names is there, under that name.

Looked at is what stands in backticks and in code blocks: `path/of/ours.py`, a bare `name.py`,
`python -m a.module`, `a.module.Name`, and `path.py` `Name` or `NAME` of `path.py` for a definition.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from fleet.contract.vocabulary import MessageKind

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "adr").glob("*.md")),
    *sorted((ROOT / "skills").rglob("*.md")),
]
FOLDERS = {
    *("adr", "agent_sidecar", "benchmarks", "deploy", "docs", "fleet", "mosquitto", "schemas"),
    *("scripts", "skills", "tests"),
}
PACKAGES = {"fleet", "agent_sidecar", "benchmarks", "tests"}
SOURCES = (".py", ".js", ".sh")

EXAMPLES = {
    "adr/NNNN-slug.md", "adr/gpu.md", "deploy/compose.hubs.yaml", "deploy/secrets/store",
    "deploy/secrets/store-ca.pem",
}  # fmt: skip
"""Files that a reader is to make."""

NO_MODULES = {"fleet.rules.yml", "fleet.sqlite3.before", "fleet.sqlite3.moved"}
"""Files in a home, whose names look like modules."""

DEFINED = re.compile(r"`([\w./-]+\.(?:py|js))` `([A-Za-z_]\w*(?:\.\w+)*)`")
DEFINED_OF = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)*)` of `([\w./-]+\.(?:py|js))`")
COLON = re.compile(r"`([\w./-]+\.(?:py|js)):([A-Za-z_]\w*(?:\.\w+)*)`")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def codes(text: str) -> Iterator[str]:
    """What stands in code blocks and in backticks."""
    fenced = r"^```.*?\n(.*?)^```$"
    yield from re.findall(fenced, text, re.MULTILINE | re.DOTALL)
    rest = re.sub(fenced, "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"^    (\S.*)$", rest, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", rest)


def words(text: str) -> set[str]:
    found = {word.strip("'\"(),;=") for code in codes(text) for word in code.split()}
    return {word.partition(":")[0] if ".py:" in word else word for word in found}


def is_topic(word: str) -> bool:
    return word.rpartition("/")[2] in set(MessageKind) or any(sign in word for sign in "{}+#$")


@cache
def files() -> frozenset[str]:
    """Names of source files, wherever they lie."""
    return frozenset(
        path.name
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SOURCES and "node_modules" not in path.parts
    )


@cache
def ignored() -> frozenset[str]:
    """What the tree must not hold, and pages may warn of."""
    return frozenset((ROOT / ".gitignore").read_text().split())


def is_there(word: str) -> bool:
    if word in ignored():
        return True
    if "*" in word:
        return any(ROOT.glob(word))
    return (ROOT / word).is_dir() if word.endswith("/") else (ROOT / word).exists()


def paths(text: str) -> Iterator[str]:
    """Words that look like paths of ours; a topic is none."""
    for word in sorted(words(text)):
        first, slash, _ = word.partition("/")
        ours = slash and first in FOLDERS and not (first == "fleet" and is_topic(word))
        if ours or re.fullmatch(r"[\w-]+\.(?:py|js|sh)", word):
            yield word


def modules(text: str) -> Iterator[str]:
    """Dotted names in our packages, and what `python -m` is given."""
    for code in codes(text):
        yield from re.findall(r"-m ((?:fleet|agent_sidecar|benchmarks|tests)[\w.]*)", code)
    for word in sorted(words(text)):
        dotted = re.fullmatch(r"\w+(\.\w+){2,}", word) and word.partition(".")[0] in PACKAGES
        if dotted and not is_topic(word.replace(".", "/")):  # a subject of NATS is no module
            yield word


@cache
def definitions(path: Path) -> frozenset[str]:
    """Functions, classes, methods and constants, as `name` and as `Class.name`."""
    if path.suffix == ".js":
        text = path.read_text()
        return frozenset(re.findall(r"(?:function|const|let|class)\s+(\w+)", text))
    found: set[str] = set()

    def note(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    note(node.body, f"{prefix}{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", 0)]
            found.update(prefix + t.id for t in targets if isinstance(t, ast.Name))

    note(ast.parse(path.read_text()).body, "")
    return frozenset(found)


def is_module(dotted: str) -> bool:
    """Whether it is a module, a package, or something defined in one."""
    head, rest = dotted.split("."), []
    while head:
        base = ROOT.joinpath(*head)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return not rest or ".".join(rest) in definitions(path)
        if base.is_dir() and not rest:
            return True
        rest.insert(0, head.pop())
    return False


def named_definitions(text: str) -> set[tuple[str, str]]:
    return {
        *DEFINED.findall(text),
        *((path, what) for what, path in DEFINED_OF.findall(text)),
        *COLON.findall(text),
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_path_is_there(page: Path) -> None:
    missing = [
        word
        for word in paths(page.read_text())
        if not (is_there(word) if "/" in word else word in files()) and word not in EXAMPLES
    ]
    assert missing == [], f"{name(page)} names {', '.join(missing)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_module_is_there(page: Path) -> None:
    named = set(modules(page.read_text())) - NO_MODULES
    missing = sorted(dotted for dotted in named if not is_module(dotted))
    assert missing == [], f"{name(page)} names {', '.join(missing)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_definition_stands_in_the_file_that_is_named_with_it(page: Path) -> None:
    missing = [
        f"{path} {what}"
        for path, what in sorted(named_definitions(page.read_text()))
        if not (is_there(path) and what in definitions(ROOT / path))
    ]
    assert missing == [], f"{name(page)} names {', '.join(missing)}"


def test_the_exceptions_are_needed() -> None:
    named = {word for page in PAGES for word in paths(page.read_text())}
    assert EXAMPLES - named == set(), "no page names it: take it out of EXAMPLES"
    dotted = {word for page in PAGES for word in modules(page.read_text())}
    assert NO_MODULES - dotted == set(), "no page names it: take it out of NO_MODULES"


def test_the_search_sees_what_it_should() -> None:
    text = (
        "`fleet/hub/gone.py` `Name`, `gone.js`, `fleet/ada/heartbeat`, `fleet.hub.gone.Name`,\n"
        "`NAME` of `fleet/settings.py`, `fleet/settings.py:load`, `sh scripts/gone.sh --all`\n\n"
        "    python -m fleet.gone.at.all\n\n```sh\ncat deploy/gone.yaml\n```\n"
    )
    assert list(paths(text)) == [
        *("deploy/gone.yaml", "fleet/hub/gone.py", "fleet/settings.py", "gone.js"),
        "scripts/gone.sh",
    ]
    assert set(modules(text)) == {"fleet.hub.gone.Name", "fleet.gone.at.all"}
    assert not any(map(is_module, modules(text)))
    assert named_definitions(text) == {
        ("fleet/hub/gone.py", "Name"),
        ("fleet/settings.py", "NAME"),
        ("fleet/settings.py", "load"),
    }
    assert is_module("fleet.settings.Settings.password")
    assert not is_module("fleet.settings.Settings.passwort")
