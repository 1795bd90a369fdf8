"""The endpoint probe against real sockets that misbehave."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from agent_sidecar.config import load
from agent_sidecar.kinds import assemble
from agent_sidecar.kinds.openclaw_health import live, ready, startup
from agent_sidecar.probes.base import ProbeResult
from agent_sidecar.probes.endpoint import EndpointProbe, ReadHealth, common, parse
from agent_sidecar.probes.http import MAX_ANSWER, HttpAddress, get
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Check
from tests.support.broker import free_port
from tests.support.http_stub import Stub, answer, drips, hanging, says

GOOD = answer({"status": "ok"})


def look(
    url: str, judge: ReadHealth = common, *, slow: float = 10.0, timeout: float = 5.0
) -> ProbeResult:
    return EndpointProbe(url, judge, slow=slow, timeout=timeout, keys="status").run()


def check_of(whole: bytes, judge: ReadHealth = common) -> Check:
    with Stub(says(whole)) as stub:
        result = look(f"{stub.url}/health", judge)
    (sign,) = result.evidence
    assert sign.firing is (result.check is Check.FAIL)
    return result.check


def test_a_healthy_answer_passes_with_its_latency() -> None:
    with Stub(says(GOOD)) as stub:
        result = look(f"{stub.url}/health?full=1")
    assert result.check is Check.PASS
    assert 0 < result.metrics["endpoint_latency_seconds"] < 5


def test_a_slow_answer_is_a_warning_and_no_alert() -> None:
    with Stub(drips(GOOD, 0.001)) as stub:
        result = look(stub.url, slow=0.02)
    assert result.check is Check.WARN
    assert not result.evidence[0].firing


def test_nobody_listening_is_down() -> None:
    result = look(f"http://127.0.0.1:{free_port()}")
    assert result.check is Check.FAIL
    assert result.evidence[0].firing
    assert result.metrics == {}


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", GOOD[:-4]])
def test_a_server_that_hangs_is_down_within_the_timeout(first: bytes) -> None:
    with hanging(first) as stub:  # for as long as it is asked
        assert look(stub.url, timeout=0.3).check is Check.FAIL


def test_a_server_that_drips_gets_no_more_time_than_the_rest() -> None:
    with Stub(drips(GOOD, 0.05)) as stub:  # whole, and good, after some seconds
        assert look(stub.url, timeout=0.3).check is Check.FAIL


def test_a_half_closed_connection_without_the_promised_length_is_down() -> None:
    def script(connection: socket.socket, _path: str) -> None:
        connection.sendall(GOOD[:-4])
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)

    with Stub(script) as stub:
        assert look(stub.url).check is Check.FAIL


@pytest.mark.parametrize(
    "whole",
    [
        answer(body=b"<html>200 for everything</html>", kind="text/html"),
        answer({"status": "ok"}, kind="text/html"),
        answer(["ok"]),
        answer({"unknown": "shape"}),
        answer(body=b"{not json"),
        answer({"status": "ok"}, status="404 Not Found"),
        answer({"status": "ok"}, status="302 Found"),
        answer({"status": "broken"}),
        answer({"ok": False}),
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"",
        answer(body=b'{"status":"ok","x":"' + b"y" * MAX_ANSWER + b'"}'),
        answer(body=b'{"ok":' * 100_000),
    ],
)
def test_what_is_not_the_document_due_is_down(whole: bytes) -> None:
    assert check_of(whole) is Check.FAIL


@pytest.mark.parametrize(
    ("whole", "check"),
    [
        (answer({"ok": True}), Check.PASS),
        (answer({"healthy": True}, kind="application/json; charset=utf-8"), Check.PASS),
        (answer({"status": "UP"}), Check.PASS),
        (answer({"status": "degraded"}, status="503 Service Unavailable"), Check.WARN),
        (b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"ready":true}', Check.PASS),
    ],
)
def test_the_usual_shapes_are_understood(whole: bytes, check: Check) -> None:
    assert check_of(whole) is check


@pytest.mark.parametrize("url", ["ftp://x", "health", "http://", "http://a b/", "http://x:99999/"])
def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(url)
    assert "FLEET_ENDPOINT=http" in caught.value.remedy


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        EndpointProbe("http://someone:secret@127.0.0.1/health", common, slow=1, timeout=2, keys="")
    assert "secret" not in str(caught.value)


def test_no_token_of_an_address_is_shown() -> None:
    with Stub(says(GOOD)) as stub:
        url = f"http://127.0.0.1:{stub.port}/health?token=secret"
        probe = EndpointProbe(url, common, slow=1, timeout=2, keys="status")
        assert probe.run().check is Check.PASS
    assert "secret" not in probe.reads + probe.name


def test_the_same_get_speaks_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with Stub(says(answer({"Id": "1"})), path):
        assert get(HttpAddress("docker", path=str(path)), "/x", 2).document() == {"Id": "1"}


def openclaw(connection: socket.socket, path: str) -> None:
    """The recorded answers of an OpenClaw gateway; any other path is 200 and a page."""
    recorded: dict[str, object] = {
        "/healthz": {"ok": True, "status": "live"},
        "/readyz": {
            "ready": True,
            "failing": [],
            "uptimeMs": 61_250,
            "eventLoop": {"degraded": False, "delayP99Ms": 12.3},
        },
        "/startupz": {"ok": True, "version": "2026.9.6", "uptimeMs": 61_250},
    }
    page = answer(body=b"<!doctype html><title>OpenClaw</title>", kind="text/html")
    connection.sendall(answer(recorded[path]) if path in recorded else page)


def test_openclaw_is_read_by_its_three_endpoints() -> None:
    with Stub(openclaw) as stub:
        assert look(f"{stub.url}/healthz", live).check is Check.PASS
        is_ready = look(f"{stub.url}/readyz", ready)
        started = look(f"{stub.url}/startupz", startup)
        lost = look(f"{stub.url}/health", live)
    assert (is_ready.check, is_ready.uptime) == (Check.PASS, 61.25)
    assert (started.check, started.versions) == (Check.PASS, {"agent": "2026.9.6"})
    assert lost.check is Check.FAIL, "200 text/html is no health"


@pytest.mark.parametrize(
    ("judge", "document", "check"),
    [
        (live, {"ok": True, "status": "prompt text"}, Check.FAIL),
        (ready, {"ready": False, "failing": ["channel"]}, Check.WARN),
        (ready, {"ready": True, "eventLoop": {"degraded": True}}, Check.WARN),
        (startup, {"ok": False}, Check.FAIL),
        (startup, {"ok": True, "version": "see the client's letter of May 3"}, Check.PASS),
    ],
)
def test_openclaw_in_trouble(judge: ReadHealth, document: object, check: Check) -> None:
    with Stub(says(answer(document))) as stub:
        result = look(stub.url, judge)
    assert result.check is check
    assert result.versions == {}, "a version is a version or absent"


def test_a_refused_channel_of_openclaw_fails_its_plane_and_is_counted_only(
    tmp_path: Path,
) -> None:
    """Recorded from 2026.9.6: 503 with the ids of the channels that are refused."""
    said: dict[str, object] = {"ready": False, "failing": ["telegram", "client-letters"]}
    status = "503 Service Unavailable"

    def gateway(connection: socket.socket, path: str) -> None:
        page = answer(body=b"<!doctype html>", kind="text/html")
        connection.sendall(answer(said, status=status) if path == "/readyz" else page)

    (tmp_path / "openclaw.json").write_text("{}")
    with Stub(gateway) as stub:
        settings = {
            "FLEET_AGENT": "alpha",
            "FLEET_KIND": "openclaw",
            "FLEET_AGENT_HOME": str(tmp_path),
            "FLEET_ENDPOINT": stub.url,
        }
        probes = {probe.name: probe for probe in assemble(load(environ=settings)).probes}
        refused = probes["channels"].run()
        said, status = {"ready": True, "failing": []}, "200 OK"
        good = probes["channels"].run()
        said = {"ready": True, "failing": "client-letters"}
        strange = probes["channels"].run()
    gone = probes["channels"].run()
    assert (refused.plane, refused.check) == ("channels", Check.FAIL)
    assert refused.metrics == {"channels_failed": 2}
    assert (good.check, good.metrics) == (Check.PASS, {"channels_failed": 0})
    assert strange.check is gone.check is Check.UNKNOWN
    assert "client" not in repr([refused, good, strange, gone, probes["channels"].reads])
