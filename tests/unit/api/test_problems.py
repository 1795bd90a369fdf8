"""The worst problems of a fleet: those that a view of every agent tells, and cut without one."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fleet.api import agent_lists
from fleet.api.agent_lists import AgentLists, SiteLists
from fleet.api.agent_query import AgentQuery
from fleet.contract.vocabulary import Severity
from fleet.domain.alerts import AlertBook
from fleet.domain.problems import problems_of
from fleet.domain.tally import EVERY, Tally
from fleet.domain.verdict import Verdict
from fleet.hub.hub import Hub
from tests.support.agent_views import agent_view
from tests.support.played_sites import NOW, Agent, Scene, play, scenes

UNSEEN = Agent(silent=0.0, says="answers")
"""It answered a command, says that its process is gone, and was never seen: unknown."""


def told(problems: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in one.items() if k != "acknowledged_by"} for one in problems]


def of_views(hub: Hub) -> list[dict[str, Any]]:
    views = [hub.read_model.view(name, NOW) for name in hub.roster.names()]
    return [one.as_dict() for one in problems_of(views)]


@settings(max_examples=100, deadline=None)
@given(scenes, st.integers(1, 8))
def test_the_worst_problems_are_those_of_all_views(scene: Scene, limit: int) -> None:
    async def ask() -> tuple[list[dict[str, Any]], ...]:
        hub = await play(0, "", scene, Path(folder))
        lists = AgentLists(hub)
        every, cut = await lists.problems(None), await lists.problems(limit)
        return every, cut, [*told(lists.of_hubs()), *of_views(hub)]

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("time.time", return_value=NOW),
        mock.patch.object(agent_lists, "SLICE", 1),
    ):
        every, cut, expected = asyncio.run(ask())
    assert told(every) == expected
    assert cut == every[:limit]
    event(f"cut: {len(cut) < len(every)}")


@pytest.mark.parametrize(
    "agent",
    [
        UNSEEN,
        Agent(listed=False, says="fails"),
        Agent(silent=21.0, says="fails"),
    ],
    ids=["unknown", "ghost", "late"],
)
async def test_a_plane_that_fails_comes_before_warnings_whatever_its_agent_is(
    agent: Agent, tmp_path: Path
) -> None:
    warned = [Agent(says="warned")] * 5
    hub = await play(0, "", Scene([*warned, agent]), tmp_path)
    with mock.patch.object(agent_lists, "SLICE", 1):
        [worst] = await AgentLists(hub).problems(1)
    assert (worst["agent"], worst["severity"], worst["code"]) == ("0-5", "critical", "process:fail")


async def test_who_only_says_that_it_is_unwell_is_not_looked_at_behind_a_full_page(
    tmp_path: Path,
) -> None:
    hub = await play(0, "", Scene([Agent(says="unwell")] * 20), tmp_path)
    looked = mock.Mock(wraps=hub.read_model.view)
    with (
        mock.patch.object(agent_lists, "SLICE", 1),
        mock.patch.object(hub.read_model, "view", looked),
    ):
        assert len(await AgentLists(hub).problems(5)) == 5
    assert looked.call_count == 5


class Compared(str):
    """A name that counts how often it is held against another one."""

    __slots__ = ()
    times: ClassVar[int] = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)


async def comparisons(many: int, limit: int | None) -> int:
    """How often names are compared where `many` agents could be worse than they are."""
    names = [Compared(f"a-{number:05d}") for number in range(many)]
    model = SimpleNamespace(
        suspects=lambda: [(-Severity.CRITICAL.rank, name) for name in names],
        view=lambda name, _now: agent_view(name, Verdict.DEGRADED),
        own_problems=list,
    )
    hub: Any = SimpleNamespace(
        read_model=model,
        committer=SimpleNamespace(now=lambda: NOW, book=AlertBook()),
        roster=SimpleNamespace(knows=lambda _name: True),
    )
    Compared.times = 0
    assert len(await AgentLists(hub).problems(limit)) == many
    return Compared.times


@pytest.mark.parametrize("limit", [None, 100_000])
async def test_four_times_as_many_problems_are_not_sixteen_times_the_work(
    limit: int | None,
) -> None:
    few, many = await comparisons(1_000, limit), await comparisons(4_000, limit)
    assert many < 6 * few


async def lists_of(many: int, folder: Path) -> tuple[Hub, AgentLists]:
    """Agents that fail, whose lists take a turn of the loop for each."""
    hub = await play(0, "", Scene([Agent(says="fails")] * many), folder)
    return hub, AgentLists(hub)


def revoke(hub: Hub, name: str) -> None:
    left = {other: one for other, one in (hub.roster.enrolled or {}).items() if other != name}
    hub.committer.forget(name)
    hub.roster.know_list(left)


@pytest.fixture
def slices_of_one() -> Any:
    with (
        mock.patch.object(agent_lists, "SLICE", 1),
        mock.patch("fleet.api.cooperative.SLICE", 1),
    ):
        yield


@pytest.mark.usefixtures("slices_of_one")
async def test_who_is_revoked_while_a_list_is_made_is_no_ghost_on_it(tmp_path: Path) -> None:
    hub, lists = await lists_of(4, tmp_path)
    other = await play(1, "oslo", Scene([Agent()] * 2), tmp_path / "oslo")
    tally = Tally(EVERY)
    work = [
        asyncio.ensure_future(one)
        for one in (
            lists.problems(None),
            lists.count(AgentQuery(), tally),
            lists.agents(AgentQuery()),
            SiteLists(lists, [AgentLists(other)]).agents(AgentQuery()),
        )
    ]
    await asyncio.sleep(0)
    revoke(hub, "0-3")
    problems, _, (rows, _), (of_sites, _) = await asyncio.gather(*work)
    left = ["0-0", "0-1", "0-2"]
    assert [one["agent"] for one in problems] == left
    assert tally.found().states == {Verdict.DEGRADED: 3}
    assert [row.name for row in rows] == left
    assert [row.name for row in of_sites] == [*left, "1-0", "1-1"]
