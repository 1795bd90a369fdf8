"""What an agent's own files say: read with a bound, looked at by name, never believed in shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from fleet.contract.trusted_path import read_plain

T = TypeVar("T")

MAX_FILE: Final = 4 * 1024 * 1024


def load(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none, or it is not to be read."""
    try:
        document = json.loads(read_plain(path, MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def is_json(path: Path) -> bool | None:
    """Whether a file is JSON; None where it is not to be read."""
    try:
        json.loads(read_plain(path, MAX_FILE))
    except OSError:
        return None
    except (ValueError, RecursionError):
        return False
    return True


def is_json5(path: Path) -> bool | None:
    """Whether a file is JSON5, in the parts of it that we know."""
    from agent_sidecar.kinds import json5

    try:
        json5.loads(read_plain(path, MAX_FILE).decode())
    except OSError:
        return None
    except (ValueError, RecursionError):
        return False
    return True


def load_json5(path: Path) -> dict[str, Any]:
    """As `load`, for a configuration with comments and bare keys."""
    from agent_sidecar.kinds import json5

    try:
        document = json5.loads(read_plain(path, MAX_FILE).decode())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def job_list(path: Path, read: Callable[[Mapping[str, Any]], T | None]) -> list[T] | None:
    """What `read` says of each of its `jobs`; none where there is no such file, and None where it
    cannot be told."""
    if is_there(path) is False:
        return []
    jobs = load(path).get("jobs")
    if not isinstance(jobs, list):
        return None
    found = (read(job) for job in jobs if isinstance(job, dict))
    return [one for one in found if one is not None]


def is_there(path: Path) -> bool | None:
    """Whether there is something; None: this user may not know."""
    try:
        path.stat()
    except PermissionError:
        return None
    except (OSError, ValueError):
        return False
    return True


def nearest(folder: Path, top: Path) -> Path | None:
    """As much of the way from `top` down to `folder` as there is; None where there is no `top`."""
    way = (folder, *folder.parents)
    return next((place for place in way[: way.index(top) + 1] if is_there(place)), None)


def section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) and "\0" not in value else ""


def expanded(name: str, folder: Path | None = None) -> Path | None:
    """The path that an agent's file names; None where it is none, as `~NAME` of nobody.

    Args:
        folder: where the agent keeps its state: `~` is its user's home, which need not be ours.
    """
    try:
        if folder and name.startswith("~/") and folder.name.startswith("."):
            return folder.parent / name[2:]
        return Path(name).expanduser() if name else None
    except RuntimeError:
        return None


def port(document: Mapping[str, Any]) -> int | None:
    """Its `port`, if that is one."""
    value = document.get("port")
    right = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65_536
    return value if right else None
