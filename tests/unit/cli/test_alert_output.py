"""What a terminal says of who was told of an alert."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.cli import alert_output

AT = "2026-03-18T21:30:00Z"


def alert(code: str, **more: Any) -> dict[str, Any]:
    usual = {"agent": "bob", "severity": "critical", "state": "firing", "since": AT}
    return usual | {"code": code, "acknowledged_by": "", "silenced": False, "told": []} | more


def told(route: str, outcome: str, answer: str) -> dict[str, Any]:
    return {"route": route, "outcome": outcome, "answer": answer, "state": "firing", "at": AT}


ALERTS = [
    alert("disk-pressure", told=[told("oncall", "taken", "HTTP 200"), told("old", "waiting", "")]),
    alert("rate-limited", silenced=True),
    alert("cron-failure"),
    alert("broker-down", agent=None, site="lima"),
]
ROUTE = {"name": "oncall", "channel": "webhook", "waiting": 0, "working": True, "set_aside": []}


def lines(shown: str) -> list[str]:
    return [" ".join(line.split()) for line in shown.partition("\n\n")[2].splitlines()]


def test_who_was_told_by_which_route_and_what_it_answered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    alert_output.show({"alerts": ALERTS, "routes": [ROUTE], "silences": []}, wide=True)
    assert lines(capsys.readouterr().out) == [
        "AGENT CODE ROUTE OUTCOME ANSWER OF AT",
        f"bob disk-pressure oncall (webhook) taken HTTP 200 firing {AT}",
        f"bob disk-pressure old waiting none firing {AT}",
        "bob rate-limited nobody silenced none firing none",
        "bob cron-failure nobody not yet none firing none",
        "hub of lima broker-down of lima unknown its own hub knows firing none",
    ]


def test_without_a_route_nobody_is_told_and_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    alert_output.show({"alerts": ALERTS[2:3], "routes": [], "silences": []}, wide=True)
    assert lines(capsys.readouterr().out)[1].startswith("bob cron-failure nobody no route")


@pytest.mark.parametrize("wide", [False, True])
def test_it_fits_a_terminal_of_80_columns(
    wide: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_output, "terminal_width", lambda: 80)
    long = alert("endpoint-unreachable", agent="an-agent-of-some-length", acknowledged_by="me")
    shown = {"alerts": [long, *ALERTS], "routes": [ROUTE], "silences": []}
    alert_output.show(shown, wide=wide)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "endpoint-unreachable" in out
