"""The drawing of who imports whom, and the map beside it: `python scripts/docs/architecture.py`.

Read from the source with `ast`: a box is a room (a folder), and an arrow leads from a room to one
that it imports. Loose modules of a package share a box where they stand below all of its rooms, or
above all. Writes docs/images/architecture.svg and the map in docs/explanation/architecture.md;
with `--check` it only says what is stale, and exits with 1.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from layers import Box, drawn  # noqa: E402  # a script finds its neighbour first

DRAWING: Final = ROOT / "docs/images/architecture.svg"
PAGE: Final = ROOT / "docs/explanation/architecture.md"
PACKAGES: Final = ("fleet", "agent_sidecar")
CONTRACT: Final = "fleet/contract"
"""The floor: the one room that both packages stand on."""

OPENING: Final = "<!-- map: made by python scripts/docs/architecture.py -->\n"
CLOSING: Final = "<!-- /map -->\n"

Edges = Mapping[tuple[str, str], bool]
"""(importer, imported) → whether it is loaded; False where only types are named by it (under
`if TYPE_CHECKING:`)."""


def names(tree: ast.AST, *, loads: bool = True) -> Iterator[tuple[str, bool]]:
    """Dotted names that a module imports, and whether it loads them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, loads) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", loads) for alias in node.names)
        types = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        yield from names(node, loads=loads and not types)


def module_of(name: str, known: Iterable[str]) -> str:
    """The module that `name` is, or is a part of; empty: none of ours."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


@cache
def imports() -> Edges:
    """Room → room; a loose module counts as a room."""
    known = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            known[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found: dict[tuple[str, str], bool] = {}
    for path in known.values():
        for name, loads in names(ast.parse(path.read_text())):
            module = module_of(name, known)
            if module in ("", *PACKAGES):  # a package alone holds nothing but the version
                continue
            pair = room_of(path), room_of(known[module])
            if pair[0] != pair[1]:
                found[pair] = found.get(pair, False) or loads
    return found


def room_of(path: Path) -> str:
    """The folder below the package, or the file itself where it lies loose."""
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:2])


def below(edges: Edges, room: str, *, typed: bool = True) -> list[str]:
    """What `room` imports; without `typed` only what it loads."""
    return sorted(b for (a, b), loads in edges.items() if a == room and (loads or typed))


def gathered(edges: Edges) -> dict[str, str]:
    """Room → box: loose modules that import no room but the contract share one, and so do those
    that no room imports."""
    box = {room: room for pair in edges for room in pair}
    for package in PACKAGES:
        loose = {room for room in box if room.endswith(".py") and room.startswith(f"{package}/")}
        floor = _among_themselves(loose, {(a, b) for a, b in edges if b != CONTRACT})
        roof = _among_themselves(loose - floor, {(b, a) for a, b in edges})
        box |= dict.fromkeys(floor, f"{package}/ below") | dict.fromkeys(roof, f"{package}/ above")
    return box


def _among_themselves(rooms: set[str], links: set[tuple[str, str]]) -> set[str]:
    """Those of `rooms` whose links lead to one another only."""
    while strays := {a for a, b in links if a in rooms and b not in rooms}:
        rooms = rooms - strays
    return rooms


def levels(edges: Edges) -> dict[str, int]:
    """Box → how many stand below it, so that every arrow leads down.

    Raises:
        SystemExit: some import one another in a circle.
    """

    @cache
    def level(room: str) -> int:
        return 1 + max((level(other) for other in below(edges, room)), default=-1)

    try:
        return {room: level(room) for pair in edges for room in pair}
    except RecursionError:
        sys.exit("rooms import one another in a circle, and no drawing can lead down")


def reduced(edges: Edges) -> list[tuple[str, str, bool]]:
    """The arrows that are drawn: none where a way over others leads there too. A whole arrow is
    only left out for whole ones."""

    @cache
    def reached(room: str, typed: bool) -> frozenset[str]:
        others = below(edges, room, typed=typed)
        return frozenset(others).union(*(reached(other, typed) for other in others))

    return [
        (importer, imported, loads)
        for (importer, imported), loads in sorted(edges.items())
        if not any(
            imported in reached(other, not loads)
            for other in below(edges, importer, typed=not loads)
        )
    ]


def drawing() -> str:
    """The drawing as SVG."""
    box = gathered(imports())
    edges: dict[tuple[str, str], bool] = {}
    for (importer, imported), loads in imports().items():
        pair = box[importer], box[imported]
        if pair[0] != pair[1]:
            edges[pair] = edges.get(pair, False) or loads
    height = levels(edges)
    boxes = [
        Box(
            name,
            _lines(name, [room for room in sorted(box) if box[room] == name]),
            height[name],
            name.startswith("agent_sidecar"),
        )
        for name in sorted(height)
    ]
    return drawn(boxes, reduced(edges), floor=CONTRACT)


def _lines(name: str, rooms: list[str]) -> list[str]:
    """The text of a box: a room's name, or those of loose modules."""
    if name == CONTRACT:
        return [name]
    lines: list[str] = [""]
    for room in rooms:
        word = room.partition("/")[2]
        if len(lines[-1]) + len(word) > 26:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def chart() -> str:
    """The map: each room with the first words of its own docstring and all that it imports."""
    edges = imports()
    height = levels(edges)
    lines = ["| Room | What it is | Imports |", "|---|---|---|"]
    for package in PACKAGES:
        own = [room for room in height if room.startswith(f"{package}/")]
        for room in sorted(own, key=lambda room: (-height[room], room)):
            others = " ".join(_short(other, package) for other in below(edges, room))
            name = room if room.endswith(".py") else f"{room}/"
            lines.append(f"| `{name}` | {_sentence(room)} | {others} |")
    return "\n".join(lines) + "\n"


def _short(room: str, package: str) -> str:
    return room.removeprefix(f"{package}/").removesuffix(".py")


def _sentence(room: str) -> str:
    path = ROOT / room
    source = path if path.is_file() else path / "__init__.py"
    docstring = ast.get_docstring(ast.parse(source.read_text())) or ""
    return " ".join(docstring.partition("\n\n")[0].split()).replace("|", "\\|")


def with_map(page: str) -> str:
    """The page with the map of today between its two marks."""
    head, opening, rest = page.partition(OPENING)
    _, closing, tail = rest.partition(CLOSING)
    return head + opening + chart() + closing + tail


def main() -> int:
    made = {DRAWING: drawing(), PAGE: with_map(PAGE.read_text())}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if sys.argv[1:] == ["--check"]:
            print(f"{path.relative_to(ROOT)} is stale: python scripts/docs/architecture.py")
        else:
            path.write_text(made[path])
    return int(bool(stale) and sys.argv[1:] == ["--check"])


if __name__ == "__main__":
    sys.exit(main())
