"""Several that ask for all agents at once: one list is made at a time, and pages do not wait."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from fleet.api.agent_lists import AgentLists, Row
from fleet.api.cooperative import SLICE


class Recorded(AgentLists):
    """Lists whose rows are made of nothing, in an order that is kept."""

    def __init__(self) -> None:
        committer = SimpleNamespace(now=lambda: 0.0)
        super().__init__(cast("Any", SimpleNamespace(committer=committer)))
        self.made: list[str] = []

    def _row(self, name: str, _now: float) -> tuple[int, str, Row]:
        self.made.append(name)
        return 0, name, Row(name, name.encode())


def names(letter: str, many: int) -> list[str]:
    return [f"{letter}-{number:04d}" for number in range(many)]


async def test_long_lists_are_made_one_after_the_other_and_a_page_between() -> None:
    lists = Recorded()
    asked = [names("a", 5 * SLICE), names("b", 5 * SLICE), names("c", SLICE)]
    found = await asyncio.gather(*(lists.rows(some, brief=False) for some in asked))
    assert [[row.name for row in rows] for rows in found] == asked
    long = [name[0] for name in lists.made if name[0] != "c"]
    assert long == sorted(long)
    assert lists.made.index("c-0000") < lists.made.index("b-0000")


async def test_a_list_that_fails_lets_the_next_one_be_made() -> None:
    lists = Recorded()
    lists._row = None  # type: ignore[assignment]
    [failed] = await asyncio.gather(
        lists.rows(names("a", 2 * SLICE), brief=False), return_exceptions=True
    )
    assert isinstance(failed, TypeError)
    del lists._row
    assert len(await lists.rows(names("b", 2 * SLICE), brief=False)) == 2 * SLICE
