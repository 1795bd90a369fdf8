"""Entry of the `fleet` command; knows nothing but how a program ends.

`--version` answers before click is imported: it is what scripts and monitors call most.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(name: str = "fleet", command: Sequence[str] = ()) -> None:
    """Run the command line; errors for people become two lines and exit code 3.

    Args:
        name: of the program, as its help and errors say it.
        command: the words of the `fleet` command that a program of another name stands for.
    """
    if sys.argv[1:] == ["--version"]:
        from fleet import __version__

        sys.stdout.write(f"fleet {__version__}\n")
        return
    os.umask(os.umask(0o022) | 0o022)  # nothing that we make is for others to write
    from fleet.cli.main import run
    from fleet.contract.printable import guard_output

    guard_output()
    code = run(name=name, command=command)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`| head`) left; Python would complain once more while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
