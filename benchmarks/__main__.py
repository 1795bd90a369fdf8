"""Run a benchmark: `python -m benchmarks NAME [ARGUMENTS]`; without a name, say which there are.

Each is a file of this folder that prints its result as one JSON object, read as ratios: it runs
us and the thing we compare with side by side, because absolute numbers belong to the machine.
"""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def benchmarks() -> dict[str, str]:
    """Name → first line of its docstring, of every file with a `main`."""
    found = {}
    for file in sorted(FOLDER.glob("[!_]*.py")):
        tree = ast.parse(file.read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if "main" in functions and file.stem != "generator":  # a tool of the others
            found[file.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def run(arguments: list[str]) -> int:
    known = benchmarks()
    if not arguments:
        for name, line in known.items():
            print(f"{name:12} {line}")
        return 0
    name = arguments[0]
    if name not in known:
        sys.stderr.write(f"no benchmark {name!r}\nTry: one of {', '.join(known)}\n")
        return 3
    sys.argv = arguments
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parent))
    sys.exit(run(sys.argv[1:]))
