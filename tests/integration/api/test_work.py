"""Work over HTTP: tasks from submitted to told, content, boards, and what is refused with words."""

from __future__ import annotations

import http.client
import json
import os
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fleet.provisioning.registry import Enrolled, Registry
from tests.support.served import Served
from tests.support.waiting import wait_until
from tests.support.work_hub import AGENTS, WorkHub, digest_of

BRIEF = b"find out what moves in the market of left-handed scissors"
REPORT = b"nothing moves"


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


def join(hub: WorkHub, who: str, context: str) -> None:
    """Become a member of a session, which has its content from then on."""
    task = hub.submit(who, context, to="worker")
    hub.done("POST", f"/v1/tasks/{task}/cancel", who)


def blobs(hub: WorkHub) -> list[Path]:
    return [path for path in (hub.served.home / "blobs").rglob("*") if path.is_file()]


def test_a_task_from_submitted_to_told(hub: WorkHub) -> None:
    context = hub.new_id()
    brief = hub.put(BRIEF, context, "boss")
    task = hub.submit("boss", context, input=[brief], priority="high")
    offered = hub.done("GET", "/v1/tasks?offered=true", "worker")["tasks"]
    assert task in {one["id"] for one in offered}
    claim = hub.done("POST", f"/v1/tasks/{task}/claim", "worker")
    epoch = claim["task"]["epoch"]
    assert (claim["task"]["state"], claim["task"]["attempt"]) == ("working", 1)
    assert claim["grant"]["digests"] == [brief["digest"]]
    assert claim["grant"]["board"] == context
    renewed = hub.done(
        "POST", f"/v1/tasks/{task}/renew", "worker", {"epoch": epoch, "progress": 40}
    )
    assert renewed["progress"] == 40
    report = hub.put(REPORT, context, "worker")
    end = {"epoch": epoch, "output": [report]}
    ended = hub.done("POST", f"/v1/tasks/{task}/complete", "worker", end)
    assert ended["state"] == "completed"
    assert hub.done("POST", f"/v1/tasks/{task}/complete", "worker", end)["state"] == "completed"
    untold = hub.done("GET", "/v1/tasks?untold=true", "boss")["tasks"]
    assert [one["id"] for one in untold] == [task]
    path = f"/v1/blobs/{report['digest']}?context={context}"
    assert hub.done("GET", path, "boss")["text"] == REPORT.decode()
    assert hub.done("POST", f"/v1/tasks/{task}/acknowledge", "boss")["told"]
    assert hub.done("GET", "/v1/tasks?untold=true", "boss")["tasks"] == []


def test_the_same_id_is_the_same_task_and_another_content_a_conflict(hub: WorkHub) -> None:
    body = {"id": hub.new_id(), "context": hub.new_id(), "kind": "research", "to": "worker"}
    body["priority"] = "normal"
    assert hub.ask("POST", "/v1/tasks", "boss", body)[0] == 201
    status, again = hub.ask("POST", "/v1/tasks", "boss", body)
    assert (status, again["id"]) == (200, body["id"])
    problem = refused(hub, 409, "POST", "/v1/tasks", "boss", {**body, "priority": "urgent"})
    assert problem["code"] == "conflict"
    hub.done("POST", f"/v1/tasks/{body['id']}/cancel", "boss")
    assert hub.ask("POST", "/v1/tasks", "boss", body)[1]["state"] == "canceled"


def test_who_lost_the_lease_writes_nothing(hub: WorkHub) -> None:
    task = hub.submit("boss", hub.new_id(), to="worker")
    hub.done("POST", f"/v1/tasks/{task}/claim", "worker")
    failed = {"epoch": 1, "reason": "sidecar-stopped"}
    assert hub.done("POST", f"/v1/tasks/{task}/fail", "worker", failed)["state"] == "submitted"
    late = {"epoch": 1, "result": True}
    for step, body in (("renew", {"epoch": 1}), ("renew", late), ("complete", {"epoch": 1})):
        problem = refused(hub, 409, "POST", f"/v1/tasks/{task}/{step}", "worker", body)
        assert problem["code"] in ("stale-epoch", "wrong-state")
    hub.done("POST", f"/v1/tasks/{task}/cancel", "boss")


