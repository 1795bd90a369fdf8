"""`bus-publish` with what `fleet agent add` gives to an agent, against the production broker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fleet.contract.invitation import ENV, env_text
from fleet.contract.vocabulary import Kind
from fleet.provisioning.invitations import invite, secret_of
from tests.support.one_liner import PRESENT, run
from tests.support.provisioned import ProvisionedBroker


@pytest.fixture
def provisioned(tmp_path: Path) -> Iterator[ProvisionedBroker]:
    broker = ProvisionedBroker(tmp_path).start()
    yield broker
    broker.stop()


async def invited(broker: ProvisionedBroker, folder: Path, *, certificate: bool) -> str:
    """Enrol alpha and lay out its files; the path of its agent.env."""
    async with broker.enroller() as enroller:
        credential = await enroller.add("alpha", certificate=certificate)
    invitation = invite(broker.settings, credential, Kind.GENERIC, None)
    files = invitation.files(secret_of(credential))
    lay_out(folder, files | {ENV: env_text(invitation.env(folder))})
    return str(folder / ENV)


def lay_out(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)


@pytest.mark.parametrize("certificate", [False, True], ids=["password", "certificate"])
async def test_every_shell_publishes_over_tls(
    certificate: bool, provisioned: ProvisionedBroker, tmp_path: Path
) -> None:
    env = await invited(provisioned, tmp_path / "alpha", certificate=certificate)
    for shell in PRESENT:
        answer = run("heartbeat", home=tmp_path, shell=shell, FLEET_AGENT_ENV=env, FLEET_DROP="-")
        assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("shell", PRESENT)
def test_what_is_no_authority_is_named(shell: str, tmp_path: Path) -> None:
    key, folder = tmp_path / "ca.key", tmp_path / "ca"
    key.write_text("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----")
    folder.mkdir()
    said = {key: "is no CA certificate", folder: "is no CA certificate",
            tmp_path / "absent": "cannot be read"}  # fmt: skip
    for path, words in said.items():
        answer = run(
            "heartbeat", home=tmp_path, shell=shell, FLEET_AGENT="alpha", FLEET_DROP="-",
            FLEET_BROKER="mqtts://127.0.0.1:1", FLEET_CA_FILE=str(path),
        )  # fmt: skip
        assert answer.returncode == 3
        first, remedy = answer.stderr.splitlines()
        assert f"{path} {words}: FLEET_CA_FILE names it" in first
        assert remedy.startswith("Try: ")


async def test_it_cannot_take_the_name_of_another(
    provisioned: ProvisionedBroker, tmp_path: Path
) -> None:
    env = await invited(provisioned, tmp_path / "alpha", certificate=False)
    answer = run(
        "heartbeat", home=tmp_path, FLEET_AGENT_ENV=env, FLEET_DROP="-", FLEET_AGENT="beta"
    )
    assert answer.returncode == 3
    assert "Try: " in answer.stderr
