"""`fleet agent revoke`, `forget` and `rename`: an agent leaves, or is called something else."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import click

from fleet.cli import agent_output
from fleet.cli.agent_names import complete_agents
from fleet.cli.agent_output import Destination, with_place
from fleet.cli.common import finish as complete
from fleet.cli.common import note, table, with_connection, with_output, write_json
from fleet.contract.errors import ConfigError, FleetError
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.provisioning.lock_out import Step
    from fleet.provisioning.registry import Enrolled, Registry

HEADINGS: Final = ("what", "done", "detail")


class NotWholeError(FleetError):
    """Something is left of who was to go."""


@click.command()
@click.argument("name", shell_complete=complete_agents)
@click.option("--history", is_flag=True, help="Also erase what the hub has stored of it.")
@click.option("--account-gone", is_flag=True, help="You ended its account at the broker.")
@with_output("table", "json")
@with_connection
def revoke(settings: Settings, name: str, history: bool, account_gone: bool, output: str) -> None:
    """Lock NAME out, everywhere and at once, then forget it.

    Tokens, account, role, live connection, certificate, retained messages, state, series, alerts:
    each is told as done or not. Exit 3 if one is not; then the same command tries again. Where
    fleet makes no accounts (NATS, EMQX, a static ACL), end it there and say --account-gone.
    """
    from fleet import leaving

    by_hand = not settings.broker_kind.has_enrolment
    if account_gone and not by_hand:
        raise ConfigError(
            "fleet ends the accounts of this broker itself",
            "--account-gone is for brokers where it makes none",
            f"fleet agent revoke {name}",
        )
    steps = complete(
        leaving.revoke(settings, name, history=history, now=time.time(), account_gone=account_gone)
    )
    _show(steps, output, name)
    remedy = f"fleet agent revoke {name}"
    if by_hand and not account_gone:
        remedy = f"end its account at the broker, and {remedy} --account-gone"
    _judge(steps, f"{name} is not gone everywhere", remedy)
    note(f"{name} is revoked")


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_agents)
@click.option("--history", is_flag=True, help="Also erase what the hub has stored of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also where acknowledgements are lost by it.")
@with_output("table", "json")
@with_connection
def forget(
    settings: Settings, names: Sequence[str], history: bool, yes: bool, force: bool, output: str
) -> None:
    """Forget NAME, whom nobody enrolled or who is gone: whatever broker and hub hold of it.

    It locks nobody out: an agent that still speaks is back with its next message. One that does,
    and has alerts that somebody acknowledged, is refused without --force: they would fire anew.
    """
    from fleet import leaving
    from fleet.contract.topics import is_agent_name
    from fleet.provisioning.registry import Registry
    from fleet.tokens import Tokens

    for name in names:
        if not is_agent_name(name):
            raise ConfigError(f"{name!r} is no name of an agent", "", "fleet status shows them")
    if not force:
        _require_no_loss(settings, names)
    if not yes:
        _ask(names, history=history)
    listed, tokens = Registry(settings.home).agents() or {}, Tokens(settings.home)
    told: dict[str, list[Step]] = {}
    for name in names:
        gone = complete(leaving.forget(settings, name, history=history))
        told[name] = gone.steps
        if output == "table":
            _show(gone.steps, output, name)
        if gone.alive:
            note(f"{name} was heard in time until now: its next message brings it back")
            note(f"stop it, or lock it out: fleet agent revoke {name}")
        elif name in listed:
            note(f"{name} is enrolled, and may come back; fleet agent revoke {name} locks it out")
        for entry in tokens.of_agent(name):
            note(f"{name} may still publish by HTTP; fleet token revoke {entry.id}")
    if output == "json":
        write_json([_document(name, steps) for name, steps in told.items()])
    every = [step for steps in told.values() for step in steps]
    _judge(every, "something is left", f"fleet agent forget {' '.join(names)} --yes")


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--wait", default=0.0, metavar="SECONDS",
              help="Wait until NEW was heard, then end OLD.")  # fmt: skip
@click.option("--now", is_flag=True, help="End OLD at once, whether or not NEW was heard.")
@click.option("--finish", is_flag=True, help="End OLD: NEW has its credential already.")
@with_place
@with_output("table", "json")
@with_connection
def rename(
    settings: Settings,
    old: str,
    new: str,
    wait: float,
    now: bool,
    finish: bool,
    place: Destination,
    output: str,
) -> None:
    """Call the agent OLD from now on NEW, with its whole history.

    Where OLD is enrolled, NEW gets an account of its own first, of the same kind, groups and
    labels, and what to run on the agent's side is shown; OLD is revoked by --finish, --wait or
    --now. Where nobody keeps a list the history moves at once, or after --wait.
    """
    from fleet import leaving
    from fleet.provisioning import names
    from fleet.provisioning.registry import Registry

    names.check_agent_name(settings.topics, new)
    if old == new:
        raise ConfigError(f"{old} is called so already", "", f"fleet agent rename {old} {old}-2")
    place.check()
    registry = Registry(settings.home)
    listed = registry.agents() or {}
    enrolled = old in listed
    _check_pending(listed, old, new)
    if new in listed:
        _check_successor(settings, registry, old, new, chosen=bool(finish or wait or now))
    if finish and new not in listed and enrolled:
        remedy = f"fleet agent rename {old} {new}, which makes it"
        raise ConfigError(f"{new} has no credential yet", "", remedy)
    if enrolled and new not in listed:
        complete(_enrol_as(settings, old, new, place, output))
        if not (wait or now):
            note("both names are valid; join and restart the sidecar there, then:")
            note(f"fleet agent rename {old} {new} --finish")
            return

    async def work() -> list[Step]:
        if wait:
            await leaving.heard(settings, new, wait)
        if enrolled:  # also where NEW was enrolled by hand, or that broke off
            registry.inherit(new, listed[old])
        steps = (await leaving.rename(settings, old, new)).steps
        if enrolled:
            steps += await leaving.revoke(settings, old, history=False, now=time.time())
        return steps

    steps = complete(work())
    if (new in listed or enrolled) and all(step.done for step in steps):
        registry.succeeded(new)
    if new in listed or not enrolled:
        _show(steps, output, old)
    else:  # the credential has the output for itself
        for step in steps:
            note(f"{step.what}: {'done' if step.done else 'NOT done'}; {step.detail}")
    if not enrolled:
        note(f"on the agent's side: FLEET_AGENT={new} in agent.env, then restart the sidecar")
        note(f"whatever speaks as {old} after that is a new agent of that name")
    _judge(steps, f"{old} is not gone everywhere", f"fleet agent revoke {old}")
    note(f"{old} is {new} now")


def _check_pending(listed: Mapping[str, Enrolled], old: str, new: str) -> None:
    """Refuse a second rename before the first has ended: of three names two would be the same
    agent, and nobody could say which.

    Raises:
        ConfigError: OLD is to be another name already, or is itself what one is to be.
    """
    pending = next((a.name for a in listed.values() if a.succeeds == old and a.name != new), "")
    before = listed[old].succeeds if old in listed else ""
    first, second = (old, pending) if pending else (before, old)
    if not pending and before not in listed:
        return
    raise ConfigError(
        f"the rename of {first} to {second} is not finished",
        f"{old} cannot be {new} before",
        f"fleet agent rename {first} {second} --finish, or fleet agent revoke {second}",
    )


def _check_successor(
    settings: Settings, registry: Registry, old: str, new: str, *, chosen: bool
) -> None:
    """Refuse to make two agents one; `chosen`: how the rename is to end was said.

    Where fleet makes no accounts, whoever enrolled NEW by hand says so by that.
    """
    everyone = registry.everyone() or {}
    since = everyone[old].enrolled_at if old in everyone else 0.0
    pending = everyone[new].succeeds == old and since <= everyone[new].enrolled_at
    if not pending and (settings.broker_kind.has_enrolment or not chosen):
        free = next(name for n in count(2) if (name := f"{old}-{n}") not in everyone)
        remedy = f"fleet agent rename {old} {free}, or another name that fleet agent list lacks"
        why = f"it was not made by a rename of {old}; the history of both would be one for good"
        raise ConfigError(f"{new} is another agent", why, remedy)
    if old in (registry.agents() or {}) and not chosen:
        remedy = f"fleet agent rename {old} {new} --finish ends {old}"
        raise ConfigError(f"{new} is enrolled already, to be what {old} was", "", remedy)


async def _enrol_as(
    settings: Settings, old: str, new: str, place: Destination, output: str
) -> None:
    from fleet.provisioning import each_broker
    from fleet.provisioning.connections import dynsec_of
    from fleet.provisioning.enrolment import Enroller
    from fleet.provisioning.registry import Registry

    here = await each_broker.nearest(settings)
    agent = (Registry(settings.home).agents() or {})[old]
    async with dynsec_of(here) as dynsec:
        credential = await Enroller(here, dynsec, time.time).add(
            new,
            agent.kind,
            agent.labels,
            agent.groups,
            certificate=bool(agent.serials),
            succeeds=old,
        )
    agent_output.tell(await each_broker.create(settings, here, credential))
    Registry(settings.home).inherit(new, agent)
    form = "json" if output == "json" else "text"
    agent_output.show(settings, credential, agent.kind, place, form)


def _require_no_loss(settings: Settings, names: Sequence[str]) -> None:
    """
    Raises:
        ConfigError: one still speaks, and somebody looks at its alerts.
    """
    from fleet import leaving

    for name, codes in complete(leaving.acknowledged(settings, names)).items():
        raise ConfigError(
            f"{name} still speaks, and somebody looks at its {', '.join(codes)}",
            "its next message would bring it back, and the alert unacknowledged",
            f"stop it first; or fleet agent revoke {name}; or fleet agent forget {name} --force",
        )


def _ask(names: Sequence[str], *, history: bool) -> None:
    what = "and erase the history" if history else "but keep the history"
    several = names[0] if len(names) == 1 else f"{len(names)} agents"
    if not sys.stdin.isatty():
        remedy = f"fleet agent forget {' '.join(names)} --yes"
        raise ConfigError("nobody is there to be asked", "standard input is no terminal", remedy)
    click.confirm(f"Forget {several}, {what}?", abort=True, err=True)


def _show(steps: Sequence[Step], output: str, name: str) -> None:
    if output == "json":
        write_json(_document(name, steps))
        return
    rows = [(step.what, "yes" if step.done else "NO", step.detail) for step in steps]
    click.echo(table(HEADINGS, rows))


def _document(name: str, steps: Sequence[Step]) -> dict[str, Any]:
    done = all(step.done for step in steps)
    return {"agent": name, "done": done, "steps": [step.as_dict() for step in steps]}


def _judge(steps: Sequence[Step], what: str, remedy: str) -> None:
    left = [step for step in steps if not step.done]
    if left:
        raise NotWholeError(what, "; ".join(f"{one.what}: {one.detail}" for one in left), remedy)
