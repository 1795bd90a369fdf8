"""The source archive and the wheel are whole: built, installed beside nothing of the checkout, run.

No index is asked: what the wheel needs is taken from where the tests run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import fleet

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PROGRAMS = (*PROJECT["scripts"], "bus-publish")

# `fleet demo` looks for free ports, and so do others that play it.
pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(240)]


@dataclass(frozen=True)
class Installed:
    """What was built, and an environment that has it and no checkout.

    Attributes:
        root: the environment.
        names: files in the wheel.
    """

    root: Path
    names: frozenset[str]

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        folders = f"{self.root / 'bin'}:/usr/local/bin:/usr/bin:/bin:/usr/sbin"
        return subprocess.run(
            [program, *words], cwd=home, env={"PATH": folders, "HOME": str(home), "NO_COLOR": "1"},
            executable=shutil.which(program, path=folders), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip


def build(target: str, folder: Path, out: Path) -> Path:
    argv = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True, timeout=120)
    [built] = out.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel that the source archive builds, which is what a packager makes of it."""
    folder = tmp_path_factory.mktemp("packages")
    with tarfile.open(build("sdist", ROOT, folder / "sdist")) as archive:
        archive.extractall(folder, filter="data")
    [source] = folder.glob("fleet_control_plane-*")
    wheel = build("wheel", source, folder / "wheel")
    root = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(root / "bin" / "python"), "install",
         "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", str(wheel)],
        check=True, timeout=120, env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"},
    )  # fmt: skip
    [packages] = root.glob("lib/python*/site-packages")
    # Behind its own packages; a folder that is named so has none of its .pth files read.
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(root, frozenset(zipfile.ZipFile(wheel).namelist()))


def tracked(*folders: str) -> set[str]:
    argv = ["git", "ls-files", "-co", "--exclude-standard", *folders]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git says what is ours")
def test_the_wheel_has_every_file_of_the_packages_and_what_they_read(installed: Installed) -> None:
    """Word lists, the web page, schemas, skills, type marks: not code alone."""
    wanted = tracked("fleet", "agent_sidecar")
    for source, target in (("schemas", "fleet/contract"), ("skills", "fleet/provisioning")):
        wanted |= {f"{target}/{name}" for name in tracked(source)}
    ours = {name for name in installed.names if name.startswith(("fleet/", "agent_sidecar/"))}
    assert ours == wanted


def test_every_program_is_on_path_and_is_the_one_that_was_installed(installed: Installed) -> None:
    for name in PROGRAMS:
        assert (installed.root / "bin" / name).is_file(), name
        done = installed.run(name, "--help")
        assert done.returncode == 0, done.stderr
    assert fleet.__version__ in installed.run("fleet", "--version").stdout
    where = installed.run("python", "-c", "import fleet, agent_sidecar as a; print(fleet, a)")
    assert where.stdout.count(str(installed.root)) == 2


def test_the_manual_pages_are_where_man_looks(installed: Installed) -> None:
    pages = installed.root / "share" / "man" / "man1"
    assert {f"{name}.1" for name in PROGRAMS} == {path.name for path in pages.iterdir()}
    if shutil.which("man"):
        for name in ("fleet", "bus-audit"):
            found = installed.run("man", "-w", name)
            assert found.stdout.startswith(str(pages)), found.stderr


def test_what_was_installed_plays_the_demo(installed: Installed) -> None:
    """Broker, hub, web page and sidecars, each from the wheel."""
    done = installed.run("fleet", "demo", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not observed" not in done.stdout + done.stderr
