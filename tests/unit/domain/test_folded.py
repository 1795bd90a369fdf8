"""Heartbeats that say the same are one line, and nothing else is."""

from __future__ import annotations

from typing import Any

from fleet.domain.folded import folded


def said(at: int, agent: str = "ada", kind: str = "heartbeat", **message: Any) -> dict[str, Any]:
    ts = f"2026-11-29T12:00:{at:02}Z"
    return {"ts": ts, "agent": agent, "kind": kind, "message": {"ok": True, "ts": ts, **message}}


def runs(*messages: dict[str, Any]) -> list[tuple[str, str, int, str]]:
    return [
        (run.message["agent"], run.message["ts"][17:19], run.same, run.since[17:19])
        for run in folded(messages)
    ]


def test_what_differs_in_each_heartbeat_makes_no_new_line() -> None:
    beats = [said(n, uptime=n, seq=n, metrics={"errors_total": n}) for n in range(3)]
    assert runs(*beats) == [("ada", "02", 2, "00")]


def test_a_run_ends_where_something_changes_and_where_something_else_is_said() -> None:
    told = runs(
        said(0), said(1), said(2, ok=False), said(3, ok=False), said(4, kind="alert"),
        said(5, ok=False),
    )  # fmt: skip
    assert told == [
        ("ada", "01", 1, "00"), ("ada", "03", 1, "02"), ("ada", "04", 0, ""), ("ada", "05", 0, ""),
    ]  # fmt: skip


def test_each_agent_has_runs_of_its_own_in_the_order_of_their_last_word() -> None:
    told = runs(said(0), said(1, "bob"), said(2), said(3, "bob"), said(4))
    assert told == [("bob", "03", 1, "01"), ("ada", "04", 2, "00")]


def test_messages_of_other_kinds_are_never_folded() -> None:
    told = runs(said(0, kind="status"), said(1, kind="status"))
    assert [same for _, _, same, _ in told] == [0, 0]
