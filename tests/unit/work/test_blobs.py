"""Content is whole or not there, within its bounds, and a group's alone."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from fleet.work import upload as upload_module
from fleet.work.blob_errors import (
    BlobError,
    DiskFullError,
    MismatchError,
    NoSuchBlobError,
    OverQuotaError,
    TooLargeError,
)
from fleet.work.blobs import BLOCK, Blobs
from fleet.work.limits import DAY, MIB, BlobLimits
from tests.support.bad_disk import small_disk

NOW = 1_790_000_000.0
WORDS = b"what a client told one agent, and no other"
DIGEST = f"sha256:{sha256(WORDS).hexdigest()}"


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    made = Blobs(tmp_path)
    made.open()
    return made


def put(blobs: Blobs, content: bytes, group: str = "red", now: float = NOW) -> str:
    digest = f"sha256:{sha256(content).hexdigest()}"
    with blobs.begin(group, digest, len(content), now) as upload:
        upload.write(content)
        upload.finish()
    return digest


def content_of(blobs: Blobs, group: str, digest: str) -> bytes:
    handle, size = blobs.read(group, digest)
    with os.fdopen(handle, "rb") as stream:
        content = stream.read()
    assert len(content) == size
    return content


def files(home: Path) -> list[Path]:
    return [path for path in (home / "blobs").rglob("*") if not path.is_dir()]


def test_what_was_put_is_read_again_and_is_nobody_elses(blobs: Blobs, tmp_path: Path) -> None:
    assert put(blobs, WORDS) == DIGEST
    assert content_of(blobs, "red", DIGEST) == WORDS
    assert blobs.size("red", DIGEST) == len(WORDS)
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_another_group_does_not_have_it_though_it_knows_the_digest(blobs: Blobs) -> None:
    put(blobs, WORDS)
    assert blobs.size("blue", DIGEST) is None
    with pytest.raises(NoSuchBlobError):
        blobs.read("blue", DIGEST)


def test_no_name_of_a_group_leads_out_of_the_folder(blobs: Blobs, tmp_path: Path) -> None:
    for group in ("../red", "/etc", "a/b", ".incoming", "Red", "é", "x" * 300):
        put(blobs, WORDS, group)
        assert content_of(blobs, group, DIGEST) == WORDS
    assert len(files(tmp_path)) == 7
    assert {path.parent.parent for path in files(tmp_path)} == {tmp_path / "blobs"}


@pytest.mark.parametrize("digest", ["sha256:..", "sha256:" + "A" * 64, "md5:" + "0" * 64, "x"])
def test_what_is_no_digest_never_becomes_a_path(blobs: Blobs, digest: str) -> None:
    with pytest.raises(ValueError, match=digest[:6]):
        blobs.size("red", digest)


@pytest.mark.parametrize(
    ("said", "sent", "error"),
    [
        (len(WORDS), b"x" * len(WORDS), MismatchError),
        (len(WORDS), WORDS[:-1], MismatchError),
        (len(WORDS) - 1, WORDS, TooLargeError),
        (64 * MIB + 1, b"", TooLargeError),
    ],
)
def test_what_is_not_as_said_leaves_nothing(
    blobs: Blobs, tmp_path: Path, said: int, sent: bytes, error: type[BlobError]
) -> None:
    def send() -> None:
        with blobs.begin("red", DIGEST, said, NOW) as upload:
            upload.write(sent)
            upload.finish()

    with pytest.raises(error) as refused:
        send()
    assert "\nTry: " in str(refused.value)
    assert files(tmp_path) == []
    assert blobs.used("red") == 0


def test_an_upload_that_breaks_off_is_gone_and_so_is_one_of_a_hub_that_was_killed(
    blobs: Blobs, tmp_path: Path
) -> None:
    with blobs.begin("red", DIGEST, len(WORDS), NOW) as upload:
        upload.write(WORDS[:5])
    assert files(tmp_path) == []
    blobs.begin("red", DIGEST, len(WORDS), NOW).write(WORDS[:5])
    assert len(files(tmp_path)) == 1
    again = Blobs(tmp_path)
    again.open()
    assert files(tmp_path) == []
    assert again.used("red") == 0


def test_two_uploads_of_one_digest_at_once_are_one_blob(blobs: Blobs, tmp_path: Path) -> None:
    content = os.urandom(3 * MIB)
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: put(blobs, content), range(16)))
    (digest,) = digests
    assert content_of(blobs, "red", digest) == content
    assert len(files(tmp_path)) == 1
    assert blobs.used("red") == 3 * MIB


def test_ten_thousand_tiny_blobs_cost_the_blocks_that_they_take(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, BlobLimits(quota=100 * BLOCK))
    blobs.open()

    def put_all() -> None:
        for number in range(10_000):
            put(blobs, f"{number}".encode())

    with pytest.raises(OverQuotaError) as refused:
        put_all()
    assert "409600 of 409600 bytes" in str(refused.value)
    assert len(files(tmp_path)) == 100
    put(blobs, b"another group's room is its own", "blue")
    again = Blobs(tmp_path)
    assert again.used("red") == 100 * BLOCK


def test_what_is_under_way_counts_so_that_many_at_once_do_not_pass_the_quota(
    tmp_path: Path,
) -> None:
    blobs = Blobs(tmp_path, BlobLimits(quota=2 * MIB))
    blobs.open()
    with blobs.begin("red", DIGEST, MIB + 1, NOW), pytest.raises(OverQuotaError):
        blobs.begin("red", DIGEST, MIB, NOW)
    blobs.begin("red", DIGEST, MIB, NOW).abandon()


def test_a_link_in_the_folder_is_no_blob(blobs: Blobs, tmp_path: Path) -> None:
    put(blobs, WORDS)
    secret = tmp_path / "secret"
    secret.write_bytes(WORDS)
    (file,) = files(tmp_path)
    file.unlink()
    file.symlink_to(secret)
    assert blobs.size("red", DIGEST) is None
    with pytest.raises(NoSuchBlobError):
        blobs.read("red", DIGEST)
    put(blobs, WORDS)  # replaces the link, and writes through none
    assert not file.is_symlink()
    (tmp_path / "blobs" / "blue").symlink_to(tmp_path / "blobs" / "red")
    assert blobs.size("blue", DIGEST) is None
    with pytest.raises(NoSuchBlobError):
        blobs.read("blue", DIGEST)
    fifo = file.with_name("0" * 64)
    os.mkfifo(fifo)
    with pytest.raises(NoSuchBlobError):
        blobs.read("red", f"sha256:{'0' * 64}")


def test_what_nobody_put_or_named_for_long_is_aged(blobs: Blobs) -> None:
    old, touched, young = (put(blobs, word.encode()) for word in ("old", "touched", "young"))
    later = NOW + 7 * DAY + 1
    blobs.touch("red", touched, later - DAY)
    put(blobs, b"young", now=later)
    foreign = put(blobs, b"foreign", "Blue Team")
    assert set(blobs.aged(later, later)) == {("red", old), ("Blue Team", foreign)}
    assert len(blobs.aged(later, later, limit=1)) == 1
    assert blobs.aged(later, NOW) == [], "the clock leapt"
    assert blobs.groups() == ["Blue Team", "red"]
    assert blobs.remove("red", old)
    assert not blobs.remove("red", old)
    assert not blobs.remove("green", old)
    assert blobs.size("red", old) is None
    assert blobs.used("red") == 2 * BLOCK
    assert blobs.size("red", touched) == len("touched")
    assert blobs.size("red", young) == len("young")


def test_what_a_wrong_clock_stamped_is_aged_some_day_too(blobs: Blobs) -> None:
    digest = put(blobs, WORDS, now=NOW + 3650 * DAY)
    assert blobs.aged(NOW, NOW) == []
    assert blobs.aged(NOW + 8 * DAY, NOW + 8 * DAY) == [("red", digest)]


def test_a_copy_for_another_group_is_checked_and_its_own(blobs: Blobs, tmp_path: Path) -> None:
    put(blobs, WORDS)
    blobs.copy("red", "blue", DIGEST, NOW)
    assert content_of(blobs, "blue", DIGEST) == WORDS
    (tmp_path / "blobs" / "red" / DIGEST[7:]).write_bytes(b"rotten")
    with pytest.raises(MismatchError):
        blobs.copy("red", "green", DIGEST, NOW)
    assert content_of(blobs, "blue", DIGEST) == WORDS


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[tuple[Blobs, Path]]:
    with small_disk(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("no root: a small disk cannot be mounted")
        blobs = Blobs(disk.folder)
        blobs.open()
        yield blobs, disk.folder


def test_a_full_disk_refuses_with_words_and_leaves_nothing_half(
    on_small_disk: tuple[Blobs, Path],
) -> None:
    blobs, folder = on_small_disk
    kept = put(blobs, os.urandom(6 * MIB))
    with pytest.raises(DiskFullError) as refused:
        put(blobs, os.urandom(3 * MIB))
    assert "Try: make room" in str(refused.value)
    upload = blobs.begin("red", DIGEST, MIB, NOW)
    (folder / "ballast").write_bytes(b"x" * (8 * MIB - 6 * MIB - 64 * 1024))
    with pytest.raises(DiskFullError):
        upload.write(bytes(MIB))
    upload.abandon()
    assert [path.name for path in files(folder)] == [kept[7:]]
    assert blobs.used("red") == 6 * MIB


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fails_at_the_last_step_leaves_nothing_half(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(upload_module.os, step, fail)
        with pytest.raises(DiskFullError):
            put(blobs, WORDS)
    assert files(tmp_path) == []
    assert blobs.used("red") == 0
    put(blobs, WORDS)
