"""`fleet agent`: enrol agents, rotate their credentials; `agent_leaving` has how they go."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from fleet.broker_kind import BrokerKind
from fleet.cli import agent_leaving, agent_output, agent_work
from fleet.cli.agent_names import complete_agents
from fleet.cli.agent_output import Destination, with_place
from fleet.cli.agent_work import Allowed, with_work
from fleet.cli.common import finish as complete
from fleet.cli.common import note, table, with_connection, with_output, with_settings, write_json
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.provisioning.enrolment import Credential

KINDS = click.Choice([kind.value for kind in Kind])


@click.group()
def agent() -> None:
    """Enrol agents, rotate and revoke their credentials, rename and forget them."""


@agent.command()
@click.argument("name")
@click.option("--kind", type=KINDS, default=Kind.GENERIC.value, show_default=True)
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="For filters and rules."
)
@click.option("--group", "groups", multiple=True, metavar="NAME", help="For fleet command --group.")
@click.option("--certificate", is_flag=True, help="Log in by certificate instead of a secret.")
@click.option("--reuse", is_flag=True, help="Take the name of an agent that was revoked.")
@with_work
@with_place
@with_output("text", "json")
@with_connection
def add(
    settings: Settings,
    name: str,
    kind: str,
    labels: tuple[str, ...],
    groups: tuple[str, ...],
    work: Allowed,
    place: Destination,
    output: str,
    **how: bool,
) -> None:
    """Enrol NAME: account, role and ACL at the broker, read back and proven.

    The secret is shown once and kept nowhere. What to run on the agent's side comes with it.
    """
    from fleet import leaving
    from fleet.hub.machine_clock import require_credible
    from fleet.provisioning import by_hand, each_broker
    from fleet.provisioning.connections import dynsec_of
    from fleet.provisioning.enrolment import Enroller

    async def enrol() -> Credential:
        if how["reuse"]:  # what its predecessor left is not inherited
            await leaving.forget(settings, name, history=False)
        if not settings.broker_kind.has_enrolment:
            return by_hand.add(
                settings, name, Kind(kind), _labels(labels), groups, time.time(), **how
            )
        here = await each_broker.nearest(settings)
        async with dynsec_of(here) as dynsec:
            enroller = Enroller(here, dynsec, time.time)
            credential = await enroller.add(
                name,
                Kind(kind),
                _labels(labels),
                groups,
                certificate=how["certificate"],
                reuse=how["reuse"],
            )
        agent_output.tell(await each_broker.create(settings, here, credential))
        return credential

    place.check()
    require_credible(settings.home)
    credential = complete(enrol())
    work.save(settings, name)
    agent_output.show(settings, credential, Kind(kind), place, output)


@agent.command("list")
@click.option("--all", "everyone", is_flag=True, help="The revoked too.")
@with_output("table", "json")
@with_settings("home")
def list_(settings: Settings, everyone: bool, output: str) -> None:
    """Who is enrolled."""
    from fleet.contract.timestamps import timestamp
    from fleet.provisioning.registry import Registry

    registry = Registry(settings.home)
    agents = (registry.everyone() if everyone else registry.agents()) or {}
    if output == "json":
        write_json([agent_output.document(agent) for agent in agents.values()])
        return
    rows = [
        (
            a.name,
            a.kind.value,
            ",".join(a.groups) or "none",
            ",".join(f"{key}={value}" for key, value in a.labels.items()) or "none",
            ",".join(a.can) or "none",
            agent_output.credential_word(a),
            timestamp(a.enrolled_at)[:10],
        )
        for a in agents.values()
    ]
    click.echo(table(("agent", "kind", "groups", "labels", "can", "credential", "since"), rows))


@agent.command()
@click.argument("name", shell_complete=complete_agents)
@click.option("--finish", is_flag=True, help="End the old credential now.")
@click.option(
    "--wait", default=0.0, metavar="SECONDS",
    help="Wait until the agent has come with the new one, then end the old one.",
)  # fmt: skip
@with_place
@with_output("text", "json")
@with_connection
def rotate(
    settings: Settings,
    name: str,
    finish: bool,
    wait: float,
    place: Destination,
    output: str,
) -> None:
    """Give NAME a second credential, proven before the first one goes.

    Both are valid until --finish, or until --wait has seen the agent come with the new one.
    """
    from fleet.hub.machine_clock import require_credible
    from fleet.provisioning import each_broker
    from fleet.provisioning.connections import dynsec_of
    from fleet.provisioning.enrolment import Enroller
    from fleet.provisioning.registry import Registry
    from fleet.provisioning.rotation import ConnectionWatch

    async def work() -> None:
        here = await each_broker.nearest(settings)
        async with dynsec_of(here) as dynsec, ConnectionWatch(settings, name) as watch:
            enroller = Enroller(here, dynsec, time.time)
            if not finish:
                credential = await enroller.rotate(name)
                if not credential.issued:
                    agent_output.tell(await each_broker.create(settings, here, credential))
                kind = (Registry(settings.home).agents() or {})[name].kind
                agent_output.show(settings, credential, kind, place, output)
                if not wait:
                    note(f"both credentials are valid; then: fleet agent rotate {name} --finish")
                    return
                await watch.seen(credential.account, wait)
            ended = await enroller.finish(name)
            agent_output.tell(await each_broker.end(settings, here, ended))
            note(f"ended: {', '.join(ended)}")

    if settings.broker_kind is BrokerKind.EMBEDDED:
        why = "the embedded broker lets in whoever is on this machine"
        raise ConfigError("there is no credential to rotate", why, "fleet init --own-broker")
    if not settings.broker_kind.has_enrolment:
        raise ConfigError(
            "fleet rotates no credential at this broker",
            f"broker_kind is {settings.broker_kind}; it needs Mosquitto with dynamic security",
            f"give the account {name} another password there, then the agent the same in the file"
            " that its FLEET_PASSWORD_FILE names",
        )
    place.check()
    if not finish:
        require_credible(settings.home)
    complete(work())


agent.add_command(agent_work.allow)
agent.add_command(agent_leaving.revoke)
agent.add_command(agent_leaving.forget)
agent.add_command(agent_leaving.rename)


@agent.command("import")
@click.argument("file", type=click.File("r"))
@click.option("--dry-run", is_flag=True, help="Show whom it would enrol.")
@click.option("--group", "groups", multiple=True, metavar="NAME")
@with_place
@with_connection
def import_(
    settings: Settings,
    file: IO[str],
    dry_run: bool,
    groups: tuple[str, ...],
    place: Destination,
) -> None:
    """Enrol everyone in FILE: `openclaw fleet list --json`, or a compose file; - reads stdin.

    Needs --out DIR: each agent's files go to DIR/NAME. Who is enrolled already is passed by.
    """
    from fleet.hub.machine_clock import require_credible
    from fleet.provisioning import each_broker, import_agents
    from fleet.provisioning.connections import dynsec_of
    from fleet.provisioning.enrolment import Enroller
    from fleet.provisioning.registry import Registry

    known = set(Registry(settings.home).everyone() or {})
    listed = import_agents.parse(file.read(import_agents.MAX_TEXT + 1))
    found = [agent for agent in listed if agent.name not in known]
    if dry_run:
        click.echo(table(("agent", "kind"), [(one.name, one.kind.value) for one in found]))
        return
    if place.out is None:
        raise click.UsageError("--out DIR is needed: secrets of many are not for a screen")

    async def work(folder: Path) -> None:
        here = await each_broker.nearest(settings)
        async with dynsec_of(here) as dynsec:
            enroller = Enroller(here, dynsec, time.time)
            for one in found:
                credential = await enroller.add(one.name, one.kind, one.labels, groups)
                agent_output.tell(await each_broker.create(settings, here, credential))
                agent_output.write(settings, credential, one.kind, place.broker, folder / one.name)
                note(f"{one.name} ({one.kind}) enrolled: {folder / one.name}")

    require_credible(settings.home)
    complete(work(place.out))
    note(f"{len(found)} enrolled")


@agent.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", help="The agent's name; the folder's if unsaid.")
@click.option("--kind", type=KINDS, default=Kind.GENERIC.value, show_default=True)
@with_settings("home", "prefix", "manager")
def new(settings: Settings, folder: Path, name: str | None, kind: str) -> None:
    """Make a workspace for a new agent in FOLDER, with the bus wired in."""
    from fleet.provisioning import names, scaffold

    chosen = name or folder.absolute().name
    names.check_agent_name(settings.topics, chosen)
    for path in scaffold.create(folder, chosen, Kind(kind)):
        click.echo(path)
    note(f"next: fleet agent add {chosen} --kind {kind} --out {folder}")


@agent.group()
def keys() -> None:
    """The hub's keys that sign commands."""


