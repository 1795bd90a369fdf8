"""Who is allowed work after it joined gets its token by the same command, or hears how."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from fleet.cli.main import fleet
from fleet.provisioning.registry import Enrolled, Registry
from fleet.tokens import Tokens


def allow(home: Path, *words: str, **settings: str) -> Result:
    Registry(home).save(Enrolled("ada", enrolled_at=5.0))
    return again(home, *words, **settings)


def again(home: Path, *words: str, **settings: str) -> Result:
    environ = {"FLEET_HOME": str(home), **settings}
    found = CliRunner().invoke(fleet, ["agent", "allow", "ada", *words], env=environ)
    assert found.exit_code == 0, found.output
    return found


def test_an_agent_that_joined_before_gets_its_token_and_hears_where_it_goes(tmp_path: Path) -> None:
    said = allow(tmp_path, "--can", "research", FLEET_HTTP="127.0.0.1:8099")
    assert "\nfleet_" in said.stdout
    assert "FLEET_HUB=http://127.0.0.1:8099\n" in said.stdout
    assert "FLEET_TOKEN_FILE=/etc/fleet/hub.token" in said.stdout
    assert "fleet_" not in said.stderr, "a secret is data, and in no log"
    [entry] = Tokens(tmp_path).of_agent("ada")
    assert entry.role == "agent:ada"
    assert "fleet_" not in again(tmp_path, "--can", "review").output, "it has one"


def test_programs_get_it_too_and_who_only_looks_makes_none(tmp_path: Path) -> None:
    assert "token" not in json.loads(allow(tmp_path, "-o", "json").stdout)
    said = json.loads(again(tmp_path, "--may-delegate", "-o", "json").stdout)
    assert said["token"].startswith("fleet_")
    assert said["env"].keys() == {"FLEET_HUB", "FLEET_TOKEN_FILE"}
    assert "token" not in json.loads(again(tmp_path, "--cannot", "-o", "json").stdout)


def test_where_the_hub_cannot_be_reached_it_is_said_why_and_what_to_do(tmp_path: Path) -> None:
    said = allow(tmp_path, "--can", "research", FLEET_HTTP="127.0.0.1:0")
    assert "FLEET_HTTP has port 0" in said.stderr
    assert "Try: FLEET_HTTP=0.0.0.0:8088" in said.stderr
    behind = {"FLEET_HTTP": "0.0.0.0:8088", "FLEET_HTTP_PLAIN": "true"}
    said = again(tmp_path, "--can", "research", **behind)
    assert "behind a proxy" in said.stderr
    assert "Try: FLEET_HUB=https://" in said.stderr
    assert Tokens(tmp_path).of_agent("ada") == []
    known = again(tmp_path, "--can", "research", **behind, FLEET_HUB="https://hub.example")
    assert "FLEET_HUB=https://hub.example\n" in known.stdout


def test_no_part_in_work_no_token(tmp_path: Path) -> None:
    assert allow(tmp_path, "--cannot").stderr.count("\n") == 1
    assert Tokens(tmp_path).of_agent("ada") == []
