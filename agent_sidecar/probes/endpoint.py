"""A health endpoint: asked over HTTP, judged by type and keys, never by the status alone.

OpenClaw answers unknown paths with 200 and HTML, so an answer counts only when it is the JSON
object that is due. Only the named numbers and words of it are looked at; nothing is forwarded.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from agent_sidecar.probes.base import Finding, Sign
from fleet.contract.errors import ConfigError
from fleet.contract.words import AlertCode, Check, Plane, Severity

MAX_ANSWER: Final = 64 * 1024
"""Bytes read of an answer; a health document is far smaller."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a health document says, reduced to our words."""

    check: Check
    uptime: float | None = None
    version: str | None = None


Judge = Callable[[Mapping[str, Any]], Reading | None]
"""Reads a decoded document; None means: not the document that is due here."""


class EndpointProbe:
    """GETs one address; `slow` seconds and more is a warning, `timeout` is a failure."""

    plane = Plane.ENDPOINT.value
    ignores = "everything else in the answer"

    def __init__(
        self, url: str, judge: Judge, *, slow: float, timeout: float, keys: str, name: str = ""
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"the endpoint {url!r} is not usable",
                "",
                "FLEET_ENDPOINT=http://127.0.0.1:8080/health",
            )
        self._secure = parts.scheme == "https"
        self._address = (parts.hostname, parts.port)
        self._path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        self._judge = judge
        self._slow = slow
        self.timeout = timeout
        self.name = name or f"endpoint {parts.path or '/'}"
        self.reads = f"{keys} of GET {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def run(self) -> Finding:
        began = time.monotonic()
        reading = self._ask()
        took = time.monotonic() - began
        if reading is None:
            return Finding(self.plane, Check.FAIL, [_down(True)])
        check = reading.check
        if check is Check.PASS and took >= self._slow:
            check = Check.WARN
        return Finding(
            self.plane,
            check,
            [_down(check is Check.FAIL)],
            metrics={"endpoint_latency_seconds": round(took, 4)},
            versions={"agent": reading.version} if reading.version else {},
            uptime=reading.uptime,
        )

    def _ask(self) -> Reading | None:
        host, port = self._address
        kind = HTTPSConnection if self._secure else HTTPConnection
        # Half of the probe's own time-out: connecting and reading each may take it.
        connection = kind(host, port, timeout=self.timeout / 2)
        try:
            connection.request("GET", self._path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            document = _document(response)
            return None if document is None else self._judge(document)
        except (OSError, HTTPException, ValueError):
            return None
        finally:
            connection.close()


def _document(response: HTTPResponse) -> dict[str, Any] | None:
    """The JSON object of an answer; a 503 may carry one too (nanobot says `degraded` so)."""
    kind = response.headers.get_content_type()
    body = response.read(MAX_ANSWER + 1)
    if kind != "application/json" or len(body) > MAX_ANSWER or response.status not in (200, 503):
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _down(firing: bool) -> Sign:
    return Sign(AlertCode.ENDPOINT_DOWN.value, firing, Severity.CRITICAL)


_GOOD: Final = frozenset({"ok", "up", "pass", "healthy", "alive", "live", "ready", "running"})
_FAIR: Final = frozenset({"degraded", "warn", "starting"})


def common(document: Mapping[str, Any]) -> Reading | None:
    """The usual shapes: `{"status": "ok"}`, `{"ok": true}`, `{"healthy": true}`."""
    status = document.get("status")
    if isinstance(status, str):
        word = status.lower()
        if word in _GOOD:
            return Reading(Check.PASS)
        return Reading(Check.WARN if word in _FAIR else Check.FAIL)
    for key in ("ok", "healthy", "ready"):
        if isinstance(document.get(key), bool):
            return Reading(Check.PASS if document[key] else Check.FAIL)
    return None
