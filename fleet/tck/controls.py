"""What the kit can do to the agent beside talking to it: the operator's own commands."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

from fleet.tck.rules import Need

PATIENCE: Final = 60.0
"""Seconds for one command: service managers wait so long for a stop."""


@dataclass(frozen=True, slots=True)
class Controls:
    """Shell commands; empty where there is none."""

    restart: str = ""
    kill: str = ""
    pause: str = ""
    resume: str = ""

    @property
    def needs(self) -> frozenset[Need]:
        """Those of the kit's needs that these meet."""
        met = {
            Need.RESTART: self.restart,
            Need.KILL: self.kill,
            Need.PAUSE: self.pause and self.resume,
        }
        return frozenset(need for need, command in met.items() if command)


async def carry_out(command: str) -> str:
    """Run `command` in a shell as the caller would; why it failed, or nothing."""
    process = await asyncio.create_subprocess_shell(
        command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(PATIENCE):
            code = await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return f"the command did not end in {PATIENCE:.0f} s"
    return f"the command ended with {code}" if code else ""
