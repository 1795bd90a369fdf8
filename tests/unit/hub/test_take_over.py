"""A hub that read beside the one that led goes on with what it knows: it reads no record and judges
no message once more, and knows the same as one that begins with the store alone."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.timestamps import timestamp
from fleet.contract.topics import Address
from fleet.contract.vocabulary import MessageKind
from fleet.domain import roster as roster_module
from fleet.hub.counters import Counters
from fleet.hub.follower import Follower
from fleet.hub.hub import Hub
from fleet.hub.leading import Leading
from fleet.hub.store_patience import StorePatience
from fleet.store.leadership import Held
from fleet.store.records import StoredMessage
from fleet.store.shared import Live
from tests.support.followed_hub import FollowedHub, begun

AGENTS = ("ada", "bob", "cyd", "dan", "eve", "fay")


class Fleet(FollowedHub):
    """A fleet of which this and that is said."""

    def __init__(self, home: Path, seed: int) -> None:
        super().__init__(home)
        self.random = random.Random(seed)
        self.seq = dict.fromkeys(AGENTS, 0)

    async def step(self) -> None:
        """Something is said, or nothing for a while."""
        self.at += self.random.choice((0.1, 0.5, 1.0, 4.0))
        roster = self.leader.roster
        await self.leader.committer.write(roster.tick(self.at))
        agent = self.random.choice(AGENTS)
        self.seq[agent] += self.random.choice((1, 1, 1, 1, 3))
        said: dict[str, Any] = {"ts": timestamp(self.at), "boot": 7, "seq": self.seq[agent]}
        kind = MessageKind.HEARTBEAT
        if self.random.random() < 0.3:
            kind = MessageKind.STATUS
            said["state"] = self.random.choice(("running", "degraded", "offline"))
        else:
            said |= {"ok": self.random.random() < 0.8, "checks": {"process": "pass"}}
            said["interval"] = 10
        payload = json.dumps(said).encode()
        message = self.leader.reader.read(kind, payload)
        events = roster.observe(Address(agent, kind), message, at=self.at)
        stored = StoredMessage(
            self.leader.committer.next_id(), self.at, agent, kind, False, payload
        )
        await self.leader.committer.commit(self.leader.committer.enqueue([stored], events=events))


def told(hub: Hub) -> dict[str, Any]:
    """Of each agent what one sees; not since when: a start that reads records dates anew what time
    alone changed after they were stored."""
    views = (hub.roster.view(name, hub.committer.now()) for name in AGENTS)
    return {one.agent: (one.state, one.alerts, one.last_seen, one.boot, one.seq) for one in views}


@pytest.mark.parametrize("seed", range(6))
async def test_it_knows_what_the_last_one_knew_and_shows_what_the_store_would_make_it_show(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(tmp_path, seed)
    following: Any = fleet
    follower = Follower(fleet.hub(), following)
    await fleet.tell()
    for number in range(150):
        await fleet.step()
        if number % 20 == 10:
            await fleet.tell()
            await follower.look()
    cold, warm = fleet.hub(), fleet.hub()
    await begun(cold)
    warm.leading.roster = await follower.caught_up()
    assert warm.leading.roster is not None
    read = []

    def counted(*given: Any, **more: Any) -> Any:
        read.append(given)
        raise AssertionError("read once more")

    with monkeypatch.context() as patched:
        patched.setattr(roster_module, "from_json", counted)
        patched.setattr(warm.roster, "observe", counted)
        await begun(warm)
    assert not read
    assert dict(warm.roster.dump()) == dict(fleet.leader.roster.dump())
    assert warm.committer._dirty == cold.committer._dirty
    assert warm.roster.listening == cold.roster.listening
    for pause in (3.0, 25.0):
        fleet.at += pause
        for hub in (warm, cold):
            hub.roster.resume_listening(fleet.at)
        assert told(warm) == told(cold)


async def test_what_cannot_be_caught_up_with_is_read_from_the_store(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, 0)
    following: Any = fleet
    follower = Follower(fleet.hub(), following)
    assert await follower.caught_up() is None  # it has not begun
    await fleet.tell()
    await follower.look()
    fleet.said = Live(fleet.at, 0.0, '{"steps": 0, "other": "words"}', 1, "leader")
    assert await follower.caught_up() is None


class Ending:
    """A lease of another hub that ends in 0.7 s, then ours."""

    holder, epoch, is_certain = "two", 2, True

    def __init__(self) -> None:
        self.looks = 0

    def acquire(self) -> Held | None:
        self.looks += 1
        return Held("one", 1, 0.7) if self.looks <= 2 else None


async def test_a_lease_that_ends_is_looked_at_when_it_does_and_what_was_followed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    fleet = Fleet(tmp_path, 0)
    following: Any = fleet
    follower = Follower(fleet.hub(), following)
    await fleet.tell()
    await follower.look()
    lease: Any = Ending()
    one = Leading(lease, StorePatience(Counters(), lambda: fleet.leader.committer.book, float))
    one.followed = follower.caught_up
    monkeypatch.setattr("asyncio.sleep", sleep)
    await one.begin()
    one.close()
    assert pauses == [0.7]
    assert one.roster is not None
