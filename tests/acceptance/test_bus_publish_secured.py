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


async def test_it_cannot_take_the_name_of_another(
    provisioned: ProvisionedBroker, tmp_path: Path
) -> None:
    env = await invited(provisioned, tmp_path / "alpha", certificate=False)
    answer = run(
        "heartbeat", home=tmp_path, FLEET_AGENT_ENV=env, FLEET_DROP="-", FLEET_AGENT="beta"
    )
    assert answer.returncode == 3
    assert "Try: " in answer.stderr
