"""Channels plane: how many message channels of the agent are connected. Which ones stays here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent_sidecar.probes.base import ProbeResult
from fleet.contract.vocabulary import Check, Plane


@dataclass(frozen=True, slots=True)
class Channels:
    """Numbers of channels; `known` is None where only the failing ones are told."""

    failed: int
    known: int | None = None


class ChannelsProbe:
    """Fails while a channel is refused or lost; `read` gives None where it cannot be told."""

    plane = Plane.CHANNELS.value
    name = "channels"
    ignores = "names and accounts of the channels, and their errors"

    def __init__(
        self, read: Callable[[], Channels | None], reads: str, timeout: float = 5.0
    ) -> None:
        self._read = read
        self.reads = reads
        self.timeout = timeout

    def run(self) -> ProbeResult:
        channels = self._read()
        if channels is None:
            return ProbeResult(self.plane, Check.UNKNOWN, why="nobody tells of the channels now")
        failed, known = channels.failed, channels.known
        check = Check.FAIL if failed else Check.PASS
        if known is None:
            return ProbeResult(self.plane, check, metrics={"channels_failed": failed})
        return ProbeResult(
            self.plane, check, metrics={"channels": known, "channels_failed": failed}
        )
