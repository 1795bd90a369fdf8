"""What a file may hold to be taken for a home: plain files of plain names, whole and once."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from fleet.contract.errors import ConfigError
from fleet.home import archive
from fleet.home.archive import HEAD, LIST, Head
from fleet.home.unpack import ArchiveError, unpack

THE_HEAD = json.dumps({"made": "2026-01-01T00:00:00Z", "fleet": "0.1.0", "format": 1}).encode()


def written(**files: bytes) -> bytes:
    target = io.BytesIO()
    entries = [(PurePosixPath(name.replace("__", "/")), text) for name, text in files.items()]
    archive.write(target, Head("2026-01-01T00:00:00Z", "0.1.0"), entries)
    return target.getvalue()


def tar(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    """A tar of these members, whatever they are."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as made:
        for what, content in members:
            info = tarfile.TarInfo(what) if isinstance(what, str) else what
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return target.getvalue()


def special(kind: bytes, name: str = "fleet.toml", target: str = "/etc/passwd") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def folder(tmp_path: Path) -> Path:
    place = tmp_path / "deep" / "home"
    place.mkdir(parents=True, mode=0o700)
    place.parent.chmod(0o700)
    return place


def test_what_was_written_is_read_back_closed_to_others(tmp_path: Path) -> None:
    place = folder(tmp_path)
    content = {"fleet.toml": b"x = 1", "keys/a.pem": bytes(range(256)) * 9000}
    head = unpack(io.BytesIO(written(**{"fleet.toml": content["fleet.toml"],
                                        "keys__a.pem": content["keys/a.pem"]})), place)  # fmt: skip
    assert head == Head("2026-01-01T00:00:00Z", "0.1.0")
    for name, text in content.items():
        assert (place / name).read_bytes() == text
        assert (place / name).stat().st_mode & 0o777 == 0o600


def test_a_long_name_is_a_name(tmp_path: Path) -> None:
    name = f"{'a' * 150}/{'b' * 150}"
    unpack(io.BytesIO(tar((HEAD, THE_HEAD), (LIST, b'{"files": {}}'))), folder(tmp_path / "none"))
    place = folder(tmp_path / "long")
    unpack(io.BytesIO(written(**{name.replace("/", "__"): b"x"})), place)
    assert (place / name).read_bytes() == b"x"


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/tmp/evil", "a//b", "./x", "a/.", "a\\b", "a\nb", "x" * 201],
)
def test_no_name_leads_out_of_the_home(tmp_path: Path, name: str) -> None:
    place = folder(tmp_path)
    with pytest.raises(ArchiveError):
        unpack(io.BytesIO(tar((HEAD, THE_HEAD), (name, b"evil"), (LIST, b"{}"))), place)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE,
     tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE],
)  # fmt: skip
def test_only_plain_files_are_taken(tmp_path: Path, kind: bytes) -> None:
    place = folder(tmp_path)
    with pytest.raises(ArchiveError):
        unpack(io.BytesIO(tar((HEAD, THE_HEAD), (special(kind), b""), (LIST, b"{}"))), place)
    assert list(place.iterdir()) == []


def test_a_file_stands_in_it_once_and_never_below_another(tmp_path: Path) -> None:
    for twice in (("a", "a"), ("a", "a/b")):
        members = [(name, b"x") for name in twice]
        with pytest.raises(ArchiveError):
            unpack(io.BytesIO(tar((HEAD, THE_HEAD), *members)), folder(tmp_path / twice[1]))


def test_every_cut_and_change_is_found(tmp_path: Path) -> None:
    whole = written(**{"fleet.toml": b"a" * 700, "agents.json": b"b" * 700})
    for number, end in enumerate(range(0, 512 * 9, 256)):
        with pytest.raises(ConfigError):
            unpack(io.BytesIO(whole[:end]), folder(tmp_path / f"cut{number}"))
    changed = whole.replace(b"aaaa", b"aaba", 1)
    for number, wrong in enumerate((changed, whole + b"more", b"", b"SQLite format 3\0" * 99)):
        with pytest.raises(ArchiveError):
            unpack(io.BytesIO(wrong), folder(tmp_path / f"wrong{number}"))


def test_what_is_not_on_the_list_or_only_there_is_found(tmp_path: Path) -> None:
    listed = json.dumps({"files": {"b": {"size": 1, "sha256": "0" * 64}}}).encode()
    for number, members in enumerate(([("a", b"x")], [])):
        with pytest.raises(ArchiveError, match="changed or cut"):
            unpack(
                io.BytesIO(tar((HEAD, THE_HEAD), *members, (LIST, listed))),
                folder(tmp_path / str(number)),
            )


def test_a_newer_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    newer = THE_HEAD.replace(b'"format": 1', b'"format": 2')
    with pytest.raises(ArchiveError, match="newer fleet") as caught:
        unpack(io.BytesIO(tar((HEAD, newer), (LIST, b"{}"))), folder(tmp_path))
    assert "upgrade fleet" in caught.value.remedy
