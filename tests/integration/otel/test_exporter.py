"""A collector on loopback receives the life of a command as a trace, and the metrics."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fleet.otel.spans import trace_id
from tests.support.broker import Mosquitto
from tests.support.served import Served
from tests.support.waiting import wait_until

Received = dict[str, list[bytes]]


@pytest.fixture
def collector() -> Iterator[tuple[str, Received]]:
    """(address, bodies by path) of a collector that takes everything."""
    received: Received = defaultdict(list)

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            received[self.path].append(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", received
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_command_is_a_trace_named_by_its_id_and_the_metrics_are_those_of_prometheus(
    broker: Mosquitto, collector: tuple[str, Received], tmp_path: Path
) -> None:
    address, received = collector
    home = tmp_path / "home"
    home.mkdir()
    (home / "fleet.toml").write_text(f'[otel]\nendpoint = "{address}"\nmetrics_every = 1\n')
    hub = Served(home, broker).start()
    try:
        beat = {"ok": True, "ts": "2026-03-18T21:30:00Z", "interval": 60}
        hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", beat)
        wait_until(lambda: hub.ask("GET", "/v1/agents/ada")[0] == 200)
        sent = hub.ask("POST", "/v1/send", body={"to": "ada", "verb": "health-check"})[1]
        [command] = sent["ids"]
        hub.ask("POST", "/v1/ack", "agent:ada", {"id": command, "result": "done"})
        spans = wait_until(lambda: spans_in(received["/v1/traces"]), what="the trace")
        assert {span.trace_id for span in spans} == {trace_id(command).to_bytes(16, "big")}
        root = next(span for span in spans if not span.parent_span_id)
        assert root.name == "command health-check"
        attributes = {item.key: item.value.string_value for item in root.attributes}
        assert attributes["fleet.agent"] == "ada"
        assert attributes["fleet.command.outcome"] == "done"
        others = [span for span in spans if span.parent_span_id]
        assert {span.parent_span_id for span in others} == {root.span_id}
        names = wait_until(
            lambda: "fleet_agent_up" in names_in(received["/v1/metrics"]), what="the agent's metric"
        )
        assert names
        assert "fleet_bus_messages" in names_in(received["/v1/metrics"])
    finally:
        hub.stop()


def test_a_collector_that_is_away_stops_nothing(broker: Mosquitto, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "fleet.toml").write_text('[otel]\nendpoint = "http://127.0.0.1:9"\n')
    hub = Served(home, broker).start()
    try:
        wait_until(lambda: "takes nothing" in hub.log.read_text(), what="the warning")
        assert hub.ask("GET", "/readyz", None)[0] == 200
    finally:
        hub.stop()


def spans_in(bodies: list[bytes]) -> list[object]:
    found = []
    for body in bodies:
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                found += scope.spans
    return found


def names_in(bodies: list[bytes]) -> set[str]:
    found = set()
    for body in bodies:
        request = ExportMetricsServiceRequest()
        request.ParseFromString(body)
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                found |= {metric.name for metric in scope.metrics}
    return found
