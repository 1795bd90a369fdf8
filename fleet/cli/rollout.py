"""`fleet rollout`: bring agents to a version, in waves, and back where it does not do."""

from __future__ import annotations

import re
import sys
import time
from typing import Any, Final
from urllib.parse import quote

import click

from fleet.cli import rollout_output
from fleet.cli.agent_names import complete_agents
from fleet.cli.common import (
    clear_screen,
    note,
    say,
    table,
    with_output,
    with_settings,
    write_json,
    write_jsonl,
)
from fleet.cli.time_types import Seconds
from fleet.contract import patterns
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind
from fleet.domain.rollout import plan as defaults
from fleet.domain.rollout.plan import OnAbort
from fleet.hub_client import HubClient
from fleet.settings import Settings

KINDS: Final = click.Choice([kind.value for kind in Kind])
ON_ABORT: Final = click.Choice([word.value for word in OnAbort])
PAUSE: Final = 2.0
"""Seconds between looks of `--watch`."""
UNDONE: Final = 1
"""Exit code of a watched rollout that did not bring everybody to the version."""

with_hub = with_settings("home", "hub", "hub_token_file", "ca_file")


@click.group()
def rollout() -> None:
    """Bring agents to a version in waves. What an update does is configured beside each agent."""


@rollout.command()
@click.option("--to", "version", required=True, metavar="VERSION", help="What is to run.")
@click.option(
    "--agent", "agents", multiple=True, metavar="NAME", help="This one; may be repeated.",
    shell_complete=complete_agents,
)  # fmt: skip
@click.option("--group", help="Agents of this group.")
@click.option("--kind", type=KINDS, metavar="KIND", help="Agents of this kind, as openclaw.")
@click.option("--again", is_flag=True, help="Also who refused this version, or failed with it.")
@click.option("--waves", default=defaults.WAVES, show_default=True, help="Numbers and shares.")
@click.option(
    "--max-unavailable", type=click.IntRange(1), default=1, show_default=True,
    help="Agents that are down for it at a time.",
)  # fmt: skip
@click.option(
    "--abort", default=defaults.ABORT, show_default=True,
    help="Share that failed, and how many must have ended.",
)  # fmt: skip
@click.option("--on-abort", type=ON_ABORT, default="stop", show_default=True, help="What then.")
@click.option("--verify", type=Seconds(), default="5m", show_default=True, help="To run and work.")
@click.option("--soak", type=Seconds(), default="30m", show_default=True, help="To go on working.")
@click.option(
    "--timeout", type=Seconds(), default="1h", show_default=True, help="To be away, or to answer."
)
@click.option("--id", "rollout_id", metavar="ULID", help="Its id, so that a retry is the same one.")
@click.option("--dry-run", is_flag=True, help="Say who would be updated; keep nothing.")
@with_output("text", "json")
@with_hub
def create(settings: Settings, dry_run: bool, output: str, **asked: Any) -> None:
    """Make a draft: who, from which version, in which wave; its id is the last line."""
    from fleet.contract.timestamps import ulid

    body = {
        "id": asked["rollout_id"] or ulid(time.time()),
        "version": asked["version"],
        "agents": list(asked["agents"]),
        "dry_run": dry_run,
    }
    names = ("again", "waves", "max_unavailable", "abort", "on_abort", "verify", "soak", "timeout")
    body |= {name: asked[name] for name in names}
    body |= {name: asked[name] for name in ("group", "kind") if asked[name]}
    hub = HubClient.needed(settings)
    found = hub.post("/v1/rollouts", body)
    with hub.reading():
        if output == "json":
            write_json(found)
            return
        rollout_output.show(found)
        if dry_run:
            note("nothing was kept; the same without --dry-run makes a draft")
        else:
            note("whether an agent can go back is known beside it: [update] in its work file")
            note(f"fleet rollout start {found['id']}")
            say(str(found["id"]))


@rollout.command("list")
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@with_output("table", "json", "jsonl")
@with_hub
def list_(settings: Settings, limit: int, output: str) -> None:
    """Rollouts, newest first."""
    hub = HubClient.needed(settings)
    found = hub.get(f"/v1/rollouts?limit={limit}")
    with hub.reading():
        if output == "json":
            write_json(found)
        elif output == "jsonl":
            write_jsonl(found["rollouts"])
        elif found["rollouts"]:
            rows = [rollout_output.row(one) for one in found["rollouts"]]
            click.echo(table(rollout_output.HEADINGS, rows))
        else:
            note("no rollout")


