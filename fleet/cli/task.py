"""`fleet task`: hand work to agents, see it, call it off, decide it. Content is files."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import click

from fleet.cli import work_output
from fleet.cli.agent_names import complete_agents
from fleet.cli.common import note, say, table, with_output, with_settings, write_json, write_jsonl
from fleet.cli.time_types import Seconds
from fleet.contract import patterns
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import TaskState
from fleet.hub_client import HubClient, HubError
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.domain.work.task import Descriptor

FILES: Final = click.Path(dir_okay=False, path_type=Path)
STATES: Final = click.Choice([state.value for state in TaskState])
PRIORITIES: Final = click.Choice([priority.value for priority in Priority])

LOOKS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between looks at a task that is waited for; then the last one again and again."""

UNDONE: Final = 1
"""Exit code of a wait whose task ended otherwise than completed."""

with_hub = with_settings("home", "hub", "hub_token_file", "ca_file")


@click.group()
def task() -> None:
    """Work for agents: submit, list, watch, cancel, approve. Ids and states, never content."""


@task.command()
@click.argument("kind")
@click.option("--to", help="This agent; else any of the group that can do KIND.")
@click.option("--group", help="Whose work it is; default: the group of --to.")
@click.option("--in", "files", multiple=True, type=FILES, metavar="FILE", help="What it works on.")
@click.option(
    "--context", help="The session whose board it uses; default: that of --after, else a new one."
)
@click.option("--after", multiple=True, metavar="ID", help="Only when this task has completed.")
@click.option("--id", "task_id", metavar="ULID", help="Its id, so that a retry is the same task.")
@click.option("--priority", type=PRIORITIES, default="normal", show_default=True)
@click.option("--ttl", type=Seconds(), default="7d", show_default=True, help="How long it lives.")
@click.option("--timeout", type=Seconds(), default="1h", show_default=True, help="Of an attempt.")
@click.option("--max-attempts", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--wait", is_flag=True, help="Until it has ended; exit 1 unless it completed.")
@with_output("text", "json")
@with_hub
def submit(settings: Settings, wait: bool, output: str, **asked: Any) -> None:
    """Submit a task of KIND; its id is the last line."""
    from fleet.contract.timestamps import ulid

    if not asked["to"] and not asked["group"]:
        raise click.UsageError("--to AGENT or --group NAME says whose work it is")
    hub = HubClient.needed(settings)
    task_id = asked["task_id"] or ulid(time.time())
    context = asked["context"] or _context_of(hub, asked["after"]) or task_id
    where = {"context": context} | {k: asked[k] for k in ("group", "to") if asked[k]}
    body = {
        "id": task_id,
        "context": context,
        "kind": asked["kind"],
        "input": [_json(one) for one in _uploaded(hub, asked["files"], where)],
        "after": list(asked["after"]),
        "priority": asked["priority"],
        "ttl": asked["ttl"],
        "timeout": asked["timeout"],
        "max_attempts": asked["max_attempts"],
    } | {name: asked[name] for name in ("to", "group") if asked[name]}
    found = hub.post("/v1/tasks", body)
    with hub.reading():
        made = str(found["id"])
    if wait:
        _wait(hub, made, output)
    elif output == "json":
        write_json(found)
    else:
        note(f"context {context}; fleet task watch {made}")
        say(made)


@task.command("list")
@click.option(
    "--state", "states", multiple=True, type=STATES, metavar="STATE", help="In one of these."
)
@click.option("--group", help="Of this group.")
@click.option("--context", help="Of this session.")
@click.option("--agent", help="For it, or held by it.", shell_complete=complete_agents)
@click.option("--open", "is_open", is_flag=True, help="Those that have not ended.")
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True)
@with_output("table", "json", "jsonl")
@with_hub
def list_(
    settings: Settings, states: tuple[str, ...], is_open: bool, limit: int, output: str, **of: Any
) -> None:
    """Tasks, newest first."""
    unended = [state.value for state in TaskState if state.value not in work_output.FINAL_WORDS]
    hub = HubClient.needed(settings)
    wanted = [("state", state) for state in (*states, *(unended if is_open else ()))]
    wanted += [(name, value) for name, value in of.items() if value]
    found: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None and len(found) < limit:
        page = [("limit", str(min(1000, limit - len(found)))), *wanted]
        page += [("cursor", cursor)] if cursor else []
        answer = hub.get(f"/v1/tasks?{urlencode(page)}")
        with hub.reading():
            found += answer["tasks"]
            cursor = answer["next"]
    with hub.reading():
        if output == "json":
            write_json({"tasks": found})
        elif output == "jsonl":
            write_jsonl(found)
        elif found:
            click.echo(table(work_output.HEADINGS, [work_output.row(one) for one in found]))
        else:
            note("no such task")
    if cursor:
        note(f"these are the newest {limit}: -n for more")