def test_a_worker_asks_and_is_answered(hub: WorkHub) -> None:
    context = hub.new_id()
    task = hub.submit("boss", context, to="worker")
    epoch = hub.done("POST", f"/v1/tasks/{task}/claim", "worker")["task"]["epoch"]
    question = hub.put(b"which market?", context, "worker")
    asks = {"epoch": epoch, "state": "input-required", "output": [question]}
    assert hub.done("POST", f"/v1/tasks/{task}/fail", "worker", asks)["state"] == "input-required"
    answer = hub.put(b"that of Berlin", context, "boss")
    body = {"input": [answer]}
    assert refused(hub, 403, "POST", f"/v1/tasks/{task}/input", "peer", body)
    given = hub.done("POST", f"/v1/tasks/{task}/input", "boss", body)
    assert (given["state"], given["input"]) == ("submitted", [answer])
    hub.done("POST", f"/v1/tasks/{task}/cancel", "operator")


def test_work_for_another_group_waits_for_a_person_who_has_its_content_copied(
    hub: WorkHub,
) -> None:
    here, there = hub.new_id(), hub.new_id()
    brief = hub.put(BRIEF, here, "boss")
    join(hub, "boss", here)
    task = hub.submit("boss", there, group="blue", input=[brief])
    assert hub.done("GET", f"/v1/tasks/{task}", "boss")["state"] == "auth-required"
    assert hub.done("GET", "/v1/tasks?offered=true", "spy")["tasks"] == []
    path = f"/v1/blobs/{brief['digest']}?context={there}"
    assert hub.ask("GET", path, "spy")[0] == 404
    approved = hub.done("POST", f"/v1/tasks/{task}/approve", "operator", {"approved": True})
    assert approved["state"] == "submitted"
    epoch = hub.done("POST", f"/v1/tasks/{task}/claim", "spy")["task"]["epoch"]
    assert hub.done("GET", path, "spy")["text"] == BRIEF.decode()
    result = hub.put(b"the answer of another group", there, "spy")
    end = {"epoch": epoch, "output": [result]}
    hub.done("POST", f"/v1/tasks/{task}/complete", "spy", end)
    path = f"/v1/blobs/{result['digest']}?context={there}"
    assert hub.done("GET", path, "boss")["text"] == "the answer of another group"
    assert hub.ask("GET", path, "peer")[0] == 404


def test_a_person_refuses_and_nothing_goes_over_the_wall(hub: WorkHub) -> None:
    here, there = hub.new_id(), hub.new_id()
    content = os.urandom(40)
    named = hub.put(content, here, "boss")
    join(hub, "boss", here)
    task = hub.submit("boss", there, group="blue", input=[named])
    ended = hub.done("POST", f"/v1/tasks/{task}/approve", "operator", {"approved": False})
    assert (ended["state"], ended["reason"]) == ("rejected", "not-approved")
    assert {path.parent.name for path in blobs(hub) if path.name == named["digest"][7:]} == {"red"}
    assert refused(hub, 409, "POST", f"/v1/tasks/{task}/approve", "operator")


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"kind": "alchemy"}, 400, "research"),
        ({"kind": "Alchemy!"}, 422, "contract"),
        ({"to": "spy"}, 400, "no agent spy is in group red"),
        ({"note": "hello"}, 422, "contract"),
        ({"input": [{"digest": "sha256:" + "1" * 64, "size": 1}]}, 422, "not there"),
        ({"input": [{"digest": "sha256:1", "size": 1}]}, 422, "contract"),
        ({"input": [{"digest": "sha256:" + "1" * 64, "size": 1, "name": "x"}]}, 422, "contract"),
        ({"after": ["01KZZZZZZZZZZZZZZZZZZZZZZZ"]}, 404, "no task"),
        ({"parent": "01KZZZZZZZZZZZZZZZZZZZZZZZ"}, 404, "no task"),
        ({"ttl": 1e12}, 422, "contract"),
        ({"id": "mine"}, 422, "contract"),
    ],
)
def test_a_task_that_cannot_be_is_refused_with_words(
    hub: WorkHub, change: dict[str, Any], status: int, word: str
) -> None:
    body = {"id": hub.new_id(), "context": hub.new_id(), "kind": "research"}
    problem = refused(hub, status, "POST", "/v1/tasks", "boss", body | change)
    assert word in problem["detail"]
    assert "hello" not in json.dumps(problem)