@keys.command("show")
@with_output("table", "json", "public")
@with_settings("home")
def show_keys(settings: Settings, output: str) -> None:
    """Key ids, and from when to when; `-o public` is what a sidecar's FLEET_COMMAND_KEYS reads."""
    from fleet import keys as hub_keys

    now = time.time()
    ring = hub_keys.read_ring(settings.home)
    if output == "public":
        click.echo(hub_keys.public_text(ring, now), nl=False)
        return
    rows = [agent_output.key_row(ring, key, now) for key in ring.trusted_at(now)]
    if output == "json":
        write_json([dict(zip(agent_output.KEY_HEADINGS, row, strict=True)) for row in rows])
    else:
        click.echo(table(agent_output.KEY_HEADINGS, rows))


@keys.command("rotate")
@click.option("--overlap-days", default=7.0, show_default=True,
              help="Days until the new key signs; 0 if the old one leaked.")  # fmt: skip
@with_settings("home")
def rotate_keys(settings: Settings, overlap_days: float) -> None:
    """Make a new signing key. Give commands.pub to the sidecars before the overlap is over."""
    from fleet import keys as hub_keys
    from fleet.hub.machine_clock import require_credible

    require_credible(settings.home)
    hub_keys.rotate(settings.home, time.time(), overlap=overlap_days * 86_400)
    path = settings.home / "keys" / hub_keys.PUBLIC
    click.echo(path)
    note(f"{path} is for every agent's FLEET_COMMAND_KEYS; a running hub needs no restart")


def _labels(pairs: tuple[str, ...]) -> dict[str, str]:
    labels: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals and value):
            raise ConfigError(f"label {pair!r} is not usable", "", "--label site=lab")
        labels[key] = value
    return labels
