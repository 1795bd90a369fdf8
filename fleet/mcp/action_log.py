"""Every action of an agent over MCP, with its caller: `actions.jsonl` in the home, 0600."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.lock import in_turn

FILE: Final = "actions.jsonl"
MAX_SIZE: Final = 5 * 1024 * 1024
"""Bytes; then the file is turned over once. A line has about 150."""


def record(home: Path, ts: str, caller: str, tool: str, arguments: dict[str, Any]) -> None:
    """Append one action before it is carried out; what cannot be recorded is not done.

    Raises:
        ConfigError: the record cannot be written.
    """
    path = home / FILE
    line = json.dumps({"ts": ts, "caller": caller, "tool": tool, "arguments": arguments})
    try:
        trusted_path.make_folder(home)
        with in_turn(path.with_suffix(".lock")):
            if path.exists() and path.stat().st_size > MAX_SIZE:
                path.replace(path.with_suffix(".1.jsonl"))
            trusted_path.append_line(path, line)
    except OSError as error:
        why = error.strerror or ""
        raise ConfigError(f"{path} cannot be written", why, f"ls -ld {home}") from None
