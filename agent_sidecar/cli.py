"""The command line of the sidecar; each command imports what it needs when it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

import fleet
from agent_sidecar.config import Config, load
from agent_sidecar.one_shot import TIMEOUT
from fleet.contract.disk_faults import of_disk
from fleet.contract.errors import FleetError
from fleet.contract.printable import printable

F = TypeVar("F", bound=Callable[..., Any])

_FLAGS: Final = {
    "FLEET_AGENT": "Name of the agent.",
    "FLEET_BROKER": "Broker, as mqtt://host or mqtts://user@host:8883.",
    "FLEET_INTERVAL": "Seconds between bus heartbeats.",
    "FLEET_KIND": "Kind of agent; empty: found by looking.",
    "FLEET_HOME": "State directory.",
}


def configured(function: F) -> F:
    """Give the command a `config` built from its flags, the environment and `agent.env`."""
    from functools import wraps

    @wraps(function)
    def wrapper(**given: Any) -> Any:
        flags = {name: given.pop(name.lower()) for name in _FLAGS}
        return function(config=load(flags), **given)

    decorated: Any = wrapper
    for name, meaning in reversed(_FLAGS.items()):
        flag = "--" + name.removeprefix("FLEET_").lower()
        decorated = click.option(flag, name.lower(), metavar="VALUE", help=meaning)(decorated)
    return decorated  # type: ignore[no-any-return]


_timeout = click.option(
    "--timeout", default=TIMEOUT, show_default=True, help="Seconds until it gives up."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(fleet.__version__, prog_name="agent-sidecar", message="%(prog)s %(version)s")
def cli() -> None:
    """Beside an agent: publish its health to the fleet's bus and answer four commands.

    Settings come from flags, FLEET_* variables and agent.env; see `agent-sidecar check`.
    """


@cli.command()
@configured
def run(config: Config) -> None:
    """Run beside the agent until told to stop (SIGTERM); SIGHUP reads the settings again."""
    from agent_sidecar.daemon import run_daemon

    run_daemon(config)


@cli.command()
@_timeout
@configured
def beat(config: Config, timeout: float) -> None:
    """Publish one bus heartbeat, do what waits, and exit: for cron, launchd and systemd timers."""
    from agent_sidecar.daemon import run_once
    from agent_sidecar.one_shot import Purpose

    run_once(config, Purpose.BEAT, timeout)


@cli.command()
@click.option("--listen", is_flag=True, help="Stay and answer until told to stop.")
@_timeout
@configured
def handle(config: Config, listen: bool, timeout: float) -> None:
    """Carry out the commands that wait, and exit."""
    from agent_sidecar.daemon import run_once
    from agent_sidecar.one_shot import Purpose

    run_once(config, Purpose.LISTEN if listen else Purpose.HANDLE, None if listen else timeout)


@cli.command()
@click.argument("kind", type=click.Choice(["heartbeat", "status", "alert"]))
@click.argument("fields", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--direct", is_flag=True, help="Past the drop directory of another.")
@click.option("--reliable", is_flag=True, help="Keep it on disk until the hub has it.")
@_timeout
@configured
def publish(
    config: Config,
    kind: str,
    fields: tuple[str, ...],
    direct: bool,
    reliable: bool,
    timeout: float,
) -> None:
    """Publish one message of the agent: by the drop directory that a sidecar serves, else
    directly. A status or alert that the broker does not take waits in the outbox, a heartbeat
    in the drop directory, if there is one (exit 4; with --reliable 0 for the outbox)."""
    from agent_sidecar.daemon import run_once
    from agent_sidecar.drop.publish import KeptError
    from agent_sidecar.drop.publish import publish as hand_over
    from agent_sidecar.one_shot import NotThroughError, Purpose
    from fleet.contract.vocabulary import MessageKind

    def send(word: MessageKind, message: dict[str, Any]) -> None:
        try:
            run_once(config, Purpose.PUBLISH, timeout, [(word, message)])
        except NotThroughError as error:
            if word is MessageKind.HEARTBEAT:
                raise
            kept = "kept in the outbox, to be sent with the next run"
            if not reliable:
                raise KeptError(kept, f"{error.what}: {error.why}", error.remedy) from None
            click.echo(f"{kept} ({printable(error.why)})", err=True)

    said = hand_over(config, MessageKind(kind), fields, send, direct=direct)
    if said:
        click.echo(said, err=True)


@cli.command()
@click.option("--once", is_flag=True, help="Do what is offered now, and exit: for cron.")
@configured
def work(config: Config, once: bool) -> int:
    """Do the tasks that the hub offers, by the work file (FLEET_WORK), without the rest of `run`.

    With --once it exits with 1 if a task was not done.
    """
    from agent_sidecar.work.command import work as do_work

    return do_work(config, once=once)


@cli.command()
@click.option("--task", metavar="ID", help="The task it works at; else what TASK_ID says, if any.")
@configured
def mcp(config: Config, task: str | None) -> None:
    """Give the agent's model tools to hand work on, on stdio: delegate, task_status, board_list,
    board_read, board_write. They act with the agent's own token (FLEET_TOKEN_FILE) at its hub."""
    from agent_sidecar.mcp.command import serve

    serve(config, task)


@cli.command()
@click.argument("invitation")
@click.option("--dir", "folder", default="~/.config/fleet", show_default=True, metavar="DIR")
def join(invitation: str, folder: str) -> None:
    """Take what `fleet agent add` printed; the secret comes by standard input, never by flag.

    Writes agent.env, the secret, the CA and the hub's keys, each 0600.
    """
    from pathlib import Path

    from agent_sidecar.join import join as write_all

    for line in write_all(invitation, Path(folder)):
        click.echo(line, err=True)


