"""Which agents a command is about: names, groups, labels, kinds and states, as they are typed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlencode

import click

from fleet.cli.agent_names import AgentName
from fleet.cli.wrong_calls import unknown_agent
from fleet.contract.vocabulary import Kind, Word
from fleet.domain.verdict import Verdict
from fleet.fleet_page import MOST_NAMED

if TYPE_CHECKING:
    from fleet.domain.agent_view import AgentView
    from fleet.domain.problems import Problem
    from fleet.fleet_state import FleetState

MOST_LETTERS: Final = {"member": 64, "label": 160, "site": 31}
"""Letters of a word that a hub takes in a question. Longer ones may be enrolled."""

MOST_ASKED: Final = 6_000
"""Bytes of a question: proxies take 8 KB of a request's line."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class AgentChoice:
    """What was asked for; nothing of it is everybody. Of one field any is enough, and all fields
    must hold."""

    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()

    @property
    def is_of_all(self) -> bool:
        return self == AgentChoice()

    @property
    def is_of_one(self) -> bool:
        """Whether one is named, and nothing else is asked for."""
        return len(self.names) == 1 and self == AgentChoice(self.names)

    def __str__(self) -> str:
        """It in words, for somebody who found nobody."""
        labels = tuple(f"{key}={value}" for key, value in self.labels)
        parts = (
            ("", self.names), ("group", self.groups), ("label", labels), ("kind", self.kinds),
            ("state", self.states), ("site", self.sites),
        )  # fmt: skip
        return ", ".join(f"{what} {' or '.join(words)}".strip() for what, words in parts if words)

    def of(
        self, views: Sequence[AgentView], known: Collection[str] | None = None
    ) -> list[AgentView]:
        """Those that are meant, in their order. `known`: names of everybody, where `views` are not
        of everybody.

        Raises:
            ConfigError: nobody has heard of one that is named.
        """
        self.check_known({view.agent for view in views} if known is None else known)
        return [view for view in views if self.means(view)]

    def check_known(self, known: Collection[str]) -> None:
        """
        Raises:
            ConfigError: nobody has heard of one that is named.
        """
        for name in self.names:
            if name not in known:
                raise unknown_agent(name, known)

    @property
    def query(self) -> str | None:
        """What a hub is asked for them; None: it cannot be, but for everybody. It refuses what is
        too long, and what is not UTF-8 cannot be sent."""
        if len(self.sites) > 1 or len(self.names) > MOST_NAMED:
            return None
        fields = {
            "agent": self.names, "member": self.groups, "kind": self.kinds, "state": self.states,
            "site": self.sites, "label": tuple(f"{key}={value}" for key, value in self.labels),
        }  # fmt: skip
        asked = [(field, word) for field, words in fields.items() for word in words]
        if any(len(word) > MOST_LETTERS.get(field, MOST_ASKED) for field, word in asked):
            return None
        try:
            query = urlencode(asked)
        except UnicodeEncodeError:
            return None
        return query if len(query) <= MOST_ASKED else None

    def among(self, state: FleetState, known: Collection[str] | None = None) -> FleetState:
        """What is told of those that are meant alone; `known` as for `of`. Of hubs that is what is
        told of theirs, where nothing but sites was asked for.

        Raises:
            ConfigError: nobody has heard of one that is named.
        """
        views, own = self.of(state.views, known), self.own(state.own, state.site)
        return replace(state, views=views, own=own)

    def own(self, problems: Sequence[Problem], site: str) -> list[Problem]:
        """Those of hubs that are meant; `site`: of which the hub is that was asked."""
        if self.is_of_all:
            return list(problems)
        whole = self == AgentChoice(sites=self.sites)
        return [one for one in problems if whole and (one.site or site) in self.sites]

    def means(self, view: AgentView) -> bool:
        return (
            (not self.names or view.agent in self.names)
            and (not self.groups or any(group in self.groups for group in view.member_of))
            and all(view.labels.get(key) == value for key, value in self.labels)
            and (not self.kinds or view.kind in self.kinds)
            and (not self.states or view.state in self.states)
            and (not self.sites or view.site in self.sites)
        )


def with_agents(function: F) -> F:
    """Add `[AGENT]...` and the options that narrow; the command gets a `choice`."""

    def gather(context: click.Context, _: click.Parameter, names: tuple[str, ...]) -> AgentChoice:
        given = context.params
        return AgentChoice(
            names,
            given.pop("group", ()),
            given.pop("label", ()),
            given.pop("kind", ()),
            given.pop("state", ()),
            given.pop("site", ()),
        )

    decorated: Any = click.argument(
        "choice", metavar="[AGENT]...", nargs=-1, type=AgentName(), callback=gather
    )(function)
    # Eager, so that they are read before the names, which gather them.
    options: tuple[tuple[str, dict[str, Any]], ...] = (
        ("--site", {"metavar": "NAME", "help": "Only of this site, where there are several."}),
        ("--state", {"type": _words(Verdict), "help": "Only in this state."}),
        ("--kind", {"type": _words(Kind), "help": "Only of this kind."}),
        ("--label", {"type": Label(), "help": "Only with this label."}),
        ("--group", {"metavar": "NAME", "help": "Only of this group."}),
    )
    for flag, how in options:
        decorated = click.option(flag, multiple=True, is_eager=True, **how)(decorated)
    return decorated  # type: ignore[no-any-return]


def _words(vocabulary: type[Word]) -> click.Choice[str]:
    return click.Choice([word.value for word in vocabulary])


class Label(click.ParamType[tuple[str, str]]):
    """KEY=VALUE."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        key, equals, wanted = str(value).partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is not KEY=VALUE, as site=berlin", param, ctx)
        return key, wanted
