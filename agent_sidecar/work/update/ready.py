"""Ready-made updates of packages: a folder a version, and a link `current` to the one that runs.

    python -m agent_sidecar.work.update.ready pip|npm FOLDER PACKAGE current|install [VERSION]

What was installed before stays beside it, so that the way back is a link and needs no network.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from fleet.contract.update_words import is_plain

KEPT: Final = 3
"""Versions that stay beside the one that runs."""

_ASK: Final = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"


def pip_version(place: Path, package: str) -> str:
    """What a place has of the package; empty: nothing."""
    argv = [str(place / "bin" / "python"), "-I", "-c", _ASK, package]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError:  # it is not there
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def npm_version(place: Path, package: str) -> str:
    try:
        found = json.loads((place / "lib" / "node_modules" / package / "package.json").read_text())
        return str(found["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def pip_install(place: Path, package: str, version: str) -> None:
    venv.create(place, with_pip=True, symlinks=True)
    python = str(place / "bin" / "python")
    wanted = f"{package}=={version}"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wanted], check=True)


def npm_install(place: Path, package: str, version: str) -> None:
    place.mkdir(parents=True)
    wanted = f"{package}@{version}"
    argv = ["npm", "install", "--global", "--loglevel=error", "--prefix", str(place), wanted]
    subprocess.run(argv, check=True)


MANAGERS: Final = {"pip": (pip_version, pip_install), "npm": (npm_version, npm_install)}


def install(manager: str, folder: Path, package: str, version: str) -> None:
    """Have `current` be the version: by what is there, or by installing it beside."""
    if not is_plain(version):  # and so `place` is in `versions`
        raise ChildProcessError("it is no version")
    version_of, install_ = MANAGERS[manager]
    place = folder / "versions" / version
    if version_of(place, package) != version:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(place)  # half of one
        place.parent.mkdir(parents=True, exist_ok=True)
        install_(place, package, version)
    if version_of(place, package) != version:
        raise ChildProcessError(f"{package} {version} is not what was installed")
    new = folder / ".current.new"
    new.unlink(missing_ok=True)
    before = (folder / "current").resolve() if (folder / "current").is_symlink() else None
    new.symlink_to(Path("versions") / version)
    os.replace(new, folder / "current")  # noqa: PTH105 - one step, or none
    forget(folder, {place.resolve(), before})


def forget(folder: Path, needed: set[Path | None]) -> None:
    """Remove the oldest versions, but what runs and what ran before."""
    found = sorted((folder / "versions").iterdir(), key=lambda place: place.stat().st_mtime)
    spare = [place for place in found if place.resolve() not in needed]
    for place in spare[: max(0, len(spare) - KEPT)]:
        shutil.rmtree(place, ignore_errors=True)


def main(arguments: list[str]) -> int:
    manager, folder, package, act, *more = arguments
    if act == "current":
        version = MANAGERS[manager][0](Path(folder) / "current", package)
        if version:
            sys.stdout.write(f"{version}\n")
        return 0 if version else 1
    try:
        install(manager, Path(folder), package, more[0])
    except subprocess.CalledProcessError as error:  # it has said why, just before
        sys.stderr.write(f"{package} {more[0]}: {manager} ended with {error.returncode}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{package} {more[0]}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
