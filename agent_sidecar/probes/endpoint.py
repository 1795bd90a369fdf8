"""A health endpoint: asked over HTTP, judged by type and keys, never by the status alone.

OpenClaw answers unknown paths with 200 and HTML, so an answer counts only when it is the JSON
object that is due. Only the named numbers and words of it are looked at; nothing is forwarded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from agent_sidecar.probes.base import AlertEvidence, ProbeResult
from agent_sidecar.probes.http import HttpAddress, get, listens
from agent_sidecar.probes.pid_namespace import is_apart
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import AlertCode, Check, Plane, Severity
from fleet.contract.web_address import refuse_login

GRACE: Final = 0.5
"""Seconds after the end of the wait at which the probe itself counts as hung."""


@dataclass(frozen=True, slots=True)
class HealthReading:
    """What a health document says, reduced to our words."""

    check: Check
    uptime: float | None = None
    version: str | None = None


_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

ReadHealth = Callable[[Mapping[str, Any]], HealthReading | None]
"""Reads a decoded document; None means: not the document that is due here."""


class EndpointProbe:
    """GETs one address; `slow` seconds is a warning, `timeout` without an answer a failure.

    Args:
        url: the address, or where to ask for it at each look, since an agent may move.
        judge: what a decoded answer means.
        keys: in plain words, what `judge` looks at.
    """

    plane = Plane.ENDPOINT.value
    ignores = "everything else in the answer"

    def __init__(
        self,
        url: str | Callable[[], str],
        judge: ReadHealth,
        *,
        slow: float,
        timeout: float,
        keys: str,
        guessed: Callable[[], str] = lambda: "",
    ) -> None:
        self._url = url if callable(url) else lambda: url
        self._guessed = guessed
        self._judge = judge
        self._slow = slow
        self._patience = timeout
        self.timeout = timeout + GRACE
        address, target = parse(self._url())
        self.name = f"endpoint {target.partition('?')[0]}"
        scheme = "https" if address.secure else "http"
        self.reads = f"{keys} of GET {scheme}://{address.header}{target.partition('?')[0]}"

    def run(self) -> ProbeResult:
        address, target = parse(self._url())
        began = time.monotonic()
        reading = self._ask(address, target)
        took = time.monotonic() - began
        if reading is None:
            if guessed := self._guessed():
                unknown = [self._down(firing=None)]
                return ProbeResult(self.plane, Check.UNKNOWN, unknown, why=guessed)
            down = [self._down(firing=True)]
            return ProbeResult(self.plane, Check.FAIL, down, why=_unreached(address))
        check = reading.check
        if check is Check.PASS and took >= self._slow:
            check = Check.WARN
        return ProbeResult(
            self.plane,
            check,
            [self._down(firing=check is Check.FAIL)],
            metrics={"endpoint_latency_seconds": round(took, 4)},
            versions={"agent": reading.version} if reading.version else {},
            uptime=reading.uptime,
        )

    def reachable(self) -> bool:
        """Whether anybody listens there at all: a second opinion, also on an agent that hangs."""
        address, _ = parse(self._url())
        return listens(address, min(1.0, self._patience))

    def _ask(self, address: HttpAddress, target: str) -> HealthReading | None:
        document = ask(address, target, self._patience)
        return None if document is None else self._judge(document)

    def _down(self, *, firing: bool | None) -> AlertEvidence:
        code = AlertCode.ENDPOINT_DOWN.value
        return AlertEvidence(code, firing, Severity.CRITICAL, source=self.name)


def _unreached(address: HttpAddress) -> str:
    """Why it may be the wrong place to ask; empty where nothing says so."""
    if address.host not in _LOOPBACK or not is_apart():
        return ""
    return "127.0.0.1 is this container's own: FLEET_ENDPOINT names where the agent listens"


def ask(address: HttpAddress, target: str, timeout: float) -> Mapping[str, Any] | None:
    """What the answer says; a 503 may carry a document too (nanobot says `degraded` so)."""
    try:
        answer = get(address, target, timeout)
    except (OSError, ValueError):  # ValueError: a host name that cannot be encoded
        return None
    return answer.document() if answer.status in (200, 503) else None


@lru_cache(maxsize=8)  # an agent that moves is asked at few addresses, each with every beat
def parse(url: str) -> tuple[HttpAddress, str]:
    """Where to ask and what for.

    Raises:
        ConfigError: not an http:// or https:// address of printable ASCII.
    """
    refuse_login(url, "the endpoint", "FLEET_ENDPOINT=http://127.0.0.1:8080/health")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    usable = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not usable:
        raise ConfigError(
            f"the endpoint {url!r} is not usable",
            "it is not an http:// or https:// address",
            "FLEET_ENDPOINT=http://127.0.0.1:8080/health",
        )
    secure = parts.scheme == "https"
    query = f"?{parts.query}" if parts.query else ""
    return HttpAddress(parts.hostname, port or (443 if secure else 80), secure), (
        f"{parts.path or '/'}{query}"
    )


_GOOD: Final = frozenset({"ok", "up", "pass", "healthy", "alive", "live", "ready", "running"})
_FAIR: Final = frozenset({"degraded", "warn", "starting"})


def common(document: Mapping[str, Any]) -> HealthReading | None:
    """The usual shapes: `{"status": "ok"}`, `{"ok": true}`, `{"healthy": true}`."""
    status = document.get("status")
    if isinstance(status, str):
        word = status.lower()
        if word in _GOOD:
            return HealthReading(Check.PASS)
        return HealthReading(Check.WARN if word in _FAIR else Check.FAIL)
    for key in ("ok", "healthy", "ready"):
        if isinstance(document.get(key), bool):
            return HealthReading(Check.PASS if document[key] else Check.FAIL)
    return None
