"""What the process table says (Linux): who lives that has to do with a folder."""

from __future__ import annotations

import os
from pathlib import Path


def alive(pid: int) -> bool:
    """A process that ended and was not yet collected is not alive."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(") ")[2][0] not in "ZX"


def mentioning(folder: Path) -> dict[int, str]:
    """Command lines, by pid, of all that name `folder` in their arguments or their environment."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
            named = os.fsencode(folder) in arguments + (entry / "environ").read_bytes()
        except OSError:
            continue
        if named and alive(int(entry.name)):
            found[int(entry.name)] = arguments.replace(b"\0", b" ").decode(errors="replace").strip()
    return found
