"""Words of work as people type them: judged where they are typed, before anything is sent."""

from __future__ import annotations

import re
from typing import Final

import click

from fleet.contract import patterns
from fleet.contract.errors import ConfigError
from fleet.contract.work_vocabulary import GROUP_NAME_TEXT, TASK_KIND_TEXT


class Ulid(click.ParamType[str]):
    """The id of a task or a session.

    Raises:
        ConfigError: it is none.
    """

    name = "ulid"

    def __init__(self, what: str, remedy: str) -> None:
        self._what = what
        self._remedy = remedy

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(patterns.ULID, value):
            why = "it is a ULID: 26 digits and capital letters"
            raise ConfigError(f"{value!r} is no id of a {self._what}", why, self._remedy)
        return value


TASK: Final = Ulid("task", "fleet task list")
CONTEXT: Final = Ulid("session", "fleet task show ID names the context of a task")
NEW: Final = Ulid("task", "leave --id out: one is made, and is the last line")


class KindOfWork(click.ParamType[str]):
    """A kind of work.

    Raises:
        ConfigError: it is no word.
    """

    name = "kind"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not TASK_KIND_TEXT.fullmatch(value):
            why = "it is a word of a to z, 0 to 9 and -, up to 32"
            remedy = "fleet agent list: what each can"
            raise ConfigError(f"{value!r} is no kind of work", why, remedy)
        return value


class GroupName(click.ParamType[str]):
    """The name of a group.

    Raises:
        ConfigError: it is none.
    """

    name = "group"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not GROUP_NAME_TEXT.fullmatch(value):
            why = "it begins with a letter or digit, and has up to 64 of those, space, . _ and -"
            raise ConfigError(f"{value!r} is no name of a group", why, "fleet agent list")
        return value
