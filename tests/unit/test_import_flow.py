"""Imports flow one way: contract → domain → hub → services → daemon → cli; nothing goes in circles.

Read from the source with `ast`, so that an import inside a function counts too. Imports under
`if TYPE_CHECKING:` name types and load nothing; they are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path.relative_to(ROOT)
    for package in ("fleet", "agent_sidecar")
    for path in (ROOT / package).rglob("*.py")
)
MQTT_CLIENTS = {"aiomqtt", "gmqtt", "mqtt5", "paho"}
HEAVY = {
    "aiomqtt", "fastapi", "orjson", "psycopg", "pydantic", "pydantic_core", "rich", "starlette",
    "yaml",
}  # fmt: skip
KEEPS_SQLITE = (
    "fleet/store/open.py",
    "fleet/store/move.py",
    "fleet/store/sqlite",
    "agent_sidecar/state",
    "agent_sidecar/kinds",
    "fleet/cli/demo",
)
"""The hub's store and the doors to it; the sidecar's own state; nanobot's log, and the demo's."""

KEEPS_POSTGRES = ("fleet/store/open.py", "fleet/store/move.py", "fleet/store/postgres")
"""The store of several hubs, and the doors to it, which import it only where it is chosen."""

IMPURE = {"asyncio", "os", "random", "secrets", "socket", "subprocess", "threading", "time"}


MODULES = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}

PARENTS = {path.parent.parent for path in FILES}
"""Folders that hold rooms."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not is_type_checking(child):
            yield from walk(child)


def imports(path: Path) -> Iterator[str]:
    """The dotted names that `path` imports; `from a import b` counts as `a.b`."""
    for node in walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import, which this test cannot place"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Every name that the code of `tree` uses or gives; what stands in texts is none."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (word for alias in aliases for word in (alias.name, alias.asname or ""))
                yield getattr(node, "module", None) or ""


