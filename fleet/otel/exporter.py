"""Sends ended commands as traces, and the metrics once a minute, to an OTLP collector.

[otel]
endpoint = "http://127.0.0.1:4318"
metrics_every = 60
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.backoff import Backoff
from fleet.contract.errors import ConfigError
from fleet.contract.web_address import is_web_address, refuse_login
from fleet.domain.commands import IssuedCommand
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.commander.commander import Commander
    from fleet.hub.hub import Hub
    from fleet.metrics.exporter import Exporter

FLUSH: Final = 2.0
"""Seconds that ended commands wait for more of them."""

LONGEST: Final = 60.0
"""Seconds at most before a collector that takes nothing is tried again."""

MAX_WAITING: Final = 10_000
"""Ended commands kept while the collector is away; older ones are not traced."""

_log = logging.getLogger(__name__)


def endpoint_of(settings: Settings) -> str | None:
    """Where the collector is; None: this hub has none.

    Raises:
        ConfigError: the table `[otel]` has no usable endpoint.
    """
    table = settings.tables.get("otel")
    if table is None:
        return None
    endpoint = table.get("endpoint")
    if not isinstance(endpoint, str) or not is_web_address(endpoint):
        raise ConfigError(
            "otel.endpoint is not usable", "", 'endpoint = "http://127.0.0.1:4318" under [otel]'
        )
    refuse_login(endpoint, "otel.endpoint", "OTEL_EXPORTER_OTLP_HEADERS carries what it wants")
    return endpoint.rstrip("/")


class OpenTelemetry:
    """A service of the hub."""

    name = "otel"

    def __init__(self, hub: Hub, commander: Commander, exporter: Exporter, endpoint: str) -> None:
        self._hub = hub
        self._exporter = exporter
        self._endpoint = endpoint
        self._every = float(hub.settings.tables["otel"].get("metrics_every", 60))
        self._ended: deque[IssuedCommand] = deque(maxlen=MAX_WAITING)
        self._failing = False
        commander.observe(self._note)

    async def run(self) -> None:
        # Imported here: half a second that only hubs with a collector pay.
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource

        import fleet

        resource = Resource({"service.name": "fleet-hub", "service.version": fleet.__version__})
        spans = OTLPSpanExporter(endpoint=f"{self._endpoint}/v1/traces", timeout=10)
        metrics = OTLPMetricExporter(endpoint=f"{self._endpoint}/v1/metrics", timeout=10)
        due, wait, backoff = 0.0, FLUSH, Backoff(FLUSH, LONGEST)
        while True:
            await asyncio.sleep(wait)
            await self._send(partial(self._send_spans, spans, resource))
            now = self._hub.committer.now()
            if now >= due:
                text = self._exporter.expose("")[0].decode()
                started = self._hub.started_at or now
                await self._send(partial(_send_metrics, metrics, resource, text, started, now))
                due = now + self._every
            if self._failing:
                wait = backoff.failed(time.monotonic())
            else:
                wait = FLUSH
                backoff.good(time.monotonic())

    def _note(self, commands: list[IssuedCommand]) -> None:
        self._ended += [command for command in commands if command.ended is not None]

    async def _send(self, work: Callable[[], bool]) -> None:
        """In a thread: a collector that hangs must not stop the hub. Its absence is said once."""
        good = await asyncio.to_thread(work)
        if not good and not self._failing:
            _log.warning("the OpenTelemetry collector %s takes nothing", self._endpoint)
        self._failing = not good

    def _send_spans(self, exporter: Any, resource: Any) -> bool:
        from opentelemetry.sdk.trace.export import SpanExportResult

        from fleet.otel.spans import spans_of

        commands = [self._ended.popleft() for _ in range(min(len(self._ended), 500))]
        if not commands:
            return not self._failing
        spans = [span for command in commands for span in spans_of(command, resource)]
        if exporter.export(spans) is SpanExportResult.SUCCESS:
            return True
        self._ended.extendleft(reversed(commands))
        return False


def _send_metrics(exporter: Any, resource: Any, text: str, started: float, now: float) -> bool:
    from opentelemetry.sdk.metrics.export import MetricExportResult

    from fleet.otel.metrics import metrics_data

    result = exporter.export(metrics_data(text, resource, started, now))
    return bool(result is MetricExportResult.SUCCESS)
