"""`adr/` is the law: its tables, the enums, the models, the topics and pyproject.toml are equal."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from fleet import adr
from fleet.contract import vocabulary, work_vocabulary
from fleet.contract.fields import Shape
from fleet.contract.messages import shapes
from fleet.contract.topics import FROM_AGENT, Topics
from fleet.contract.vocabulary import MessageKind, Word
from fleet.provisioning import acl_rules

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "adr"
LAW = (FOLDER / "0005-scoped-bus.md").read_text()
WORK = (FOLDER / "0022-work-by-reference.md").read_text()


def vocabularies(module: object) -> list[type[Word]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Word) and value not in (Word, MessageKind)
    ]


ON_THE_BUS = (work_vocabulary.TaskState, work_vocabulary.TaskReason)
VOCABULARIES = [*vocabularies(vocabulary), *ON_THE_BUS]
BESIDE_IT = [words for words in vocabularies(work_vocabulary) if words not in ON_THE_BUS]
SHAPES = shapes()
TOPICS = Topics()


def section(text: str, heading: str) -> str:
    """What stands below `heading` until the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"ADR has no heading {heading!r}"
    return found[1]


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table below `heading`, without its head."""
    lines = [line for line in section(text, heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("words", VOCABULARIES)
def test_each_vocabulary_is_the_table_of_its_name(words: type[Word]) -> None:
    expected = [[f"`{word}`", word.meaning] for word in words]
    assert rows(LAW, words.__name__) == expected
    assert (words.__doc__ or "") in section(LAW, words.__name__)


def test_there_is_no_vocabulary_that_the_code_does_not_have() -> None:
    listed = re.findall(r"^### (\w+)$", LAW.partition("\n## Vocabulary")[2], re.MULTILINE)
    assert listed == [words.__name__ for words in VOCABULARIES]


@pytest.mark.parametrize("words", BESIDE_IT)
def test_words_that_never_travel_on_the_bus_stand_in_their_own_record(words: type[Word]) -> None:
    assert rows(WORK, words.__name__) == [[f"`{word}`", word.meaning] for word in words]
    assert f"### {words.__name__}\n" not in LAW


@pytest.mark.parametrize("shape", SHAPES)
def test_the_fields_of_each_shape_are_the_table_of_its_name(shape: type[Shape]) -> None:
    expected = [
        [f"`{name}`", "yes" if field.is_required() else "no", field.description]
        for name, field in shape.model_fields.items()
    ]
    assert rows(LAW, f"{shape.__name__} fields") == expected


def test_the_table_of_topics_is_the_code_of_topics() -> None:
    found = {row[0]: row[1:] for row in rows(LAW, "Topics")}
    assert list(found) == [f"`{kind}`" for kind in MessageKind]
    for kind in MessageKind:
        topic, origin, _, carries = found[f"`{kind}`"]
        assert topic == f"`{TOPICS.every(kind).replace('+', '{agent}')}`"
        assert origin == ("agent" if kind in FROM_AGENT else "hub")
        assert carries == kind.meaning


def test_the_table_of_access_is_what_the_broker_is_given() -> None:
    found = {quoted(row[0])[0]: (quoted(row[1]), quoted(row[2])) for row in rows(LAW, "Access")}
    roles = {
        "agent": acl_rules.agent(TOPICS, "ada"),
        "hub": acl_rules.hub(TOPICS),
        "admin": acl_rules.admin(TOPICS),
    }
    given = {
        name: (granted(role, "Send"), granted(role, "subscribe")) for name, role in roles.items()
    }
    assert found == given
    for role in roles.values():
        assert granted(role, "Receive") == granted(role, "subscribe")


def granted(role: acl_rules.Role, access: str) -> list[str]:
    """The topics that `role` allows for an ACL type with `access` in its name."""
    allowed = [right.topic for right in role.rights if right.allow and access in right.acltype]
    return [topic.replace("/ada/", "/{agent}/") for topic in allowed]


def test_the_development_broker_gives_an_agent_the_same_access() -> None:
    acl = (ROOT / "mosquitto" / "accounts.acl").read_text()
    [agent] = [row for row in rows(LAW, "Access") if row[0] == "`agent`"]
    for access, cell in zip(("write", "read"), agent[1:], strict=True):
        granted_topics = re.findall(rf"^pattern {access} (\S+)$", acl, re.MULTILINE)
        assert [topic.replace("%u", "{agent}") for topic in granted_topics] == quoted(cell)


def test_the_repository_s_own_records_are_sound() -> None:
    assert adr.check(FOLDER) == []


def test_the_template_is_what_new_writes() -> None:
    expected = adr.SKELETON.format(number="NNNN", title="Title", date="YYYY-MM-DD")
    assert (FOLDER / adr.TEMPLATE).read_text() == expected


CLAUSE = re.compile(r"ADR-([0-9]{4})#([a-z-]+)")


def test_every_clause_that_the_code_cites_exists() -> None:
    known = {record.number: adr.anchors(record.text) for record in adr.records(FOLDER)}
    for package in ("fleet", "agent_sidecar", "docs", "adr"):
        for path in (ROOT / package).rglob("*"):
            if path.suffix in (".py", ".md"):
                for number, anchor in CLAUSE.findall(path.read_text()):
                    clause = f"ADR-{number}#{anchor}"
                    assert anchor in known.get(number, ()), f"{path} cites {clause}"


def test_the_stack_record_names_each_dependency_with_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stack = (FOLDER / "0003-stack.md").read_text()
    extras = {k: v for k, v in project["optional-dependencies"].items() if k != "dev"}
    for extra, requirements in {"base": project["dependencies"], **extras}.items():
        for requirement in requirements:
            name = re.split(r"[^\w-]", requirement)[0]
            if name == project["name"]:  # one extra brings another
                continue
            bounds = requirement.removeprefix(name).partition("]")[2] or requirement[len(name) :]
            missing = f"add {requirement} of [{extra}] to the table of ADR-0003"
            assert any(
                name in packages and bounds in ranges and extra in extras_cell
                for packages, ranges, extras_cell, _ in rows(stack, "Decision")
            ), missing
