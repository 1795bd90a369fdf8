"""What stands for the agent where nothing of it is watched: its process is unknown, never well."""

from __future__ import annotations

from typing import Final

from agent_sidecar.probes.base import ProbeResult
from fleet.contract.vocabulary import Check, Plane

NAME: Final = "unwatched"
WHY: Final = (
    "nothing of the agent is watched: FLEET_PID_FILE, FLEET_PROCESS or FLEET_ENDPOINT says what"
)


class UnwatchedProbe:
    """Reads nothing and knows nothing. What the agent says of itself takes its place."""

    plane = Plane.PROCESS.value
    name = NAME
    timeout = 1.0
    reads = "nothing"
    ignores = "everything"

    def run(self) -> ProbeResult:
        return ProbeResult(self.plane, Check.UNKNOWN, why=WHY)
