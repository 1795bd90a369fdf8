"""What a call that is wrong is answered with: what, why, and the word that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeGuard

import click

from fleet.contract.errors import ConfigError, FleetError, closest

_QUOTED: Final = re.compile(r"'([^']*)'")


def wrong_call(
    error: click.UsageError, name: str, command: click.Command, arguments: Sequence[str]
) -> FleetError:
    """A usage error of click in our form, of `command` called by `name` with `arguments`."""
    called = error.ctx.command_path if error.ctx else _path(name, command, arguments)
    why = " ".join(error.format_message().split())  # click lists choices on lines of their own
    meant = _meant(error)
    remedy = f"{called} {meant}" if meant and _is_group(error) else f"{called} --help"
    if meant:
        why = f"{why.partition(' Did you')[0].removesuffix('.')}: {meant}?"  # newer click asks, too
    return FleetError(f"wrong call of {called}", why, remedy)


def _path(name: str, command: click.Command, arguments: Sequence[str]) -> str:
    """What was called, where click does not say it, as of an option without its value."""
    words = [name]
    for word in arguments:
        found = command.get_command(click.Context(command), word) if _holds(command) else None
        if found is None:
            break
        command = found
        words.append(word)
    return " ".join(words)


def _holds(command: click.Command) -> TypeGuard[click.Group]:
    return isinstance(command, click.Group)


def unknown_agent(name: str, known: Iterable[str]) -> ConfigError:
    """Nobody has heard of `name`; of the `known` ones the one like it is named."""
    near = closest(name, known)
    what = f"nobody has heard of {name}"
    return ConfigError(what, f"{near}?" if near else "", "fleet status lists all agents")


def _is_group(error: click.UsageError) -> bool:
    return error.message.startswith("No such command")


def _meant(error: click.UsageError) -> str:
    """The known word that is like the one given; empty: none is near."""
    if _is_group(error) and error.ctx and isinstance(error.ctx.command, click.Group):
        known = error.ctx.command.list_commands(error.ctx)
    elif isinstance(error, click.BadParameter) and isinstance(
        getattr(error.param, "type", None), click.Choice
    ):
        known = [str(choice) for choice in error.param.type.choices]  # type: ignore[union-attr]
    else:
        return ""
    given = _QUOTED.search(error.message)
    return closest(given[1], known) if given else ""
