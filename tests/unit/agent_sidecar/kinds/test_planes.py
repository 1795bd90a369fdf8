"""The page of kinds says what a kind's probes really do."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.config import load
from agent_sidecar.kinds import assemble
from agent_sidecar.kinds.planes import PLANES
from agent_sidecar.kinds.situations import SITUATIONS, Situation
from agent_sidecar.settings import ALL
from fleet.contract.vocabulary import Kind, Plane

EXAMPLES = {
    "FLEET_ENDPOINT": "http://127.0.0.1:1/health",
    "FLEET_WORK_FILES": "/nonexistent/*",
    "FLEET_CRON_FILES": "/nonexistent/*",
    "FLEET_PROFILE": "/nonexistent/x",
    "FLEET_PID_FILE": "/nonexistent/pid",
    "FLEET_PROCESS": "nobody",
    "FLEET_CONTAINER": "nobody",
    "FLEET_UNIT": "nobody.service",
}


def planes(kind: Kind, home: Path, **settings: str) -> set[str]:
    """The planes that have a probe; one that says that nothing is watched is none."""
    environ = {"FLEET_AGENT": "a", "FLEET_KIND": kind, "FLEET_AGENT_HOME": str(home), **settings}
    probes = assemble(load(environ=environ)).probes
    return {str(probe.plane) for probe in probes if probe.name != "unwatched"}


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_told_by_itself_has_a_probe_and_nothing_else_has(
    tmp_path: Path, kind: Kind
) -> None:
    told = {plane for plane, where in PLANES[kind].items() if not where.asked}
    assert planes(kind, tmp_path) == told


@pytest.mark.parametrize(
    ("kind", "plane", "setting"),
    [
        (kind, plane, setting)
        for kind, rows in PLANES.items()
        for plane, where in rows.items()
        for setting in where.asked.split(", ")
        if setting
    ],
)
def test_what_is_asked_for_by_a_setting_comes_with_it(
    tmp_path: Path, kind: Kind, plane: Plane, setting: str
) -> None:
    assert setting in {name.variable for name in ALL}
    assert plane in planes(kind, tmp_path, **{setting: EXAMPLES[setting]})


def test_every_kind_is_on_the_page_and_the_broker_is_nobodys_source() -> None:
    assert PLANES.keys() == set(Kind)
    assert not any(Plane.BROKER in rows for rows in PLANES.values())


@pytest.mark.parametrize("situation", list(Situation))
def test_what_is_told_in_a_situation_is_told_of_planes_that_the_kind_has(
    situation: Situation,
) -> None:
    for kind, expected in SITUATIONS[situation].items():
        asked = {plane for plane in expected.planes if PLANES[kind][plane].asked}
        assert asked == set(), "on by itself"