@rollout.command()
@click.argument("rollout_id", metavar="ID")
@click.option("-w", "--watch", is_flag=True, help="Until it is over; exit 1 unless all run it.")
@with_output("text", "json")
@with_hub
def status(settings: Settings, rollout_id: str, watch: bool, output: str) -> None:
    """Where each agent of a rollout is."""
    hub = HubClient.needed(settings)
    last = ""
    while True:
        found = hub.get(_address(rollout_id))
        with hub.reading():
            over = rollout_output.is_over(found)
            last = _look(found, output, last, watch=watch)
            good = rollout_output.is_good(found)
        if over and watch:
            click.get_current_context().exit(0 if good else UNDONE)
        if not watch:
            return
        time.sleep(PAUSE)


@rollout.command()
@click.argument("rollout_id", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Show what would begin; begin nothing.")
@with_output("text", "json")
@with_hub
def start(settings: Settings, rollout_id: str, dry_run: bool, output: str) -> None:
    """Open the first wave of a draft."""
    _say(settings, rollout_id, "start", dry_run=dry_run, output=output)


@rollout.command()
@click.argument("rollout_id", metavar="ID")
@with_hub
def pause(settings: Settings, rollout_id: str) -> None:
    """Ask nobody new; what was begun goes on."""
    _say(settings, rollout_id, "pause")


@rollout.command()
@click.argument("rollout_id", metavar="ID")
@with_hub
def resume(settings: Settings, rollout_id: str) -> None:
    """Let a paused one go on."""
    _say(settings, rollout_id, "resume")


@rollout.command()
@click.argument("rollout_id", metavar="ID")
@click.option("--on-abort", type=ON_ABORT, help="What of those changed; default: as planned.")
@with_hub
def abort(settings: Settings, rollout_id: str, on_abort: str | None) -> None:
    """End it: the rest stays untouched."""
    _say(settings, rollout_id, "abort", {"on_abort": on_abort} if on_abort else {})


@rollout.command()
@click.argument("rollout_id", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Show who would go back; begin nothing.")
@with_output("text", "json")
@with_hub
def rollback(settings: Settings, rollout_id: str, dry_run: bool, output: str) -> None:
    """End it, and bring back what it changed; ways back that failed are tried once more."""
    _say(settings, rollout_id, "rollback", dry_run=dry_run, output=output)


def _say(
    settings: Settings,
    rollout_id: str,
    step: str,
    body: dict[str, Any] | None = None,
    *,
    dry_run: bool = False,
    output: str = "text",
) -> None:
    hub = HubClient.needed(settings)
    if dry_run:
        found = hub.get(_address(rollout_id))
        with hub.reading():
            write_json(found) if output == "json" else rollout_output.show(found)
            note(f"nothing was begun; the same without --dry-run does {step} it")
        return
    found = hub.post(f"{_address(rollout_id)}/{step}", body or {})
    with hub.reading():
        if output == "json":
            write_json(found)
        note(f"rollout {rollout_id} is {found['state']}; fleet rollout status -w {rollout_id}")


def _look(found: dict[str, Any], output: str, last: str, *, watch: bool) -> str:
    """Show it: again and again in place on a terminal, elsewhere where something changed."""
    seen = repr([(one["agent"], one["state"]) for one in found["agents"]] + [found["state"]])
    if output == "json":
        if seen != last:
            write_json(found)
        return seen
    terminal = sys.stdout.isatty()
    if watch and terminal:
        clear_screen()
    if seen != last or (watch and terminal):
        rollout_output.show(found)
    return seen


def _address(rollout_id: str) -> str:
    if not re.fullmatch(patterns.ULID, rollout_id):
        why = "it is a ULID: 26 digits and capital letters"
        raise ConfigError(f"{rollout_id!r} is no id of a rollout", why, "fleet rollout list")
    return f"/v1/rollouts/{quote(rollout_id, safe='')}"