def test_a_task_waits_for_no_task_that_waits_for_it(hub: WorkHub) -> None:
    context = hub.new_id()
    body = {"id": hub.new_id(), "context": context, "kind": "research"}
    problem = refused(
        hub, 400, "POST", "/v1/tasks", "operator", body | {"group": "red", "after": [body["id"]]}
    )
    assert problem["code"] == "cyclic"


def test_only_who_may_delegate_submits_and_no_agent_updates_another(hub: WorkHub) -> None:
    body = {"id": hub.new_id(), "context": hub.new_id(), "kind": "research"}
    problem = refused(hub, 403, "POST", "/v1/tasks", "worker", body)
    assert problem["try"] == "fleet agent allow worker --may-delegate"
    assert refused(hub, 403, "POST", "/v1/tasks", "boss", body | {"kind": "update"})


def test_content_that_is_not_as_said_is_not_kept(hub: WorkHub) -> None:
    before = blobs(hub)
    context = hub.new_id()
    path = f"/v1/blobs/{digest_of(b'right')}?context={context}"
    problem = refused(hub, 422, "PUT", path, "boss", b"wrong")
    assert problem["code"] == "digest-mismatch"
    assert refused(hub, 413, "PUT", path, "boss", b"right", Content_Length=str(65 * 2**20))
    assert blobs(hub) == before


def connected(hub: WorkHub) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", hub.served.port, timeout=20)


def begin_put(
    hub: WorkHub, path: str, who: str, headers: dict[str, str]
) -> http.client.HTTPConnection:
    connection = connected(hub)
    connection.putrequest("PUT", path)
    connection.putheader("Authorization", f"Bearer {hub.served.tokens[who]}")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection


def test_an_upload_that_does_not_say_its_length_is_refused(hub: WorkHub) -> None:
    path = f"/v1/blobs/{digest_of(b'x')}?context={hub.new_id()}"
    connection = begin_put(hub, path, "boss", {"Transfer-Encoding": "chunked"})
    connection.send(b"1\r\nx\r\n0\r\n\r\n")
    answer = connection.getresponse()
    assert answer.status == 411
    assert json.loads(answer.read())["try"] == "Content-Length: N"
    connection.close()


def test_an_upload_that_breaks_off_leaves_nothing(hub: WorkHub) -> None:
    content = os.urandom(3 * 2**20)
    path = f"/v1/blobs/{digest_of(content)}?context={hub.new_id()}"
    before = set(blobs(hub))
    connection = begin_put(hub, path, "boss", {"Content-Length": str(len(content))})
    connection.send(content[: 2 * 2**20])
    wait_until(lambda: set(blobs(hub)) > before, what="the beginning of the upload")
    connection.close()
    wait_until(lambda: set(blobs(hub)) == before, what="that nothing of it is left")


def test_many_put_the_same_at_once_and_one_is_kept(hub: WorkHub) -> None:
    content = os.urandom(2**20)
    context = hub.new_id()
    hub.put(b"opens it", context, "boss")
    found: list[int] = []
    path = f"/v1/blobs/{digest_of(content)}?context={context}"

    def put() -> None:
        found.append(hub.ask("PUT", path, "boss", content)[0])

    threads = [threading.Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) <= {200, 201}
    assert [path.name for path in blobs(hub)].count(sha256(content).hexdigest()) == 1


