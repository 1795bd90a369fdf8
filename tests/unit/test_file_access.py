"""Files are made, changed and removed by few hands: `trusted_path` where a path is ours alone,
descriptors where others write too. Whoever else does it stands here with a reason.

Read from the source with `ast`; what a library does by itself, as SQLite does, is not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.unit.test_import_flow import FILES, tree

CHANGES: Final = frozenset(
    {
        "chmod", "chown", "copyfile", "hardlink_to", "link", "link_to", "makedirs", "mkdir",
        "mkstemp", "move", "rename", "replace", "rmdir", "rmtree", "symlink", "symlink_to", "touch",
        "truncate", "unlink", "utime", "write_bytes", "write_text",
    }
)  # fmt: skip
READS: Final = frozenset({"open", "read_bytes", "read_text"})

BY_DESIGN: Final = {
    "fleet/contract/trusted_path.py": "the primitives",
    "agent_sidecar/drop/shared_folder.py": "the primitives for a folder that others write",
}
MAY_CHANGE: Final = {
    "agent_sidecar/drop/publish.py": "the agent's side: its own user, one new file by O_EXCL",
    "agent_sidecar/lease.py": "dates alone: of an open file, or of what is no link",
    "agent_sidecar/pair/former_name.py": "a name, of what another sidecar of ours kept",
    "agent_sidecar/state/database.py": "in the state directory, which its lock has judged",
    "agent_sidecar/supervise/terminal.py": "/dev/tty",
    "agent_sidecar/supervise/watchdog.py": "/dev/null",
    "agent_sidecar/work/collect.py": "a worker's files, by descriptor, no link followed",
    "agent_sidecar/work/fake_hub.py": "a descriptor that was given",
    "agent_sidecar/work/kept_results.py": "a date and a name, of a folder of our own",
    "agent_sidecar/work/leftovers.py": "notes, in our own state directory",
    "agent_sidecar/work/supervisor.py": "/dev/null and /proc",
    "agent_sidecar/work/update/attempt.py": "an order on its way, in memory",
    "agent_sidecar/work/update/commands.py": "what a command says, in a file without a name",
    "agent_sidecar/work/update/ready.py": "versions of a package, in the folder that is for them",
    "agent_sidecar/work/update/recovery.py": "names, of what another sidecar of ours kept",
    "agent_sidecar/work/task_folder.py": "a new folder of our own; what is in it by descriptor",
    "fleet/__main__.py": "/dev/null",
    "fleet/auditor/report/archive.py": "a report that its log could not take, in the home",
    "fleet/auditor/capture/recorder.py": "old captures, in a folder that was judged when opened",
    "fleet/bus/shared_client_id.py": "its own word, in the home",
    "fleet/bus/local_broker.py": "its log, in a folder that was judged",
    "fleet/cli/backup.py": "old copies, in a folder that was judged",
    "fleet/cli/demo/agent.py": "in a new temporary folder",
    "fleet/cli/demo/crew/coordinate.py": "a worker, in the folder that its sidecar made",
    "fleet/cli/demo/stage.py": "in a new temporary folder",
    "fleet/cli/demo/swarm.py": "in a new temporary folder",
    "fleet/contract/work_folder.py": "a new folder of its own, and those that dead ones left",
    "fleet/contract/generate.py": "a developer's tool",
    "fleet/home/archive.py": "reads, and follows no link",
    "fleet/home/backup.py": "a rename out of a new private folder",
    "fleet/home/restore.py": "in a folder that was empty, judged and ours",
    "fleet/hub_content.py": "a file that it has just made, and that is not whole",
    "fleet/hub_client.py": "hub.json, in the home, which the settings have judged",
    "fleet/keys.py": "old keys, in the home",
    "fleet/mcp/action_log.py": "its own file turned over, in the home",
    "fleet/metrics/reference.py": "a developer's tool",
    "fleet/pending_departures.py": "departures.json, in the home",
    "fleet/notifier/kept_files.py": "what a route kept that is none any more, in the home",
    "fleet/provisioning/certificates.py": "old certificates, in the home",
    "fleet/provisioning/each_broker.py": "a secret that is no longer owed, in the home",
    "fleet/provisioning/home.py": "the home itself, after it was judged",
    "fleet/provisioning/scaffold.py": "in the folder that it has just made",
    "fleet/work/blobs.py": "content, by descriptors of folders in the home; no link is followed",
    "fleet/store/sqlite/backup.py": "a rename out of a new private folder",
    "fleet/store/sqlite/moved.py": "the note of a move that was taken back, in the home",
    "fleet/store/sqlite/restore.py": "the store, in the home",
    "fleet/store/sqlite/transfer.py": "the home's folder, to have a rename on the disk",
}
MAY_READ: Final = {
    "agent_sidecar/one_shot.py": "in the state directory, which its lock has judged",
    "agent_sidecar/machine_time.py": "/proc",
    "agent_sidecar/pair/former_name.py": "/proc",
    "agent_sidecar/probes/limits.py": "/proc and /sys",
    "agent_sidecar/probes/pid_namespace.py": "/proc",
    "agent_sidecar/probes/processes.py": "/proc",
    "agent_sidecar/state/origin.py": "/etc/machine-id",
    "agent_sidecar/state/self_report.py": "in the state directory",
    "agent_sidecar/supervise/process_table.py": "/proc",
    "agent_sidecar/supervise/terminal.py": "/dev/tty",
    "agent_sidecar/supervise/watchdog.py": "/dev/null",
    "agent_sidecar/work/collect.py": "a worker's files, by descriptor, no link followed",
    "agent_sidecar/work/descendants.py": "/proc",
    "agent_sidecar/work/update/attempt.py": "an order on its way, in memory",
    "agent_sidecar/work/update/commands.py": "what a command says, in a file without a name",
    "agent_sidecar/work/update/ready.py": "what a package says of itself, in the folder for it",
    "agent_sidecar/work/fake_hub.py": "a descriptor that was given",
    "agent_sidecar/work/supervisor.py": "/dev/null and /proc",
    "agent_sidecar/work/task_folder.py": "a worker's folder, by descriptor, no link followed",
}
"""Of the sidecar, which may run as root beside an agent that is another user."""


def called(path: Path, names: frozenset[str]) -> Iterator[str]:
    """Calls in `path` of a function or method of one of these names, on a file."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id="open") if "open" in names or _writes(node):
                yield "open"
            case ast.Attribute(attr="open", value=ast.Name(id="os")):
                yield "os.open"
            case ast.Attribute(attr="open") if _opens_a_path(node) and (
                "open" in names or _writes(node)
            ):
                yield "open"
            case ast.Attribute(attr="replace") if "replace" in names and not _renames(node):
                continue  # of a text, a moment or a dataclass
            case ast.Attribute(attr="rename", value=owner) if "rename" in names and (
                not _renames(node) and ast.unparse(owner) != "os"
            ):
                continue  # of an agent: old name, new name
            case ast.Attribute(attr=name, value=owner) if name in names - {"open"}:
                if ast.unparse(owner) != "trusted_path":
                    yield name


