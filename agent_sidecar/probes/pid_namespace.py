"""Whether this sidecar has a container, and so a PID namespace, to itself (Linux).

Then no process of the agent is to be seen here, and a number in its pid file means another process
or none: that is not a death. Told by process 1, which is then the sidecar, or an init before it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROGRAMS: Final = frozenset({"agent-sidecar", "agent_sidecar"})

WHY: Final = "this container holds the sidecar alone: no process of the agent can be seen from here"

WAYS: Final = (
    'share the agent\'s PID namespace: `pid: "service:AGENT"` in compose, `shareProcessNamespace:'
    " true` in Kubernetes",
    "or ask Docker: FLEET_CONTAINER names the agent's container, FLEET_DOCKER the socket",
    "or ask its health endpoint: FLEET_ENDPOINT, by a name that reaches the agent's container",
    "or look at its files on a shared volume: FLEET_AGENT_HOME, FLEET_WORK_FILES, FLEET_DROP",
)
"""How the agent comes into view; the last tells that it works, not that its process lives."""


def is_apart(root: Path = Path("/proc")) -> bool:
    """Whether process 1 is a sidecar; one that supervises the agent has it beside it."""
    try:
        words = (root / "1" / "cmdline").read_bytes()[:65_536].decode("utf-8", "replace")
    except OSError:  # not Linux, or not ours to look at
        return False
    named = [os.path.basename(word) for word in words.split("\0")]  # noqa: PTH119
    at = next((place for place, word in enumerate(named) if word in _PROGRAMS), None)
    return at is not None and named[at + 1 : at + 2] != ["exec"]


def unseen(root: Path = Path("/proc")) -> str:
    """Why the agent's process cannot be seen; empty where it could be."""
    return WHY if is_apart(root) else ""
