"""Which probes an agent gets: asked for by settings, or found by looking.

Each kind is a module with `looks_like(config)` and `assemble(config)`; only the one that is used
is imported. What a kind reads is an allow-list of numbers and words per source.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.probes.base import Assembly
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind

_LOOKED_FOR: Final = (Kind.NANOBOT, Kind.OPENCLAW, Kind.ROCKBOT)


def assemble(config: Config) -> Assembly:
    """The probes for the agent that `config` describes.

    Raises:
        ConfigError: an unknown kind, or a probe's setting that is not usable.
    """
    assembly: Assembly = _module(kind_of(config)).assemble(config)
    return assembly


def kind_of(config: Config) -> Kind:
    """The kind that the settings name, or the one that is found by looking.

    Raises:
        ConfigError: an unknown kind.
    """
    text = config.text("FLEET_KIND")
    if text:
        try:
            return Kind(text)
        except ValueError:
            raise ConfigError(
                f"FLEET_KIND={text!r} is not a kind",
                f"it is one of {', '.join(Kind)}",
                "FLEET_KIND=generic",
            ) from None
    if any(config.text(name) for name in ("FLEET_PID_FILE", "FLEET_PROCESS", "FLEET_ENDPOINT")):
        return Kind.GENERIC  # somebody said where to look, so we need not guess
    return next((kind for kind in _LOOKED_FOR if _module(kind).looks_like(config)), Kind.GENERIC)


def _module(kind: Kind) -> ModuleType:
    return import_module(f"agent_sidecar.kinds.{kind}")
