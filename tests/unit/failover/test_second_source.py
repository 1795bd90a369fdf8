"""A second source that hangs holds up nobody: neither the one who asks, nor the other questions."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from fleet.domain.agent_view import AgentView
from fleet.failover import second_source
from fleet.failover.second_source import SecondSource
from fleet.verify import Evidence, SourceError
from tests.support.agent_views import agent_view
from tests.support.waiting import eventually

ADA, BOB, EVE = (agent_view(name) for name in ("ada", "bob", "eve"))


class Docker:
    """Does not answer for ada until it goes on, says that bob is gone, and does not know eve."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.asked: Counter[str] = Counter()

    def source_of(self, view: AgentView, *_: str | None) -> Callable[[], Evidence]:
        def source() -> Evidence:
            self.asked[view.agent] += 1
            if view.agent == "ada":
                self.goes_on.wait(60)
            if view.agent == "eve":
                raise SourceError("there is no docker container eve")
            return Evidence("docker", running=view.agent == "ada")

        return source


@pytest.fixture
async def docker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Docker]:
    made = Docker()
    monkeypatch.setattr(second_source, "source_of", made.source_of)
    monkeypatch.setattr(second_source, "AGAIN", 0.0)
    yield made
    made.goes_on.set()


async def test_who_hangs_is_asked_once_and_the_others_answer(docker: Docker) -> None:
    sources = SecondSource()
    for _ in range(20):
        for view in (ADA, BOB, EVE):
            sources.ask(view)
    await eventually(lambda: sources.says_gone("bob") is True and bool(docker.asked["eve"]))
    sources.ask(ADA)
    assert docker.asked["ada"] == 1
    assert sources.says_gone("ada") is sources.says_gone("eve") is None
    docker.goes_on.set()
    await eventually(lambda: sources.says_gone("ada") is False)
    sources.ask(ADA)
    await eventually(lambda: docker.asked["ada"] == 2)
    await sources.close()


async def test_its_end_waits_for_no_answer(docker: Docker) -> None:
    sources = SecondSource()
    sources.ask(ADA)
    await eventually(lambda: docker.asked["ada"] == 1)
    await sources.close()
    await sources.close()
    assert not docker.goes_on.is_set()
    assert not sources._asking
