"""The toolkit's names, installed as a user installs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fleet.cli.main import COMMANDS
from fleet.toolkit import TOOLS
from tests.support.one_liner import serve, waiting

ROOT = Path(__file__).parents[2]
NAMES = (
    "bus-publish", "bus-subscribe", "bus-command", "bus-audit", "bus-command-handler",
    "fleet-monitor", "fleet-bus-health", "fleet-heartbeat-collector",
)  # fmt: skip


@pytest.fixture(scope="module")
def bin_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an editable install puts the programs, with the packages of this environment."""
    folder = tmp_path_factory.mktemp("install")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--ignore-installed", "--no-deps",
         "--no-build-isolation", "--no-index", f"--prefix={folder}", "-e", str(ROOT)],
        check=True,
    )  # fmt: skip
    return folder / "bin"


def test_every_name_is_a_program_after_install(bin_: Path) -> None:
    assert [name for name in NAMES if not os.access(bin_ / name, os.X_OK)] == []


@pytest.mark.parametrize("name", [*TOOLS, "bus-command-handler"])
def test_a_program_names_itself_in_its_help(name: str, bin_: Path) -> None:
    answer = subprocess.run(
        [bin_ / name, "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("Usage: ")
    assert answer.stdout.splitlines()[0].split()[1] == name


def test_the_installed_one_liner_is_the_script(bin_: Path, tmp_path: Path) -> None:
    drop = serve(tmp_path / "drop")
    subprocess.run(
        [bin_ / "bus-publish", "heartbeat"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "FLEET_DROP": str(drop)},
        check=True,
    )
    [path] = waiting(drop)
    assert json.loads(path.read_text())["ok"] is True


def test_each_name_stands_in_the_table_and_in_the_package() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {*TOOLS, "bus-publish", "bus-command-handler"} == set(NAMES)
    assert set(NAMES) - {"bus-publish"} <= set(scripts)
    assert {command[0] for command in TOOLS.values()} - {"collect"} <= set(COMMANDS)
