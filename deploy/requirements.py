"""What an image installs before the code is there: a layer that only pyproject.toml can change.

    python deploy/requirements.py [EXTRA...]

prints the requirements of the base install and of the extras, one a line. It stands alone: it
runs in the build before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def requirements(project: dict[str, Any], extras: list[str]) -> list[str]:
    """Requirements by PEP 508; an extra that names others of this project brings theirs.

    Raises:
        KeyError: no extra has this name.
    """
    itself = re.compile(rf"{re.escape(project['name'])}\[([^\]]+)\]$")

    def of(extra: str) -> Iterator[str]:
        for requirement in project["optional-dependencies"][extra]:
            named = itself.match(requirement)
            if named is None:
                yield requirement
            else:
                for other in named[1].split(","):
                    yield from of(other.strip())

    found = [*project["dependencies"], *(line for extra in extras for line in of(extra))]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    pyproject = tomllib.loads(Path("pyproject.toml").read_text())
    print(*requirements(pyproject["project"], sys.argv[1:]), sep="\n")