def test_content_is_resumed_by_range(hub: WorkHub) -> None:
    content, context = os.urandom(1_300_000), hub.new_id()
    named = hub.put(content, context, "boss")
    path = f"/v1/blobs/{named['digest']}?context={context}"

    def part(asked: str) -> tuple[int, bytes, str | None]:
        connection = connected(hub)
        headers = {"Authorization": f"Bearer {hub.served.tokens['boss']}", "Range": asked}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        found = answer.status, answer.read(), answer.headers["Content-Range"]
        assert answer.headers["Content-Type"] == "application/octet-stream" or found[0] == 416
        connection.close()
        return found

    size = len(content)
    assert part("bytes=0-") == (206, content, f"bytes 0-{size - 1}/{size}")
    assert part("bytes=1000000-") == (206, content[10**6 :], f"bytes 1000000-{size - 1}/{size}")
    assert part("bytes=5-9") == (206, content[5:10], f"bytes 5-9/{size}")
    assert part("bytes=-3") == (206, content[-3:], f"bytes {size - 3}-{size - 1}/{size}")
    assert part("bytes=0-9,20-29")[:2] == (200, content)
    assert part(f"bytes={size}-")[::2] == (416, f"bytes */{size}")


def test_every_version_of_an_entry_is_kept_and_none_is_written_over_unseen(hub: WorkHub) -> None:
    context = hub.new_id()
    first, second = (hub.put(text, context, "boss") for text in (b"first", b"second"))
    join(hub, "boss", context)
    address = f"/v1/boards/{context}/designs/plan.md"
    assert refused(hub, 404, "GET", address, "boss")["code"] == "unknown-entry"
    put = hub.done("PUT", address, "boss", {"descriptor": first}, If_None_Match="*")
    assert (put["version"], put["author"]) == (1, "agent:boss")
    assert refused(hub, 412, "PUT", address, "boss", {"descriptor": second}, If_None_Match="*")
    assert hub.done("PUT", address, "boss", {"descriptor": second}, If_Match='"1"')["version"] == 2
    problem = refused(hub, 412, "PUT", address, "boss", {"descriptor": first}, If_Match='"1"')
    assert problem["code"] == "version-conflict"
    assert refused(hub, 400, "PUT", address, "boss", {"descriptor": first}, If_Match="yes")
    newest = hub.done("GET", address, "operator")
    assert (newest["descriptor"], newest["versions"]) == (second, [1, 2])
    assert hub.done("GET", f"{address}?version=1", "operator")["descriptor"] == first
    assert hub.ask("GET", f"{address}?version=3", "operator")[0] == 404
    for odd in ("../x", "x/y", ".hidden", "x" * 70):
        address = f"/v1/boards/{context}/designs/{odd}"
        assert hub.ask("PUT", address, "boss", {"descriptor": first})[0] in (404, 422)
    assert hub.ask("GET", f"/v1/boards/{context}/secrets/plan.md", "boss")[0] == 422


def test_content_is_in_its_file_and_nowhere_else(hub: WorkHub) -> None:
    word = b"zanzibar-quetzal-4711"
    context = hub.new_id()
    named = hub.put(word, context, "boss")
    task = hub.submit("boss", context, input=[named], priority="urgent")
    assert hub.done("POST", f"/v1/tasks/{task}/claim", "worker")["task"]["id"] == task
    hub.done("GET", f"/v1/blobs/{named['digest']}?context={context}", "worker")
    for path in ("/metrics", "/v1/tasks?limit=1000", f"/v1/tasks/{task}", f"/v1/boards/{context}"):
        assert word.decode() not in str(hub.ask("GET", path, "operator")[1])
    holders = {
        path.relative_to(hub.served.home).parts[0]
        for path in hub.served.home.rglob("*")
        if path.is_file() and word in path.read_bytes()
    }
    assert holders == {"blobs"}


def test_what_a_revoked_agent_held_is_for_others_again(hub: WorkHub) -> None:
    leaver = Enrolled("leaver", groups=("red",), can=("parting",))
    hub.enrol(leaver, Enrolled("heir", groups=("red",), can=("parting",)))
    task = hub.submit("boss", hub.new_id(), "parting")
    only = hub.submit("boss", hub.new_id(), "parting", to="leaver")
    hub.done("POST", f"/v1/tasks/{task}/claim", "leaver")
    Registry(hub.served.home).revoke("leaver", 1.0)

    def state(of: str) -> str:
        return str(hub.done("GET", f"/v1/tasks/{of}", "boss")["state"])

    wait_until(lambda: state(only) == "rejected", what="that it is nobody's")
    assert state(task) == "submitted"
