"""The table of kept files is whole: each name that the code gives to a file of its own stands in
it, or here with a reason. Read from the source with `ast`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.kept_files import FILES as KEPT
from tests.unit.test_import_flow import FILES, tree

OF_OTHERS: Final = (
    "agent_sidecar/kinds/", "agent_sidecar/probes/", "fleet/cli/demo/", "fleet/integrations/",
    "fleet/contract/generate.py", "fleet/metrics/reference.py", "fleet/api/routes/page.py",
    "fleet/provisioning/scaffold.py", "fleet/provisioning/snippets.py", "fleet/adr.py",
    "fleet/contract/schema_validator.py", "fleet/auditor/rules/wordlists.py",
    "agent_sidecar/work/update/ready.py",
)  # fmt: skip
"""Modules that name the files of agents, of a trial in a temporary folder, or of this repository,
or what they write for others."""

_A_LOCK: Final = "a lock as agents.lock: nothing stands in it, and fleet/lock.py holds them all"
_GIVEN: Final = "of the agent's side, written once by `join`; read as `secret` is, or by TLS"
_A_FOLDER: Final = "a folder"

ELSEWHERE: Final = {
    "reports.lock": _A_LOCK,
    "acl-proof.lock": _A_LOCK,
    "collect.lock": _A_LOCK,
    "client.key": _GIVEN,
    "http.key": "as ca/server.key; the hub reads both with OpenSSL, and makes them anew",
    "http.pem": "as ca/server.pem, by the same function",
    "client.pem": _GIVEN,
    "hub.token": _GIVEN,
    "pair": _A_FOLDER,
    "role": "read as every word of the sidecar's own is: a damaged one is named, and is no lease",
    "guard": "as role: a damaged one is named, and then there is no guard",
    "guarded": "a lock: nothing stands in it",
    "hub-heard": "as role: a damaged one is named, and the hub is one that was never heard",
    "update.json": "as role: a damaged one is named, and the update is one that nobody began",
    "snapshot": "what an agent's own command prints; handed back to its own command",
    ".config/fleet": _A_FOLDER,
    "backups": _A_FOLDER,
    "blobs": "a folder of content, held against its digest by whoever reads it",
    "owed": "a folder: secrets that a second broker is to get, read as every secret is",
    "data": "a folder of Mosquitto's own",
    "fleet": _A_FOLDER,
    "prometheus": _A_FOLDER,
    ".*": "a message of the drop directory before its name is given; only the other one is read",
    "*.plist": "a unit that the system reads",
    "*.json": "report-*.json of the audit, and the queue of a route, both there under a name",
    "broker.log": "of a broker that a trial starts for itself; only shown",
    "rumqttd.toml": "of a broker that a trial starts for itself; written before each start",
    "fleet-*.db": "copies of the store; `fleet backup` reads their names alone",
    "*.part": "the store as it is put back, which takes its place only whole",
    "**": "the store's name with SQLite's endings",
    "ack.key": "a key as audit-digest.key: both are read by fleet/own_key.py",
    "fleet.id": "as a key of the home's own: whole by its form, or refused with words",
    "home": "a copy in a temporary folder, on its way into a backup",
    "store": "a copy in a temporary folder, on its way into a backup",
    ".restoring": "a folder that becomes the home when it is whole",
    "adr": _A_FOLDER,
    "cmdline": "/proc",
    "cwd": "/proc",
    "pids.events": "of the kernel",
    "tasks": _A_FOLDER,
    "work": _A_FOLDER,
    "proof-*": _A_FOLDER,
    "in": _A_FOLDER,
    "out": _A_FOLDER,
    "blackboard": _A_FOLDER,
    "kept": "a folder of results that no hub took: content, for the next start or for people",
    ".claim": "of a result that is kept: a damaged one is named, and nobody hands that result over",
    "engine": "a folder, empty: no configuration for the client of a container engine",
    "canary": "of a proof, which writes it anew",
    "x": "of a proof, which looks whether it is there",
    ".progress": "a worker's, read as hostile; tests/unit/agent_sidecar/work has it",
    "*.log": "what the last worker of a kind said; written, and read by people alone",
}
"""Why a name is not in the table."""


@cache
def own(path: Path) -> Mapping[str, str]:
    """Texts that a module gives a name."""
    found: dict[str, str] = {}
    for node in tree(path).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                found[name] = text
            case ast.Assign(targets=[target], value=value):
                names, texts = (getattr(one, "elts", [one]) for one in (target, value))
                for one, text in zip(names, texts, strict=False):
                    if isinstance(one, ast.Name) and isinstance(text, ast.Constant):
                        found[one.id] = str(text.value)
    return found


def constants(path: Path) -> Mapping[str, str]:
    """Those, and what it imports of ours."""
    found = dict(own(path))
    for node in tree(path).body:
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        place = Path(node.module.replace(".", "/"))
        for name in node.names:
            here = name.asname or name.name
            if (source := place.with_suffix(".py")) in FILES and name.name in own(source):
                found[here] = own(source)[name.name]
            if (source := place / f"{name.name}.py") in FILES:
                found |= {f"{here}.{key}": text for key, text in own(source).items()}
    return found


def named(path: Path) -> Iterator[str]:
    """What is put behind a `/` in a module; `*` stands for what is made up at run time."""
    known = constants(path)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            match node.right:
                case ast.Constant(value=str(text)):
                    yield text
                case ast.JoinedStr(values=parts):
                    yield "".join(
                        str(p.value) if isinstance(p, ast.Constant) else "*" for p in parts
                    )
                case right if (name := ast.unparse(right)) in known:
                    yield known[name]


def test_each_file_that_the_code_names_is_in_the_table() -> None:
    parts = {part for kept in KEPT for part in Path(kept.path).parts}
    missing = {
        (str(path), name)
        for path in FILES
        if not str(path).startswith(OF_OTHERS)
        for name in named(path)
    }
    left = {one for one in missing if one[1] not in parts | ELSEWHERE.keys()}
    assert not left, "\n".join(map(str, sorted(left)))
    assert not ELSEWHERE.keys() - {name for _, name in missing}, "no longer named"
