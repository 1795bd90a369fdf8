"""Silences as people type and read them."""

from __future__ import annotations

from typing import Any

import click

from fleet.cli.common import note, say
from fleet.contract.errors import ConfigError
from fleet.hub_client import HubClient

MIN_SILENCE, MAX_SILENCE = 60, 30 * 86_400
"""Seconds; as the hub has it."""


def lasting(seconds: float) -> float:
    """The seconds of `--for`, where a silence may last as long."""
    if seconds < MIN_SILENCE:
        why = f"{seconds:g} s is too short: the least is {MIN_SILENCE} s"
        raise click.BadParameter(why, param_hint="--for")
    if seconds > MAX_SILENCE:
        why = f"{seconds / 86_400:g} days is too long: the most is {MAX_SILENCE // 86_400}d"
        raise click.BadParameter(why, param_hint="--for")
    return seconds


def check_scope(command: str, *, everyone: bool, **named: str | None) -> None:
    """Refuse what would hold back more than was meant.

    Args:
        command: as typed, for the remedy.
        everyone: whether `--all` was given.
        named: what each option that narrows says, by its name.

    Raises:
        ConfigError: a name is empty, or nothing is named and `--all` was not given.
    """
    given = {option: value for option, value in named.items() if value is not None}
    for option, value in given.items():
        if not value.strip():
            why = "that names nobody; taken as unsaid it would hold back all of them"
            remedy = f"{command} --{option} NAME, or --all for every agent"
            raise ConfigError(f"--{option} is empty", why, remedy)
    if everyone and given.keys() - {"code"}:
        raise click.UsageError(f"--all, or --{next(iter(given))}: not both")
    if not everyone and not given:
        options = ", ".join(f"--{option}" for option in named)
        why = f"none of {options} is given: it would hold back every alert of the fleet"
        raise ConfigError("that is about nobody in particular", why, f"{command} --all")


def say_id(hub: HubClient, answer: dict[str, Any], agent: str | None) -> None:
    """The id of what began, and a word where the hub never heard of whom it names."""
    with hub.reading():
        say(answer["id"])
    if not answer.get("known", True):
        note(f"the hub knows no agent {agent} yet: it holds back nothing; fleet status lists them")


def described(silence: dict[str, Any]) -> str:
    """What a silence is about."""
    scope = (silence.get("scope") or "").replace(":", " ")
    return f"{silence['agent'] or scope or 'all agents'}, {silence['code'] or 'all codes'}"
