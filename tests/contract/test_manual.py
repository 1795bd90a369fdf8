"""The manual pages are what the programs' help says, and roff takes them."""

from __future__ import annotations

import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "man"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "docs" / "manual.py"))


def test_every_page_is_current_and_no_other_is_there(script: dict[str, Any]) -> None:
    found = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert found == script["pages"](), "run: python scripts/docs/manual.py"


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
@pytest.mark.parametrize("page", ["fleet.1", "agent-sidecar.1", "bus-publish.1"])
def test_roff_has_nothing_to_say_of_a_page(page: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8", FOLDER / page],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_line_that_roff_would_take_for_a_request_is_text(script: dict[str, Any]) -> None:
    assert script["escaped"](".TH\na-b\\c\n'x …") == "\\&.TH\na\\-b\\ec\n\\&'x \\[u2026]"
