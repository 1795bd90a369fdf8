"""The house is built as it says: small files, and unit tests where their module is."""

from __future__ import annotations

from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
PACKAGES = ("fleet", "agent_sidecar")
BESIDE = ("tests", "benchmarks", "scripts")
MOST = 350
"""Lines of a file; one that wants more usually holds two ideas."""

USUAL = 100
"""Lines that half of the files have at most; those that only name a room do not count."""


def lines(*folders: str) -> dict[str, int]:
    return {
        str(path.relative_to(ROOT)): path.read_text().count("\n")
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    }


def mirrored(folder: Path) -> Path:
    """The folder of the package that a folder of unit tests is about."""
    rooms = folder.relative_to(ROOT / "tests/unit").parts
    return (
        ROOT.joinpath(*rooms) if rooms[:1] == ("agent_sidecar",) else ROOT.joinpath("fleet", *rooms)
    )


def test_no_file_holds_two_ideas() -> None:
    found = {path for path, count in lines(*PACKAGES, *BESIDE).items() if count > MOST}
    assert found == set(), f"more than {MOST} lines"


def test_half_of_the_files_are_short() -> None:
    found = lines(*PACKAGES)
    assert median(found[path] for path in found if not path.endswith("__init__.py")) <= USUAL


def test_every_folder_of_unit_tests_is_a_room_of_the_package() -> None:
    folders = [path.parent for path in (ROOT / "tests/unit").rglob("test_*.py")]
    assert folders
    strays = {str(folder.relative_to(ROOT)) for folder in folders if not mirrored(folder).is_dir()}
    assert strays == set()
