"""Whether Hermes takes its `config.yaml`: its own reader of YAML says so."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent_sidecar import bounded_run
from fleet.contract.trusted_path import UntrustedPathError

_PARSE: Final = """
import sys, yaml
try:
    found = yaml.safe_load(open(sys.argv[1], "rb"))
except (yaml.YAMLError, UnicodeError, RecursionError):
    sys.exit(3)
sys.exit(0 if found is None or isinstance(found, dict) else 3)
"""


def is_yaml(path: Path, python: Path | None) -> bool | None:
    """By the reader in Hermes's own environment. A broken file at its start means defaults, and
    `hermes config check` ends with 0 on it."""
    if python is None:
        return None
    try:
        ended = bounded_run.run([str(python), "-I", "-c", _PARSE, str(path)], 4.0)
    except (OSError, UntrustedPathError):
        return None
    return {0: True, 3: False}.get(-1 if ended.code is None else ended.code)