def _mode(node: ast.Call) -> str:
    words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return next((word for word in words if set(word) <= set("rwabxt+")), "")


def _writes(node: ast.Call) -> bool:
    return bool(set(_mode(node)) & set("wax+"))


def _opens_a_path(node: ast.Call) -> bool:
    """Stores, buses and links are opened too, but not with a mode."""
    return bool(_mode(node))


def _renames(node: ast.Call) -> bool:
    return len(node.args) == 1 and not node.keywords


def changing() -> set[str]:
    return {str(p) for p in FILES if any(called(p, CHANGES))}


def reading() -> set[str]:
    sidecar = [path for path in FILES if path.is_relative_to("agent_sidecar")]
    return {str(path) for path in sidecar if any(called(path, READS))}


def test_only_those_with_a_reason_change_files_by_themselves() -> None:
    assert changing() - BY_DESIGN.keys() == MAY_CHANGE.keys()


def test_only_those_with_a_reason_read_files_by_themselves_in_the_sidecar() -> None:
    assert reading() - BY_DESIGN.keys() - {"agent_sidecar/drop/publish.py"} == MAY_READ.keys()


def test_the_search_sees_every_way_to_touch_a_file(tmp_path: Path) -> None:
    source = tmp_path / "sample.py"
    source.write_text(
        "p.write_text(x)\np.open('w')\nopen(p, 'ab')\nos.open(p, f)\np.replace(q)\n"
        "shutil.rmtree(p)\nos.unlink(p)\np.mkdir()\np.rename(q)\nos.rename(p, q)\n"
        "# none of these\nt.replace('a', 'b')\nd.replace(x=1)\nroster.rename(a, b)\n"
        "store.open()\np.open('rb')\n"
        "trusted_path.write_text(p, x)\nreplace(d, x=1)\n"
    )
    found = list(called(source, CHANGES))
    assert found == [
        "write_text", "open", "open", "os.open", "replace", "rmtree", "unlink", "mkdir",
        "rename", "rename",
    ]  # fmt: skip
    assert list(called(source, READS)) == ["open", "open", "os.open", "open"]
