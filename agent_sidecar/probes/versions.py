"""The version that runs and the one that is installed, where an agent tells of both."""

from __future__ import annotations

from collections.abc import Callable

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from fleet.contract.vocabulary import AlertCode, Check, Plane


class VersionProbe:
    """An update in place leaves the old version running until the next start: that is drift.

    It says nothing of the process plane: that is the process probe's word.
    """

    plane = Plane.PROCESS.value
    name = "version"
    reads = "the running version by its endpoint, the installed one by its package.json"
    ignores = "the package itself"

    def __init__(
        self,
        running: Callable[[], str | None],
        installed: Callable[[], str | None],
        timeout: float,
    ) -> None:
        self._running = running
        self._installed = installed
        self.timeout = timeout + 1

    def run(self) -> ProbeResult:
        running, installed = self._running(), self._installed()
        drifted = None if running is None or installed is None else running != installed
        evidence = AlertEvidence(AlertCode.VERSION_DRIFT.value, drifted, source=self.name)
        versions = {"agent": running} if running else {}
        return ProbeResult(self.plane, Check.PASS, [evidence], versions=versions)
