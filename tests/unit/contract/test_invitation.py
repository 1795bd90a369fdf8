"""Invitations, and what is printed for the agent's side."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from agent_sidecar.config import read_env_file
from agent_sidecar.join import join
from fleet.contract.errors import ConfigError
from fleet.contract.invitation import Invitation
from fleet.contract.vocabulary import Kind
from fleet.provisioning import snippets

INVITATION = Invitation(
    "alpha", "mqtts://alpha@broker.example:8883", "nanobot", "CA\n", "ab  # cd\n", "", "ops", "hub"
)
SECRET = "s3cr3t-of-alpha"  # noqa: S105


def test_what_is_encoded_is_decoded() -> None:
    word = INVITATION.encode()
    assert Invitation.decode(word) == INVITATION
    assert word.replace(".", "").replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "word", ["", "fleet1.", "fleet1.!!", "fleet1.AAAA", INVITATION.encode()[:-9], "fleet2.eJw"]
)
def test_a_word_that_is_not_whole_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="the invitation is not usable"):
        Invitation.decode(word)


def test_an_invitation_cannot_add_lines_to_agent_env() -> None:
    hostile = Invitation("alpha", "mqtt://h", "x\nFLEET_RELOAD=rm")
    with pytest.raises(ConfigError):
        Invitation.decode(hostile.encode())


def settings_in(env: Path) -> dict[str, str]:
    return {line.name: line.value for line in read_env_file(env).values()}


def test_join_writes_private_files_and_keeps_what_the_owner_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    env = folder / "agent.env"
    env.write_text("# mine\nFLEET_RELOAD=signal:HUP\nFLEET_BROKER=mqtt://old\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    join(INVITATION.encode(), folder)
    values = settings_in(env)
    assert values["FLEET_RELOAD"] == "signal:HUP"
    assert values["FLEET_BROKER"] == INVITATION.broker
    assert "# mine" in env.read_text()
    assert Path(values["FLEET_PASSWORD_FILE"]).read_text() == f"{SECRET}\n"
    assert SECRET not in env.read_text()
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


WORKS = dataclasses.replace(INVITATION, hub="https://hub.example:8443")
KEY = "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("certificate", "pasted"),
    [("", f"{SECRET} fleet_t0ken\n"), ("", f"{SECRET}\nfleet_t0ken\n"),
     ("CERT\n", f"{KEY}fleet_t0ken\n")],
)  # fmt: skip
def test_a_join_brings_the_hub_and_the_token(
    certificate: str, pasted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = dataclasses.replace(WORKS, certificate=certificate)
    monkeypatch.setattr("sys.stdin", io.StringIO(pasted))
    join(invitation.encode(), tmp_path)
    values = settings_in(tmp_path / "agent.env")
    assert values["FLEET_HUB"] == "https://hub.example:8443"
    assert Path(values["FLEET_TOKEN_FILE"]).read_text() == "fleet_t0ken\n"
    secret = values["FLEET_KEY_FILE" if certificate else "FLEET_PASSWORD_FILE"]
    assert Path(secret).read_text() == (KEY if certificate else f"{SECRET}\n")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_join_without_the_token_that_is_due_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    with pytest.raises(ConfigError, match="no token for the hub"):
        join(WORKS.encode(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "hub", ["https://h\nFLEET_RELOAD=x", "file:///etc/passwd", "https://a:b@h"]
)
def test_an_odd_address_of_the_hub_is_refused(hub: str) -> None:
    with pytest.raises(ConfigError):
        Invitation.decode(dataclasses.replace(INVITATION, hub=hub).encode())


def test_the_lines_of_sh_take_the_token_too(tmp_path: Path) -> None:
    lines = snippets.shell_lines(WORKS, str(tmp_path / "fleet"))
    said = f"{SECRET} fleet_t0ken\n"
    done = subprocess.run(
        ["sh", "-c", lines], input=said, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "fleet/secret").read_text() == f"{SECRET}\n"
    assert (tmp_path / "fleet/hub.token").read_text() == "fleet_t0ken\n"


def test_a_join_from_secret_to_certificate_leaves_no_password_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    join(INVITATION.encode(), tmp_path)
    by_certificate = Invitation("alpha", "mqtts://h:8884", certificate="CERT\n")
    key = "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(key))
    join(by_certificate.encode(), tmp_path)
    values = settings_in(tmp_path / "agent.env")
    assert "FLEET_PASSWORD_FILE" not in values
    assert Path(values["FLEET_KEY_FILE"]).read_text() == key


def test_a_folder_with_any_name_is_written_so_that_all_read_it_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "of alpha #1 — new"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    join(INVITATION.encode(), folder)
    values = settings_in(folder / "agent.env")
    assert values["FLEET_PASSWORD_FILE"] == str(folder / "secret")


def test_nothing_is_written_beside_an_agent_env_that_is_not_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agent.env").write_text("export FLEET_AGENT=alpha\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    with pytest.raises(ConfigError, match="line 1 of "):
        join(INVITATION.encode(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["agent.env"]


def test_without_a_secret_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(ConfigError, match="there is no secret"):
        join(INVITATION.encode(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_secret_stands_in_its_own_file_and_nowhere_else() -> None:
    texts = snippets.files(INVITATION, SECRET, Kind.NANOBOT)
    assert [name for name, text in texts.items() if SECRET in text] == ["fleet/secret"]
    assert SECRET not in snippets.join_line(INVITATION)
    assert SECRET not in snippets.shell_lines(INVITATION)


def test_the_compose_service_is_hardened() -> None:
    document = yaml.safe_load(snippets.compose_service("alpha"))
    [service] = document["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not any("PASS" in name for name in service.get("environment", {}))
    assert set(document["volumes"]) == {"alpha-state", "alpha-drop"}


def test_the_unit_runs_under_an_account_and_not_as_root() -> None:
    lines = snippets.systemd_unit("alpha").splitlines()
    assert [line for line in lines if line.startswith("User=")] == ["User=fleet"]


def test_the_compose_service_is_of_the_image_that_is_built_and_mounts_what_it_keeps() -> None:
    dockerfile = Path(__file__).parents[3] / "deploy" / "Dockerfile.sidecar"
    text = dockerfile.read_text()
    [service] = yaml.safe_load(snippets.compose_service("alpha"))["services"].values()
    assert f"-t {service['image']} ." in text
    assert service["user"].split(":") == re.findall(r"^USER (\d+)$", text, re.MULTILINE) * 2
    kept = set(json.loads(re.findall(r"^VOLUME (.+)$", text, re.MULTILINE)[0]))
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    assert mounted == kept | {str(snippets.ETC)}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "fleet-alpha.service"
    unit.write_text(snippets.systemd_unit("alpha"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stderr == ""
