"""What a real hub exposes is clean, complete and documented."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from fleet.metrics.agent_families import FAMILIES, METRIC_PREFIX
from fleet.metrics.capacity_families import CAPACITY_FAMILIES
from fleet.metrics.hub_families import HUB_FAMILIES
from fleet.metrics.reference import SIDECAR
from tests.integration.observe.conftest import scrape
from tests.support.served import Served

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
OF_ROUNDS = {family.name for family in CAPACITY_FAMILIES}
"""There from the first round of forecasts on."""

OF_SITES = {"fleet_site_up", "fleet_site_agents", "fleet_site_view_age_seconds"}
ABSENT = {"fleet_dead_man_up", *OF_SITES, *OF_ROUNDS}
"""Where nothing is set up that it could tell of, or not yet."""

DOCUMENTED = {family.name.removesuffix("_total") for family in (*FAMILIES, *HUB_FAMILIES)}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (package prometheus) is absent")
def test_promtool_has_nothing_to_say(hub: Served) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scrape(hub), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_documented_family_is_there_and_no_other(hub: Served) -> None:
    found = {family.name for family in parse(scrape(hub))}
    found = {name.removesuffix("_created").removesuffix("_total") for name in found}
    ours = {name for name in found if not name.startswith(("process_", METRIC_PREFIX))}
    assert ours - OF_ROUNDS == DOCUMENTED - ABSENT
    assert any(name.startswith("process_") for name in found)


def test_openmetrics_says_the_same(hub: Served) -> None:
    text = scrape(hub, OPENMETRICS)
    types = {family.name: family.type for family in parse_openmetrics(text)}
    assert text.endswith("# EOF\n")
    for family in (*FAMILIES, *HUB_FAMILIES):
        if family.name in ABSENT:
            continue
        assert types[family.name.removesuffix("_total")] == family.type


def test_what_every_sidecar_declares_appears(hub: Served) -> None:
    text = scrape(hub)
    for name in SIDECAR:
        assert f'{METRIC_PREFIX}{name}{{agent="ada"}}' in text
    assert f'{METRIC_PREFIX}tokens_input_total{{agent="bob"}} 12\n' in text


def test_a_counter_exists_before_its_first_event(hub: Served) -> None:
    text = scrape(hub)
    assert 'fleet_bus_rejects_total{reason="too-large"} 0.0' in text
    assert 'fleet_commands_total{outcome="silent",verb="config-reload"} 0.0' in text
