"""`site-lost` is told once, and stands until the site is known to be back."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from fleet.bus.in_process import InProcessBroker
from fleet.hub.hub import Hub
from fleet.settings import load
from fleet.sites.watch import SiteWatch
from fleet.store.in_memory import InMemoryStore


class Judged:
    """As `fleet.sites.watch.Judged`."""

    def __init__(self) -> None:
        self.has_looked = True
        self.lost: set[str] = set()
        self.doubted: set[str] = set()


class Sites:
    """All is ours to tell, but of `others`."""

    def __init__(self) -> None:
        self.others: set[str] = set()

    def names(self) -> list[str]:
        return []

    def keep(self, agents: Collection[str]) -> dict[str, str]:
        return {}

    def tells_of(self, lost: Collection[str]) -> set[str]:
        return set(lost) - self.others


def firing(hub: Hub) -> list[tuple[str, str]]:
    return [(alert.agent, alert.code) for alert in hub.committer.book.firing()]


async def test_it_is_told_by_one_and_ends_when_the_site_is_back(tmp_path: Path) -> None:
    store: Any = InMemoryStore()
    store.open()
    hub = Hub(load({"home": str(tmp_path)}, {}), store, bus=InProcessBroker().connect)
    judged, sites = Judged(), Sites()
    watch = SiteWatch(hub, judged)
    judged.lost = {"lima", "oslo"}
    sites.others = {"oslo"}
    await watch.look(sites)
    assert firing(hub) == [], "who has no broker tells of nobody"
    hub.counters.link_up = True
    await watch.look(sites)
    assert firing(hub) == [("site:lima", "site-lost")]
    assert [(one.agent, one.code) for one in hub.read_model.own_problems()] == firing(hub)

    judged.lost, judged.doubted = set(), {"lima", "paris"}
    await watch.look(sites)
    assert firing(hub) == [("site:lima", "site-lost")], "it is too early to say that it is back"
    judged.doubted, judged.has_looked = set(), False
    await watch.look(sites)
    assert firing(hub) == [("site:lima", "site-lost")], "which sites there are is not known yet"
    judged.has_looked = True
    await watch.look(sites)
    assert firing(hub) == []
    await store.close()
