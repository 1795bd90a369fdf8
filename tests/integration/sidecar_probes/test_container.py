"""The container probe against a real Docker engine, and without one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar.probes.base import ProbeResult
from agent_sidecar.probes.container import ContainerProbe
from fleet.contract.vocabulary import Check
from tests.support.docker import NEEDS_ENGINE, Docker, engine
from tests.support.http_stub import Stub, answer
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    with engine() as docker:
        yield docker


def raised(result: ProbeResult) -> set[str]:
    return {str(sign.code) for sign in result.evidence if sign.firing}


class TestWithAnEngine:
    pytestmark = NEEDS_ENGINE

    def test_the_life_of_a_container(self, docker: Docker) -> None:
        docker.container("agent", "trap 'exit 3' TERM; while :; do sleep 0.1; done")
        probe = ContainerProbe("agent", docker.socket)
        up = probe.run()
        assert (up.check, raised(up)) == (Check.PASS, set())
        assert up.uptime is not None
        assert 0 <= up.uptime < 60
        assert up.metrics["restarts_total"] == 0
        docker.run("pause", "agent")
        wait_until(lambda: probe.run().check is Check.WARN, what="the pause")
        docker.run("unpause", "agent")
        docker.run("kill", "agent")
        wait_until(lambda: raised(probe.run()) == {"process-down"}, what="the kill")
        docker.run("start", "agent")
        again = wait_until(lambda: (now := probe.run()).check is Check.PASS and now)
        assert again.metrics["restarts_total"] == 1
        docker.run("rm", "-f", "agent")
        wait_until(lambda: raised(probe.run()) == {"process-down"}, what="the end")

    def test_its_health_check_counts(self, docker: Docker) -> None:
        health = ("--health-interval", "1s", "--health-retries", "1", "--health-cmd")
        docker.container("sick", "sleep 600", *health, "/bin/false")
        probe = ContainerProbe("sick", docker.socket)
        wait_until(lambda: probe.run().check is Check.FAIL, what="an unhealthy container")
        assert raised(probe.run()) == set(), "ill is not down"
        docker.run("rm", "-f", "sick")

    def test_a_container_that_keeps_dying_is_a_loop(self, docker: Docker) -> None:
        docker.container("dying", "sleep 0.2; exit 1", "--restart", "on-failure:5")
        probe = ContainerProbe("dying", docker.socket)
        probe.run()
        wait_until(lambda: "restart-loop" in raised(probe.run()), 60, "a loop")
        docker.run("rm", "-f", "dying")

    def test_an_engine_that_is_away_is_unknown_and_the_probe_goes_on(self, docker: Docker) -> None:
        docker.container("steady", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
        probe = ContainerProbe("steady", docker.socket)
        assert probe.run().check is Check.PASS
        docker.stop()
        away = probe.run()
        assert (away.check, list(away.evidence)) == (Check.UNKNOWN, [])
        docker.start()
        docker.run("start", "steady")
        wait_until(lambda: probe.run().check is Check.PASS, what="its return")
        docker.kill()
        killed = probe.run()
        assert (killed.check, list(killed.evidence)) == (Check.UNKNOWN, [])


RUNNING = {
    "RestartCount": 0,
    "State": {
        "Running": True,
        "OOMKilled": False,
        "StartedAt": "2026-03-18T21:30:00.123456789Z",
        "Error": "a client's secret",
    },
    "Config": {"Env": ["API_KEY=secret"]},
}
STATS = {
    "memory_stats": {"usage": 5000, "stats": {"inactive_file": 2000}},
    "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}},
}


def look(tmp_path: Path, **answers: object) -> ProbeResult:
    """A look at recorded answers of the engine, by the end of the path."""

    def script(connection: socket.socket, path: str) -> None:
        document = answers["stats" if "/stats" in path else "json"]
        whole = document if isinstance(document, bytes) else answer(document)
        connection.sendall(whole)

    with Stub(script, tmp_path / "d.sock"):
        return ContainerProbe("a/b", tmp_path / "d.sock").run()


def test_memory_counts_without_the_cache_and_nothing_else_leaves(tmp_path: Path) -> None:
    result = look(tmp_path, json=RUNNING, stats=STATS)
    assert result.metrics == {
        "restarts_total": 0,
        "memory_bytes": 3000,
        "cpu_seconds_total": 1.5,
    }
    assert "secret" not in repr(result)


def test_a_kill_for_want_of_memory_is_memory_pressure(tmp_path: Path) -> None:
    state = {**RUNNING["State"], "OOMKilled": True}  # type: ignore[dict-item]
    result = look(tmp_path, json={**RUNNING, "State": state}, stats=STATS)
    assert raised(result) == {"memory-pressure"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
        answer({"message": "denied"}, status="403 Forbidden"),
        answer({"State": "running"}),
        answer([]),
    ],
)
def test_an_engine_that_talks_nonsense_is_unknown(tmp_path: Path, document: bytes) -> None:
    assert look(tmp_path, json=document, stats=STATS).check is Check.UNKNOWN


def test_a_socket_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    assert ContainerProbe("x", tmp_path / "none.sock").run().check is Check.UNKNOWN
