"""A link acknowledges what it names, for a day, and nobody else can make one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.notifier.ack_links import FILE, NAMED, VALID, AckLinks, Acknowledgement

WHAT = Acknowledgement("disk-pressure", ("ada", ""), 1_000_000)


def links(home: Path) -> AckLinks:
    found = AckLinks.of({"alerts": {"page": "https://fleet.example.org/"}}, home)
    assert found is not None
    return found


def token(link: str) -> str:
    assert link.startswith("https://fleet.example.org/ack/")
    return link.rpartition("/")[2]


def test_a_link_is_good_for_a_day(tmp_path: Path) -> None:
    made = token(links(tmp_path).url(WHAT))
    again = links(tmp_path)  # as after a restart
    assert again.read(made, WHAT.at) == WHAT
    assert again.read(made, WHAT.at + VALID - 1) == WHAT
    assert again.read(made, WHAT.at + VALID) is None
    assert again.read(made, WHAT.at - 1) is None
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_nobody_else_makes_one(tmp_path: Path) -> None:
    made = token(links(tmp_path).url(WHAT))
    body, _, sign = made.partition(".")
    flipped = "1" if sign[-1] == "0" else "0"
    for forged in (body, f"{body}.", f"{body}.{sign[:-1]}{flipped}", f"{body}A.{sign}", "", "é.é"):
        assert links(tmp_path).read(forged, WHAT.at) is None
    (tmp_path / FILE).unlink()
    assert links(tmp_path).read(made, WHAT.at) is None


def test_a_large_group_has_no_link_and_no_page_means_none(tmp_path: Path) -> None:
    many = Acknowledgement("disk-pressure", tuple(f"a{n}" for n in range(NAMED + 1)), 0)
    assert links(tmp_path).url(many) == ""
    assert AckLinks.of({}, tmp_path) is None
    with pytest.raises(ConfigError, match="no address"):
        AckLinks.of({"alerts": {"page": "fleet.example.org"}}, tmp_path)
