"""The base install (click, paho-mqtt) is enough for everything that runs beside an agent."""

from __future__ import annotations

import subprocess
import sys

BLOCKED_IMPORTS = """
import importlib, pkgutil, sys

ALLOWED = {*sys.stdlib_module_names, "agent_sidecar", "click", "fleet", "paho"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(f"{name} is not in the base install", name=name)

for name in [name for name in sys.modules if name.partition(".")[0] not in ALLOWED]:
    if not name.startswith("_"):
        del sys.modules[name]
sys.meta_path.insert(0, Refuse())

import agent_sidecar
from fleet.contract import amendments, broker_url, schema_validator, signing, timestamps, topics
for module in pkgutil.walk_packages(agent_sidecar.__path__, "agent_sidecar."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
        print(module.name)
schema_validator.schema_validators({"planes": ("gpu",)})
"""


def test_every_sidecar_module_imports_without_the_hub_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED_IMPORTS],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "agent_sidecar.daemon" in done.stdout.split()
