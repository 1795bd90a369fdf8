"""A path is used where nobody but root and us can change what it leads to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_secret, write_secret
from fleet.contract.trusted_path import ANYBODY, UntrustedPathError, who_may_change
from tests.support.other_user import UID, as_root


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_of_our_own_is_nobody_elses(tmp_path: Path) -> None:
    assert who_may_change(tmp_path) == frozenset()
    assert who_may_change(tmp_path / "not" / "there" / "yet") == frozenset()


def test_a_folder_that_everybody_writes_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    assert who_may_change(tmp_path / "open" / "home") == {ANYBODY}
    with pytest.raises(UntrustedPathError) as found:
        trusted_path.require(tmp_path / "open" / "home")
    assert found.value.remedy == f"chmod go-w {tmp_path / 'open'}"


def test_what_is_ours_in_a_sticky_folder_stays_ours(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "ours").mkdir()
    assert who_may_change(folder / "ours") == frozenset()
    assert who_may_change(folder) == {ANYBODY}, "as a home it is no good"
    with pytest.raises(UntrustedPathError, match="take a folder of your own"):
        trusted_path.require(folder)
    trusted_path.require(folder, shared=True)


def test_a_file_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "agent.env"
    file.write_text("FLEET_AGENT=alpha\n")
    assert trusted_path.read_text(file) == "FLEET_AGENT=alpha\n"
    file.chmod(0o646)
    with pytest.raises(UntrustedPathError):
        trusted_path.read_text(file)


def test_links_are_followed_to_the_end_and_each_step_is_judged(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "good").mkdir()
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to(tmp_path / "open" / ".." / "good")
    (tmp_path / "three").symlink_to("good")
    assert who_may_change(tmp_path / "three") == frozenset()
    assert who_may_change(tmp_path / "one") == {ANYBODY}, "its way leads over an open folder"


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels"):
        who_may_change(tmp_path / "a")


def test_a_pipe_of_a_shell_is_good_for_a_secret() -> None:
    read, write = os.pipe()
    os.write(write, b"correct horse\n")
    os.close(write)
    try:
        assert read_secret(Path(f"/dev/fd/{read}")) == "correct horse"
    finally:
        os.close(read)


@as_root
def test_what_belongs_to_another_user_is_his_to_change(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, UID, UID)
    (folder / "ours").mkdir()
    assert who_may_change(folder / "ours") == {UID}
    with pytest.raises(UntrustedPathError, match=f"belongs to uid {UID}"):
        write_secret(folder / "ours" / "secret", "x")
    assert not list((folder / "ours").iterdir())


@as_root
def test_a_link_of_another_user_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    link = folder / "export"
    link.symlink_to(victim)
    os.lchown(link, UID, UID)
    with pytest.raises(UntrustedPathError):
        trusted_path.write_text(link, "ours")
    with pytest.raises(UntrustedPathError):
        trusted_path.open_file(link, os.O_WRONLY | os.O_CREAT)
    assert victim.read_text() == "untouched"


@as_root
@pytest.mark.parametrize(("members", "trusted"), [([], True), (["daemon"], False)])
def test_a_group_counts_when_somebody_else_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[str], trusted: bool
) -> None:
    import grp

    folder = tmp_path / "team"
    folder.mkdir()
    os.chown(folder, 0, 54_321)
    folder.chmod(0o775)
    known = grp.struct_group(("team", "x", 54_321, members))
    monkeypatch.setattr(grp, "getgrgid", lambda _gid: known)
    assert (who_may_change(folder) == frozenset()) is trusted


@as_root
@pytest.mark.parametrize(
    ("us", "owner", "found"),
    [
        (4242, 0, frozenset()),
        (4242, UID, frozenset()),
        (4242, 1, frozenset({1, ANYBODY})),
        (0, 0, frozenset({ANYBODY})),
        (0, UID, frozenset({UID, ANYBODY})),
    ],
)
def test_a_volume_is_as_the_maker_of_the_container_wants_it_but_not_for_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, us: int, owner: int, found: frozenset[int]
) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o777)
    os.chown(volume, owner, owner)
    look = os.lstat

    def on_another_device(path: str) -> os.stat_result:
        fields = list(look(path))
        fields[2] += Path(path) == volume
        return os.stat_result(fields)

    monkeypatch.setattr(os, "lstat", on_another_device)
    monkeypatch.setattr(os, "geteuid", lambda: us)
    assert who_may_change(volume / "home") == found


def test_our_own_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "out").symlink_to(victim)
    trusted_path.write_text(tmp_path / "out", "ours")
    assert (tmp_path / "out").read_text() == "ours"
    assert not (tmp_path / "out").is_symlink()
    assert victim.read_text() == "untouched"
    (tmp_path / "lock").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        trusted_path.open_file(tmp_path / "lock", os.O_WRONLY | os.O_CREAT)


def test_nothing_is_made_for_others_to_write_whatever_the_umask(
    tmp_path: Path, open_umask: None
) -> None:
    write_secret(tmp_path / "a" / "b" / "secret", "x")
    trusted_path.make_folder(tmp_path / "c" / "d", 0o755)
    trusted_path.write_text(tmp_path / "c" / "d" / "out", "x")
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b")] == [0o700, 0o700]
    assert mode(tmp_path / "a" / "b" / "secret") == 0o600
    assert [mode(tmp_path / "c"), mode(tmp_path / "c" / "d")] == [0o755, 0o755]
    assert mode(tmp_path / "c" / "d" / "out") == 0o644


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        trusted_path.write_text(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_file_without_end_is_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_path, "MAX_FILE", 10)
    (tmp_path / "secret").write_text("x" * 11)
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(ConfigError, match="larger than"):
        read_secret(tmp_path / "secret")


def test_of_what_anybody_wrote_only_a_plain_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "long").write_text("x" * 100)
    for name in ("pipe", "device"):
        with pytest.raises(OSError, match="not a plain file"):
            trusted_path.read_plain(tmp_path / name, 10)
    assert trusted_path.read_plain(tmp_path / "long", 10) == b"x" * 10
