"""Answered ids are remembered until they expire, and no longer than the bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.seen import MAX_IDS, SeenIds


def test_an_id_is_known_until_it_expires(tmp_path: Path) -> None:
    seen = SeenIds(tmp_path / "seen")
    seen.add("a", until=10, now=0)
    assert "a" in seen
    seen.add("b", until=30, now=20)
    assert "a" not in seen


def test_ids_outlive_a_restart(tmp_path: Path) -> None:
    seen = SeenIds(tmp_path / "seen")
    seen.add("a", until=10, now=0)
    seen.save()
    assert "a" in SeenIds(tmp_path / "seen")


def test_the_ones_that_expire_first_make_room(tmp_path: Path) -> None:
    seen = SeenIds(tmp_path / "seen")
    for number in range(MAX_IDS + 5):
        seen.add(str(number), until=100 + number, now=0)
    assert "4" not in seen
    assert "5" in seen


@pytest.mark.parametrize("text", ["", "[]", '{"a": null}', "\x00"])
def test_an_unreadable_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "seen").write_text(text)
    assert "a" not in SeenIds(tmp_path / "seen")
