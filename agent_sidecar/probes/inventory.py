"""What an agent is made of: its files and MCP servers, each by name and digest, never by content.

The list stays with the agent (`agent-sidecar check` shows it); the bus carries one digest of all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from fleet.contract.trusted_path import read_plain

MAX_FILE: Final = 4 * 1024 * 1024
"""Bytes of a file that count; a profile larger than that is no profile."""

MAX_FILES: Final = 2000
"""Files of one folder that count, so that a wrong setting does not read a disk."""

_PASSED_BY: Final = ("__pycache__", "node_modules")
_SERVERS: Final = (("tools", "mcpServers"), ("mcp", "servers"), ("mcpServers",))
"""Where nanobot, OpenClaw and the others keep MCP servers in their JSON."""


def files_of(entries: Sequence[Path]) -> list[tuple[str, Path]]:
    """(name, path) of the files in `entries`, folders walked, by name.

    A name begins with the last part of its entry, so that the same profile in another place is
    the same.
    """
    found: list[tuple[str, Path]] = []
    for entry in entries:
        if os.path.isdir(entry):  # noqa: PTH112  False where we may not look, and no error
            inside = ((str(path.relative_to(entry.parent)), path) for path in _walk(entry))
            found += islice(inside, MAX_FILES)
        else:
            found.append((entry.name, entry))
    return sorted(found)


def _walk(folder: Path) -> Iterator[Path]:
    """A skill is often a link to a folder elsewhere, so links are followed; a loop is bounded."""
    for count, (root, folders, names) in enumerate(os.walk(folder, followlinks=True)):
        if count >= MAX_FILES:
            return
        folders[:] = sorted(f for f in folders if f[0] != "." and f not in _PASSED_BY)
        yield from (Path(root, name) for name in sorted(names))


def fingerprint(entries: Sequence[Path]) -> str | None:
    """`sha256:…` over names and contents of the files that exist; None if none does."""
    whole = hashlib.sha256()
    found = False
    for name, path in files_of(entries):
        with suppress(OSError):
            whole.update(os.fsencode(name) + b"\0" + _digest(path))
            found = True
    return f"sha256:{whole.hexdigest()}" if found else None


def denied(entries: Sequence[Path]) -> int:
    """How many of the files this user may not read; those that are absent do not count."""
    return sum(1 for _, path in files_of(entries) if _denied(path))


def _denied(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK)


def inventory(entries: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """(name, first 12 digits of its SHA-256) of each file and MCP server that is there."""
    for name, path in files_of(entries):
        with suppress(OSError):
            yield name, _digest(path).hex()[:12]
            for server, settings in _servers(path).items():
                text = json.dumps(settings, sort_keys=True)
                yield f"MCP server {server}", hashlib.sha256(text.encode()).hexdigest()[:12]


def _digest(path: Path) -> bytes:
    return hashlib.sha256(read_plain(path, MAX_FILE)).digest()


def _servers(path: Path) -> Mapping[str, Any]:
    if path.suffix != ".json":
        return {}
    with suppress(ValueError, RecursionError):
        document = json.loads(read_plain(path, MAX_FILE))
        for way in _SERVERS:
            found = document
            for step in way:
                found = found.get(step) if isinstance(found, dict) else None
            if isinstance(found, dict):
                return found
    return {}
