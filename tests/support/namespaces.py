"""Namespaces as a container has them: process numbers and file systems of its own, the host's
network."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ELSEWHERE: Final = "/mnt"
"""Where a folder of the host's stands in the container; the host has another one there."""


def contained(folder: Path, *words: str) -> list[str]:
    """A command line that runs `words` in a container, at home in `folder`, which is `ELSEWHERE`
    there. It ends with its own first process."""
    script = f'mount --bind "$0" {ELSEWHERE} && cd {ELSEWHERE} && HOME={ELSEWHERE} exec "$@"'
    apart = ("unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc")
    return [*apart, "sh", "-c", script, str(folder), *words]


def can_contain() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return (
        subprocess.run(contained(Path("/"), "true"), capture_output=True, check=False).returncode
        == 0
    )


def numbers(pid: int) -> Sequence[int]:
    """Those of one process: ours, and those of the namespaces below."""
    status = Path(f"/proc/{pid}/status").read_text()
    return [int(word) for word in status.partition("NSpid:")[2].splitlines()[0].split()]
