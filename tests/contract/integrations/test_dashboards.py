"""The dashboards are what Grafana takes: ids, places, data source; and so is the compose file."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from fleet.integrations import alertmanager, compose, grafana
from fleet.integrations.dashboards import DASHBOARDS, Dashboard
from fleet.metrics.agent_families import FAMILIES, METRIC_PREFIX
from fleet.metrics.hub_families import HUB_FAMILIES

KNOWN = {family.name for family in (*FAMILIES, *HUB_FAMILIES)}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard: Dashboard) -> None:
    document = json.loads(grafana.files()[f"{dashboard.uid}.json"])
    panels = document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= grafana.COLUMNS
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_queries_ask_the_chosen_source_for_metrics_that_exist(dashboard: Dashboard) -> None:
    document = grafana.document(dashboard)
    names = {variable["name"] for variable in document["templating"]["list"]}
    assert names == ({"source", "agent"} if dashboard.per_agent else {"source"})
    for panel in document["panels"]:
        assert panel["datasource"]["uid"] == "${source}"
        for target in panel["targets"]:
            assert ("$agent" in target["expr"]) == dashboard.per_agent
            for name in re.findall(r"\bfleet_[a-z_]+", target["expr"]):
                if not name.startswith(METRIC_PREFIX):
                    assert name.removesuffix("_bucket") in KNOWN


def test_the_compose_project_is_hardened_and_mounts_what_is_written() -> None:
    contents = compose.files("127.0.0.1:8088", None)
    project = yaml.safe_load(contents["compose.yaml"])
    for service in project["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service["image"].endswith(("latest", ":"))
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert any(name.startswith(f"{source[2:]}/") for name in contents)
            else:
                assert source in project["volumes"]


def test_no_receiver_is_a_valid_start_and_a_webhook_hears_of_the_end_too() -> None:
    [quiet] = alertmanager.configuration(None)["receivers"]
    assert quiet == {"name": alertmanager.RECEIVER}
    [told] = alertmanager.configuration("http://127.0.0.1:1/")["receivers"]
    assert told["webhook_configs"][0]["send_resolved"] is True
