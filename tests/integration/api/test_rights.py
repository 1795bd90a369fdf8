"""What each role may do over HTTP: the whole matrix, against a real hub."""

from __future__ import annotations

import pytest

from tests.support.served import ROLES, Served

ULID = "01JZ0000000000000000000000"
BEAT = {"ok": True, "ts": "2026-03-18T21:30:00Z"}
READ = {"admin", "operator", "viewer"}
OPERATE = {"admin", "operator"}
NOBODY_NEEDED = {*ROLES, None}

DIGEST = "sha256:" + "0" * 64
WORK = [
    ("POST", "/v1/rollouts", {"id": ULID, "version": "1"}, OPERATE),
    ("GET", "/v1/rollouts", None, READ),
    ("GET", f"/v1/rollouts/{ULID}", None, READ),
    *(
        ("POST", f"/v1/rollouts/{ULID}/{step}", None, OPERATE)
        for step in ("start", "pause", "resume", "abort", "rollback")
    ),
    ("POST", "/v1/tasks", {"id": ULID, "context": ULID, "kind": "x"}, OPERATE),
    ("GET", "/v1/tasks", None, READ),
    ("GET", f"/v1/tasks/{ULID}", None, READ),
    ("POST", f"/v1/tasks/{ULID}/claim", None, set()),
    ("POST", f"/v1/tasks/{ULID}/renew", {"epoch": 1}, set()),
    ("POST", f"/v1/tasks/{ULID}/complete", {"epoch": 1}, set()),
    ("POST", f"/v1/tasks/{ULID}/fail", {"epoch": 1}, set()),
    ("POST", f"/v1/tasks/{ULID}/cancel", None, OPERATE),
    ("POST", f"/v1/tasks/{ULID}/input", {"input": []}, OPERATE),
    ("POST", f"/v1/tasks/{ULID}/acknowledge", None, OPERATE),
    ("POST", f"/v1/tasks/{ULID}/approve", None, OPERATE),
    ("POST", f"/v1/tasks/{ULID}/retry", None, OPERATE),
    ("PUT", f"/v1/blobs/{DIGEST}?context={ULID}", None, OPERATE),
    ("HEAD", f"/v1/blobs/{DIGEST}?context={ULID}", None, OPERATE),
    ("GET", f"/v1/blobs/{DIGEST}?context={ULID}", None, OPERATE),
    ("GET", f"/v1/boards/{ULID}", None, OPERATE),
    ("GET", f"/v1/boards/{ULID}/final/report.md", None, OPERATE),
    ("PUT", f"/v1/boards/{ULID}/final/report.md", {"descriptor": {"digest": DIGEST, "size": 0}},
     OPERATE),
]  # fmt: skip
"""`agent:ada` is not enrolled, so it has no part in work; `test_work_wall` has those who are."""

MATRIX = [
    ("GET", "/v1/agents", None, READ),
    ("GET", "/v1/agents/ada", None, READ),
    ("DELETE", "/v1/agents/ada", None, OPERATE),
    ("DELETE", "/v1/agents/ada?history=true", None, {"admin"}),
    ("POST", "/v1/agents/ada/rename", {"to": "ada"}, OPERATE),
    ("GET", "/v1/sites", None, READ),
    ("GET", "/v1/stats", None, READ),
    ("GET", "/v1/history", None, READ),
    ("GET", "/v1/rollups", None, READ),
    ("GET", "/v1/beats?agent=ada", None, READ),
    ("GET", "/v1/labels", None, READ),
    ("GET", "/v1/names", None, READ),
    ("GET", "/v1/forecast", None, READ),
    ("GET", "/v1/pairs", None, READ),
    ("POST", "/v1/pairs", {"name": "bots", "active": "ada", "standby": "bob"}, OPERATE),
    ("GET", "/v1/pairs/bots", None, READ),
    ("POST", "/v1/pairs/bots/failover", {}, OPERATE),
    ("DELETE", "/v1/pairs/bots", None, OPERATE),
    ("GET", "/v1/dead-letters", None, OPERATE),
    ("GET", "/v1/audit", None, READ),
    ("GET", "/v1/alerts", None, READ),
    ("GET", "/v1/inbox?agent=ada", None, {*READ, "agent:ada"}),
    ("POST", "/v1/send", {"to": "ada", "verb": "health-check"}, OPERATE),
    ("POST", "/v1/alerts/ack", {"agent": "ada", "code": "agent-late"}, OPERATE),
    ("POST", "/v1/alerts/retry", {}, OPERATE),
    ("POST", "/v1/verified", {"agent": "ada", "agrees": True}, OPERATE),
    ("GET", "/v1/dead-letters", None, OPERATE),
    ("GET", "/v1/silences", None, READ),
    ("POST", "/v1/silences", {"seconds": 60}, OPERATE),
    ("DELETE", "/v1/silences/none", None, OPERATE),
    ("POST", "/v1/ack", {"id": ULID, "result": "done"}, {*OPERATE, "agent:ada"}),
    ("POST", "/v1/publish/heartbeat", BEAT, {"agent:ada"}),
    *WORK,
    ("GET", "/healthz", None, NOBODY_NEEDED),
    ("GET", "/readyz", None, NOBODY_NEEDED),
    ("GET", "/metrics", None, {*READ, "scraper"}),
    ("GET", "/v1/openapi.json", None, NOBODY_NEEDED),
]


