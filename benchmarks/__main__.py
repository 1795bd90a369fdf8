"""Run a benchmark: `python -m benchmarks NAME [ARGUMENTS]`; without a name, say which there are.

Each is a file of this folder that prints its result as one JSON object, read as ratios: it runs
us and the thing we compare with side by side, because absolute numbers belong to the machine.
`python -m benchmarks.suite` runs them all and keeps what they print.
"""

from __future__ import annotations

import ast
import compileall
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
TOOLS = ("generator", "suite", "peers")
"""Files with a `main` that are no benchmarks."""


def benchmarks() -> dict[str, tuple[Path, str]]:
    """Name → file and first line of its docstring, of every file or folder with a `main`."""
    found = {}
    for file in sorted([*FOLDER.glob("[!_]*.py"), *FOLDER.glob("*/__main__.py")]):
        tree = ast.parse(file.read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        name = file.parent.name if file.stem == "__main__" else file.stem
        if "main" in functions and name not in TOOLS:
            found[name] = (file, (ast.get_docstring(tree) or "").partition("\n")[0])
    return found


def compile_all() -> None:
    """What pip does when it installs us: else, where Python is told to keep no bytecode, each
    process that is measured would compile its part of a checkout."""
    for name in ("fleet", "agent_sidecar"):
        compileall.compile_dir(FOLDER.parent / name, quiet=1)


def run(arguments: list[str]) -> int:
    known = benchmarks()
    if not arguments:
        for name, (_, line) in known.items():
            print(f"{name:12} {line}")
        return 0
    name = arguments[0]
    if name not in known:
        sys.stderr.write(f"no benchmark {name!r}\nTry: one of {', '.join(known)}\n")
        return 3
    compile_all()
    sys.argv = arguments
    runpy.run_path(str(known[name][0]), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parent))
    sys.exit(run(sys.argv[1:]))
