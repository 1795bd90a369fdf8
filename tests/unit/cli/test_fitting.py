"""A table on a terminal is never wider than it: columns go first, then letters."""

from __future__ import annotations

import pytest

from fleet.cli import maintenance
from fleet.cli.common import table
from fleet.cli.fitting import fit, wrapped

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


@pytest.mark.parametrize("width", range(29, 90))
def test_prose_goes_on_below_itself_and_loses_no_word(width: int) -> None:
    said = "the broker lets in whoever is on this machine, at /home/somebody/.fleet/broker"
    rows = [["warning", "broker", said], ["ok", "home", "is private"]]
    lines = table(*wrapped(["level", "check", "finding"], rows, width=width)).splitlines()
    assert max(map(len, lines)) <= width
    column = lines[0].index("FINDING")
    assert "".join(line[column:] for line in lines[1:-1]).replace(" ", "") == said.replace(" ", "")
    assert lines[-1].split() == ["ok", "home", "is", "private"]


@pytest.mark.parametrize("id_", ["maintenance-01KB5QZ2M4W3J8X7V6T5S4R3Q2"])
def test_the_id_that_ends_a_maintenance_is_whole_at_80_columns(id_: str) -> None:
    one = {
        "id": id_, "agent": None, "scope": "group:a-group-with-a-name", "code": "disk-pressure",
        "begins": "2026-12-01T21:00:00.000Z", "until": "2026-12-02T01:00:00.000Z",
        "hides": [{"agent": "alpha", "code": "disk-pressure"}] * 9, "hides_more": 0,
    }  # fmt: skip
    for state in ("on", "planned"):
        lines = table(*maintenance.fitted([maintenance.row(one, state)], 80)).splitlines()
        assert max(map(len, lines)) <= 80
        assert lines[1].startswith(f"{id_}  {state}")
        assert lines[1].endswith("2026-12-02T01:00Z")
