"""`agent-sidecar config check`: everything that `run` would stumble over, at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from agent_sidecar.config import Config, find_file, lines_of, load
from fleet.contract.errors import ConfigError, FleetError


def problems(
    flags: Mapping[str, str | None] | None = None, environ: Mapping[str, str] | None = None
) -> list[FleetError]:
    """What is wrong with `agent.env`, line by line; where nothing is, with what it names."""
    environ = os.environ if environ is None else environ
    try:
        file = find_file(environ)
        found: list[FleetError] = [
            line for line in (lines_of(file) if file else ()) if isinstance(line, ConfigError)
        ]
        if found:
            return found
        config = load(flags, environ)
    except FleetError as error:
        return [error]
    for part in parts(config):
        try:
            part()
        except FleetError as error:
            found.append(error)
    return found


def judge(config: Config) -> None:
    """
    Raises:
        FleetError: the first thing that `run` would stumble over.
    """
    for part in parts(config):
        part()


def parts(config: Config) -> Iterator[Callable[[], object]]:
    """What is read beside the settings, each by itself; all raise `FleetError`."""
    from agent_sidecar import kinds
    from agent_sidecar.commands import trusted_keys
    from agent_sidecar.commands.config_reload import reload_action
    from agent_sidecar.hub_watch import command_of
    from agent_sidecar.mqtt.client import require_files
    from agent_sidecar.probes.base import Assembly

    yield lambda: require_files(config)
    yield lambda: trusted_keys.load(config.path("FLEET_COMMAND_KEYS"))
    yield config.added_words
    yield lambda: kinds.assemble(config)
    yield lambda: reload_action(config.text("FLEET_RELOAD"), Assembly("", ()))
    yield lambda: command_of(config)
    if config.text("FLEET_WORK"):
        from agent_sidecar.work.beside import work_file

        yield lambda: work_file(config)
    if config.text("FLEET_PAIR"):
        from agent_sidecar.pair.beside import pair_of

        yield lambda: pair_of(config)
