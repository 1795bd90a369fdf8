"""Dockerfiles, compose file and broker configurations refer to what is there, and are hardened."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from fleet.contract.topics import FROM_AGENT, TO_AGENT, Topics
from fleet.contract.vocabulary import MessageKind
from tests.support.broker import Mosquitto, free_port
from tests.support.other_user import UID, as_root

ROOT = Path(__file__).parents[2]
SECRETS = ROOT / "deploy" / "secrets.sh"
DOCKERFILES = sorted((ROOT / "deploy").glob("Dockerfile.*"))
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.suffix[1:])
def test_an_image_runs_without_rights_and_says_whether_it_is_well(path: Path) -> None:
    text = path.read_text()
    [user] = re.findall(r"^USER (.+)$", text, re.MULTILINE)
    assert user.isdecimal()
    assert int(user) > 0
    assert "\nHEALTHCHECK " in text


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_is_read_only_and_has_no_capability(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:"), "open to this machine only"


def test_no_secret_stands_in_the_environment_of_a_service() -> None:
    for service in COMPOSE["services"].values():
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key:
                assert key.endswith("_FILE")
                assert str(value).startswith("/run/secrets/")


def test_the_rights_file_speaks_the_topics_of_the_contract() -> None:
    topics = Topics()
    lines = (ROOT / "mosquitto" / "accounts.acl").read_text().splitlines()
    patterns = {line for line in lines if line.startswith("pattern")}
    assert patterns == {
        *(f"pattern write {topics.every(kind).replace('+', '%u')}" for kind in FROM_AGENT),
        *(f"pattern read {topics.every(kind).replace('+', '%u')}" for kind in TO_AGENT),
        f"pattern read {topics.every(MessageKind.BROADCAST)}",
    }


@pytest.mark.parametrize("name", ["mosquitto.conf", "accounts.conf"])
def test_the_broker_starts_with_the_configuration(name: str, tmp_path: Path) -> None:
    text = (ROOT / "mosquitto" / name).read_text()
    shutil.copy(ROOT / "mosquitto" / "accounts.acl", tmp_path)
    (tmp_path / "accounts").touch(0o600)
    text = re.sub(r"(/mosquitto/config|/mosquitto/data|/tmp)/", f"{tmp_path}/", text)
    text = re.sub(r"^listener 1883.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^(allow_anonymous|persistence|persistence_location|sys_interval)\b.*$", "",
                  text, flags=re.MULTILINE)  # fmt: skip
    broker = Mosquitto(tmp_path / "broker", text.splitlines())
    broker.port = free_port()
    broker.start()
    broker.stop()
    assert "Error" not in broker.log.read_text()


@as_root
def test_the_secrets_are_made_for_nobody_else(tmp_path: Path) -> None:
    shutil.copy(ROOT / "deploy" / "secrets.sh", tmp_path)
    subprocess.run(
        ["sh", tmp_path / "secrets.sh", "alpha", "beta"], check=True, capture_output=True
    )
    made = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    for name in ("store", "store-ca.pem"):  # of the database of two hubs
        (tmp_path / "secrets" / name).write_text("of no account")
    subprocess.run(["sh", tmp_path / "secrets.sh", "gamma"], check=True, capture_output=True)
    assert "of no account" not in made["accounts"].read_text()
    assert set(made) == {"accounts", "zephyr", "alpha", "beta"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in made.values())
    assert f"beta:{made['beta'].read_text()}\n" in made["accounts"].read_text()


def test_the_secrets_are_those_that_compose_mounts_for_the_users_that_read_them() -> None:
    default = re.search(r"set -- (alpha\S+ beta\S+)$", SECRETS.read_text(), re.MULTILINE)
    assert default is not None
    owners = dict(word.split(":") for word in default[1].split())
    services = COMPOSE["services"]
    for agent, user in owners.items():
        assert services[f"{agent}-sidecar"]["user"] == f"{user}:{user}"
        assert services[f"{agent}-sidecar"]["secrets"] == [f"{agent}_password"]
        assert COMPOSE["secrets"][f"{agent}_password"]["file"] == f"secrets/{agent}"
    assert len(set(owners.values())) == len(owners), "no sidecar can read another's"


@as_root
@pytest.mark.parametrize(
    "word",
    ["Alpha", "", "-a", "zephyr", "accounts", "store", "alpha:", "alpha:root", ":10002", "a:1:2"],
)
def test_a_wrong_word_makes_no_secret_and_gets_a_call_that_works(word: str, tmp_path: Path) -> None:
    shutil.copy(SECRETS, tmp_path)
    done = subprocess.run(
        ["sh", tmp_path / "secrets.sh", word], check=False, capture_output=True, text=True
    )
    assert done.returncode == 3
    assert not (tmp_path / "secrets").exists()
    remedy = done.stderr.splitlines()[-1].removeprefix("Try: sh deploy/secrets.sh ")
    again = ["sh", tmp_path / "secrets.sh", *remedy.split()]
    assert subprocess.run(again, check=False, capture_output=True).returncode == 0


@as_root
def test_another_user_is_told_to_be_root_and_makes_nothing() -> None:
    with tempfile.TemporaryDirectory() as folder:  # one that another user reaches
        Path(folder).chmod(0o777)
        shutil.copy(SECRETS, folder)
        done = subprocess.run(
            ["sh", f"{folder}/secrets.sh", "alpha:10002"],
            user=UID, group=UID, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 3
        assert done.stderr.endswith("Try: sudo sh deploy/secrets.sh alpha:10002\n")
        assert not Path(folder, "secrets").exists()
