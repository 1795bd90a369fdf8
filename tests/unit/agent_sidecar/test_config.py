"""Settings of the sidecar: where they come from, and what a wrong one is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.config import load
from fleet.contract.errors import ConfigError


def env_file(folder: Path, text: str) -> dict[str, str]:
    path = folder / "agent.env"
    path.write_text(text)
    return {"FLEET_AGENT_ENV": str(path)}


def test_flags_win_over_environment_over_file_over_default(tmp_path: Path) -> None:
    environ = env_file(tmp_path, "FLEET_AGENT=filed\nFLEET_INTERVAL=30\nFLEET_KIND=nanobot\n")
    environ["FLEET_INTERVAL"] = "60"
    config = load({"FLEET_AGENT": "flagged", "FLEET_KIND": None}, environ)
    assert (config.agent, config.interval, config.text("FLEET_KIND")) == ("flagged", 60, "nanobot")
    assert config.origins["FLEET_AGENT"] == "flag"
    assert config.origins["FLEET_INTERVAL"] == "environment"
    assert config.origins["FLEET_KIND"].endswith("agent.env")
    assert config.origins["FLEET_BROKER"] == "default"


def test_a_value_in_the_file_is_never_run_by_a_shell(tmp_path: Path) -> None:
    line = "FLEET_RELOAD='touch $HOME/$(id) `id`'\nFLEET_AGENT=alpha\n"
    config = load({}, env_file(tmp_path, line))
    assert config.text("FLEET_RELOAD") == "touch $HOME/$(id) `id`"


def test_comments_blank_lines_quotes_and_other_programs_names_are_fine(tmp_path: Path) -> None:
    text = '# ours\n\nPATH=/bin\nFLEET_HTTP=127.0.0.1:1\n FLEET_AGENT="alpha" \nFLEET_KIND=\n'
    assert load({}, env_file(tmp_path, text)).agent == "alpha"


def test_the_file_is_found_in_the_home_of_the_user(tmp_path: Path) -> None:
    folder = tmp_path / ".config/fleet"
    folder.mkdir(parents=True)
    env_file(folder, "FLEET_AGENT=homely")
    assert load({}, {"HOME": str(tmp_path)}).agent == "homely"


def test_state_is_kept_apart_for_each_agent(tmp_path: Path) -> None:
    environ = {"FLEET_HOME": str(tmp_path), "FLEET_AGENT": "alpha"}
    assert load({}, environ).state == tmp_path / "sidecar/alpha"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("FLEET_AGENT=alpha\nexport X=1\n", "line 2 of"),
        ("FLEET_AGENT=alpha\nfree text\n", "line 2 of"),
        ("FLEET_AGENT=alpha\nFLEET_COMAND_KEYS=/k\n", "FLEET_COMAND_KEYS in line 2 of"),
        ("FLEET_AGENT=Al_pha\n", "agent name 'Al_pha' is not usable"),
        ("FLEET_AGENT=\n", "the agent has no name"),
        ("FLEET_AGENT=alpha\nFLEET_INTERVAL=soon\n", "FLEET_INTERVAL='soon' is not usable"),
        ("FLEET_AGENT=alpha\nFLEET_INTERVAL=0\n", "FLEET_INTERVAL='0' is not usable"),
        ("FLEET_AGENT=alpha\nFLEET_BROKER=http://x\n", "broker address"),
        ("FLEET_AGENT=alpha\nFLEET_PREFIX=a/b\n", "prefix or manager"),
    ],
)
def test_a_wrong_setting_is_named_with_a_remedy(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({}, env_file(tmp_path, text))
    assert caught.value.what.startswith(what)
    assert caught.value.remedy


def test_a_misspelt_setting_is_answered_with_the_near_one(tmp_path: Path) -> None:
    """A misspelt key file must not switch signing off quietly."""
    with pytest.raises(ConfigError) as caught:
        load({}, env_file(tmp_path, "FLEET_AGENT=alpha\nFLEET_COMAND_KEYS=/k\n"))
    assert caught.value.remedy == "FLEET_COMMAND_KEYS"


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        load({}, {"FLEET_AGENT_ENV": str(tmp_path / "gone.env")})


def test_a_password_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hush\n")
    environ = {"FLEET_AGENT": "alpha", "FLEET_PASSWORD_FILE": str(secret)}
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        load({}, environ).password()
    secret.chmod(0o600)
    assert load({}, environ).password() == "hush"
