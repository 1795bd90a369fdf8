"""`agent-sidecar` and `python -m agent_sidecar`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; every error a person can mend is two lines and exit code 3."""
    if sys.argv[1:] == ["--version"]:
        from fleet import __version__

        sys.stdout.write(f"agent-sidecar {__version__}\n")
        return
    from agent_sidecar.cli import start

    sys.exit(start(sys.argv[1:]))


if __name__ == "__main__":
    main()
