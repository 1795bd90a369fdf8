"""The wall between groups: every route of work, asked by everybody who is to get nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleet.provisioning.registry import Enrolled, Registry
from tests.support.served import Served
from tests.support.work_hub import (
    ANSWER,
    SECRET,
    UNENROLLED,
    Scene,
    WorkHub,
    described,
    digest_of,
    scene,
)

UNKNOWN = "01KZZZZZZZZZZZZZZZZZZZZZZZ"
UNKNOWN_DIGEST = "sha256:" + "0" * 64
OUTSIDE = ("spy", "loner")
"""Agents of other groups."""

END = {"epoch": 1}
NAMED = {"descriptor": described(SECRET)}

ROUTES: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/v1/tasks/{task}", None),
    ("POST", "/v1/tasks/{task}/claim", None),
    ("POST", "/v1/tasks/{task}/renew", {**END, "progress": 50}),
    ("POST", "/v1/tasks/{task}/complete", END),
    ("POST", "/v1/tasks/{task}/fail", END),
    ("POST", "/v1/tasks/{task}/cancel", None),
    ("POST", "/v1/tasks/{task}/input", {"input": []}),
    ("POST", "/v1/tasks/{task}/acknowledge", None),
    ("GET", "/v1/boards/{context}", None),
    ("GET", "/v1/boards/{context}/findings/notes.md", None),
    ("GET", "/v1/boards/{context}/findings/notes.md?version=1", None),
    ("PUT", "/v1/boards/{context}/findings/notes.md", NAMED),
    ("GET", "/v1/blobs/{digest}?context={context}", None),
    ("GET", "/v1/blobs/{digest}?context={own}", None),
    ("HEAD", "/v1/blobs/{digest}?context={context}", None),
    ("HEAD", "/v1/blobs/{digest}?context={own}", None),
)
"""Whatever names a thing by its id."""

DECISIONS = (
    ("POST", "/v1/tasks/{task}/approve", None),
    ("POST", "/v1/tasks/{task}/retry", None),
)
INSIDE_ALONE = [
    route for route in ROUTES if "claim" not in route[1] and route[1] != "/v1/tasks/{task}"
]


@pytest.fixture(scope="module")
def hub(hub: Served) -> WorkHub:
    return WorkHub(hub)


@pytest.fixture(scope="module")
def red(hub: WorkHub) -> Scene:
    return scene(hub)


def asked(
    hub: WorkHub, route: tuple[str, str, Any], who: str | None, things: dict[str, str]
) -> tuple[int, str]:
    """Status and body, with the names of the things taken out: what is left tells them apart."""
    method, path, body = route
    status, answer = hub.ask(method, path.format(**things), who, body)
    text = json.dumps(answer)
    for value in things.values():
        text = text.replace(value, "…")
    return status, text


@pytest.mark.parametrize("who", OUTSIDE)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_behind_the_wall_a_thing_is_as_unknown_as_one_that_is_not(
    hub: WorkHub, red: Scene, route: tuple[str, str, Any], who: str
) -> None:
    own = hub.new_id()
    for task in (red.claimed, red.waiting):
        there = {"task": task, "context": red.context, "digest": digest_of(SECRET), "own": own}
        nowhere = {"task": UNKNOWN, "context": UNKNOWN, "digest": UNKNOWN_DIGEST, "own": own}
        found, missing = asked(hub, route, who, there), asked(hub, route, who, nowhere)
        assert found == missing
        assert found[0] == 404


@pytest.mark.parametrize("route", [*ROUTES, *DECISIONS], ids=lambda route: f"{route[0]} {route[1]}")
@pytest.mark.parametrize(("who", "status"), [(None, 401), (UNENROLLED, 403), ("scraper", 403)])
def test_who_has_no_part_in_work_is_told_nothing_of_it(
    hub: WorkHub, red: Scene, route: tuple[str, str, Any], who: str | None, status: int
) -> None:
    things = {
        "task": red.claimed, "context": red.context, "digest": digest_of(SECRET), "own": UNKNOWN,
    }  # fmt: skip
    assert asked(hub, route, who, things)[0] == status


@pytest.mark.parametrize("who", ["boss", "worker", "peer", *OUTSIDE, "viewer"])
@pytest.mark.parametrize("route", DECISIONS, ids=lambda route: f"{route[0]} {route[1]}")
def test_only_people_decide(
    hub: WorkHub, red: Scene, route: tuple[str, str, Any], who: str
) -> None:
    for task in (red.asking, red.claimed, UNKNOWN):
        assert asked(hub, route, who, {"task": task})[0] == 403
    assert hub.done("GET", f"/v1/tasks/{red.asking}", "operator")["state"] == "auth-required"


@pytest.mark.parametrize("route", INSIDE_ALONE, ids=lambda route: f"{route[0]} {route[1]}")
def test_of_its_own_group_an_agent_without_a_grant_reads_no_content_and_changes_nothing(
    hub: WorkHub, red: Scene, route: tuple[str, str, Any]
) -> None:
    things = {
        "task": red.claimed, "context": red.context, "digest": digest_of(SECRET),
        "own": hub.new_id(),
    }  # fmt: skip
    status, _ = asked(hub, route, "peer", things)
    assert status == (404 if "/v1/b" in route[1] else 403 if "epoch" not in str(route[2]) else 409)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_a_viewer_sees_states_and_no_content(
    hub: WorkHub, red: Scene, route: tuple[str, str, Any]
) -> None:
    things = {
        "task": red.claimed, "context": red.context, "digest": digest_of(SECRET), "own": UNKNOWN,
    }  # fmt: skip
    looks = route[:2] == ("GET", "/v1/tasks/{task}")
    assert asked(hub, route, "viewer", things)[0] == (200 if looks else 403)


@pytest.mark.parametrize("who", [*OUTSIDE, "peer"])
def test_a_known_digest_opens_nothing_by_any_way_around(hub: WorkHub, red: Scene, who: str) -> None:
    """As the input of a task, an entry of a board, an output, by another context."""
    own = hub.new_id()
    stored = hub.put(b"something of one's own", own, who)
    mine = hub.submit(who, own, input=[stored], to=who)
    known = [described(SECRET), described(ANSWER)]
    for one in known:
        body = {"id": hub.new_id(), "context": own, "kind": "research", "input": [one]}
        assert hub.ask("POST", "/v1/tasks", who, body)[0] == 422
        body = {"id": hub.new_id(), "context": hub.new_id(), "kind": "research", "group": "red"}
        assert hub.ask("POST", "/v1/tasks", who, {**body, "input": [one]})[0] == 422
        address = f"/v1/boards/{own}/final/stolen"
        assert hub.ask("PUT", address, who, {"descriptor": one})[0] == 422
    epoch = hub.done("POST", f"/v1/tasks/{mine}/claim", who)["task"]["epoch"]
    for one in known:
        body = {"epoch": epoch, "output": [one]}
        assert hub.ask("POST", f"/v1/tasks/{mine}/complete", who, body)[0] == 422
        question = {"epoch": epoch, "state": "input-required", "output": [one]}
        assert hub.ask("POST", f"/v1/tasks/{mine}/fail", who, question)[0] == 422
        address = f"/v1/blobs/{one['digest']}?context={own}"
        assert hub.ask("GET", address, who)[0] == 404
    hub.done("POST", f"/v1/tasks/{mine}/complete", who, {"epoch": epoch})


@pytest.mark.parametrize("group", ["red", "nobodys"])
def test_no_agent_puts_content_into_another_group(hub: WorkHub, red: Scene, group: str) -> None:
    """There is one way, with a person in it: a task for that group, which waits for approval."""
    content = f"for {group}, not for {red.context}".encode()
    for who, own in (("spy", hub.new_id()), ("loner", hub.new_id())):
        path = f"/v1/blobs/{digest_of(content)}?context={own}"
        status, said = hub.ask("PUT", f"{path}&group={group}", who, content)
        assert (status, said["code"]) == (403, "foreign-group")
        assert "Try" not in said["detail"]
        assert hub.ask("GET", path, "operator")[0] == 404, "nothing was opened or kept"
        assert hub.ask("PUT", f"{path}&to=worker", who, content)[0] == 201, "its own, for all that"
        assert hub.ask("GET", path, "worker")[0] == 404


def test_a_context_is_not_joined_by_who_knows_its_id(hub: WorkHub, red: Scene) -> None:
    for who in ("peer", *OUTSIDE):
        body = {"id": hub.new_id(), "context": red.context, "kind": "research"}
        assert hub.ask("POST", "/v1/tasks", who, body)[0] == 404, who
        path = f"/v1/blobs/{digest_of(b'bait')}?context={red.context}"
        assert hub.ask("PUT", path, who, b"bait")[0] == 404, who


def test_lists_hold_what_is_of_the_group_and_nothing_of_what_work_says(
    hub: WorkHub, red: Scene
) -> None:
    ours = {red.claimed, red.waiting}
    for who in ("boss", "worker", "peer", "operator", "viewer"):
        assert ours <= {one["id"] for one in hub.done("GET", "/v1/tasks", who)["tasks"]}
    for who in OUTSIDE:
        for query in (
            "",
            "?group=red",
            f"?context={red.context}",
            "?agent=worker",
            "?offered=true",
        ):
            answer = hub.done("GET", f"/v1/tasks{query}", who)
            assert not ours & {one["id"] for one in answer["tasks"]}
    assert hub.ask("GET", "/v1/tasks?offered=true", "operator")[0] == 403


def test_who_belongs_reads_what_is_theirs(hub: WorkHub, red: Scene) -> None:
    """The wall has doors: else the tests above would hold of a hub that answers nobody."""
    path = f"/v1/blobs/{digest_of(SECRET)}?context={red.context}"
    for who in ("boss", "worker", "operator", "admin"):
        assert hub.done("GET", path, who)["text"] == SECRET.decode()
        board = hub.done("GET", f"/v1/boards/{red.context}", who)
        assert [entry["name"] for entry in board["entries"]] == ["notes.md"]


def test_an_agent_that_is_revoked_or_moved_loses_its_part_at_once(hub: WorkHub, red: Scene) -> None:
    hub.enrol(Enrolled("leaver", groups=("red",), can=("research",), may_delegate=True))
    path = f"/v1/tasks/{red.claimed}"
    assert hub.ask("GET", path, "leaver")[0] == 200
    registry = Registry(hub.served.home)
    registry.save(Enrolled("leaver", groups=("blue",)))
    assert hub.ask("GET", path, "leaver")[0] == 404
    registry.revoke("leaver", 1.0)
    assert hub.ask("GET", path, "leaver")[0] == 403


def test_a_name_that_others_call_their_group_is_no_way_into_it(hub: WorkHub, red: Scene) -> None:
    hub.enrol(Enrolled("red", can=("research",), may_delegate=True))
    assert hub.ask("GET", f"/v1/tasks/{red.claimed}", "red")[0] == 403
    assert hub.ask("GET", "/v1/tasks", "red")[0] == 403
