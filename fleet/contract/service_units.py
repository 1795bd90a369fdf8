"""What stands in every unit, property list and cron line that we write: how a program is called.

Whoever reads them has not the PATH of whoever wrote them, and a virtual environment is on nobody
else's.
"""

from __future__ import annotations

import plistlib
import re
import shutil
import string
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

_UNQUOTED: Final = frozenset(string.ascii_letters + string.digits + "/._:=@-+,")


def start_of(name: str, module: str) -> tuple[str, ...]:
    """The first words of a call of the program `name`, absolute; `module` is what it runs.

    The script of this very installation goes before one that PATH finds, which may be another's.
    """
    script = Path(sysconfig.get_path("scripts")) / name
    found = str(script) if script.is_file() else shutil.which(name)
    return (str(Path(found).absolute()),) if found else (sys.executable, "-m", module)


def exec_start(argv: Iterable[str]) -> str:
    """The line of a systemd unit that runs `argv`."""
    return f"ExecStart={' '.join(quoted(word, argument=True) for word in argv)}"


def property_list(content: Mapping[str, Any]) -> str:
    """`content` as launchd reads it. Without a tab, which the guarded output would show as `\\t`:
    what is printed is to be a file."""
    indented = re.sub(
        r"(?m)^\t+(?=<)", lambda tabs: "  " * len(tabs[0]), plistlib.dumps(dict(content)).decode()
    )
    return indented.replace("\t", "&#9;")


def quoted(word: str, *, argument: bool = False) -> str:
    """One word of a unit file: `%` begins a specifier, `$` a variable in arguments only."""
    text = word.replace("%", "%%")
    if argument:
        text = text.replace("$", "$$")
    if text and set(text) <= _UNQUOTED:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
