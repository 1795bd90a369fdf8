"""The nanobot kind against the real thing: tokens, idle cost, failing jobs; its life and death are
in tests/acceptance/agents."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar.config import load
from agent_sidecar.kinds import assemble
from agent_sidecar.probes.base import Assembly, ProbeResult
from fleet.contract.vocabulary import Check
from tests.support.http_stub import Stub, answer
from tests.support.nanobot import REASON, Nanobot, find_nanobot, job
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(find_nanobot() is None, reason=REASON),
    pytest.mark.xdist_group("agents"),  # 100 MB each
    pytest.mark.timeout(120),
]


class Provider:
    """An OpenAI-like server; `status` 200 answers with a usage, anything else with an error."""

    def __init__(self) -> None:
        self.status = 200

    def __call__(self, connection: socket.socket, _path: str) -> None:
        if self.status != 200:
            error = {"error": {"message": "a client's secret", "code": "x"}}
            connection.sendall(answer(error, status=f"{self.status} Error"))
            return
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
        common = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        choice = {"index": 0, "delta": {"role": "assistant", "content": "hi"}}
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        events = [
            {**common, "choices": [choice]},
            {**common, "choices": [last]},
            {**common, "choices": [], "usage": usage},
        ]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        connection.sendall(answer(body=body.encode(), kind="text/event-stream"))


@pytest.fixture
def provider() -> Iterator[tuple[Provider, Stub]]:
    script = Provider()
    with Stub(script) as stub:
        yield script, stub


def assembled(nanobot: Nanobot, **settings: str) -> Assembly:
    environ = {
        "FLEET_AGENT": "alpha",
        "FLEET_AGENT_HOME": str(nanobot.folder),
        "FLEET_ENDPOINT_TIMEOUT": "2",
        "FLEET_DISK": "-",
        **settings,
    }
    return assemble(load(environ=environ))


def look(assembly: Assembly) -> dict[str, ProbeResult]:
    return {probe.name: probe.run() for probe in assembly.probes}


def raised(results: dict[str, ProbeResult]) -> set[str]:
    return {str(s.code) for result in results.values() for s in result.evidence if s.firing}


def test_jobs_that_fail_are_seen_though_nanobot_calls_them_ok(
    tmp_path: Path, provider: tuple[Provider, Stub]
) -> None:
    script, stub = provider
    nanobot = Nanobot(tmp_path, stub.port, [job("letter", every=1, due=2)])
    assembly = assembled(nanobot, FLEET_IDLE_TOKENS="1500", FLEET_ERROR_RATE="20")
    try:
        nanobot.start()

        def well() -> dict[str, ProbeResult]:
            found = look(assembly)
            called = found["usage"].metrics.get("tokens_input_total", 0)
            # On a busy machine its second run, whose tokens are too many, is over before a look.
            return found if called and raised(found) <= {"idle-cost"} else {}

        good = wait_until(well, what="the first run of the job")
        assert good["cron"].check is Check.PASS
        assert good["usage"].metrics["tokens_output_total"] % 50 == 0
        assert "work_age_seconds" in good["usage"].metrics

        wait_until(
            lambda: "idle-cost" in raised(look(assembly)), what="tokens spent without user work"
        )
        script.status = 500
        bad = wait_until(
            lambda: (found := look(assembly))["cron"].check is Check.FAIL and found,
            what="the failing job",
        )
        assert "cron-failure" in raised(bad)
        script.status = 200
        wait_until(lambda: look(assembly)["cron"].check is Check.PASS, 60, "the job's recovery")
        said = repr(list(look(assembly).values()))
        assert "client" not in said
        assert "secret" not in said
    finally:
        nanobot.kill()
