"""What is installed from a checkout and into an image is written down, by version and hash, and is
what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {path.stem: path for path in (ROOT / "requirements").glob("*.txt")}
EXTRAS = {"hub-demo": ("hub", "demo"), "hub-postgres": ("hub", "postgres")}
"""Extras that a lock file is for, where its name is not that of one."""

PIN = re.compile(
    r"([A-Za-z0-9._-]+)==(\S+)(?: ; ([^\\]+?))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)"
)


def asked(extra: str) -> Iterator[Requirement]:
    """What an extra asks for; one that names others of this project brings theirs."""
    for line in PROJECT["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name != PROJECT["name"]:
            yield requirement
        for other in sorted(requirement.extras) if requirement.name == PROJECT["name"] else ():
            yield from asked(other)


def pinned(path: Path) -> dict[str, set[str]]:
    """Versions by name; several where they differ by Python or system."""
    found: dict[str, set[str]] = {}
    for name, version, *_ in PIN.findall(path.read_text()):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_a_lock_file_has_what_its_extras_ask_for(name: str) -> None:
    locked = pinned(LOCKS[name])
    wanted = [Requirement(line) for line in PROJECT["dependencies"]]
    wanted += [one for extra in EXTRAS.get(name, (name,)) for one in asked(extra)]
    for requirement in wanted:
        versions = locked.get(canonicalize_name(requirement.name), set())
        assert versions, f"sh scripts/lock.sh: {requirement} is not in {name}.txt"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_every_line_of_a_lock_file_is_a_pin_with_hashes_and_no_address(name: str) -> None:
    text = LOCKS[name].read_text()
    left = [line for line in PIN.sub("", text).splitlines() if line and not line.startswith("#")]
    assert left == []
    assert "://" not in text


def test_what_is_shipped_is_what_is_tested() -> None:
    """Apart from what only releases and browsers need, which no test of ours imports."""
    tested = pinned(LOCKS["dev"])
    for name in ("build", "hub", "hub-demo", "hub-postgres", "signing"):
        assert pinned(LOCKS[name]).items() <= tested.items(), name
    for name in ("e2e", "release"):
        shared = pinned(LOCKS[name]).keys() & tested.keys()
        assert {one: pinned(LOCKS[name])[one] for one in shared} == {
            one: tested[one] for one in shared
        }


def test_each_lock_file_is_made_by_the_script_and_used() -> None:
    made = set(
        re.findall(r"^ *lock (\S+) ", (ROOT / "scripts" / "lock.sh").read_text(), re.MULTILINE)
    )
    assert made == LOCKS.keys()
    users = [*(ROOT / "scripts").glob("*.sh"), *(ROOT / "deploy").glob("Dockerfile.*")]
    text = "\n".join(path.read_text() for path in users if path.name != "lock.sh")
    extras = re.findall(r"install_project \.venv (\S+)", text)
    extras += re.findall(r"install_locked \.venv-release (\S+)", text)
    used = set(re.findall(r"requirements/([a-z0-9-]+)\.txt", text))
    assert used | {extra.replace(",", "-") for extra in extras} == LOCKS.keys()
