"""The `fleet` command: which group lives in which file, and how errors end."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
from click.exceptions import NoArgsIsHelpError

from fleet import __version__
from fleet.cli.examples import illustrate
from fleet.cli.wrong_calls import wrong_call
from fleet.contract.disk_faults import of_disk
from fleet.contract.errors import FleetError

COMMANDS: Final = {
    "acl": ("fleet.cli.acl", "prove the ACL by trying what it must forbid"),
    "adr": ("fleet.cli.adr", "architecture decisions: new, check, list"),
    "agent": ("fleet.cli.agent", "enrol agents, rotate and revoke their credentials"),
    "alerts": ("fleet.cli.alerts", "alerts that fire; acknowledge and silence"),
    "audit": ("fleet.cli.audit", "hold captured or live traffic against the ADRs"),
    "backup": ("fleet.cli.backup", "a consistent copy of the store, or of the whole home"),
    "board": ("fleet.cli.board", "blackboards of sessions: list, read, write, export"),
    "broadcast": ("fleet.cli.broadcast", "announce maintenance to all"),
    "broker": ("fleet.cli.broker", "run, configure and secure Mosquitto"),
    "check": ("fleet.cli.check", "one Nagios line; exit 0 ok, 1 warning, 2 critical, 3 unknown"),
    "collect": ("fleet.cli.collect", "one collection of heartbeats from all, for cron"),
    "command": ("fleet.cli.command", "send a verb to agents and gather their replies"),
    "completion": ("fleet.cli.completion", "what bash, zsh or fish needs to complete commands"),
    "config": ("fleet.cli.config", "settings, and where each came from"),
    "dead-letters": ("fleet.cli.dead_letters", "rejected messages: inspect and replay"),
    "demo": ("fleet.cli.demo", "broker, hub and five agents in one go"),
    "doctor": ("fleet.cli.doctor", "what is wrong here and on the broker, and what to try"),
    "export": ("fleet.cli.export", "configuration for Prometheus, Grafana, Alertmanager, compose"),
    "forecast": ("fleet.cli.forecast", "when disks, memory, tokens and limits run out"),
    "history": ("fleet.cli.history", "stored messages, filtered and paged"),
    "home": ("fleet.cli.home", "whether the home is whole, and what lies elsewhere"),
    "init": ("fleet.cli.init", "make the hub's home: for a broker of its own, another, or to try"),
    "maintenance": ("fleet.cli.maintenance", "planned work: begin, end, list what it hides"),
    "pair": ("fleet.cli.pair", "failover: two agents of which one is active"),
    "mcp": ("fleet.cli.mcp", "the fleet's tools for an agent at the helm (MCP)"),
    "monitor": ("fleet.cli.monitor", "snapshot and stream of bus events"),
    "restore": ("fleet.cli.restore", "put a copy of the store back, or a whole home"),
    "schedule": ("fleet.cli.schedule", "units for cron, launchd and systemd"),
    "serve": ("fleet.cli.serve", "the hub daemon"),
    "site": ("fleet.cli.site", "the sites of a fleet with several brokers, and which are lost"),
    "status": ("fleet.cli.status", "the fleet at a glance, worst first"),
    "store": ("fleet.cli.store", "move the store of the home into PostgreSQL, or back"),
    "rollout": ("fleet.cli.rollout", "bring agents to a version in waves, and back"),
    "task": ("fleet.cli.task", "work for agents: submit, list, watch, cancel, approve"),
    "tck": ("fleet.cli.tck", "certify an agent or sidecar: the conformance kit"),
    "token": ("fleet.cli.token", "bearer tokens for HTTP: create, list, revoke"),
    "validate": ("fleet.cli.validate", "judge payloads against the contract"),
    "version": ("fleet.cli.version", "what runs here: fleet, its hub, Python, packages"),
    "verify": ("fleet.cli.verify", "hold what the bus claims against Docker or systemd"),
}
"""Command name → module that holds a click command of that name, and its line of help."""


EXTRAS: Final = {
    "apprise": "notify",
    "mcp": "mcp",
    "opentelemetry": "otel",
    "phonenumbers": "audit",
    "psycopg": "postgres",
    "psycopg_pool": "postgres",
    "stdnum": "audit",
    "textual": "tui",
}
"""Package → the extra that brings it, where that is not `hub`."""

INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""


class LazyGroup(click.Group):
    """Imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        illustrate(command, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, so that help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="fleet %(version)s")
def fleet() -> None:
    """See, alert and command a fleet of AI agents. Operations yes, context no.

    Settings: flags, then FLEET_* in the environment, then fleet.toml in FLEET_HOME.
    """


def run(
    arguments: list[str] | None = None, *, name: str = "fleet", command: Sequence[str] = ()
) -> int:
    """Run `fleet`, or the `command` of it that a program called `name` stands for; the exit code.
    Usage errors are 3: cron and Nagios read 2 as CRITICAL."""
    meant: click.Command = fleet
    for word in command:
        assert isinstance(meant, click.Group)  # noqa: S101 - our own table of programs
        found = meant.get_command(click.Context(meant), word)
        assert found is not None  # noqa: S101 - as above
        meant = found
    return run_command(meant, name, arguments)


def run_command(command: click.Command, name: str, arguments: list[str] | None = None) -> int:
    """Run a click command with our habits: exit codes, errors with a remedy, no traceback."""
    try:
        code: Any = command.main(arguments, prog_name=name, standalone_mode=False)
    except NoArgsIsHelpError as error:
        return _complain(error.format_message())
    except click.UsageError as error:
        return _complain(
            str(wrong_call(error, name, command, sys.argv[1:] if arguments is None else arguments))
        )
    except click.ClickException as error:
        return _complain(error.format_message())
    except FleetError as error:
        return _complain(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        return _complain(str(_missing_package(error)))
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except OSError as error:
        told = of_disk(error)
        if told is None:
            raise
        return _complain(str(told), told.exit_code)
    return code if isinstance(code, int) else 0


def _missing_package(error: ModuleNotFoundError) -> FleetError:
    """The base install is what runs beside an agent; most of `fleet` needs the extra `hub`.

    Raises:
        ModuleNotFoundError: the module is our own, so this is a defect and no missing extra.
    """
    package = (error.name or "").partition(".")[0]
    if package in ("", "fleet", "agent_sidecar"):
        raise error
    extra = EXTRAS.get(package, "hub")
    return FleetError(
        "this command needs more than the base install",
        f"the package {package} is not installed",
        f"pip install 'fleet-control-plane[{extra}]'",
    )


def _complain(text: str, code: int = FleetError.exit_code) -> int:
    sys.stderr.write(f"{text}\n")
    return code
