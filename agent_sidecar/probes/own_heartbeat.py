"""A file that the agent touches while its loop turns: a process that lives and does not is hung."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent_sidecar.probes.base import ProbeResult
from fleet.contract.vocabulary import Check, Plane


class OwnHeartbeatProbe:
    """Warns when the last beat is older than `late` seconds, while the process lives.

    Args:
        beat: s since the epoch of the last one; None: it writes none.
        lives: whether its process is seen; a dead one's age says nothing.
    """

    plane = Plane.PROCESS.value
    name = "own heartbeat"
    timeout = 5.0
    ignores = "what the file says"

    def __init__(
        self,
        beat: Callable[[], float | None],
        lives: Callable[[], bool],
        late: float,
        reads: str,
    ) -> None:
        self._beat = beat
        self._lives = lives
        self._late = late
        self.reads = reads

    def run(self) -> ProbeResult:
        beat = self._beat()
        if beat is None or not self._lives():
            return ProbeResult(self.plane, Check.PASS)  # that is the process probe's word
        late = time.time() - beat > self._late
        return ProbeResult(self.plane, Check.WARN if late else Check.PASS)