@pytest.mark.parametrize("role", [*ROLES, None])
@pytest.mark.parametrize(("method", "path", "body", "allowed"), MATRIX)
def test_a_role_may_do_what_the_matrix_says_and_no_more(
    hub: Served,
    method: str,
    path: str,
    body: object,
    allowed: set[str | None],
    role: str | None,
) -> None:
    status, _, _ = hub.ask(method, path, role, body)
    if role in allowed:
        assert status not in (401, 403), status
    else:
        assert status == (401 if role is None else 403)


@pytest.mark.parametrize(("path", "role"), [("/metrics", "scraper"), ("/v1/agents", "viewer")])
def test_who_has_no_token_is_told_of_the_role_with_the_fewest_rights(
    hub: Served, path: str, role: str
) -> None:
    status, said, _ = hub.ask("GET", path, None)
    assert status == 401
    assert f"fleet token create --role {role}" in said["try"]


def templated(path: str) -> str:
    """The route behind a path of the matrix."""
    route = path.partition("?")[0]
    for value, name in (("ada", "{name}"), ("none", "{silence_id}"), ("heartbeat", "{kind}")):
        route = route.replace(f"/{value}", f"/{name}")
    return route


def test_the_matrix_knows_every_route(hub: Served) -> None:
    _, document, _ = hub.ask("GET", "/v1/openapi.json", None)
    routes = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    known = {
        (
            method,
            path.partition("?")[0].replace("/ada", "/{name}").replace("/none", "/{silence_id}"),
        )
        for method, path, _, _ in MATRIX
    }
    known = {(m, p.replace("publish/heartbeat", "publish/{kind}")) for m, p in known}
    for value, name in (
        (f"boards/{ULID}/final/report.md", "boards/{context}/{section}/{name}"),
        (f"boards/{ULID}", "boards/{context}"), (f"tasks/{ULID}", "tasks/{id}"),
        (f"rollouts/{ULID}", "rollouts/{id}"), (DIGEST, "{digest}"), ("pairs/bots", "pairs/{name}"),
    ):  # fmt: skip
        known = {(m, p.replace(value, name)) for m, p in known}
    # Sessions have tests of their own, and a stream does not end.
    others = {("GET", "/v1/events")} | {(m, "/v1/session") for m in ("GET", "POST", "DELETE")}
    assert routes - others == known - {("GET", "/v1/openapi.json")}


def test_an_agent_reads_its_own_inbox_only(hub: Served) -> None:
    assert hub.ask("GET", "/v1/inbox?agent=boole", "agent:ada")[0] == 403


def test_a_bad_token_is_nobody_and_too_many_of_them_wait(hub: Served) -> None:
    statuses = [hub.ask("GET", "/v1/agents", f"fleet_{n}", patience=0)[0] for n in range(15)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    status, problem, headers = hub.ask("GET", "/v1/agents", "fleet_x", patience=0)
    assert (status, problem["status"]) == (429, 429)
    assert int(headers["Retry-After"]) >= 1