@task.command()
@click.argument("task_id", metavar="ID")
@with_output("text", "json")
@with_hub
def show(settings: Settings, task_id: str, output: str) -> None:
    """One task: state, holder, attempts, digests."""
    hub = HubClient.needed(settings)
    found = hub.get(_address(task_id))
    _show(hub, found, output)


@task.command()
@click.argument("task_id", metavar="ID")
@with_output("text", "json")
@with_hub
def watch(settings: Settings, task_id: str, output: str) -> None:
    """Follow a task until it has ended; exit 1 unless it completed."""
    _wait(HubClient.needed(settings), task_id, output)


@task.command()
@click.argument("task_id", metavar="ID")
@click.option("-d", "--directory", type=click.Path(file_okay=False, path_type=Path), required=True)
@with_hub
def result(settings: Settings, task_id: str, directory: Path) -> None:
    """Write the outputs of a task to new files of a directory: 0, 1, … as it named them."""
    from fleet import hub_content

    hub = HubClient.needed(settings)
    found = hub.get(_address(task_id))
    with hub.reading():
        outputs = [work_output.descriptor(one) for one in found["output"]]
        context = str(found["context"])
    if not outputs:
        again = found["state"] in work_output.FINAL_WORDS
        remedy = f"fleet task retry {task_id}" if again else f"fleet task watch {task_id}"
        raise ConfigError(f"task {task_id} has no output", f"it is {found['state']}", remedy)
    with work_output.byte_bar("download", sum(one.size for one in outputs)) as moved:
        for number, one in enumerate(outputs):
            path = directory / f"{number}{hub_content.SUFFIXES.get(one.media_type, '')}"
            hub_content.save(hub, one, context, path, moved)
            say(str(path))


@task.command()
@click.argument("task_ids", metavar="ID...", nargs=-1, required=True)
@with_hub
def cancel(settings: Settings, task_ids: tuple[str, ...]) -> None:
    """Call tasks off: at once where nobody works at them, else when their worker has ended."""
    _each(settings, task_ids, "cancel")


@task.command()
@click.argument("task_ids", metavar="ID...", nargs=-1, required=True)
@with_hub
def retry(settings: Settings, task_ids: tuple[str, ...]) -> None:
    """Give tasks that ended badly another life, with all their attempts."""
    _each(settings, task_ids, "retry")


@task.command("input")
@click.argument("task_id", metavar="ID")
@click.option("--in", "files", multiple=True, type=FILES, metavar="FILE", required=True)
@with_hub
def input_(settings: Settings, task_id: str, files: tuple[Path, ...]) -> None:
    """Answer a task that is input-required, with files."""
    hub = HubClient.needed(settings)
    found = hub.get(_address(task_id))
    with hub.reading():
        context = str(found["context"])
    more = _upload(hub, files, {"context": context})
    answer = hub.post(f"{_address(task_id)}/input", {"input": [_json(one) for one in more]})
    with hub.reading():
        note(f"{task_id} is {answer['state']}")


