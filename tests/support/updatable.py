"""An agent that is updated by commands: a folder with a version in place, and the one that runs.

Some versions are bad: `bad-install` cannot be installed, `bad-start` starts not, `bad-verify` is
not well, `no-way-back` breaks the folder so that nothing can be installed any more.
"""

from __future__ import annotations

from pathlib import Path

INSTALL = """#!/bin/sh
echo "install $1" >> "$0.log"
[ "$1" = bad-install ] && exit 1
[ -e "$(dirname "$0")/broken" ] && exit 1
[ "$1" = no-way-back ] && touch "$(dirname "$0")/broken"
[ "$1" = slow ] && sleep 600
echo "$1" > "$(dirname "$0")/place"
"""
RESTART = """#!/bin/sh
here=$(dirname "$0")
rm -f "$here/running"
[ "$(cat "$here/place")" = bad-start ] && exit 1
cp "$here/place" "$here/running"
"""
VERIFY = """#!/bin/sh
case $(cat "$(dirname "$0")/running") in bad-verify|no-way-back) exit 1;; esac
"""
CURRENT = """#!/bin/sh
cat "$(dirname "$0")/place"
"""
SNAPSHOT = """#!/bin/sh
[ -e "$(dirname "$0")/full" ] && exit 1
cp "$(dirname "$0")/state" "$1/"
"""
RESTORE = """#!/bin/sh
cp "$1/state" "$(dirname "$0")/state"
"""
PARTS = {
    "install": INSTALL, "restart": RESTART, "verify": VERIFY, "current": CURRENT,
    "snapshot": SNAPSHOT, "restore": RESTORE,
}  # fmt: skip


class Updatable:
    """One such agent, which runs 1.0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in PARTS.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        for name in ("place", "running"):
            (folder / name).write_text("1.0\n")
        (folder / "state").write_text("what it knows\n")

    @property
    def runs(self) -> str:
        """The version that runs; empty: it is stopped."""
        found = self.folder / "running"
        return found.read_text().strip() if found.exists() else ""

    @property
    def installed(self) -> list[str]:
        """Every installation that was begun, in order."""
        log = self.folder / "install.log"
        return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []

    def table(self, **changes: object) -> dict[str, object]:
        """Its `[update]`."""
        argv = {name: [str(self.folder / name)] for name in ("current", "restart", "verify")}
        install = [str(self.folder / "install"), "{version}"]
        return {"allow": ["2.*", "bad-*", "no-*", "slow"], "install": install, **argv, **changes}

    def with_state(self) -> dict[str, object]:
        """The same, with a snapshot."""
        snapshot = [str(self.folder / "snapshot"), "{snapshot}"]
        restore = [str(self.folder / "restore"), "{snapshot}"]
        return self.table(rollback="state", snapshot=snapshot, restore=restore)
