"""Uploads that broke off wait for a while, few of one caller, few in all."""

from __future__ import annotations

from pathlib import Path

from fleet.work.blobs import Blobs
from fleet.work.interrupted import KEPT, MOST, Interrupted, Key
from fleet.work.upload import Upload

DIGEST = "sha256:" + "0" * 64


def begun(blobs: Blobs) -> Upload:
    return blobs.begin("red", DIGEST, 9, 1_790_000_000.0)


def test_they_wait_for_whoever_began_them_and_not_for_ever(tmp_path: Path) -> None:
    now = [0.0]
    waiting, blobs = Interrupted(lambda: now[0]), Blobs(tmp_path)
    blobs.open()
    mine, key = begun(blobs), Key("agent:ada", "red", DIGEST, 9)
    assert waiting.keep(key, mine) == []
    assert waiting.take(key._replace(by="agent:bob")) is None
    assert waiting.take(key._replace(size=8)) is None
    now[0] = KEPT - 1
    assert waiting.over() == []
    assert waiting.take(key) is mine
    assert waiting.take(key) is None
    waiting.keep(key, mine)
    now[0] += KEPT
    assert waiting.over() == [mine]
    mine.abandon()
    assert blobs.used("red") == 0, "nothing of it counts any more"


def test_the_oldest_make_room(tmp_path: Path) -> None:
    waiting, blobs = Interrupted(), Blobs(tmp_path)
    blobs.open()
    kept: list[Upload] = []
    gone: list[Upload] = []
    for number in range(MOST + 3):
        kept.append(begun(blobs))
        by = f"agent:a{number % 5}"
        gone += waiting.keep(Key(by, "red", DIGEST, number), kept[-1])
    assert gone == kept[:3]
    for number in range(MOST):
        kept.append(begun(blobs))
        gone += waiting.keep(Key("agent:eve", "red", DIGEST, number), kept[-1])
    assert sum(one not in gone for one in kept[MOST + 3 :]) == MOST // 4
    for one in kept:
        one.abandon()
