"""The real OpenClaw takes the printed snippet; it needs a Node of its own, newer than most have."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from agent_sidecar.probes.inventory import inventory
from tests.support.served import environment, fleet

NODE = (24, 16)


def missing() -> str | None:
    """Why this machine cannot run OpenClaw; None if it can."""
    node = shutil.which("node")
    if node is None:
        return "OpenClaw needs Node >= 24.16, and there is none"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    if tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2]) < NODE:
        # An install on an older Node silently gives a placeholder.
        return f"OpenClaw needs Node >= 24.16, this is {said.strip()}"
    return None if shutil.which("openclaw") else "OpenClaw is not installed"


ABSENT = missing()


@pytest.mark.skipif(ABSENT is not None, reason=str(ABSENT))
def test_the_printed_command_gives_it_the_server(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    printed = fleet("mcp", "snippet", "--for", "openclaw", environ=environ)
    subprocess.run(shlex.split(printed.stdout), env=environ, check=True, timeout=60)
    names = [name for name, _ in inventory([tmp_path / ".openclaw/openclaw.json"])]
    assert "MCP server fleet" in names
