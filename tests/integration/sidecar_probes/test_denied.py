"""An agent's folder that this user may not look into is denied: not absent, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent_sidecar.config import find_file
from fleet.contract.errors import ConfigError
from tests.support.openclaw import titled

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs two users"),
    pytest.mark.xdist_group("agents"),  # one of them starts what is called like one
]

NOBODY = 65_534
ROOT = Path(__file__).parents[3]

FILES = {
    "openclaw": (".openclaw", "openclaw.json"),
    "nanobot": (".nanobot", "config.json"),
    "hermes": (".hermes", "config.yaml"),
}

CHECK = """
import os, sys
from types import SimpleNamespace
from agent_sidecar.check import explain
from agent_sidecar.config import load
# Whoever else runs an agent here has a home, too, and it would be looked into.
homes = sys.modules["agent_sidecar.kinds.instances"]
homes.table = lambda: SimpleNamespace(named=lambda title: [])
said = "\\n".join(explain(load()))  # imports all, since the interpreter may be closed to others
os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
print("\\n".join(explain(load())))
"""


def check(home: Path, **settings: str) -> str:
    """What `agent-sidecar check` says to another user than the agent's."""
    environ = {
        **os.environ,
        "HOME": str(home),
        "FLEET_AGENT": "alpha",
        "FLEET_DISK": "-",
        "FLEET_MEMORY": "-",
        "FLEET_HOME": "/nonexistent",
        **settings,
    }
    done = subprocess.run(
        [sys.executable, "-c", CHECK.format(nobody=NOBODY)],
        env=environ, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that everybody may enter, on a way that everybody may go."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("kind", FILES)
def test_a_folder_of_another_user_is_denied_and_its_agent_not_dead(home: Path, kind: str) -> None:
    name, settings = FILES[kind]
    folder = home / name
    folder.mkdir(mode=0o700)
    (folder / settings).write_text("{}")
    said = check(home)
    assert f"kind    {kind}" in said, "found by looking, though not inside"
    assert f"{folder}: denied; uid {NOBODY} may not look into it" in said
    assert f"because denied: uid {NOBODY} may not look into {folder}" in said
    assert "would raise process-down" not in said
    assert "would raise endpoint-down" not in said
    assert "because denied: this user may not read" in said, "the profile says it too"


@pytest.mark.parametrize("kind", FILES)
def test_a_closed_folder_that_is_named_is_of_the_kind_it_is_called_by(
    home: Path, kind: str
) -> None:
    folder = home / FILES[kind][0]
    folder.mkdir(mode=0o700)
    said = check(home, FLEET_AGENT_HOME=str(folder))
    assert f"kind    {kind}" in said
    assert "endpoint-down" not in said, "its port is but a guess"


def test_nobody_is_taken_for_the_gateway_of_a_closed_folder_for_its_title(home: Path) -> None:
    """A neighbour of the same user would cover its death."""
    folder = home / ".openclaw"
    folder.mkdir(mode=0o700)
    neighbour = titled("openclaw-gateway")
    try:
        said = check(home, FLEET_AGENT_HOME=str(folder))
    finally:
        neighbour.kill()
        neighbour.wait()
    assert "probe   process (process): unknown" in said
    assert f"because denied: uid {NOBODY} may not look into {folder}" in said


@pytest.mark.parametrize("kind", FILES)
def test_files_of_another_user_are_denied_and_not_away(home: Path, kind: str) -> None:
    name, settings = FILES[kind]
    (home / name).mkdir(mode=0o755)
    (home / name / settings).write_text("{}")
    (home / name / settings).chmod(0o600)
    said = check(home)
    assert "because denied: this user may not read 1 of the files" in said
    assert "none of the files is there" not in said


def test_a_settings_file_that_may_not_be_looked_for_is_one_error(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(ConfigError, match=r"agent\.env cannot be read: Permission denied"):
        find_file({"HOME": str(home)})
