"""A real agent with a sidecar, a hub and a model of ours around it, led through situations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agent_sidecar.config import load
from agent_sidecar.kinds import assemble
from agent_sidecar.kinds.situations import SITUATIONS, Expected, Situation
from agent_sidecar.probes.base import Assembly
from agent_sidecar.telemetry.observed_state import ObservedState
from fleet.contract.vocabulary import AlertCode, Kind
from tests.support.packet_proxy import RecordingProxy
from tests.support.real_agents import Agent
from tests.support.sidecar import Listener, Sidecar
from tests.support.stub_model import StubModel
from tests.support.waiting import wait_until

BUSY = 240.0
"""Seconds: agents are large, and machines that run tests are busy."""

INTERVAL = 600
"""Seconds between two heartbeats of the sidecars."""


def settings(agent: Agent) -> dict[str, str]:
    return {
        "FLEET_AGENT": "alpha",
        "FLEET_AGENT_HOME": str(agent.folder),
        "FLEET_DISK": "-",
        "FLEET_MEMORY": "-",
        "FLEET_ENDPOINT_TIMEOUT": "2",
    }


@dataclass
class Stage:
    agent: Agent
    model: StubModel
    hub: Listener
    sidecar: Sidecar
    tap: RecordingProxy

    @cached_property
    def assembly(self) -> Assembly:
        return assemble(load(environ=settings(self.agent)))

    def look(self, *planes: str) -> tuple[dict[str, str], set[str]]:
        """What is found now on those planes, and the codes that fire there."""
        observed = ObservedState(max_age=60)
        codes = set()
        for probe in self.assembly.probes:
            if probe.plane in planes:
                result = probe.run()
                observed.record(probe.name, result, 0)
                codes |= {str(sign.code) for sign in result.evidence if sign.firing}
        return observed.checks(0), codes

    def expects(self, situation: Situation) -> Expected:
        return SITUATIONS[situation][Kind(self.agent.name)]

    def comes_to(self, situation: Situation, *before: Situation) -> None:
        """Until that is found, with no more alerts than it and those before it have."""
        wanted = self.expects(situation)
        allowed = wanted.alerts.union(*(self.expects(one).alerts for one in before))

        def found() -> bool:
            planes, codes = self.look(*wanted.planes)
            return wanted.alerts <= codes <= allowed and wanted.planes.items() <= planes.items()

        wait_until(found, BUSY, situation.value)

    def command(self, verb: str) -> dict[str, Any]:
        """The status that answers it."""
        id_ = self.hub.command("alpha", verb)

        def answers() -> list[dict[str, Any]]:
            return [one for one in self.heard("status") if one.get("reply", {}).get("to") == id_]

        return wait_until(answers, BUSY, f"the answer to {verb}")[0]

    def heard(self, kind: str, by: str = "alpha") -> list[dict[str, Any]]:
        heard = list(self.hub.heard)
        return [one.message for one in heard if (one.agent, one.kind) == (by, kind)]

    def told(self, code: AlertCode, by: str = "alpha") -> list[dict[str, Any]]:
        return [alert for alert in self.heard("alert", by) if alert["code"] == code]

    def firing(self, code: AlertCode, by: str = "alpha") -> bool:
        told = self.told(code, by)
        return bool(told) and told[-1]["state"] == "firing"


def watching(sidecar: Sidecar, agent: Agent) -> Sidecar:
    """By the agent's folder, unless the sidecar is told of an instance."""
    own = {"FLEET_AGENT": sidecar.agent, "FLEET_INTERVAL": str(INTERVAL)}
    found = settings(agent) | {"FLEET_KIND": agent.name} | own
    if "FLEET_INSTANCE" in sidecar.settings:
        del found["FLEET_AGENT_HOME"]
    sidecar.settings.update(found)
    sidecar.settings.pop("FLEET_PID_FILE", None)
    return sidecar.start()
