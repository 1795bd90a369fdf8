"""A plain HTTP client with a token is a member of the fleet: beat, alert, inbox, acknowledge."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from fleet import __version__
from fleet.contract.timestamps import timestamp
from tests.support.served import Served
from tests.support.waiting import wait_until


def now() -> str:
    return timestamp(time.time())


def test_an_http_agent_beats_alerts_and_answers_a_command(hub: Served) -> None:
    for kind, payload in (
        ("heartbeat", {"ok": True, "ts": now(), "interval": 60}),
        ("status", {"state": "running", "ts": now()}),
        (
            "alert",
            {"code": "disk-pressure", "severity": "warning", "state": "firing", "ts": now()},
        ),
    ):
        assert hub.ask("POST", f"/v1/publish/{kind}", "agent:ada", payload)[0] == 202
    agent = wait_until(lambda: _agent(hub, "ada", "disk-pressure"), what="the agent's state")
    assert agent["ok"] is True

    status, sent, _ = hub.ask("POST", "/v1/send", body={"to": "ada", "verb": "status-report"})
    assert status == 202
    [order] = sent["ids"]
    inbox = hub.ask("GET", "/v1/inbox?unread=true", "agent:ada")[1]["messages"]
    assert [m["verb"] for m in inbox if m["id"] == order] == ["status-report"]
    assert hub.ask("POST", "/v1/ack", "agent:ada", {"id": order, "result": "done"})[0] == 200
    history = hub.ask("GET", "/v1/inbox?agent=ada")[1]["messages"]
    assert {m["id"]: m["state"] for m in history}[order] == "done"
    again = hub.ask("POST", "/v1/ack", "agent:ada", {"id": order, "result": "failed"})
    assert again[0] == 404, "an end stays an end"


def _agent(hub: Served, name: str, code: str) -> dict[str, object] | None:
    status, agent, _ = hub.ask("GET", f"/v1/agents/{name}")
    return agent if status == 200 and code in agent["alerts"] else None


@pytest.mark.parametrize(
    ("path", "role", "body"),
    [
        ("/v1/send", "operator", {"verb": "health-check", "note": "please be quick"}),
        ("/v1/send", "operator", {"verb": "read the mail"}),
        ("/v1/publish/heartbeat", "agent:ada", {"ok": True, "ts": "now", "message": "all well"}),
        ("/v1/publish/status", "agent:ada", {"state": "fine", "ts": "2026-03-18T21:30:00Z"}),
    ],
)
def test_free_text_is_refused_with_the_clause_and_never_echoed(
    hub: Served, path: str, role: str, body: dict[str, object]
) -> None:
    status, problem, headers = hub.ask("POST", path, role, body)
    assert status == 422
    assert headers["Content-Type"] == "application/problem+json"
    assert problem["clause"].startswith("ADR-0005#")
    for text in ("please be quick", "read the mail", "all well", "fine"):
        assert text not in json.dumps(problem)


def test_an_unknown_agent_gets_no_command(hub: Served) -> None:
    assert hub.ask("POST", "/v1/send", body={"to": "nobody", "verb": "health-check"})[0] == 404


@pytest.mark.parametrize("size", [17_000, 200_000])
def test_a_body_too_large_is_refused(hub: Served, size: int) -> None:
    assert hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", b"x" * size)[0] == 413


def test_other_sites_and_rebound_names_are_refused(hub: Served) -> None:
    assert hub.ask("GET", "/healthz", None, headers={"Origin": "https://evil.example"})[0] == 403
    assert hub.ask("GET", "/healthz", None, headers={"Host": "evil.example"})[0] == 421


def test_every_answer_forbids_inline_script_and_foreign_frames(hub: Served) -> None:
    for path in ("/", "/healthz", "/v1/agents", "/static/main.js"):
        policy = hub.ask("GET", path, None)[2]["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def signed_in(hub: Served, **headers: str) -> tuple[dict[str, str], dict[str, str], str]:
    """A browser's session: the cookie as a header, the secret as one, and the cookie as set."""
    body = {"token": hub.tokens["operator"]}
    status, session, answered = hub.ask("POST", "/v1/session", None, body, headers)
    assert status == 200
    cookie = answered["Set-Cookie"]
    given = {"Cookie": cookie.partition(";")[0]}
    return given, {"X-Session-Secret": session["secret"]}, cookie


