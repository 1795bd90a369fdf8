"""The drawing of the rooms and the map below it are what the code is, and leave no import out."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/docs/architecture.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("architecture", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drawing_is_current(script: ModuleType) -> None:
    assert script.DRAWING.read_text() == script.drawing(), (
        "run: python scripts/docs/architecture.py"
    )


def test_the_map_is_current(script: ModuleType) -> None:
    page = script.PAGE.read_text()
    assert page == script.with_map(page), "run: python scripts/docs/architecture.py"
    assert script.chart() in page, "the marks of the map are gone from the page"


def test_every_import_is_drawn_or_reached_over_drawn_ones(script: ModuleType) -> None:
    edges = script.imports()
    drawn = script.reduced(edges)
    assert {(a, b) for a, b, _ in drawn} <= set(edges), "no arrow is made up"
    for (importer, imported), loads in edges.items():
        reached, waiting = set[str](), [importer]
        while waiting:
            room = waiting.pop()
            below = {b for a, b, whole in drawn if a == room and (whole or not loads)}
            waiting += below - reached
            reached |= below
        assert imported in reached, f"{importer} imports {imported}, and no arrows lead there"


def test_arrows_lead_down(script: ModuleType) -> None:
    height = script.levels(script.imports())
    assert all(height[importer] > height[imported] for importer, imported in script.imports())


def test_every_room_has_a_box(script: ModuleType) -> None:
    text = script.drawing()
    for room in {room for pair in script.imports() for room in pair}:
        name = re.escape(room if room == script.CONTRACT else room.partition("/")[2])
        assert re.search(rf">([^<]* )?{name}( [^<]*)?</text>", text), room


def test_rooms_that_import_one_another_cannot_be_drawn(script: ModuleType) -> None:
    with pytest.raises(SystemExit, match="circle"):
        script.levels({("a", "b"): True, ("b", "c"): True, ("c", "a"): True})


def test_a_whole_arrow_is_not_left_out_for_a_dashed_way(script: ModuleType) -> None:
    edges = {("a", "b"): True, ("b", "c"): False, ("a", "c"): True}
    assert script.reduced(edges) == [("a", "b", True), ("a", "c", True), ("b", "c", False)]
    whole = {**edges, ("b", "c"): True}
    assert script.reduced(whole) == [("a", "b", True), ("b", "c", True)]
