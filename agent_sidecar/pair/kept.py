"""What sidecar and guard tell each other, and keep: two small files in one folder.

`role` is the sidecar's: what the agent may be, until when. `guard` is the guard's: what it did.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from agent_sidecar.files import read_kept, replace_text
from agent_sidecar.pair.lease_keeper import Role

ROLE: Final = "role"

ALIVE: Final = 4.0
"""Seconds from which on a guard that said nothing is no guard any more; it speaks each second."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the guard said last, at `at` by the machine's clock. `active`: whether the agent is, or
    may be; `well`: the last action did what it should; `fences`: it lays down when the lease is
    over, as long as it runs; `file`: the pair file that it holds to."""

    pid: int
    at: float
    boot_id: str
    epoch: int
    active: bool
    well: bool
    fences: bool
    file: str = ""

    @property
    def said(self) -> tuple[int, bool, bool, bool]:
        """What the hub hears of it."""
        return self.epoch, self.active, self.well, self.fences

    def is_fresh(self, boot_id: str, now: float) -> bool:
        return self.boot_id == boot_id and 0 <= now - self.at < ALIVE


class KeptPair:
    """The files of one agent's pair, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._role, self._report = folder / ROLE, folder / "guard"

    def role(self) -> Role:
        """An unreadable one is as good as none: no lease."""
        return read_kept(self._role, Role.of_json, "a role in a pair") or Role()

    def save_role(self, role: Role) -> None:
        """
        Raises:
            OSError: full disk, or no right to write.
        """
        replace_text(self._role, json.dumps(role.to_json()))

    def report(self) -> Report | None:
        return read_kept(self._report, _report, "the word of a guard")

    def save_report(self, report: Report) -> None:
        """
        Raises:
            OSError: full disk, or no right to write.
        """
        replace_text(self._report, json.dumps(asdict(report)))


def _report(said: dict[str, Any]) -> Report:
    return Report(
        int(said["pid"]), float(said["at"]), str(said["boot_id"]), int(said["epoch"]),
        bool(said["active"]), bool(said["well"]), bool(said.get("fences")),
        str(said.get("file", "")),
    )  # fmt: skip
