"""Architecture decision records: read, checked, listed, begun.

A file named `NNNN-slug.md` is a record: it has a status, a date and a heading `# NNNN: Title`,
and stands in the index `README.md`. Any other Markdown file with front matter is an amendment of
a deployment and needs only what the contract reads: `status` and `adds`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.amendments import (
    FIELDS,
    AdrStatus,
    front_matter,
    front_matter_fault,
    parse_adds,
    status_of,
)
from fleet.contract.errors import ConfigError

INDEX: Final = "README.md"
TEMPLATE: Final = "template.md"

_FILE_NAME = re.compile(r"(?P<number>[0-9]{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
_HEADING = re.compile(r"^# (?P<text>.+)$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`|^    .*$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")

SKELETON: Final = """\
---
status: proposed
date: {date}
---
# {number}: {title}

## Context

What forces the decision: facts, measured where they can be.

## Decision

What we do, in the present tense.

## Consequences

What becomes easier, what becomes harder, and the test that notices when it no longer holds.
"""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One ADR as it stands in its file; `number` is empty for an amendment without one."""

    path: Path
    fields: dict[str, str]
    text: str

    @property
    def number(self) -> str:
        match = _FILE_NAME.fullmatch(self.path.name)
        return match["number"] if match else ""

    @property
    def title(self) -> str:
        match = _HEADING.search(self.text)
        return match["text"].removeprefix(f"{self.number}: ") if match else self.path.stem

    @property
    def status(self) -> str:
        return self.fields.get("status", "")


@dataclass(frozen=True, slots=True)
class Defect:
    """Something about a file that must be mended."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def load(path: Path) -> DecisionRecord:
    """
    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"the ADR {path} cannot be read", why, f"ls -l {path}") from None
    return DecisionRecord(path, front_matter(text), text)


def records(folder: Path) -> list[DecisionRecord]:
    """The ADRs of `folder` by file name, without index and template.

    Raises:
        ConfigError: it is no folder, or a file cannot be read.
    """
    if not folder.is_dir():
        remedy = f"fleet adr new --folder {folder} TITLE"
        raise ConfigError(f"there is no ADR folder {folder}", "", remedy)
    return [load(path) for path in sorted(folder.glob("*.md")) if _is_record(path)]


def check(folder: Path) -> list[Defect]:
    """What is wrong in `folder`: each record, their numbers, their links and the index."""
    found = records(folder)
    problems = [problem for record in found for problem in check_record(record)]
    numbered = [record for record in found if record.number]
    first: dict[str, Path] = {}
    for record in numbered:
        taken = first.setdefault(record.number, record.path)
        if taken != record.path:
            problems.append(Defect(record.path, f"number {record.number} is {taken.name}'s"))
    problems += _check_succession(numbered)
    index_path = folder / INDEX
    if numbered and _text_of(index_path) != index(numbered):
        problems.append(Defect(index_path, "the index is stale; run: fleet adr check --write"))
    return problems


def check_record(record: DecisionRecord) -> Iterator[Defect]:
    """What is wrong with one ADR, seen by itself."""
    fields, path = record.fields, record.path
    if fault := front_matter_fault(record.text):
        yield Defect(path, fault)
        return
    if not fields:
        yield Defect(path, "no front matter between two --- lines")
        return
    for name in fields.keys() - set(FIELDS):
        yield Defect(path, f"unknown field {name!r}; known: {', '.join(FIELDS)}")
    try:
        status_of(path.name, fields)
        if "adds" in fields:
            parse_adds(path.name, fields["adds"])
    except ConfigError as error:
        yield Defect(path, error.why)
    if record.number:
        if not re.search(rf"^# {record.number}: \S", record.text, re.MULTILINE):
            yield Defect(path, f"no heading '# {record.number}: Title'")
        if "date" not in fields:
            yield Defect(path, "no date")
    if "date" in fields and not _is_date(fields["date"]):
        yield Defect(path, f"date {fields['date']!r} is not like 2026-11-21")
    for link in _LINK.finditer(_CODE.sub("", record.text)):
        if not _resolves(path, link["target"]):
            yield Defect(path, f"the link {link['target']} leads nowhere")


def index(numbered: list[DecisionRecord]) -> str:
    """The text of `README.md` for the records of a folder."""
    lines = [
        "# Architecture decision records",
        "",
        "Generated by `fleet adr check --write`; `fleet adr new TITLE` begins one.",
        "",
        "| ADR | Decision | Status | Date |",
        "|---|---|---|---|",
    ]
    for record in numbered:
        status = record.status
        later = record.fields.get("superseded-by")
        status += f" by {later}" if later else ""
        link = f"[{record.number}]({record.path.name})"
        lines.append(f"| {link} | {record.title} | {status} | {record.fields.get('date', '')} |")
    return "\n".join(lines) + "\n"


def write_index(folder: Path) -> Path:
    """Write the index of `folder`; its path."""
    path = folder / INDEX
    trusted_path.write_text(path, index([record for record in records(folder) if record.number]))
    return path


def new(folder: Path, title: str, today: date) -> Path:
    """Begin a record with the next free number; its path. The index follows.

    Raises:
        ConfigError: the title gives no file name, or the folder cannot be written.
    """
    slug = "-".join(re.findall(r"[a-z0-9]+", title.lower()))
    if not slug:
        remedy = 'fleet adr new "Add the plane gpu"'
        raise ConfigError(f"the title {title!r} gives no file name", "no letter a-z", remedy)
    try:
        trusted_path.make_folder(folder, 0o755)
        taken = [int(record.number) for record in records(folder) if record.number]
        number = f"{max(taken, default=0) + 1:04d}"
        path = folder / f"{number}-{slug}.md"
        trusted_path.write_text(
            path, SKELETON.format(number=number, title=title, date=today.isoformat())
        )
        write_index(folder)
    except OSError as error:
        why = error.strerror or ""
        raise ConfigError(f"cannot write to {folder}", why, f"ls -ld {folder}") from None
    return path


def _check_succession(numbered: list[DecisionRecord]) -> Iterator[Defect]:
    """Supersession is said by both sides, and the older one's status says so too."""
    known = {record.number: record for record in numbered}
    for record in numbered:
        for mine, theirs in (("supersedes", "superseded-by"), ("superseded-by", "supersedes")):
            other = record.fields.get(mine)
            if other and (other not in known or known[other].fields.get(theirs) != record.number):
                what = f"{mine} {other}, but {other} does not say {theirs}: {record.number}"
                yield Defect(record.path, what)
        replaced = "superseded-by" in record.fields
        if replaced != (record.status == AdrStatus.SUPERSEDED):
            yield Defect(record.path, "status superseded and superseded-by go together")


def _is_record(path: Path) -> bool:
    return path.name not in (INDEX, TEMPLATE)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _text_of(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _resolves(origin: Path, target: str) -> bool:
    """Whether a relative link leads to a file, and its fragment to an anchor there."""
    if "://" in target or target.startswith("mailto:"):
        return True
    name, _, fragment = target.partition("#")
    path = origin.parent / name if name else origin
    if not fragment or path.suffix != ".md":
        return path.exists()
    return path.is_file() and fragment in anchors(path.read_text())


def anchors(text: str) -> set[str]:
    """The fragments that the headings of a Markdown text give."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
