"""`bus-publish` in the shells it must work in, with nothing of ours in the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

SCRIPT: Final = Path(__file__).parents[2] / "scripts" / "bus-publish"
SHELLS: Final = {
    "dash": ["dash"],
    "busybox": ["busybox", "ash"],
    "bash": ["bash", "--posix"],
    "zsh": ["zsh", "--emulate", "sh"],
}
PRESENT: Final = [name for name, argv in SHELLS.items() if shutil.which(argv[0])]


def run(
    *words: str, home: Path, shell: str = "dash", path: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """One call; agents strip the environment, so only HOME and PATH are set by default."""
    return subprocess.run(
        [*SHELLS[shell], str(SCRIPT), *words],
        env={"HOME": str(home), "PATH": path or os.environ["PATH"], **environment},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
