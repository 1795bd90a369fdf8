"""Records are begun, indexed and checked; each slip is named once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fleet import adr
from fleet.contract.errors import ConfigError

TODAY = date(2026, 11, 21)
RECORD = "---\nstatus: {status}\ndate: 2026-11-21\n{more}---\n# {number}: A title\n\n{body}\n"


def write(
    folder: Path, number: str, *, status: str = "accepted", more: str = "", body: str = ""
) -> Path:
    path = folder / f"{number}-a-title.md"
    path.write_text(RECORD.format(status=status, more=more, number=number, body=body))
    return path


def complaints(folder: Path) -> list[str]:
    adr.write_index(folder)
    return [problem.what for problem in adr.check(folder)]


def test_what_new_begins_is_sound_and_indexed(tmp_path: Path) -> None:
    first = adr.new(tmp_path / "adr", "Add the plane: GPU!", TODAY)
    second = adr.new(tmp_path / "adr", "Drop it", TODAY)
    assert (first.name, second.name) == ("0001-add-the-plane-gpu.md", "0002-drop-it.md")
    assert adr.check(tmp_path / "adr") == []
    record = adr.load(first)
    assert (record.number, record.title, record.status) == (
        "0001",
        "Add the plane: GPU!",
        "proposed",
    )


def test_a_title_without_letters_gives_no_record(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file name"):
        adr.new(tmp_path, "???", TODAY)
    assert list(tmp_path.iterdir()) == []


def test_a_number_is_used_once(tmp_path: Path) -> None:
    write(tmp_path, "0001")
    twin = tmp_path / "0001-b-title.md"
    twin.write_text(RECORD.format(status="accepted", more="", number="0001", body=""))
    assert complaints(tmp_path) == ["number 0001 is 0001-a-title.md's"]


def test_a_stale_index_is_told_with_its_command(tmp_path: Path) -> None:
    write(tmp_path, "0001")
    [problem] = adr.check(tmp_path)
    assert "fleet adr check --write" in problem.what
    assert complaints(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("# 0001: A title\n", "no front matter"),
        ("---\nstatus: done\ndate: 2026-11-21\n---\n# 0001: T\n", "status is not one of"),
        ("---\ndate: 2026-11-21\n---\n# 0001: T\n", "status is not one of"),
        ("---\nstatus: accepted\n---\n# 0001: T\n", "no date"),
        ("---\nstatus: accepted\ndate: 21.11.2026\n---\n# 0001: T\n", "is not like 2026-11-21"),
        ("---\nstatus: accepted\ndate: 2026-11-21\n---\n# 0002: T\n", "no heading"),
        ("---\nstatus: accepted\ndate: 2026-11-21\n---\n# 0001: \n", "no heading"),
        (
            "---\nstatus: accepted\ndate: 2026-11-21\nowner: me\n---\n# 0001: T\n",
            "unknown field 'owner'",
        ),
        (
            "---\nstatus: proposed\ndate: 2026-11-21\nadds: {verbs: [x]}\n---\n# 0001: T\n",
            "'verbs' is not one of",
        ),
    ],
)
def test_each_slip_is_named(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "0001-a-title.md").write_text(text)
    [found] = complaints(tmp_path)
    assert what in found


def test_links_lead_to_files_and_headings(tmp_path: Path) -> None:
    body = (
        "## Two words\n[a](0002-a-title.md) [b](0002-a-title.md#two-words) [c](#two-words)\n"
        "[d](https://example.org/x) `[e](code)`\n"
    )
    write(tmp_path, "0001", body=body)
    write(tmp_path, "0002", body="## Two words\n[f](absent.md) [g](0001-a-title.md#absent)")
    assert complaints(tmp_path) == [
        "the link absent.md leads nowhere",
        "the link 0001-a-title.md#absent leads nowhere",
    ]


def test_supersession_is_said_by_both_sides(tmp_path: Path) -> None:
    write(tmp_path, "0001", status="superseded", more="superseded-by: 0002\n")
    write(tmp_path, "0002", more="supersedes: 0001\n")
    assert complaints(tmp_path) == []
    assert "superseded by 0002" in (tmp_path / adr.INDEX).read_text()
    write(tmp_path, "0002")
    assert complaints(tmp_path) == [
        "superseded-by 0002, but 0002 does not say supersedes: 0001",
    ]
    write(tmp_path, "0001", status="superseded")
    assert complaints(tmp_path) == ["status superseded and superseded-by go together"]


def test_an_amendment_of_a_deployment_needs_only_status_and_adds(tmp_path: Path) -> None:
    path = tmp_path / "gpu.md"
    path.write_text("---\nstatus: accepted\nadds: {planes: [gpu]}\n---\n")
    assert adr.check(tmp_path) == []
    assert list(adr.check_record(adr.load(path))) == []
    assert adr.load(path).number == ""


def test_an_absent_folder_or_file_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as found:
        adr.check(tmp_path / "absent")
    assert "fleet adr new" in found.value.remedy
    with pytest.raises(ConfigError):
        adr.load(tmp_path / "absent.md")
