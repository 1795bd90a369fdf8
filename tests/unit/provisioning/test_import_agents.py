"""Agents that run already, out of other programs' lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Kind
from fleet.provisioning import import_agents, scaffold
from fleet.provisioning.import_agents import Found

CELLS = [{"tenant": "acme", "port": 19124, "image": "i"}, {"tenant": "globex"}]
COMPOSE = """
services:
  broker: {image: "eclipse-mosquitto:2"}
  ada: {image: "ghcr.io/x/nanobot:1", container_name: ada-1}
  boole: {image: "openclaw:latest"}
  boole-sidecar: {image: fleet-sidecar}
  curie: {build: .}
  database: {image: "postgres:17"}
"""


@pytest.mark.parametrize("document", [CELLS, {"cells": CELLS}, {"version": 1, "fleet": CELLS}])
def test_openclaws_cells_are_found_by_tenant(document: object) -> None:
    assert import_agents.parse(json.dumps(document)) == [
        Found("acme", Kind.OPENCLAW, {"container": "openclaw-cell-acme"}),
        Found("globex", Kind.OPENCLAW, {"container": "openclaw-cell-globex"}),
    ]


def test_a_compose_files_agents_are_found_and_its_infrastructure_is_not() -> None:
    assert import_agents.parse(COMPOSE) == [
        Found("ada", Kind.NANOBOT, {"container": "ada-1"}),
        Found("boole", Kind.OPENCLAW),
        Found("curie", Kind.GENERIC),
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "services: {}", ": :", '[{"tenant": "Not A Name"}]', "17"]
)
def test_what_names_no_agent_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError):
        import_agents.parse(text)


LAUGHS = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
MERGED = "a0: &a0 {x: y}\n" + "".join(
    f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    "text",
    [
        f"{LAUGHS}services: {{ada: {{image: *a9}}}}",
        f"{MERGED}services: {{ada: *a9}}",
        "services: &all {ada: *all}",
        "services: {ada: {image: nanobot}}\n#" + "x" * import_agents.MAX_TEXT,
    ],
)
def test_a_list_that_stands_for_more_than_a_fleet_is_refused_at_once(text: str) -> None:
    with pytest.raises(ConfigError, match="the list is too large"):
        import_agents.parse(text)


def test_a_compose_file_may_say_with_aliases_what_its_services_share() -> None:
    shared = "x-base: &base {image: nanobot}\nservices: {ada: *base, boole: {<<: *base}}"
    assert [agent.name for agent in import_agents.parse(shared)] == ["ada", "boole"]


@pytest.mark.parametrize("kind", Kind)
def test_a_workspace_has_its_kinds_profiles_the_skill_and_a_sidecar(
    tmp_path: Path, kind: Kind
) -> None:
    folder = tmp_path / "ada"
    written = {str(p.relative_to(folder)) for p in scaffold.create(folder, "ada", kind)}
    assert {"compose.yaml", ".gitignore", "workspace/skills/fleet-bus/SKILL.md"} <= written
    soul = {Kind.NANOBOT: "SOUL.md", Kind.OPENCLAW: "SOUL.md", Kind.ROCKBOT: "soul.md"}.get(kind)
    assert soul is None or f"workspace/{soul}" in written
    assert any("bus-publish" in p.read_text() for p in (folder / "workspace").glob("*.md"))
    assert "fleet/" in (folder / ".gitignore").read_text()
    with pytest.raises(ConfigError, match="is not empty"):
        scaffold.create(folder, "ada", kind)
