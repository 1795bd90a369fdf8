"""`bus-publish` in the shells it must work in, with nothing of ours in the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.support.broker import Mosquitto

ROOT: Final = str(Path(__file__).parents[2])
SCRIPT: Final = Path(ROOT) / "scripts" / "bus-publish"
SHELLS: Final = {
    "dash": ["dash"],
    "busybox": ["busybox", "ash"],
    "bash": ["bash", "--posix"],
    "zsh": ["zsh"],
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


def enrol(home: Path, broker: Mosquitto, agent: str = "alpha", secret: str = "") -> Path:
    """The agent.env that `fleet agent add` leaves on the agent's side."""
    folder = home / ".config" / "fleet"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"FLEET_AGENT={agent}", f'FLEET_BROKER="{broker.url}"', "FLEET_DROP=-"]
    if secret:
        (folder / "password").write_text(f"{secret}\n")
        (folder / "password").chmod(0o600)
        lines.append("FLEET_PASSWORD_FILE=~/.config/fleet/password")
    (folder / "agent.env").write_text("# of alpha\n" + "\n".join(lines) + "\n")
    return folder


def serve(drop: Path, said: str = "alpha\n", ahead: float = 3600.0) -> Path:
    """A drop directory as a sidecar at work shows it to publishers: marked, and dated `ahead` s."""
    drop.mkdir(exist_ok=True)
    (drop / ".agent").write_text(said)
    moment = time.time() + ahead
    os.utime(drop / ".agent", (moment, moment))
    return drop


def waiting(drop: Path) -> list[Path]:
    """The messages that a sidecar would take up."""
    return sorted(drop.glob("[a-z]*.json"))


def bin_without(folder: Path, *absent: str) -> str:
    """A PATH of everything that is on ours but for `absent`."""
    folder.mkdir()
    for place in [*os.environ["PATH"].split(":"), str(Path(sys.executable).parent)]:
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            if program.name not in absent and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    return str(folder)
