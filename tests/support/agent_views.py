"""An agent as the hub sees it, with only what a test is about."""

from __future__ import annotations

from typing import Any

from fleet.domain.agent_view import AgentView
from fleet.domain.verdict import Verdict


def agent_view(agent: str, state: Verdict = Verdict.OK, **known: Any) -> AgentView:
    nothing: dict[str, Any] = dict.fromkeys(
        ("age", "last_seen", "since", "says", "ok", "kind", "uptime", "skew", "boot", "seq",
         "missing", "config", "versions")
    )  # fmt: skip
    return AgentView(agent, state, **{**nothing, "enrolled": True, "interval": 10.0, **known})
