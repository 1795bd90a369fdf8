"""`fleet init`: a home for the hub, whatever its broker is."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from fleet.broker_kind import BrokerKind
from fleet.cli.common import at_terminal, following, note, with_settings
from fleet.contract.broker_url import BrokerUrls
from fleet.contract.errors import ConfigError
from fleet.settings import FILE_NAME, Settings, load

if TYPE_CHECKING:
    from fleet.provisioning.mosquitto import Plan

_SECRET = click.Path(dir_okay=False, path_type=Path)
_KINDS = click.Choice([kind.value for kind in BrokerKind if kind is not BrokerKind.EMBEDDED])

OWN, RUNNING, EMBEDDED = "1", "2", "3"
QUESTION: Final = """\
Which broker?
  1  one of mine here: Mosquitto, which fleet configures and runs
  2  one that runs already: Mosquitto, NATS, EMQX or another
  3  the embedded one, to try: no accounts, nothing kept
Choice"""
GOES_WITH: Final = {
    OWN: ("names", "bind", "local_port", "tls_port", "mtls_port"),
    RUNNING: ("broker", "kind", "admin", "admin_password_file", "agent_broker", "password_file",
              "ca_file"),
    EMBEDDED: ("local_port",),
}  # fmt: skip
"""What is said of each broker; the rest goes with all of them."""

SAID: Final = {OWN: "a broker of this home", RUNNING: "one that runs already",
               EMBEDDED: "the embedded one"}  # fmt: skip
FLAGS: Final = "fleet init --own-broker; or --broker URL for one that runs; or --embedded, to try"


@click.command()
@click.option("--own-broker", is_flag=True, help="A Mosquitto of this home, for fleet broker up.")
@click.option("--embedded", is_flag=True, help="The embedded broker, to try: no accounts.")
@click.option("--kind", type=_KINDS, help="What --broker is; mosquitto has dynamic security.")
@click.option("--admin", metavar="ACCOUNT", help="Of --broker: an account that may make others.")
@click.option(
    "--admin-password-file", type=_SECRET, metavar="FILE", help="0600 file with its password."
)
@click.option("--agent-broker", default="", metavar="URL", help="Where agents reach --broker.")
@click.option(
    "--name", "names", multiple=True, metavar="HOST",
    help="Host name or address in the broker's certificate; the first is told to agents.",
)  # fmt: skip
@click.option("--bind", metavar="ADDRESS", help="Where agents reach the broker; 0.0.0.0 for all.")
@click.option("--local-port", type=int, help="Plain port for the hub, on loopback only.")
@click.option("--tls-port", type=int, help="TLS port for agents with a password.")
@click.option("--mtls-port", type=int, help="TLS port for agents with a certificate; 0: none.")
@click.option(
    "--key-passphrase-file", type=_SECRET, metavar="FILE",
    help="0600 file with a passphrase that encrypts the signing keys.",
)  # fmt: skip
@with_settings("home", "broker", "password_file", "ca_file", "prefix", "manager")
def init(settings: Settings, key_passphrase_file: Path | None, **given: Any) -> None:
    """Make the hub's home for a broker of its own, one that runs already, or the embedded one.

    Asks which, where no option says so and this is a terminal. Signing keys, accounts, settings,
    and with a broker of its own CA and configuration. What is there stays as it is: run it again
    after an update or half a failure.
    """
    from fleet.provisioning import home

    flags, after = _flags_given(), following(settings)
    names, embedded = given.pop("names"), given.pop("embedded")
    how = {key: given.pop(key) for key in ("kind", "admin", "admin_password_file", "agent_broker")}
    own = given.pop("own_broker")
    ports = {key: value for key, value in given.items() if value is not None}
    told = {OWN: own, RUNNING: "broker" in flags, EMBEDDED: embedded}
    chosen = [choice for choice, said in told.items() if said]
    if len(chosen) > 1:
        raise click.UsageError("--own-broker, --broker and --embedded exclude each other")
    if not chosen and not home.settled(settings) and flags & set(GOES_WITH[OWN]):
        chosen = [OWN]
    choice = _of_home(settings, chosen, flags) or (chosen or [_ask()])[0]
    _require_fitting(choice, flags)
    _require_new_keys(settings, key_passphrase_file)
    if choice == OWN:
        plan = _plan(settings, names, ports)
        _tell(settings, home.create(plan, settings, time.time(), key_passphrase_file))
        note(f"{after} fleet broker up, fleet serve, fleet agent add alpha")
        if plan.bind == "127.0.0.1":
            note("agents elsewhere need --name HOST --bind 0.0.0.0")
        return
    if choice == EMBEDDED:
        settings = _embedded(settings, ports)
    elif not home.settled(settings):
        settings = _running(settings, how)
    agents = BrokerUrls.parse(how["agent_broker"]) if how["agent_broker"] else None
    _require_same(settings, how["kind"], agents)
    made = home.adopt(
        settings, time.time(), agent_broker=agents, passphrase_file=key_passphrase_file
    )
    _tell(settings, made)
    _next(load({"home": str(settings.home)}), choice, after)


def _flags_given() -> set[str]:
    """The names of the options that stand in the call."""
    context = click.get_current_context()
    line = ParameterSource.COMMANDLINE
    every = [parameter.name or "" for parameter in context.command.params]
    return {name for name in every if context.get_parameter_source(name) is line}


def _require_fitting(choice: str, flags: set[str]) -> None:
    """
    Raises:
        UsageError: an option would mean nothing for this broker.
    """
    known = {flag for told in GOES_WITH.values() for flag in told}
    for flag in sorted((flags & known) - set(GOES_WITH[choice])):
        option = "--name" if flag == "names" else f"--{flag.replace('_', '-')}"
        others = " or ".join(SAID[one] for one, told in GOES_WITH.items() if flag in told)
        raise click.UsageError(f"{option} is for {others}, and this is {SAID[choice]}")


def _require_new_keys(settings: Settings, passphrase_file: Path | None) -> None:
    """
    Raises:
        ConfigError: the keys are there, so that a passphrase for new ones means nothing; or it
            cannot be read.
    """
    from fleet.contract.secret_file import read_secret
    from fleet.keys import read_ring

    if passphrase_file is None:
        return
    read_secret(passphrase_file)
    ring = read_ring(settings.home)
    if ring.keys and (settings.home / ring.passphrase_file).resolve() != passphrase_file.resolve():
        raise ConfigError(
            f"the signing keys of {settings.home} are there already",
            "--key-passphrase-file is for those that are made",
            "leave it; fleet agent keys show lists them",
        )


def _require_same(settings: Settings, kind: str | None, agents: BrokerUrls | None) -> None:
    """
    Raises:
        ConfigError: the home says something else of its broker already.
    """
    from fleet.provisioning import home

    if not home.settled(settings):
        return
    before = load({"home": str(settings.home)})
    other_kind = kind is not None and kind != before.broker_kind
    if other_kind or (agents is not None and agents != before.agent_brokers):
        raise _otherwise(settings)


def _otherwise(settings: Settings) -> ConfigError:
    return ConfigError(
        f"{settings.home / FILE_NAME} says otherwise",
        "it is never overwritten",
        "change it there, or FLEET_HOME=another folder",
    )


def _embedded(settings: Settings, ports: dict[str, Any]) -> Settings:
    """
    Raises:
        ConfigError: the port is none, or the home has another one.
    """
    from fleet.provisioning import home

    if home.settled(settings):
        before = load({"home": str(settings.home)})
        if ports.get("local_port", before.broker.port) != before.broker.port:
            raise _otherwise(settings)
        return before
    url = f"mqtt://127.0.0.1:{ports.get('local_port', 1883)}"
    return load(_flags(settings) | {"broker": url, "broker_kind": "embedded"})


def _of_home(settings: Settings, chosen: list[str], flags: set[str]) -> str | None:
    """What this home is already; None: nothing is said yet.

    Raises:
        ConfigError: something else is wanted.
    """
    from fleet.provisioning import home
    from fleet.provisioning.mosquitto import runs_here

    if not home.settled(settings):
        return None
    before = load({"home": str(settings.home)})
    is_embedded = before.broker_kind is BrokerKind.EMBEDDED
    choice = OWN if runs_here(settings) else EMBEDDED if is_embedded else RUNNING
    other = choice == RUNNING and "broker" in flags and before.brokers != settings.brokers
    if (chosen and chosen != [choice]) or other or before.topics != settings.topics:
        raise _otherwise(settings)
    return choice


def _ask() -> str:
    """
    Raises:
        ConfigError: this is no terminal.
    """
    if not at_terminal():
        raise ConfigError("which broker is not said", "this is no terminal to ask at", FLAGS)
    choices = click.Choice([OWN, RUNNING, EMBEDDED])
    chosen: str = click.prompt(QUESTION, type=choices, default=OWN, show_choices=False, err=True)
    return chosen


def _plan(settings: Settings, names: tuple[str, ...], ports: dict[str, Any]) -> Plan:
    """
    Raises:
        ConfigError: the settings have another one.
    """
    from fleet.bus.own_broker import TABLE
    from fleet.provisioning.mosquitto import plan_of, runs_here
    from fleet.provisioning.plan_check import require_possible

    before = plan_of(settings)
    if ports.get("local_port") == 0:
        why = "the hub and the command line reach the broker by it"
        raise ConfigError("a broker of this home needs a local port", why, "--local-port 1883")
    plan = replace(before, names=tuple(dict.fromkeys((*names, *before.names))), **ports)
    if plan != before and runs_here(settings):
        raise ConfigError(
            f"{settings.home / FILE_NAME} says otherwise",
            "it is never overwritten",
            f"change the table [{TABLE}] in it, then fleet broker config --write",
        )
    require_possible(plan)
    return plan


def _running(settings: Settings, how: dict[str, Any]) -> Settings:
    """The settings for a broker that runs already: its address, its kind, and how the hub logs in.

    Raises:
        FleetError: something is not said, or the broker does not take it.
    """
    from fleet.cli.running_broker import secured
    from fleet.contract.secret_file import read_password

    url, kind, admin = str(settings.brokers), how["kind"], how["admin"]
    if settings.origins["broker"][1] != "--broker":
        url = click.prompt("Its address, as mqtts://broker.example.org:8883", err=True)
    if kind is None:
        if not at_terminal() and admin is None:
            raise ConfigError(
                "what the broker is is not said",
                "so nobody knows who makes accounts there",
                "--kind mosquitto --admin ACCOUNT --admin-password-file FILE; or --kind nats, "
                "emqx or other",
            )
        kind = "mosquitto" if admin else click.prompt("What it is", type=_KINDS, err=True)
    files = {"password_file": settings.password_file, "ca_file": settings.ca_file}
    texts = {name: str(path) for name, path in files.items() if path is not None}
    wanted = load({**_flags(settings), **texts, "broker": url, "broker_kind": kind})
    for flag, file in (("--admin", admin), ("--admin-password-file", how["admin_password_file"])):
        if file is not None and not wanted.broker_kind.has_enrolment:
            why = f"fleet makes no accounts at a broker of kind {kind}"
            raise click.UsageError(f"{flag} is for Mosquitto: {why}")
    if how["admin_password_file"] is not None:
        read_password(how["admin_password_file"])
    if how["agent_broker"]:
        BrokerUrls.parse(how["agent_broker"])
    if wanted.broker_kind.has_enrolment:
        return secured(wanted, admin, how["admin_password_file"])
    return wanted


def _flags(settings: Settings) -> dict[str, str]:
    topics = settings.topics
    return {"home": str(settings.home), "prefix": topics.prefix, "manager": topics.manager}


def _tell(settings: Settings, made: list[Path]) -> None:
    for path in made:
        click.echo(path)
    note(f"{len(made)} files made in {settings.home}" if made else "everything is there already")


def _next(settings: Settings, choice: str, after: str) -> None:
    if choice == EMBEDDED:
        note(f"{after} fleet broker up, fleet serve, fleet agent add alpha")
        return
    if settings.agent_broker is None and settings.broker.host in ("127.0.0.1", "localhost"):
        note('agents elsewhere need agent_broker = "mqtts://HOST:8883" in fleet.toml')
    if settings.broker_kind in (BrokerKind.NATS, BrokerKind.EMQX):
        note(f"the account of the hub and its rights: docs/how-to/{settings.broker_kind}.md")
    if settings.broker_kind.has_enrolment:
        note(f"{after} fleet doctor, fleet acl test, fleet serve, fleet agent add alpha")
        return
    note(f"{after} fleet doctor, fleet serve, fleet agent add alpha, then, with that account:")
    note("fleet acl test --agent alpha --agent-password-file FILE")
