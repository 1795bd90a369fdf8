"""A machine without Mosquitto, for one command: the real one is hidden in a mount namespace."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence

import pytest

from fleet.bus.local_broker import find_mosquitto


def without_mosquitto(command: Sequence[str]) -> list[str]:
    """`command`, so that it finds no Mosquitto, wherever it looks."""
    program = find_mosquitto()
    if program is None:
        return list(command)
    hidden = _hidden(os.path.realpath(program))
    if subprocess.run([*hidden, "true"], capture_output=True, check=False).returncode:
        pytest.skip("Mosquitto cannot be hidden: no right to a mount namespace here")
    return [*hidden, *command]


@functools.cache
def _hidden(program: str) -> list[str]:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("Mosquitto cannot be hidden: unshare is not installed")
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    script = 'mount --bind /dev/null "$0" && exec "$@"'
    return [unshare, *as_root, "--mount", "sh", "-c", script, program]
