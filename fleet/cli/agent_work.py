"""What an agent may do of work: options of `fleet agent add`, and `fleet agent allow`."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fleet.cli.agent_names import complete_agents
from fleet.cli.common import note, with_output, with_settings, write_json
from fleet.contract.errors import ConfigError
from fleet.contract.work_vocabulary import TASK_KIND_TEXT, BuiltInKind
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.provisioning.registry import Enrolled

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Allowed:
    """What was asked for; None leaves it as it is."""

    can: tuple[str, ...] | None
    may_delegate: bool | None

    def save(self, settings: Settings, name: str) -> Enrolled:
        """Put it on the list of agents."""
        from fleet.provisioning.registry import Registry

        registry = Registry(settings.home)
        return registry.allow(name, can=self.can, may_delegate=self.may_delegate)


def kinds_of(given: Iterable[str]) -> tuple[str, ...]:
    """Kinds of task from `research,review` or the option given again, each once, sorted.
    Those that are built in need no listing, and are told.

    Raises:
        ConfigError: one is no word for a kind.
    """
    kinds = {word.strip() for text in given for word in text.split(",")} - {""}
    for kind in sorted(kinds):
        if not TASK_KIND_TEXT.fullmatch(kind):
            why = "a kind is a lower-case word of at most 32 letters, digits and hyphens"
            raise ConfigError(f"{kind!r} is no kind of task", why, "--can research,review")
    if known := sorted(kinds & set(BuiltInKind)):
        note(f"{', '.join(known)} needs no listing: who has it in its work file may do it")
    return tuple(sorted(kinds - set(BuiltInKind)))


def with_work(function: F) -> F:
    """Add `--can` and `--may-delegate` and pass the command `work`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        can, may_delegate = kwargs.pop("can"), kwargs.pop("may_delegate")
        work = Allowed(kinds_of(can) if can else None, may_delegate or None)
        return function(*args, work=work, **kwargs)

    decorated: Any = click.option(
        "--may-delegate", is_flag=True, help="Let it submit tasks to agents of its group."
    )(wrapper)
    return click.option(  # type: ignore[no-any-return]
        "--can", multiple=True, metavar="KINDS", help="Kinds of task it may claim: research,review."
    )(decorated)


@click.command()
@click.argument("name", shell_complete=complete_agents)
@click.option("--can", multiple=True, metavar="KINDS", help="Kinds of task it may claim, as a,b.")
@click.option("--cannot", is_flag=True, help="No kind but those that every sidecar knows.")
@click.option(
    "--may-delegate/--no-delegate", "may_delegate", default=None, help="Whether it submits tasks."
)
@with_output("text", "json")
@with_settings("home")
def allow(
    settings: Settings,
    name: str,
    can: tuple[str, ...],
    cannot: bool,
    may_delegate: bool | None,
    output: str,
) -> None:
    """Say which kinds of task NAME may claim, and whether it may submit any; a hub that serves
    judges by it at once. Without an option: what it may.

    An agent that joined before it had part in work, and has no token, gets one here, shown once.
    """
    if can and cannot:
        raise click.UsageError("--can and --cannot exclude each other")
    kinds = kinds_of(can) if can else () if cannot else None
    from fleet.cli import agent_output
    from fleet.provisioning import invitations, snippets

    asked = Allowed(kinds, may_delegate)
    agent = asked.save(settings, name)
    token, no_token = "", None
    if asked != Allowed(None, None):
        no_token = invitations.why_no_token(settings, name)
        token = invitations.token_for(settings, name, time.time())
    if output == "json":
        found = {"agent": name, "group": agent.work_group, "can": list(agent.can)}
        env = invitations.work_env(settings, snippets.ETC)
        given = {"token": token, "env": env} if token else {}
        write_json(found | {"may_delegate": agent.may_delegate} | given)
        return
    words = "may delegate" if agent.may_delegate else "may not delegate"
    kinds_word = f"can {', '.join(agent.can)}" if agent.can else "claims no kind of its own"
    note(f"{name} of group {agent.work_group} {kinds_word}, and {words}")
    if token:
        agent_output.show_token(settings, token)
    elif not invitations.has_token(settings, name):
        agent_output.tell_no_token(no_token)
