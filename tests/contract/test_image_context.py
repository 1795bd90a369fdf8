"""What goes into an image is what pyproject.toml needs, by Dockerfiles and .dockerignore alike."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "deploy").glob("Dockerfile.*"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def copied(path: Path) -> set[str]:
    """What a Dockerfile takes from its context, as paths of the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", path.read_text(), re.MULTILINE)
    return {source for line in lines for source in line.split()[:-1]}


def wheel(folder: Path, out: Path) -> list[str]:
    """Names of the files in the wheel that a folder builds."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    [built] = out.glob("*.whl")
    return sorted(zipfile.ZipFile(built).namelist())


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.suffix[1:])
def test_what_an_image_copies_builds_the_very_wheel_of_the_checkout(
    path: Path, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    for source in copied(path):
        target = context / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)
    assert wheel(context, tmp_path / "image") == wheel(ROOT, tmp_path / "checkout")


def test_the_engine_is_sent_what_is_copied_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert allowed == set().union(*(copied(path) for path in DOCKERFILES))
    assert rules[-2:] == ["**/__pycache__", "**/*.py[cod]"], "the last rule that matches decides"


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.suffix[1:])
def test_an_image_has_a_pinned_base_and_no_pip(path: Path) -> None:
    text = path.read_text()
    [base] = re.findall(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", base)
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${BASE}"}
    shipped = text.split("FROM ${BASE}")[-1]
    assert re.findall(r"^COPY .*", shipped, re.MULTILINE) == [
        "COPY --from=build /opt/fleet /opt/fleet"
    ]
    assert "pip" not in shipped


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.suffix[1:])
def test_what_an_image_needs_is_installed_by_hash_before_the_code(path: Path) -> None:
    steps = re.findall(r"^(?:RUN|COPY) (?:[^\n]*\\\n)*[^\n]*$", path.read_text(), re.MULTILINE)
    [needed] = [step for step in steps if "install -r" in step]
    assert "--require-hashes --only-binary :all:" in needed
    assert needed.count("install -r") == needed.count('"$@"') == 2
    [code] = [step for step in steps if "--no-deps" in step]
    assert code.count("--no-index") == 2, "what builds it is there already"
    assert steps.index(needed) < steps.index("COPY fleet ./fleet") < steps.index(code)


def test_all_images_are_built_by_the_same_steps() -> None:
    """So that what is measured of one, its cached layers, holds of the others."""
    stages = [path.read_text().split("\nFROM ")[1] for path in DOCKERFILES]
    assert (
        len({re.sub(r"requirements/(hub-postgres|signing)", "…", stage) for stage in stages}) == 1
    )
