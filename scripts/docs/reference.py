"""The reference pages, made from code: `python scripts/docs/reference.py` writes `docs/reference/`.

The page of metrics has its own maker, `python -m fleet.metrics.reference`. A test makes every
page again and compares.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from agent_sidecar.cli import cli as agent_sidecar
from agent_sidecar.kinds import situations
from agent_sidecar.kinds.planes import PLANES
from agent_sidecar.settings import CORE, PAIR, PROBES, WORK
from fleet.cli.main import fleet
from fleet.contract import vocabulary
from fleet.contract.limits import MAX_PAYLOAD
from fleet.contract.topics import Topics
from fleet.domain import severities
from fleet.mcp.runbooks import STEPS
from fleet.settings import SETTINGS
from fleet.settings_tables import TABLES
from fleet.toolkit import TOOLS

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"
MADE: Final = "<!-- Made by: python scripts/docs/reference.py -->"
COMMON: Final = {f"--{s.name.replace('_', '-')}" for s in SETTINGS} | {"--help", "--no-color"}
"""Options that stand on the page of settings, or are everywhere the same."""


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; `head` has its columns divided by `|`."""
    columns = head.split("|")
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join(lines + [f"| {' | '.join(_cell(c) for c in row)} |" for row in rows])


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def commands(root: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """Every command below `root` that does something, with the words that call it."""
    if not isinstance(root, click.Group):
        yield " ".join(path), root
        return
    if root.invoke_without_command:
        yield " ".join(path), root
    context = click.Context(root, info_name=path[-1])
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        if command is not None:
            yield from commands(command, (*path, name))


def every_command() -> Iterator[tuple[str, click.Command]]:
    yield from commands(fleet, ("fleet",))
    yield from commands(agent_sidecar, ("agent-sidecar",))


def cli() -> str:
    """Commands, with their options."""
    names = ((f"`{tool}`", f"`fleet {' '.join(call)}`") for tool, call in sorted(TOOLS.items()))
    parts = [
        f"# Commands\n\n{MADE}\n\n"
        "Each command has `-h` and `--help`. Commands that show data take `-o` (`--output`) and\n"
        "`--no-color`; `NO_COLOR` does the same. Data goes to stdout, everything else to stderr.\n"
        "A wrong call exits with 3, as does every error that is no outcome; it says what, why and\n"
        "what to try. The options named under *Settings* are explained in\n"
        "[settings](settings.md).",
        "## Other names\n\n"
        + table("Name|Is", [*names, ("`bus-command-handler`", "`agent-sidecar handle`")])
        + "\n\n`bus-publish` is a shell script: [the one-liner](../how-to/one-liner.md).",
    ]
    for name, command in every_command():
        parts.append(_command(name, command))
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    pieces = command.collect_usage_pieces(context)
    help_text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    parts = [f"## {name}", f"    {' '.join((name, *pieces))}", help_text]
    rows, settings = [], []
    for parameter in command.get_params(context):
        if not isinstance(parameter, click.Option):
            continue
        long = max(parameter.opts, key=len)
        if long in COMMON and parameter.metavar == "VALUE":
            settings.append(f"`{long}`")
        elif long not in COMMON:
            record = parameter.get_help_record(context)
            rows.append((f"`{record[0]}`", record[1]) if record else (f"`{long}`", ""))
    if rows:
        parts.append(table("Option|Meaning", rows))
    if settings:
        parts.append(f"Settings: {' '.join(settings)}")
    if command.epilog:
        title, *examples = command.epilog.removeprefix("\b\n").splitlines()
        parts.append("\n".join([title, "", *(f"  {example}" for example in examples)]))
    return "\n\n".join(parts)


VARIABLES = """\
`${NAME}` in a file, and in a setting that comes from the environment, is what the environment holds
under NAME (capitals, digits and `_`); `${NAME:?}` is the same. A variable that is not set or empty
is an error with file and key. So a secret may stay where it is handed in: `fleet config show`,
`agent-sidecar check`, units and errors show `${NAME}`.

A path in `fleet.toml` that is not absolute begins at the home; of a flag or a
variable, where you stand."""


def settings() -> str:
    """Settings of the hub's programs and of the sidecar."""
    hub = (
        (f"`{s.name}`", f"`{s.variable}`", f"`{s.default}`" if s.default else "", s.meaning)
        for s in SETTINGS
    )

    tables = (
        (f"`[{t.name}{'.NAME' if t.named else ''}]`", f"`{key.name}`", key.kind, key.meaning)
        for t in TABLES
        for key in t.keys
    )

    def sidecar(names: Iterable[Any]) -> str:
        rows = (
            (f"`{n.variable}`", f"`{n.default}`" if n.default else "", n.meaning) for n in names
        )
        return table("Variable|Default|Meaning", rows)

    return f"""\
# Settings

{MADE}

## Of `fleet`

A flag comes before the environment, that before `fleet.toml` in the home, that before the default.
`fleet config show` says where each value came from. A flag is the name with `--` and dashes.

{VARIABLES}

{table("In fleet.toml|Variable|Default|Meaning", hub)}

### Tables of fleet.toml

A table or key that is none of these is an error, with its line and the one that was probably meant.
`fleet config check` reads everything that is configured and tells all that is wrong at once.

{table("Table|Key|Value|Meaning", tables)}

## Of `agent-sidecar` and `bus-publish`

They stand in `agent.env`: lines `KEY=VALUE`, never run as shell. The file is the one that
`FLEET_AGENT_ENV` names, else `~/.config/fleet/agent.env`, else `/etc/fleet/agent.env`. A flag comes
before the environment, that before the file. `agent-sidecar check` shows what is in force,
`agent-sidecar config check` tells all that is wrong at once.

The sidecar and `bus-publish` read the file, and systemd (`EnvironmentFile=`) and compose
(`env_file`) can. Each has a grammar of its own, so only what means the same to all of them is
taken; any other line is refused with its number:

| In the file | Taken | Refused |
|---|---|---|
| comments | a line that begins with `#` | after a value; one that ends with `\\` |
| `KEY=VALUE` | each key once | `export`, blanks beside `=`, a `FLEET_` key that is no setting |
| quotes | `'…'` or `"…"` round the whole value | round a part of it, open, or a `\\` anywhere |
| without quotes | printable ASCII, blanks within | `#`, quotes, a backtick, letters beyond ASCII |
| variables | `${{NAME}}`, also in `"…"` | `$NAME`, `${{NAME:-…}}`, in `'…'`, set by the file |
| lines | ended by LF; blanks around are nothing | CR LF, a byte order mark, control signs, NUL |
| text | UTF-8; in a comment anything | other bytes; a file of more than a megabyte |

A value that is not usable (an agent's name, a broker's address, a prefix of several levels) is
refused by both programs alike, with its line. In the environment, where other programs have names
of their own, what is nearly a setting (`FLEET_BROKR`) is a warning, of `config check`, `fleet
doctor` and a sidecar that starts.

{VARIABLES} `~/` at the beginning of a path is the user's home. `docker run --env-file` is no
reader of this file: it takes quotes for part of the value. Where compose reads the file, and in a
compose file itself, write `${{NAME:?}}`: compose puts the values in before we see them, and for
`${{NAME}}` without one it puts in nothing and goes on.

{sidecar(CORE)}

### Probes and thresholds

{sidecar(PROBES)}

### Work

What stands in the work file: [workers](../how-to/workers.md).

{sidecar(WORK)}

### Failover
What stands in the pair file: [failover](../how-to/failover.md).

{sidecar(PAIR)}
"""


def alerts() -> str:
    """A section a code: its meaning and what to do."""
    parts = [
        f"# Alert codes\n\n{MADE}\n\n"
        "The first list is published by agents and their sidecars, with a severity of their own;\n"
        "where a heartbeat merely lists a code it counts as a "
        f"{severities.UNSTATED}. The second is raised by the hub.\n"
        "`describe`, `forecast`, `versions` and `audit` are tools of [MCP](../how-to/mcp.md); a\n"
        "person takes `fleet status AGENT`, `fleet forecast`, `fleet status --drift` and\n"
        "`fleet audit report`. Verbs are sent\n"
        "with `fleet command VERB AGENT`."
    ]
    for title, codes in (
        ("By agents", vocabulary.AlertCode),
        ("By the hub", vocabulary.HubAlertCode),
    ):
        parts.append(f"## {title}")
        for code in codes:
            steps = "\n".join(f"{n}. {step}" for n, step in enumerate(STEPS[code], 1))
            meaning = code.meaning[:1].upper() + code.meaning[1:]
            parts.append(f"### {code}\n\n{meaning}.{_severity(code)}\n\n{steps}")
    return "\n\n".join(parts) + "\n"


def _severity(code: str) -> str:
    """How much a code of the hub's own table matters, as a sentence."""
    said = []
    if code in severities.SEVERITIES:
        said.append(f"`{severities.SEVERITIES[code]}`")
    if code in severities.AFTER_GOODBYE:
        said.append(f"`{severities.AFTER_GOODBYE[code]}` of an agent that said goodbye")
    if code in severities.OF_THE_HUB:
        said.append(f"`{severities.OF_THE_HUB[code]}` where it is the hub's own")
    return f" Severity: {', '.join(said)}." if said else ""


def http() -> str:
    """The routes of the hub, as its OpenAPI document tells them."""
    from fleet.api.app import create_app
    from fleet.tokens import Tokens

    no_backend: Any = None  # routes are listed, none is called
    document = create_app(no_backend, Tokens(Path())).openapi()
    rows = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            given = " ".join(f"`{p['name']}`" for p in operation.get("parameters", ()))
            what = operation.get("description") or operation["summary"]
            rows.append((f"`{method.upper()} {path}`", given, what.split("\n\n")[0]))
    return f"""\
# HTTP

{MADE}

The hub serves it at `FLEET_HTTP`. A caller shows `Authorization: Bearer TOKEN`, made by
`fleet token create`. `/healthz` and `/readyz` need none; for `/metrics` the role `scraper` is
enough, and may do nothing else. A browser's session is the cookie that
`POST /v1/session` sets, together with the secret that it answers, in `X-Session-Secret`; one
without the other is nobody. What a caller may hold
[is bounded](../how-to/hub-elsewhere.md#what-a-caller-may-hold). The whole description,
with bodies and answers, is at `GET /v1/openapi.json`. Errors are
`application/problem+json`. Free text is refused with 422 and the clause of the ADR. How to:
[an agent by curl](../how-to/agent-by-http.md).

{table("Route|Parameters|Does", rows)}
"""


def contract() -> str:
    """Topics and every word of the bus."""
    topics = Topics()
    parts = [
        f"# Words of the bus\n\n{MADE}\n\n"
        f"A payload is one JSON object of at most {MAX_PAYLOAD} bytes. The shapes, with examples,\n"
        "are the [JSON Schemas](../../schemas/). The law is\n"
        "[ADR-0005](../../adr/0005-scoped-bus.md).",
        "## Topics\n\n"
        + table(
            "Topic|Carries",
            (
                (f"`{topics.every(kind).replace('+', 'AGENT')}`", kind.meaning)
                for kind in vocabulary.MessageKind
            ),
        ),
    ]
    for name, enum in vars(vocabulary).items():
        if isinstance(enum, type) and issubclass(enum, vocabulary.Word) and len(enum):
            if enum in (vocabulary.MessageKind, vocabulary.AlertCode, vocabulary.HubAlertCode):
                continue
            rows = ((f"`{word.value}`", word.meaning) for word in enum)
            intro = inspect.cleandoc(enum.__doc__ or "")
            parts.append(f"## {name}\n\n{intro}\n\n{table('Word|Meaning', rows)}")
    parts.append("## AlertCode, HubAlertCode\n\nSee [alert codes](alerts.md).")
    return "\n\n".join(parts) + "\n"


def kinds() -> str:
    """What each kind of agent tells of each plane."""
    parts = [
        f"# Kinds of agents\n\n{MADE}\n\n"
        "Where each [plane](words.md#plane) comes from, in which releases that was seen, and\n"
        "which setting asks for it; without a setting it is on by itself. `unsupported`: this\n"
        "kind has no source of it, and nothing is told. The releases are those that\n"
        "tests run, or that were recorded. `FLEET_CONTAINER` and `FLEET_UNIT` add to\n"
        "`process` of any kind, and what the agent publishes itself to any plane. How to:\n"
        "[run a sidecar](../how-to/run-a-sidecar.md)."
    ]
    heads = "|".join(("Then", *situations.SEEN))
    parts.append(f"## What is told when\n\n{table(heads, situations.rows())}\n\n{situations.NOTES}")
    for kind in vocabulary.Kind:
        rows = []
        for plane in vocabulary.Plane:
            told = PLANES[kind].get(plane)
            if plane is vocabulary.Plane.BROKER:
                rows.append((f"`{plane}`", "the sidecar's own link", "all", ""))
            elif told is None:
                rows.append((f"`{plane}`", "unsupported", "", ""))
            else:
                asked = ", ".join(f"`{name}`" for name in told.asked.split(", ") if name)
                rows.append((f"`{plane}`", told.source, told.releases, asked))
        heading = f"## {kind}\n\n{kind.meaning}."
        parts.append(f"{heading}\n\n{table('Plane|From|Releases|Asked for by', rows)}")
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """File name → text."""
    return {
        "cli.md": cli(),
        "settings.md": settings(),
        "alerts.md": alerts(),
        "http.md": http(),
        "words.md": contract(),
        "kinds.md": kinds(),
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
