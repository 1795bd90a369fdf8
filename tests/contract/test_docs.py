"""The documentation is true: generated pages are current, links lead somewhere, calls parse."""

from __future__ import annotations

import importlib.util
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from agent_sidecar.cli import cli as agent_sidecar
from fleet.cli.main import COMMANDS, fleet
from fleet.contract.vocabulary import AlertCode, HubAlertCode, Verb
from fleet.metrics.agent_families import FAMILIES
from fleet.metrics.hub_families import HUB_FAMILIES
from tests.support.one_liner import run

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / "adr").glob("*.md")),
]
GENERATED = DOCS / "reference"
ROOTS = {"fleet": fleet, "agent-sidecar": agent_sidecar}
CALL = re.compile(r"(?:fleet|agent-sidecar|bus-publish) [^\n]+")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts/docs/reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> Iterator[str]:
    """Lines of the page's code blocks that call one of our programs, as a shell would get them."""
    fenced = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (\S.*)$", prose(page), re.MULTILINE)
    for line in ["\n".join(fenced), *indented]:
        for call in line.splitlines():
            if CALL.fullmatch(call):
                yield call


def asides(page: Path) -> Iterator[str]:
    """Calls named in a sentence or a table."""
    for code in re.findall(r"`([^`\n]+)`", prose(page)):
        if not CALL.fullmatch(code) or "…" in code:
            continue
        words = code.split()
        choices = [word.split("|") if word[0].isalpha() else [word] for word in words]
        yield from (" ".join(chosen) for chosen in itertools.product(*choices))


def follow(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that `words` name, and the words that are left for it."""
    command: click.Command = ROOTS[words[0]]
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        context = click.Context(command, info_name=words[0])
        found = command.get_command(context, rest[0])
        if found is None and command.invoke_without_command:
            break
        assert found is not None, f"there is no {' '.join(words)}"
        command, rest = found, rest[1:]
    return command, rest


def written(calls: str) -> list[tuple[str, str]]:
    pick = {"blocks": blocks, "asides": asides}[calls]
    pages = [page for page in PAGES if page.parent != GENERATED]
    return sorted({(name(page), call) for page in pages for call in pick(page)})


@pytest.mark.parametrize("page", sorted(reference().pages()))
def test_a_page_made_from_code_is_current(page: str) -> None:
    made = reference().pages()[page]
    assert (GENERATED / page).read_text() == made, "run: python scripts/docs/reference.py"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page))):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), link
        if anchor and there.suffix == ".md":
            titles = re.findall(r"^#+ (.+)$", there.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, link


@pytest.mark.parametrize(("page", "call"), written("blocks"))
def test_a_call_in_a_code_block_parses(
    page: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("compose.yaml", "fleet.db"):
        (tmp_path / file).touch()  # click opens or looks for the file while it parses
    words = shlex.split(re.split(r" [|>] ", call)[0], comments=True)
    if words[0] == "bus-publish":
        answer = run("--dry-run", *words[1:], home=tmp_path, FLEET_AGENT="alpha")
        assert answer.returncode == 0, answer.stderr
        return
    command, rest = follow(words)
    try:
        with command.make_context(" ".join(words[:2]), rest):
            pass
    except click.exceptions.Exit:  # --help, --version
        pass
    except click.UsageError as error:
        pytest.fail(f"{call}: {error.format_message()}")


@pytest.mark.parametrize(("page", "call"), written("asides"))
def test_a_call_in_a_sentence_names_what_is_there(page: str, call: str) -> None:
    words = shlex.split(call)
    if words[0] == "bus-publish":
        return
    command, rest = follow(words)
    known = {flag for parameter in command.params for flag in parameter.opts}
    known |= {"--help", "--version"}
    for word in rest[: rest.index("--")] if "--" in rest else rest:
        assert not word.startswith("-") or word.split("=")[0] in known, word


def test_everything_is_documented() -> None:
    text = "\n".join(page.read_text() for page in GENERATED.glob("*.md"))
    for word in (*Verb, *AlertCode, *HubAlertCode):
        assert re.search(rf"^(### |\| `){word.value}", text, re.MULTILINE), word
    for family in (*FAMILIES, *HUB_FAMILIES):
        assert f"`{family.name}" in text, family.name
    for command in COMMANDS:
        assert re.search(rf"^## fleet {command}( |$)", text, re.MULTILINE), command


def test_every_page_is_found_from_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    for page in DOCS.rglob("*.md"):
        assert page.name == "README.md" or f"({page.relative_to(DOCS)})" in index, page


def test_the_script_makes_what_the_table_of_generated_files_says_is_made_from_the_code():
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Generated files")[1].split("##")[0]
    made_by = re.findall(r"^\|[^|]+\| `(python [^`]+)` \|", section, re.MULTILINE)
    told = [one for one in made_by if "record.py" not in one]  # a picture, for your eyes
    script = (ROOT / "scripts/generate.sh").read_text()
    lines = re.findall(r"^(python [^>\n]+?) *(?:>|$)", script, re.MULTILINE)
    assert sorted(lines) == sorted(told)
