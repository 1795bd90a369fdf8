"""The fingerprint of an agent's configuration and profile files: a digest, never a content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from agent_sidecar.probes.inventory import MAX_FILE, files_of, fingerprint, inventory
from fleet.contract.trusted_path import read_plain
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity


class ProfileProbe:
    """Digests files and folders when one has changed; what must be JSON and is not is a failure."""

    plane = Plane.CONFIG.value
    name = "config"
    timeout = 5.0

    def __init__(self, files: Sequence[Path], must_parse: Path | None = None) -> None:
        self._files = sorted(files)
        self._must_parse = must_parse
        self._seen: object = None
        self._digest: str | None = None
        self._valid = True
        names = ", ".join(path.name for path in self._files) or "no file"
        self.reads = f"a SHA-256 over {names}"
        self.ignores = "what the files say: only the digest leaves"

    def run(self) -> ProbeResult:
        stamps = [(name, _stamp(path)) for name, path in files_of(self._files)]
        if stamps != self._seen:
            self._digest = fingerprint(self._files)
            self._valid = self._must_parse is None or _is_json(self._must_parse)
            self._seen = stamps
        code = AlertCode.CONFIG_INVALID.value
        evidence = AlertEvidence(code, not self._valid, Severity.CRITICAL, source=self.name)
        check = Check.PASS if self._valid else Check.FAIL
        if self._digest is None:
            return ProbeResult(self.plane, Check.UNKNOWN, why="none of the files is there")
        return ProbeResult(self.plane, check, [evidence], config=self._digest)

    def holds(self) -> Iterator[str]:
        """A line for each file and MCP server, with its digest; for eyes on this machine only."""
        return (f"{digest} {name}" for name, digest in inventory(self._files))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _is_json(path: Path) -> bool:
    import json

    try:
        json.loads(read_plain(path, MAX_FILE))
    except OSError:
        return True  # a file that is away is not an invalid one
    except (ValueError, RecursionError):
        return False
    return True
