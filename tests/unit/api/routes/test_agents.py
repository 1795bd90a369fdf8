"""Answers about everybody are made one at a time, and not for who has hung up meanwhile."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from fleet.api.agent_query import AgentQuery
from fleet.api.routes import fleet as routes


class Asker:
    """A request whose client is there, or has gone."""

    def __init__(self, *, gone: bool = False) -> None:
        self._gone = gone

    async def is_disconnected(self) -> bool:
        return self._gone


class SlowHub:
    """Answers after some turns of the loop; keeps how many it answers at a time."""

    def __init__(self) -> None:
        self.about_everybody = asyncio.Lock()
        self.now = self.most = self.made = 0

    async def agents(self, _wanted: AgentQuery) -> tuple[list[bytes], dict[str, Any]]:
        self.now += 1
        self.made += 1
        self.most = max(self.most, self.now)
        for _ in range(5):
            await asyncio.sleep(0)
        self.now -= 1
        return [b'{"agent":"ada"}', b'{"agent":"bob"}'], {"total": 2}

    async def problems(self, _limit: int | None, _site: str | None) -> list[dict[str, Any]]:
        return [{"agent": "ada", "code": "agent-late"}]


async def ask(hub: SlowHub, wanted: AgentQuery, asker: Asker | None = None) -> Any:
    answer = await routes.agents(
        cast("Any", asker or Asker()), cast("Any", hub), cast("Any", None), wanted, found=False
    )
    return json.loads(answer.body) if answer.status_code == 200 else answer.status_code


@pytest.mark.parametrize(
    ("wanted", "most"),
    [
        (AgentQuery(), 1),
        (AgentQuery(limit=1_000), 3),
        (AgentQuery(names=frozenset({"ada"})), 3),
    ],
)
async def test_only_answers_about_everybody_wait_for_each_other(
    wanted: AgentQuery, most: int
) -> None:
    hub = SlowHub()
    told = await asyncio.gather(*(ask(hub, wanted) for _ in range(3)))
    assert hub.most == most
    assert told == 3 * [
        {
            "agents": [{"agent": "ada"}, {"agent": "bob"}],
            "problems": [{"agent": "ada", "code": "agent-late"}],
            "total": 2,
        }
    ]


async def test_nothing_is_made_for_who_has_hung_up_while_he_waited() -> None:
    hub = SlowHub()
    told = await asyncio.gather(
        ask(hub, AgentQuery()), ask(hub, AgentQuery(), Asker(gone=True)), ask(hub, AgentQuery())
    )
    assert [one if isinstance(one, int) else one["total"] for one in told] == [2, 408, 2]
    assert hub.made == 2
