"""What a submission lacks is said with a remedy that works and takes nothing away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.served import Served
from tests.support.work_hub import AGENTS, WorkHub


@pytest.fixture(scope="module")
def hub(hub: Served) -> WorkHub:
    made = WorkHub(hub)
    made.enrol(*AGENTS)
    return made


def refused(
    hub: WorkHub, status: int, method: str, path: str, who: str, body: Any = None, **headers: str
) -> dict[str, Any]:
    """The problem of a request that must be refused: it says what, why and what to try."""
    found, answer = hub.ask(method, path, who, body, **headers)
    assert found == status, (found, answer)
    assert answer["detail"]
    assert answer["try"]
    problem: dict[str, Any] = answer
    return problem


def test_what_lacks_a_kind_is_told_a_remedy_that_takes_nothing_away(hub: WorkHub) -> None:
    body = {"id": hub.new_id(), "context": hub.new_id(), "kind": "alchemy", "to": "worker"}
    told = refused(hub, 400, "POST", "/v1/tasks", "boss", body)
    assert told["try"] == "fleet agent allow worker --can alchemy,research"


def test_what_nobody_can_do_is_not_approved_either(hub: WorkHub) -> None:
    for lacks in ({"kind": "alchemy", "group": "blue"}, {"kind": "research", "group": "nowhere"}):
        task = hub.submit("boss", hub.new_id(), **lacks)
        told = refused(hub, 400, "POST", f"/v1/tasks/{task}/approve", "operator")
        assert lacks["kind"] in told["detail"]
        ended = hub.done("POST", f"/v1/tasks/{task}/approve", "operator", {"approved": False})
        assert ended["reason"] == "not-approved"


def test_who_waits_for_a_task_of_another_session_is_told_which(hub: WorkHub) -> None:
    context = hub.new_id()
    first = hub.submit("boss", context, to="worker")
    body = {"id": hub.new_id(), "context": hub.new_id(), "kind": "research", "after": [first]}
    told = refused(hub, 400, "POST", "/v1/tasks", "boss", body)
    assert "another session" in told["detail"]
    assert told["try"] == f"--context {context}"
    unknown = hub.new_id()
    told = refused(hub, 404, "POST", "/v1/tasks", "boss", {**body, "after": [unknown]})
    assert unknown in told["detail"]
    hub.done("POST", f"/v1/tasks/{first}/cancel", "boss")


def test_a_route_that_is_not_there_is_told_with_where_they_stand(hub: WorkHub) -> None:
    told = refused(hub, 404, "GET", "/v1/tasks/of/another/release", "boss")
    assert "openapi.json" in told["try"]
    refused(hub, 405, "DELETE", f"/v1/tasks/{hub.new_id()}", "boss")
