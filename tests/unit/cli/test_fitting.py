"""A table on a terminal is never wider than it: columns go first, then letters."""

from __future__ import annotations

import pytest

from fleet.cli.common import table
from fleet.cli.fitting import fit

HEADINGS = ["agent", "state", "checks", "boot"]
ROWS = [["alpha", "degraded", "process:fail,endpoint:fail,disk:warn", "1790000000"]]


def shown(width: int | None) -> list[str]:
    fitted = fit(HEADINGS, ROWS, spare=("boot", "state"), elastic=("checks",), width=width)
    return table(*fitted).splitlines()


def test_without_a_terminal_all_of_it_is_there() -> None:
    assert shown(None)[0].split() == [heading.upper() for heading in HEADINGS]


@pytest.mark.parametrize("width", range(19, 80))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, shown(width))) <= width


def test_what_is_spare_goes_before_anything_is_cut() -> None:
    assert shown(60)[0].split() == ["AGENT", "STATE", "CHECKS"]
    assert shown(60)[1].endswith("disk:warn")
    assert shown(30)[0].split() == ["AGENT", "CHECKS"]
    assert shown(30)[1] == "alpha  process:fail,endpoint:…"
