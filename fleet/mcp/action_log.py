"""Every action of an agent over MCP, with its caller: `actions.jsonl` in the home, 0600."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError

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
        if path.exists() and path.stat().st_size > MAX_SIZE:
            path.replace(path.with_suffix(".1.jsonl"))
        handle = trusted_path.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with os.fdopen(handle, "w") as stream:
            stream.write(f"{line}\n")
    except OSError as error:
        why = error.strerror or ""
        raise ConfigError(f"{path} cannot be written", why, f"ls -ld {home}") from None
