"""`fleet task`: hand work to agents, see it, call it off, decide it. Content is files."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import click

from fleet.cli import work_output, work_sending, work_types
from fleet.cli.agent_names import AgentName
from fleet.cli.common import note, say, table, with_output, with_settings, write_json, write_jsonl
from fleet.cli.time_types import Seconds
from fleet.cli.work_sending import described
from fleet.cli.work_types import GroupName, KindOfWork
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Priority
from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.limits import ATTEMPTS, TIMEOUTS, TTLS
from fleet.hub_client import AwayError, HubClient, HubError, UnavailableError
from fleet.settings import Settings

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
@click.argument("kind", type=KindOfWork())
@click.option("--to", type=AgentName(), help="This agent; else any of the group that can do KIND.")
@click.option("--group", type=GroupName(), help="Whose work it is; default: the group of --to.")
@click.option("--in", "files", multiple=True, type=FILES, metavar="FILE", help="What it works on.")
@click.option(
    "--context",
    type=work_types.CONTEXT,
    help="The session whose board it uses; default: that of --after, else a new one.",
)
@click.option("--after", multiple=True, type=work_types.TASK, metavar="ID",
              help="Only when this task has completed.")  # fmt: skip
@click.option("--id", "task_id", type=work_types.NEW, metavar="ULID",
              help="Its id, so that a retry is the same task.")  # fmt: skip
@click.option("--priority", type=PRIORITIES, default="normal", show_default=True)
@click.option(
    "--ttl", type=Seconds(*TTLS), default="7d", show_default=True, help="How long it lives."
)
@click.option("--timeout", type=Seconds(*TIMEOUTS), default="1h", show_default=True,
              help="Of an attempt.")  # fmt: skip
@click.option("--max-attempts", type=click.IntRange(*ATTEMPTS), default=3, show_default=True)
@click.option("--wait", is_flag=True, help="Until it has ended; exit 1 unless it completed.")
@with_output("text", "json")
@with_hub
def submit(settings: Settings, wait: bool, output: str, **asked: Any) -> None:
    """Submit a task of KIND; its id is the last line."""
    from fleet.contract.timestamps import ulid

    if not asked["to"] and not asked["group"]:
        raise click.UsageError("--to AGENT or --group NAME says whose work it is")
    if asked["task_id"] in asked["after"]:
        why = "--after names the very id of --id"
        raise ConfigError("a task does not wait for itself", why, "leave it out of --after")
    reach = partial(HubClient.needed, settings)
    hub = reach()
    task_id = asked["task_id"] or ulid(time.time())
    context = asked["context"] or _context_of(hub, asked["after"]) or task_id
    where = {"context": context} | {k: asked[k] for k in ("group", "to") if asked[k]}
    body = {
        "id": task_id,
        "context": context,
        "kind": asked["kind"],
        "input": [described(one) for one in work_sending.uploaded(reach, asked["files"], where)],
        "after": list(asked["after"]),
        "priority": asked["priority"],
        "ttl": asked["ttl"],
        "timeout": asked["timeout"],
        "max_attempts": asked["max_attempts"],
    } | {name: asked[name] for name in ("to", "group") if asked[name]}
    found = work_sending.submitted(reach, body)
    with hub.reading():
        made = str(found["id"])
    if wait:
        _wait(settings, made, output)
    elif output == "json":
        write_json(found)
    else:
        with hub.reading():
            asks = found["state"] == TaskState.AUTH_REQUIRED
        if asks:
            note(f"it is auth-required: a person lets it begin, by fleet task approve {made}")
        note(f"context {context}; fleet task watch {made}")
        say(made)


@task.command("list")
@click.option(
    "--state", "states", multiple=True, type=STATES, metavar="STATE", help="In one of these."
)
@click.option("--group", type=GroupName(), help="Of this group.")
@click.option("--context", type=work_types.CONTEXT, help="Of this session.")
@click.option("--agent", type=AgentName(), help="For it, or held by it.")
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
@click.argument("task_id", type=work_types.TASK, metavar="ID")
@with_output("text", "json")
@with_hub
def show(settings: Settings, task_id: str, output: str) -> None:
    """One task: state, holder, attempts, digests."""
    hub = HubClient.needed(settings)
    found = hub.get(_address(task_id))
    _show(hub, found, output)


@task.command()
@click.argument("task_id", type=work_types.TASK, metavar="ID")
@with_output("text", "json")
@with_hub
def watch(settings: Settings, task_id: str, output: str) -> None:
    """Follow a task until it has ended; exit 1 unless it completed."""
    _wait(settings, task_id, output)


@task.command()
@click.argument("task_id", type=work_types.TASK, metavar="ID")
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
    with work_output.byte_bar("download", sum(one.size for one in outputs)) as bar:
        for number, one in enumerate(outputs):
            path = directory / f"{number}{hub_content.SUFFIXES.get(one.media_type, '')}"
            hub_content.save(hub, one, context, path, bar.moved)
            say(str(path))


@task.command()
@click.argument("task_ids", type=work_types.TASK, metavar="ID...", nargs=-1, required=True)
@with_hub
def cancel(settings: Settings, task_ids: tuple[str, ...]) -> None:
    """Call tasks off: at once where nobody works at them, else when their worker has ended."""
    _each(settings, task_ids, "cancel")


@task.command()
@click.argument("task_ids", type=work_types.TASK, metavar="ID...", nargs=-1, required=True)
@with_hub
def retry(settings: Settings, task_ids: tuple[str, ...]) -> None:
    """Give tasks that ended badly another life, with all their attempts."""
    _each(settings, task_ids, "retry")


@task.command("input")
@click.argument("task_id", type=work_types.TASK, metavar="ID")
@click.option("--in", "files", multiple=True, type=FILES, metavar="FILE", required=True)
@with_hub
def input_(settings: Settings, task_id: str, files: tuple[Path, ...]) -> None:
    """Answer a task that is input-required, with files."""
    hub = HubClient.needed(settings)
    found = hub.get(_address(task_id))
    with hub.reading():
        context = str(found["context"])
    more = work_sending.upload(partial(HubClient.needed, settings), files, {"context": context})
    answer = hub.post(f"{_address(task_id)}/input", {"input": [described(one) for one in more]})
    with hub.reading():
        note(f"{task_id} is {answer['state']}")


@task.command()
@click.argument("task_id", type=work_types.TASK, metavar="ID")
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
    return f"/v1/tasks/{quote(task_id, safe='')}"


def _context_of(hub: HubClient, after: tuple[str, ...]) -> str:
    """The session of what a task waits for; a task waits for those of its own session alone."""
    if not after:
        return ""
    found = hub.get(_address(after[0]))
    with hub.reading():
        return str(found["context"])


def _each(settings: Settings, task_ids: tuple[str, ...], step: str) -> None:
    """One that is refused keeps none of the others; what is refused first is told last."""
    hub = HubClient.needed(settings)
    refused: list[HubError] = []
    for task_id in task_ids:
        try:
            answer = hub.post(f"{_address(task_id)}/{step}", {})
        except (AwayError, UnavailableError):
            raise
        except HubError as error:
            refused.append(error)
            continue
        with hub.reading():
            asked = ", cancel is asked" if answer["cancel"] and not answer["ended"] else ""
            note(f"{task_id} is {answer['state']}{asked}")
    for other in refused[:0:-1]:
        note(f"{other.what}: {other.why}")
    if refused:
        raise refused[0]


def _wait(settings: Settings, task_id: str, output: str) -> None:
    from fleet import hub_content

    looks = iter(LOOKS)
    hub = HubClient.needed(settings)

    def look() -> Any:  # one that was started again left another token at home
        return HubClient.needed(settings).get(_address(task_id))

    found = look()  # then a hub that is away is waited for
    with work_output.task_bar(task_id) as bar:
        while True:
            with hub.reading():
                bar.show(found)
                if found["state"] in work_output.FINAL_WORDS:
                    break
            time.sleep(next(looks, LOOKS[-1]))
            found = hub_content.insisted(look, bar.told)
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
