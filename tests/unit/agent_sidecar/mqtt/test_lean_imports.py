"""A sidecar is loaded without what it never uses; whoever asks for that later gets the real one."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
from agent_sidecar.mqtt.lean_imports import import_paho
import_paho()
import agent_sidecar.daemon, agent_sidecar.runner
from agent_sidecar import kinds
from agent_sidecar.mqtt.lean_imports import imports
from agent_sidecar.probes import endpoint, process, work
"""

NEVER = {"ssl", "_ssl", "_hashlib", "http.client", "urllib.request", "email", "datetime"}
"""`datetime` in Python is a file of Python 3.11; its classes are there."""

BEFORE_3_12 = {"inspect", "ast", "dis", "ipaddress"}
"""`dataclasses` of Python 3.12 uses `inspect` for each class."""

REAL = """
import dataclasses, datetime, inspect, ipaddress, ssl, urllib.parse
from fleet.contract import timestamps

@dataclasses.dataclass
class Silent:
    number: int = 3

assert Silent.__doc__ == "Silent(number: int = 3)", Silent.__doc__
assert timestamps.datetime is datetime.datetime
assert datetime.datetime.strptime("2026", "%Y").year == 2026
assert urllib.parse.urlsplit("mqtt://[::1]:1883").hostname == "::1"
for module in (inspect, ipaddress, ssl, datetime):
    assert module.__file__, module
"""


def run(code: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_what_a_sidecar_never_uses_is_not_loaded() -> None:
    unwanted = NEVER | (BEFORE_3_12 if sys.version_info < (3, 12) else set())
    loaded = run(f"{LOADED}\nprint(*sys.modules, sep='\\n')").split()
    assert "paho.mqtt.client" in loaded
    assert not unwanted & set(loaded)


def test_whoever_asks_for_it_later_gets_it() -> None:
    run(LOADED + REAL)