@cli.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
@click.option(
    "--restart",
    type=click.Choice(["on-failure", "always", "never"]),
    default="on-failure",
    show_default=True,
    help="When the agent is started again.",
)
@click.option("--no-sidecar", is_flag=True, help="Only supervise: another sidecar watches.")
@configured
def exec_(config: Config, command: tuple[str, ...], restart: str, no_sidecar: bool) -> int:
    """Run the agent as a child, the sidecar beside it, and start either again when it fails.

    Signals go on to the agent, and its exit code is ours. Also good as process 1 of a container.
    Nobody is left when it ends or is killed, and there is one at a time for an agent.
    """
    from agent_sidecar.supervise.command import supervise

    return supervise(config, command, restart, no_sidecar=no_sidecar)


def _list_settings(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from agent_sidecar.settings import ALL

    for name in ALL:
        click.echo(f"{name.variable}={name.default}")
        click.echo(f"    {name.meaning}")
    context.exit()


@cli.group()
def schedule() -> None:
    """Run the sidecar by cron, launchd or systemd; runs that overlap exclude one another."""


def _scheduled(function: F) -> F:
    """The arguments that say what is started, how often and by what."""
    default = "launchd" if sys.platform == "darwin" else "systemd"
    system = click.Choice(["cron", "launchd", "systemd"])
    decorated: Any = function
    for decorate in (
        configured,
        click.option("--user", metavar="NAME", help="Account it runs as, if root installs."),
        click.option("--every", type=click.IntRange(1, 86_400), help="Seconds between starts."),
        click.option("--as", "by", type=system, default=default, show_default=True),
        click.argument("what", type=click.Choice(["beat", "handle", "run"])),
    ):
        decorated = decorate(decorated)
    return decorated  # type: ignore[no-any-return]


@schedule.command("print")
@_scheduled
def schedule_print(config: Config, what: str, by: str, every: int | None, user: str | None) -> None:
    """Print the unit files, or the line for a crontab."""
    from agent_sidecar.schedule import Scheduler, What, account, files, job

    runs_as = account(config.state, user) if user else ""
    made = files(job(config, What(what), every, runs_as), Scheduler(by))
    for name, content in made.items():
        if len(made) > 1:
            click.echo(f"# {name}")
        click.echo(content)


@schedule.command("install")
@click.option("--dir", "folder", metavar="FOLDER", help="Only write the files, and there.")
@_scheduled
def schedule_install(
    config: Config, what: str, by: str, every: int | None, user: str | None, folder: str | None
) -> None:
    """Write the unit files where the system looks for them, and have it take them up.

    What root installs is for the whole system, and runs as --user, or as whoever owns the state
    directory; where that is root, it must be said.
    """
    from pathlib import Path

    from agent_sidecar import schedule as units

    runs_as = units.account(config.state, user) if user or folder is None else ""
    wanted = units.job(config, units.What(what), every, runs_as)
    scheduler = units.Scheduler(by)
    made = units.files(wanted, scheduler)
    if scheduler is units.Scheduler.CRON and folder is None:
        units.into_crontab(wanted, made["crontab"], runs_as)
        click.echo("wrote the crontab", err=True)
        return
    for path in units.write(made, Path(folder) if folder else units.folder_of(scheduler)):
        click.echo(f"wrote {path}", err=True)
    if folder is None:
        units.activate(units.activation(wanted, scheduler))


@cli.command()
@click.option(
    "--settings",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_settings,
    help="List every setting with its default.",
)
@configured
def check(config: Config) -> int:
    """Show what would be sent, and why; what is read and what is not. Sends nothing.

    Exit 0: ok, 2: the sidecar that runs here has not heard its hub for three intervals.
    """
    from agent_sidecar.check import explain
    from agent_sidecar.hub_watch import SILENT, kept_in

    for line in explain(config):
        click.echo(printable(line))
    return SILENT if kept_in(config.state).silent else 0


@cli.group("config")
def config_() -> None:
    """Settings: whether they are good."""


@config_.command("check")
def config_check() -> int:
    """Read everything that is configured, and tell all that is wrong. Exit 0: ok, 3: not.

    A variable that is nearly the name of a setting is a warning on stderr.
    """
    import os

    from agent_sidecar.config import slips
    from agent_sidecar.config_check import problems

    for line in slips(os.environ):
        click.echo(printable(line), err=True)
    found = problems()
    click.echo("\n".join(map(str, found)) or "ok")
    return FleetError.exit_code if found else 0


@cli.command()
@configured
def words(config: Config) -> None:
    """Print the words that the deployment's own ADRs add, a line a vocabulary: `planes gpu`."""
    from agent_sidecar.drop.directory import lines_of

    click.echo(lines_of(config.added_words()), nl=False)


def start(arguments: list[str], name: str = "agent-sidecar", command: str = "") -> int:
    """Run the command line, or the `command` of it that a program called `name` stands for, and
    return the exit code; usage errors are 3, not click's 2."""
    meant = cli.commands[command] if command else cli
    try:
        result = meant.main(arguments, prog_name=name, standalone_mode=False)
    except click.UsageError as error:
        context = error.ctx.command_path if error.ctx else name
        _complain(f"wrong call: {printable(error.format_message())}\nTry: {context} --help")
        return FleetError.exit_code
    except FleetError as error:
        _complain(str(error))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:
        told = of_disk(error)
        if told is None:
            raise
        _complain(str(told))
        return told.exit_code
    return result if isinstance(result, int) else 0


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
