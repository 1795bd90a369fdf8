"""Which probes an agent gets: asked for by settings, or found by looking."""

from __future__ import annotations

from agent_sidecar.config import Config
from agent_sidecar.probes.base import Assembly


def assemble(config: Config) -> Assembly:
    """The probes for the agent that `config` describes."""
    return Assembly(kind=config.text("FLEET_KIND") or "generic", probes=())
