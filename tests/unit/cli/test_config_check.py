"""`fleet config check` and `agent-sidecar config check`: everything that is wrong, at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent_sidecar.cli import cli as sidecar
from fleet.cli.main import fleet
from fleet.contract.errors import FleetError


def check(home: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        fleet, ["config", "check", "--home", str(home), *words], standalone_mode=False
    )
    assert result.exception is None, result.exception
    return result.return_value, result.output


def test_an_empty_home_is_fine(tmp_path: Path) -> None:
    assert check(tmp_path) == (0, "ok\n")
    assert check(tmp_path, "-o", "json") == (0, "[]\n")


def test_settings_come_first_and_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text("brokr = 'x'\n[route.a]\nurl = 'x'\n")
    code, text = check(tmp_path)
    assert code == FleetError.exit_code
    assert f"brokr in line 1 of {tmp_path}/fleet.toml is no setting\nTry: broker" in text
    assert "[route] in line 2 of" in text


def test_then_every_file_that_they_name(tmp_path: Path) -> None:
    adr = tmp_path / "adr"
    adr.mkdir()
    (adr / "gpu.md").write_text("---\nstatus: accepted\nadds: {planes: [GPU]}\n---\n")
    (tmp_path / "open").write_text("secret\n")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "agents.json").write_text("{}")
    (tmp_path / "agents.json").chmod(0o600)
    (tmp_path / "tokens.json").write_text("[{}]")
    (tmp_path / "tokens.json").chmod(0o600)
    (tmp_path / "audit.toml").write_text("[[suppres]]\n")
    (tmp_path / "fleet.toml").write_text(
        f"password_file = '{tmp_path}/open'\nca_file = '/nope/ca.pem'\nadr = '{adr}'\n"
        "[routes.a]\nchannel = 'webhook'\nurl = 'x'\n"
        "[routes.b]\nchannel = 'pigeon'\nurl = 'x'\n"
        "[otel]\nendpoint = 'x'\n"
    )
    code, text = check(tmp_path, "-o", "json")
    assert code == FleetError.exit_code
    found = [item["what"] for item in json.loads(text)]
    for part in ("open is open to others", "/nope/ca.pem", "[routes.a]", "[routes.b]", "otel",
                 "agents.json", "tokens.json", "audit.toml", "gpu.md"):  # fmt: skip
        assert sum(part in what for what in found) == 1, (part, found)
    assert all(item["try"] for item in json.loads(text))


def test_the_sidecar_tells_every_line_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.env"
    monkeypatch.setenv("FLEET_AGENT_ENV", str(path))

    def tell(text: str) -> tuple[int, str]:
        path.write_text(text)
        result = CliRunner().invoke(sidecar, ["config", "check"], standalone_mode=False)
        assert result.exception is None, result.exception
        return result.return_value, result.output

    code, told = tell("export A=1\nFLEET_AGENT=alpha # x\nFLEET_INTERVALL=5\n")
    assert code == FleetError.exit_code
    for part in ("line 1 of", "line 2 of", "FLEET_INTERVALL in line 3 of"):
        assert part in told
    code, told = tell("FLEET_AGENT=alpha\nFLEET_INTERVAL=${NO_SUCH}\n")
    assert (code, "${NO_SUCH} in FLEET_INTERVAL in line 2 of" in told) == (3, True)
    code, told = tell(
        "FLEET_AGENT=alpha\nFLEET_PASSWORD_FILE=/nope/p\nFLEET_COMMAND_KEYS=/nope/k\n"
        "FLEET_ADR=/nope/adr\nFLEET_RELOAD=signal:NO\nFLEET_DISK_WARN=x\n"
    )
    for part in ("/nope/p", "/nope/k", "/nope/adr", "FLEET_RELOAD", "FLEET_DISK_WARN"):
        assert part in told, told
    assert tell("FLEET_AGENT=alpha\n") == (0, "ok\n")
