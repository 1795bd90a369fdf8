"""The fingerprint of an agent's configuration and profile files: a digest, never a content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from agent_sidecar.probes.config_file import stamp
from agent_sidecar.probes.inventory import denied, files_of, fingerprint, inventory
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity


class ProfileProbe:
    """Digests files and folders when one has changed; a configuration that the agent's own reader
    refuses is a failure. The digest stays that of what was last valid: the other is not in effect.

    Args:
        valid: whether the configuration file is; None: it cannot be told.
    """

    plane = Plane.CONFIG.value
    name = "config"

    def __init__(
        self,
        files: Sequence[Path],
        valid: Callable[[], bool | None] = lambda: None,
        timeout: float = 5.0,
    ) -> None:
        self._files = sorted(files)
        self._is_valid = valid
        self.timeout = timeout
        self._seen: object = None
        self._digest: str | None = None
        self._refused = 0
        names = ", ".join(path.name for path in self._files) or "no file"
        self.reads = f"a SHA-256 over {names}"
        self.ignores = "what the files say: only the digest leaves"

    def run(self) -> ProbeResult:
        stamps = [(name, stamp(path)) for name, path in files_of(self._files)]
        valid = self._is_valid() is not False
        if stamps != self._seen and (valid or self._digest is None):
            self._digest = fingerprint(self._files)
            self._refused = denied(self._files)
            self._seen = stamps
        code = AlertCode.CONFIG_INVALID.value
        evidence = AlertEvidence(code, not valid, Severity.CRITICAL, source=self.name)
        check = Check.PASS if valid else Check.FAIL
        refused = self._refused
        why = f"denied: this user may not read {refused} of the files" if refused else ""
        if self._digest is None:
            why = why or "none of the files is there"
            return ProbeResult(self.plane, Check.UNKNOWN, why=why)
        return ProbeResult(self.plane, check, [evidence], config=self._digest, why=why)

    def holds(self) -> Iterator[str]:
        """A line for each file and MCP server, with its digest; for eyes on this machine only."""
        return (f"{digest} {name}" for name, digest in inventory(self._files))
