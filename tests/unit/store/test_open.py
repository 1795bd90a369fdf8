"""The door to the store of a home: for its hub, for tools beside it, for copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.settings import Settings, load
from fleet.store.open import back_up, hub_store, put_back, read_only
from fleet.store.records import Batch, DeadLetter
from tests.support.stores import ids, stored
from tests.support.telemetry import NOON


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    (home / "fleet.toml").write_text("[retention]\nmax_dead_letters = 2\n")
    return load({"home": str(home)}, {})


async def test_the_hubs_store_keeps_what_the_settings_say(settings: Settings) -> None:
    store = hub_store(settings)
    store.open()
    dead_letters = [DeadLetter(n, NOON, "x", b"", False, "not-json", "") for n in range(1, 6)]
    await store.commit(Batch(dead_letters=dead_letters))
    assert await store.dead_letters(before=None, limit=9) == dead_letters[:2:-1]
    await store.close()


async def test_a_tool_reads_beside_the_hub_and_sees_what_it_commits(settings: Settings) -> None:
    store = hub_store(settings)
    store.open()
    async with read_only(settings) as reader:
        for number, agent in enumerate(("larry", "moe"), 1):
            await store.commit(Batch([stored(number, agent)]))
            assert await ids(reader, agent=agent) == [number]
    await store.close()


async def test_what_no_hub_has_served_is_an_error_with_a_remedy(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"there is no store in .*\nTry: fleet serve"):
        back_up(settings, tmp_path / "copy")
    with pytest.raises(ConfigError, match=r"there is no store in .*\nTry: fleet serve"):
        async with read_only(settings):
            pass
    assert [path.name for path in settings.home.iterdir()] == ["fleet.toml"]


async def test_a_copy_is_put_back_and_the_store_before_it_is_kept(
    settings: Settings, tmp_path: Path
) -> None:
    store = hub_store(settings)
    store.open()
    await store.commit(Batch([stored(1)]))
    back_up(settings, tmp_path / "copy")
    await store.commit(Batch([stored(2)]))
    await store.close()
    before = put_back(settings, tmp_path / "copy")
    assert before is not None
    assert (settings.home / before).exists()
    async with read_only(settings) as reader:
        assert await ids(reader) == [1]
    elsewhere = load({"home": str(tmp_path / "elsewhere")}, {})
    assert put_back(elsewhere, tmp_path / "copy") is None