def test_a_cookie_is_nobody_without_the_secret_of_its_page(hub: Served) -> None:
    cookie, secret, text = signed_in(hub)
    assert "HttpOnly" in text
    assert "SameSite=strict" in text
    other = signed_in(hub)[1]
    for headers in (cookie, secret, cookie | other, cookie | {"X-Session-Secret": ""}):
        for path in ("/v1/session", "/v1/agents", "/v1/history", "/v1/events"):
            status, problem, _ = hub.ask("GET", path, None, headers=headers)
            assert status in (401, 429), path
            assert secret["X-Session-Secret"] not in json.dumps(problem)
        assert hub.ask("POST", "/v1/silences", None, {"seconds": 60}, headers)[0] in (401, 429)
        hub.ask("DELETE", "/v1/session", None, headers=headers)
    whole = cookie | secret
    known = {"role": "operator", "version": __version__}
    assert hub.ask("GET", "/v1/session", None, headers=whole)[1] == known
    assert hub.ask("POST", "/v1/silences", None, {"seconds": 60}, whole)[0] == 201
    assert hub.ask("DELETE", "/v1/session", None, headers=whole)[0] == 204
    assert hub.ask("GET", "/v1/agents", None, headers=whole)[0] in (401, 429)


def test_nobody_s_word_about_a_proxy_is_believed(hub: Served) -> None:
    cookie = signed_in(hub, **{"X-Forwarded-Proto": "https"})[2]
    assert cookie.startswith("fleet_session=")
    assert "Secure" not in cookie


def test_the_history_is_paged_without_a_gap_or_a_repetition(hub: Served) -> None:
    for number in range(7):
        beat = {"ok": True, "ts": now(), "interval": 60, "boot": 1, "seq": number}
        hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", beat)
    wait_until(lambda: _messages(hub)[-1]["message"].get("seq") == 6, what="the last heartbeat")
    everything = [message["id"] for message in _messages(hub)]
    paged: list[int] = []
    cursor = ""
    while True:
        page = hub.ask("GET", f"/v1/history?agent=ada&limit=3{cursor}")[1]
        paged += [message["id"] for message in page["messages"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert paged == everything
    assert hub.ask("GET", "/v1/history?cursor=..%2F")[0] == 422
    for path in ("history?fold=true", "rollups?step=24", "alerts?history=true&cursor=nonsense"):
        assert hub.ask("GET", f"/v1/{path}")[0] == 422, path


def _messages(hub: Served) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = hub.ask("GET", "/v1/history?agent=ada&limit=1000")[1][
        "messages"
    ]
    return messages


def test_agents_come_in_pages_and_all_at_once_without_a_limit(hub: Served) -> None:
    beat = {"ok": True, "ts": "2026-03-18T21:30:00Z", "interval": 60}
    hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", beat)
    wait_until(lambda: hub.ask("GET", "/v1/agents/ada")[0] == 200)
    whole = hub.ask("GET", "/v1/agents")[1]
    assert whole["next"] is None
    assert whole["total"] == len(whole["agents"]) == sum(whole["counts"].values())
    page = hub.ask("GET", "/v1/agents?limit=1")[1]
    assert [one["agent"] for one in page["agents"]] == [whole["agents"][0]["agent"]]
    brief = hub.ask("GET", "/v1/agents?brief=true&q=ada")[1]["agents"]
    assert [set(one) for one in brief] == [{"agent", "state"}]
    assert hub.ask("GET", "/v1/agents?state=offline&q=ada")[1]["total"] == 0
    status, problem, _ = hub.ask("GET", "/v1/agents?cursor=no-such")
    assert (status, problem["try"]) == (422, "start without a cursor, then pass `next`")
