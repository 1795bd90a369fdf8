"""Grafana: the dashboards as its JSON, and the files that provision them."""

from __future__ import annotations

import json
from typing import Any, Final

from fleet.integrations.dashboards import DASHBOARDS, Dashboard, Panel
from fleet.integrations.prometheus import dump

COLUMNS: Final = 24
SCHEMA: Final = 39
"""Grafana 10.3's; newer ones migrate it."""

_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}


def files() -> dict[str, str]:
    """Dashboards to import, by file name."""
    return {f"{d.uid}.json": json.dumps(document(d), indent=2) + "\n" for d in DASHBOARDS}


def provisioning(dashboards: str) -> dict[str, str]:
    """What Grafana reads at its start; `dashboards` is the folder it finds them in."""
    provider = {"name": "fleet", "type": "file", "options": {"path": dashboards}}
    source = {
        "name": "Prometheus",
        "uid": "prometheus",
        "type": "prometheus",
        "url": "http://127.0.0.1:9090",
        "isDefault": True,
    }
    return {
        "dashboards/fleet.yml": dump({"apiVersion": 1, "providers": [provider]}),
        "datasources/fleet.yml": dump({"apiVersion": 1, "datasources": [source]}),
    }


def document(dashboard: Dashboard) -> dict[str, Any]:
    """One dashboard as Grafana stores it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["fleet"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _variables(dashboard)},
        "panels": _placed(dashboard.panels),
    }


def _variables(dashboard: Dashboard) -> list[dict[str, Any]]:
    source = {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}
    agent = {
        "name": "agent",
        "label": "Agent",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": "label_values(fleet_agent_up, agent)", "refId": "agent"},
        "refresh": 2,  # at each change of the time range: agents come and go
        "sort": 1,
    }
    return [source, agent] if dashboard.per_agent else [source]


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    """Panels from left to right, line by line."""
    placed: list[dict[str, Any]] = []
    x = y = line = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > COLUMNS:
            x, y, line = 0, y + line, 0
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        placed.append(_panel(number, panel, place))
        x, line = x + panel.width, max(line, panel.height)
    return placed


def _mappings(panel: Panel) -> dict[str, Any]:
    """What numbers stand for words, and in which colour."""
    options = {
        str(number): {"text": word, "color": colour, "index": number}
        for number, (word, colour) in enumerate(panel.words)
    }
    return {"mappings": [{"type": "value", "options": options}]} if options else {}


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    table = panel.look.value == "table"
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": _SOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": table,
            "range": not table,
            **({"format": "table"} if table else {}),
        }
        for index, query in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "title": panel.title,
        "type": panel.look.value,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit} | _mappings(panel), "overrides": []},
        "targets": targets,
    }
