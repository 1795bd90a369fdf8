"""Which probes an agent gets: asked for by settings, or found by looking.

Each kind is a module with `instances(config)` and `assemble(config)`. What a kind reads is an
allow-list of numbers and words per source.
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.kinds.documents import is_there
from agent_sidecar.kinds.instances import Instance
from agent_sidecar.probes.base import Assembly
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind

_LOOKED_FOR: Final = (Kind.NANOBOT, Kind.OPENCLAW, Kind.HERMES, Kind.ROCKBOT)


def assemble(config: Config) -> Assembly:
    """The probes for the agent that `config` describes.

    Raises:
        ConfigError: an unknown kind, a probe's setting that is not usable, or two instances of
            which none is chosen.
    """
    assembly: Assembly = _module(kind_of(config)).assemble(config)
    return assembly


def kind_of(config: Config) -> Kind:
    """The kind that the settings name, or the one that is found by looking.

    Raises:
        ConfigError: an unknown kind, or two kinds are here and none is named.
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
    where = _at_the_instance(config)
    here = [kind for kind in _LOOKED_FOR if _module(kind).instances(where)]
    home = where.path("FLEET_AGENT_HOME")
    if home and len(here) > 1 and is_there(home / "nothing") is None:
        # Closed to us, so that any kind's files may be in it: its name tells.
        here = [kind for kind in here if home.name.startswith(f".{kind}")] or here
    if len(here) > 1:
        raise ConfigError(
            "agents of two kinds are here, and none is chosen",
            "; ".join(f"{kind}: {_module(kind).instances(where)[0].described()}" for kind in here),
            f"FLEET_KIND={here[0]}",
        )
    if config.text("FLEET_INSTANCE") and not here:
        raise ConfigError(
            "of which kind FLEET_INSTANCE is, its files do not say",
            "FLEET_KIND is not set",
            f"FLEET_KIND={_LOOKED_FOR[0]}",
        )
    return here[0] if here else Kind.GENERIC


def instances(config: Config) -> list[Instance]:
    """All that are found of the kind that is named, or of all kinds; for eyes on this machine."""
    text = config.text("FLEET_KIND")
    kinds = [kind for kind in _LOOKED_FOR if text in ("", kind)]
    return [one for kind in kinds for one in _module(kind).instances(config)]


def elsewhere(config: Config) -> list[Instance]:
    """Those of the same kind that run in homes which nothing leads to, where processes tell.

    Raises:
        ConfigError: as `kind_of`.
    """
    if kind_of(config) is not Kind.OPENCLAW:
        return []
    found: list[Instance] = _module(Kind.OPENCLAW).elsewhere(config)
    return found


def _at_the_instance(config: Config) -> Config:
    """Settings that look at the folder of the named instance only, if it is a path."""
    named = config.path("FLEET_INSTANCE")
    if named is None or os.sep not in config.text("FLEET_INSTANCE"):
        return config
    folder = named.parent if named.suffix in (".json", ".yaml") else named
    if folder != named and folder.name == "run":  # a run file of nanobot's
        folder = folder.parent
    return replace(config, values={**config.values, "FLEET_AGENT_HOME": str(folder)})


def _module(kind: Kind) -> ModuleType:
    return import_module(f"agent_sidecar.kinds.{kind}")
