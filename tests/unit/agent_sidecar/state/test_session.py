"""Session numbers never go back, whatever the clock and the disk do."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.state import session as module
from agent_sidecar.state.session import Session

NOON = 1_800_000_000.0


def test_boot_is_milliseconds_since_the_epoch(tmp_path: Path) -> None:
    assert Session.begin(tmp_path / "s", NOON).boot == 1_800_000_000_000


def test_a_clock_set_back_cannot_make_a_new_session_look_old(tmp_path: Path) -> None:
    first = Session.begin(tmp_path / "s", NOON)
    second = Session.begin(tmp_path / "s", NOON - 3600)
    assert second.boot > first.boot


def test_messages_are_counted_from_nought(tmp_path: Path) -> None:
    session = Session.begin(tmp_path / "s", NOON)
    assert [session.next_seq() for _ in range(3)] == [0, 1, 2]
    assert session.issued == 3


def test_a_number_that_was_not_used_is_used_next(tmp_path: Path) -> None:
    session = Session.begin(tmp_path / "s", NOON)
    session.next_seq()
    session.take_back(session.next_seq())
    assert session.next_seq() == 1
    session.take_back(0)
    assert session.next_seq() == 2


def test_a_one_shot_goes_on_with_a_session_that_was_closed(tmp_path: Path) -> None:
    first = Session.begin(tmp_path / "s", NOON)
    first.next_seq()
    first.close()
    second = Session.resume(tmp_path / "s", NOON + 600)
    assert (second.boot, second.next_seq()) == (first.boot, 1)


def test_a_one_shot_after_a_crash_starts_a_new_session(tmp_path: Path) -> None:
    """Its numbers may be in use, and a number that is used twice is a lost message."""
    first = Session.begin(tmp_path / "s", NOON)
    assert Session.resume(tmp_path / "s", NOON + 600).boot > first.boot


@pytest.mark.parametrize("text", ["", "{", "[]", '{"boot": "x"}', "null"])
def test_an_unreadable_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "s").write_text(text)
    assert Session.resume(tmp_path / "s", NOON).boot == 1_800_000_000_000


def test_a_full_disk_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _text: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "replace_text", full)
        session = Session.begin(tmp_path / "s", NOON)
        assert not session.save()
    assert session.save()
    assert Session.begin(tmp_path / "s", NOON).boot > session.boot


def test_a_session_and_one_of_an_older_copy_have_different_numbers(tmp_path: Path) -> None:
    """Also while the clock is behind: counted by one, both would be the next."""
    Session.begin(tmp_path / "s", NOON)
    copy = (tmp_path / "s").read_text()
    numbers = set()
    for _ in range(4):
        (tmp_path / "s").write_text(copy)
        numbers.add(Session.begin(tmp_path / "s", NOON - 3600).boot)
    assert len(numbers) > 1


def test_a_session_that_was_taken_up_is_renewed_under_a_number_of_its_own(tmp_path: Path) -> None:
    Session.begin(tmp_path / "s", NOON).close()
    session = Session.resume(tmp_path / "s", NOON + 1)
    assert not session.fresh
    session.next_seq()
    session.renew(NOON + 2)
    assert (session.boot, session.next_seq(), session.fresh) == (1_800_000_002_000, 0, True)