def modules_of(path: Path) -> Iterator[str]:
    """The modules that `path` imports; those of which it only names types count too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def room_of(module: str) -> str:
    """A folder without folders is a room; a module beside rooms stands for itself."""
    folder = MODULES[module].parent
    return module if folder in PARENTS else ".".join(folder.parts)


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Nodes that reach themselves, in order; empty where there is no such way."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def belongs(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def below(*folders: str) -> list[Path]:
    return [path for path in FILES if any(path.is_relative_to(folder) for folder in folders)]


def strays(paths: list[Path], *allowed: str) -> list[str]:
    """What `paths` import of ours beyond `allowed`."""
    return [
        f"{path} imports {name}"
        for path in paths
        for name in imports(path)
        if belongs(name, "fleet", "agent_sidecar") and not belongs(name, *allowed)
    ]


VERSION = "fleet.__version__"

LAYERS = (
    # what travels on the bus
    {"contract"},
    # what stands on the contract alone
    {"adr", "broker_kind", "browser_sessions", "bus", "domain", "keys", "lock", "own_key",
     "pending_departures", "settings", "settings_file", "settings_tables", "settings_text",
     "settings_values", "shared_list", "tokens"},
    # what a hub and its clients are made of
    {"http", "hub", "hub_client", "hub_content", "hub_names", "hub_patience", "hub_refusals",
     "hub_requests", "plain_http", "store"},
    # what plugs into a hub, and what looks at one from outside
    {
        "acl", "api", "auditor", "capacity", "certificate_watch", "commander", "doctor", "failover",
        "fleet_history", "fleet_page", "fleet_state", "home", "integrations", "leaving", "mcp",
        "metrics", "notifier", "otel", "provisioning", "retained", "rollouts", "schedule", "sites",
        "tck", "verify", "work",
    },
    # the whole, and the commands
    {"daemon"},
    {"cli"},
    {"__main__"},
    {"toolkit"},
)  # fmt: skip
"""The rooms of `fleet`, from the ground up: none imports one of a later layer."""


def top_room(name: str) -> str | None:
    """`fleet.hub.feed.Item` → hub; None for what is not in a room of `fleet`."""
    head, _, rest = name.partition(".")
    return rest.partition(".")[0] if head == "fleet" and rest != "__version__" else None


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("fleet/contract", ("fleet.contract",)),
        ("fleet/bus", ("fleet.contract", "fleet.bus")),
        ("fleet/domain", ("fleet.contract", "fleet.domain")),
        ("agent_sidecar", ("fleet.contract", "agent_sidecar")),
        ("fleet/store", ("fleet.contract", "fleet.domain", "fleet.settings", "fleet.store")),
    ],
)
def test_a_layer_imports_only_the_layers_before_it(folder: str, allowed: tuple[str, ...]) -> None:
    # `import fleet` alone loads nothing but the version.
    found = strays(below(folder), *allowed, VERSION)
    assert [line for line in found if not line.endswith(" imports fleet")] == []


def test_every_room_has_its_layer_and_imports_nothing_of_a_later_one() -> None:
    layer = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
    here = {top_room(module) for module in MODULES if module.startswith("fleet.")}
    assert here == layer.keys()
    found = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        for name in imports(path)
        if (room := top_room(name)) and (own := top_room(module)) and layer[room] > layer[own]
    ]
    assert found == []


def test_no_module_imports_itself_in_a_circle() -> None:
    assert (
        circle({module: set(modules_of(path)) - {module} for module, path in MODULES.items()}) == []
    )


def test_no_room_imports_itself_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        rooms = {room_of(name) for name in modules_of(path)}
        graph.setdefault(room_of(module), set()).update(rooms - {room_of(module)})
    assert circle(graph) == []


def test_a_circle_is_found_however_long() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set()}) == []
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"b"}})) == {"b", "c", "d"}


def test_only_the_daemon_imports_the_api() -> None:
    others = [path for path in below("fleet") if path not in below("fleet/api", "fleet/daemon.py")]
    found = [f"{p} imports {n}" for p in others for n in imports(p) if belongs(n, "fleet.api")]
    assert found == []


def test_only_the_cli_imports_the_cli() -> None:
    entry = Path("fleet/__main__.py")
    services = [path for path in below("fleet") if path not in below("fleet/cli") and path != entry]
    found = [f"{p} imports {n}" for p in services for n in imports(p) if belongs(n, "fleet.cli")]
    assert found == []


def test_only_the_bus_and_the_sidecar_import_an_mqtt_client() -> None:
    free = set(below("fleet/bus", "agent_sidecar"))
    found = [
        f"{path} imports {name}"
        for path in FILES
        if path not in free
        for name in imports(path)
        if belongs(name, *MQTT_CLIENTS, "iotcore")
    ]
    assert found == []


def test_nobody_but_the_store_names_its_database() -> None:
    free = set(below(*KEEPS_SQLITE))
    found = [
        f"{path} says {name}"
        for path in FILES
        if path not in free
        for name in identifiers(tree(path))
        if "sqlite" in name.lower()
    ]
    assert found == []


def test_nobody_but_the_store_speaks_to_postgresql() -> None:
    free = set(below(*KEEPS_POSTGRES))
    found = [
        f"{path} says {name}"
        for path in FILES
        if path not in free
        for name in [*imports(path), *identifiers(tree(path))]
        if belongs(name, "psycopg", "psycopg_pool") or "postgres" in name.lower()
    ]
    assert found == []


def test_the_sidecar_imports_nothing_heavy() -> None:
    found = [
        f"{path} imports {name}"
        for path in below("agent_sidecar")
        for name in imports(path)
        if belongs(name, *HEAVY, "fleet.contract.messages", "fleet.contract.reader")
    ]
    assert found == []


def test_the_domain_has_no_clock_and_no_io() -> None:
    found = [
        f"{path} imports {name}"
        for path in below("fleet/domain")
        for name in imports(path)
        if belongs(name, *IMPURE)
    ]
    assert found == []


def test_no_topic_is_spelled_outside_the_contract() -> None:
    found = []
    for path in FILES:
        if path.is_relative_to("fleet/contract"):
            continue
        nodes = list(ast.walk(tree(path)))
        prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                opens = node.value.startswith(("fleet/", "zephyr/")) and " " not in node.value
                if opens and id(node) not in prose:
                    found.append(f"{path}:{node.lineno} {node.value!r}")
    assert found == []


def test_the_search_for_names_sees_every_kind_of_them() -> None:
    source = (
        "import a as b\nfrom c.d import e\nclass F: ...\nasync def g(h): 'texts are none'\n"
        "def i(*, j=None): k.l(m=1)\n"
    )
    found = set(identifiers(ast.parse(source)))
    assert found - {""} == {"a", "b", "c.d", "e", "F", "g", "h", "i", "j", "k", "l", "m"}


def test_the_walk_sees_imports_inside_functions(tmp_path: Path) -> None:
    source = tmp_path / "sample.py"
    source.write_text(
        "if TYPE_CHECKING:\n    import hidden\ndef f():\n    from a.b import c\n    import d\n"
    )
    assert list(imports(source)) == ["a.b.c", "d"]
