"""Files that are read whole or not believed, and lines that are added whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from fleet.contract import trusted_path
from fleet.contract.disk_faults import of_disk
from fleet.contract.errors import ConfigError
from fleet.contract.kept_file import DamagedFileError, read_json


def number(document: dict[str, Any]) -> float:
    return float(document["number"])


def read(path: Path) -> float | None:
    return read_json(path, number, shape="a number", remedy="make it anew")


def test_a_file_that_is_not_there_is_none_and_one_that_is_damaged_is_an_error(
    tmp_path: Path,
) -> None:
    path = tmp_path / "kept.json"
    assert read(path) is None
    path.write_text('{"number": 1.5}')
    assert read(path) == 1.5
    for text in (
        "",
        "{",
        '{"number"',
        "[]",
        "null",
        "1e999",
        "[" * 100_000,
        '{"number": 1e999}',
        '{"number": NaN}',
    ):
        path.write_text(text)
        with pytest.raises(DamagedFileError, match="is damaged") as caught:
            read(path)
        assert caught.value.remedy == "make it anew"


def test_a_file_that_cannot_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read(tmp_path)
    assert not isinstance(caught.value, DamagedFileError)


def test_a_line_follows_the_last_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    trusted_path.append_line(path, "one")
    with path.open("a") as stream:
        stream.write("half of tw" + "o" * 100_000)
    trusted_path.append_line(path, "two")
    assert path.read_text() == "one\ntwo\n"


def test_a_line_that_the_disk_refuses_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    trusted_path.append_line(path, "one")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as caught:
        trusted_path.append_line(path, "two")
    assert path.read_text() == "one\n"
    told = of_disk(caught.value)
    assert told is not None
    assert str(path) in told.what
    assert str(tmp_path) in told.remedy


def test_what_is_not_of_a_disk_stays_a_defect() -> None:
    assert of_disk(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