@task.command()
@click.argument("task_id", metavar="ID")
@click.option("--refuse", is_flag=True, help="Reject it instead.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@with_hub
def approve(settings: Settings, task_id: str, refuse: bool, yes: bool) -> None:
    """Let an agent's task for another group begin, after a look at who asks whom for what.

    Copies of the named inputs go to that group, and what it makes of them goes back.
    """
    hub = HubClient.needed(settings)
    found = hub.get(_address(task_id))
    with hub.reading():
        if found["state"] != TaskState.AUTH_REQUIRED:
            remedy = f"fleet task show {task_id}"
            raise ConfigError(
                f"task {task_id} needs no approval", f"it is {found['state']}", remedy
            )
        note(f"{found['by']} asks {found['to'] or 'anybody'} of {found['group']}: {found['kind']}")
        for one in found["input"]:
            note(f"  {one['digest']} {one['size']} bytes {one['media_type']}")
        if not refuse:
            note("copies of these go to that group, and what it makes of them goes back")
    if not yes:
        click.confirm("refuse it?" if refuse else "let it?", abort=True, err=True)
    answer = hub.post(f"{_address(task_id)}/approve", {"approved": not refuse})
    with hub.reading():
        note(f"{task_id} is {answer['state']}")


def _address(task_id: str) -> str:
    if not re.fullmatch(patterns.ULID, task_id):
        why = "it is a ULID: 26 digits and capital letters"
        raise ConfigError(f"{task_id!r} is no id of a task", why, "fleet task list")
    return f"/v1/tasks/{quote(task_id, safe='')}"


def _context_of(hub: HubClient, after: tuple[str, ...]) -> str:
    """The session of what a task waits for; a task waits for those of its own session alone."""
    if not after:
        return ""
    found = hub.get(_address(after[0]))
    with hub.reading():
        return str(found["context"])


def _each(settings: Settings, task_ids: tuple[str, ...], step: str) -> None:
    hub = HubClient.needed(settings)
    for task_id in task_ids:
        answer = hub.post(f"{_address(task_id)}/{step}", {})
        with hub.reading():
            asked = ", cancel is asked" if answer["cancel"] and not answer["ended"] else ""
            note(f"{task_id} is {answer['state']}{asked}")


def _json(one: Descriptor) -> dict[str, Any]:
    return {"digest": one.digest, "size": one.size, "media_type": one.media_type.value}


def _uploaded(hub: HubClient, files: tuple[Path, ...], where: dict[str, str]) -> list[Descriptor]:
    """An agent that asks another group sends what it names for a session of its own: a copy goes
    over the wall once a person has approved the task."""
    from fleet.contract.timestamps import ulid

    try:
        return _upload(hub, files, where)
    except HubError as error:
        if error.code != "foreign-group":
            raise
    return _upload(hub, files, {"context": ulid(time.time())})


def _upload(hub: HubClient, files: tuple[Path, ...], where: dict[str, str]) -> list[Descriptor]:
    from fleet import hub_content

    described = [(path, hub_content.describe(path)) for path in files]
    with work_output.byte_bar("upload", sum(one.size for _, one in described)) as moved:
        for path, one in described:
            hub_content.upload(hub, path, one, where, moved)
    return [one for _, one in described]


def _wait(hub: HubClient, task_id: str, output: str) -> None:
    looks = iter(LOOKS)
    with work_output.task_bar(task_id) as show_bar:
        while True:
            found = hub.get(_address(task_id))
            with hub.reading():
                show_bar(found)
                if found["state"] in work_output.FINAL_WORDS:
                    break
            time.sleep(next(looks, LOOKS[-1]))
    _show(hub, found, output)
    click.get_current_context().exit(0 if found["state"] == TaskState.COMPLETED else UNDONE)


def _show(hub: HubClient, found: dict[str, Any], output: str) -> None:
    with hub.reading():
        if output == "json":
            write_json(found)
            return
        say(f"task {found['id']}")
        for what, value in work_output.detail(found):
            say(f"  {what:<9} {value}")
