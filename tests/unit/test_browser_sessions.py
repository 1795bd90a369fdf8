"""Sessions of the page outlive the hub, and nothing else outlives their token."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.browser_sessions import (
    IDLE,
    LONGEST,
    MAX_OF_TOKEN,
    MAX_SESSIONS,
    STEP,
    VIEWER_IDLE,
    BrowserSessions,
    Opened,
    _keep,
)
from fleet.tokens import Principal, Role, Tokens

CREATED = "2026-01-01T00:00:00Z"


class House:
    """A home with a clock that is set by hand."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.now = 1_800_000_000.0
        self.tokens = Tokens(home)
        self.sessions = self.hub()

    def hub(self) -> BrowserSessions:
        """As a hub that starts has them."""
        return BrowserSessions(self.home, Tokens(self.home), lambda: self.now)

    def bearer(self, role: Role = Role.OPERATOR) -> Principal:
        bearer = self.tokens.bearer(self.tokens.create(Principal(role), CREATED)[1].id)
        assert bearer is not None
        return bearer

    def knows(self, opened: Opened, sessions: BrowserSessions | None = None) -> bool:
        return (sessions or self.sessions).find(opened.cookie, opened.secret) is not None


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_session_outlives_its_hub_and_stands_nowhere_in_the_open(house: House) -> None:
    bearer = house.bearer()
    opened = house.sessions.open(bearer)
    found = house.hub().find(opened.cookie, opened.secret)
    assert found is not None
    assert found.principal == bearer
    path = house.home / "sessions.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert opened.cookie not in path.read_text()
    assert opened.secret not in path.read_text()


def test_the_cookie_of_one_and_the_secret_of_another_are_nobody(house: House) -> None:
    bearer = house.bearer()
    one, other = house.sessions.open(bearer), house.sessions.open(bearer)
    assert house.sessions.find(one.cookie, other.secret) is None
    assert house.sessions.find(one.secret, one.cookie) is None
    assert house.sessions.find(one.session.digest, one.session.secret) is None


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN, Role.VIEWER])
def test_use_lets_it_last_and_the_lack_of_it_ends_it(house: House, role: Role) -> None:
    idle = VIEWER_IDLE if role is Role.VIEWER else IDLE
    opened = house.sessions.open(house.bearer(role))
    house.now += idle - 1
    assert house.knows(opened)
    house.sessions.use(opened.session)
    house.now += idle - 1
    assert house.knows(opened, house.hub())
    house.now += 2
    assert not house.knows(opened)
    assert house.sessions.live() == []


def test_who_may_act_shows_the_token_again_after_a_week_and_a_screen_on_a_wall_does_not(
    house: House,
) -> None:
    acting = house.sessions.open(house.bearer())
    wall = house.sessions.open(house.bearer(Role.VIEWER))
    for _ in range(int(LONGEST / IDLE * 2) + 1):
        house.now += IDLE / 2
        for opened in (acting, wall):
            if found := house.sessions.find(opened.cookie, opened.secret):
                house.sessions.use(found)
    assert not house.knows(acting)
    assert house.knows(wall)


def test_a_use_is_written_down_once_an_hour_at_most(house: House) -> None:
    opened = house.sessions.open(house.bearer())
    path = house.home / "sessions.json"
    before = path.stat().st_ino, path.stat().st_mtime_ns
    house.now += STEP - 1
    house.sessions.use(opened.session)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == before


def _revoked(house: House, bearer: Principal) -> None:
    house.tokens.revoke(bearer.id)


def _narrowed(house: House, _: Principal) -> None:
    path = house.home / "tokens.json"
    path.write_text(path.read_text().replace('"operator"', '"viewer"'))


@pytest.mark.parametrize("change", [_revoked, _narrowed])
def test_a_token_that_is_less_than_it_was_ends_its_sessions_and_no_others(
    house: House, change: Callable[[House, Principal], None]
) -> None:
    bearer, other = house.bearer(), house.bearer(Role.VIEWER)
    gone, kept = house.sessions.open(bearer), house.sessions.open(other)
    change(house, bearer)
    assert not house.knows(gone)
    assert house.knows(kept)
    assert house.sessions.live_ids([gone.session.id, kept.session.id]) == {kept.session.id}


def test_the_command_line_ends_one_or_all_of_a_hub_that_runs(house: House) -> None:
    bearer = house.bearer()
    first, second, third = (house.sessions.open(bearer) for _ in range(3))
    beside = house.hub()
    assert [one.id for one in beside.end([first.session.id, "s-other"])] == [first.session.id]
    assert not house.knows(first)
    assert house.knows(second)
    assert len(beside.end()) == 2
    assert not house.knows(third)


def test_only_those_that_are_asked_for_are_judged(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = house.bearer()
    watched, *_ = (house.sessions.open(bearer).session for _ in range(5))
    judged: list[str] = []
    find = house.sessions._tokens.bearer

    def noting(token_id: str) -> Principal | None:
        judged.append(token_id)
        return find(token_id)

    monkeypatch.setattr(house.sessions._tokens, "bearer", noting)
    assert house.sessions.live_ids({watched.id, "s-none"}) == {watched.id}
    assert judged == [bearer.id]
    assert house.sessions.live_ids([]) == set()
    assert judged == [bearer.id]


def test_nobody_pushes_the_others_out(house: House) -> None:
    other, many = house.bearer(), house.bearer()
    kept = house.sessions.open(other)
    opened = [house.sessions.open(many) for _ in range(MAX_OF_TOKEN + 5)]
    assert house.knows(kept)
    assert len(house.sessions.live()) == MAX_OF_TOKEN + 1
    assert house.knows(opened[-1])


def test_all_together_have_a_bound_and_the_token_with_the_most_gives_way(house: House) -> None:
    lone = house.sessions.open(house.bearer()).session
    template = house.sessions.open(house.bearer()).session
    many = [
        replace(template, digest=f"{token}-{number}", token=f"t{token}")
        for token in range(MAX_SESSIONS // MAX_OF_TOKEN + 1)
        for number in range(MAX_OF_TOKEN)
    ][: MAX_SESSIONS - 1]
    held = {one.digest: one for one in (lone, *many)}
    new = replace(template, digest="new", token="new")  # noqa: S106 - an id
    _keep(held, list(held.values()), new)
    assert len(held) == MAX_SESSIONS
    assert {lone.digest, new.digest} <= held.keys()


def test_a_disk_that_takes_nothing_lets_people_in_all_the_same(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    bearer = house.bearer()
    (house.home / "sessions.json").write_text("{")
    opened = house.sessions.open(bearer)
    assert house.knows(opened)
    assert house.sessions.live_ids([opened.session.id, "s-none"]) == {opened.session.id}
    assert not house.knows(opened, house.hub())
    assert "is not kept over the hub's end" in caplog.text


@pytest.mark.parametrize("field", ["opened", "used"])
def test_a_time_that_is_none_is_damage_and_nobody_is_signed_in(house: House, field: str) -> None:
    opened = house.sessions.open(house.bearer())
    path = house.home / "sessions.json"
    entries = json.loads(path.read_text())
    entries[0][field] = "soon"
    path.write_text(json.dumps(entries))
    assert not house.knows(opened)
