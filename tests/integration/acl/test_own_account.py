"""`fleet acl test` where fleet makes no accounts: tried with an agent's own, at a static ACL."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.secret_file import write_secret
from tests.support.broker import SHIPPED, Mosquitto
from tests.support.served import environment, fleet

ACL = Path(__file__).parents[3] / "mosquitto" / "accounts.acl"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    accounts, acl = tmp_path / "accounts", tmp_path / "acl"
    write_secret(accounts, "zephyr:hub\nalpha:secret\n")
    subprocess.run(["mosquitto_passwd", "-U", accounts], check=True)
    acl.write_text(ACL.read_text())
    lines = [*SHIPPED, f"password_file {accounts}", f"acl_file {acl}"]
    broker = Mosquitto(tmp_path / "broker", lines, anonymous=False).start()
    yield broker
    broker.stop()


def test_a_static_acl_is_tried_with_an_agents_own_account(
    broker: Mosquitto, tmp_path: Path
) -> None:
    for name in ("hub", "secret"):
        write_secret(tmp_path / f"{name}.password", f"{name}\n")
    environ = environment(tmp_path / "home")
    how = (
        "--broker", broker.url.replace("//", "//zephyr@"), "--kind", "other",
        "--password-file", str(tmp_path / "hub.password"),
    )  # fmt: skip
    assert fleet("init", *how, environ=environ).returncode == 0
    own = ("--agent", "alpha", "--agent-password-file", str(tmp_path / "secret.password"))

    def openings() -> set[tuple[str, str]]:
        done = fleet("acl", "test", *own, "-o", "json", environ=environ)
        assert done.returncode == 2, done.stderr
        report = json.loads(done.stdout)
        assert report["attempts"] > 100, "both versions of MQTT"
        return {(one["way"], one["topic"]) for one in report["openings"]}

    assert {way for way, _ in openings()} == {"client-id", "share"}, "as the page says of it"
    acl = tmp_path / "acl"
    acl.write_text(acl.read_text().replace("pattern read fleet/%u/command", "pattern read fleet/#"))
    broker.stop()
    broker.start()
    found = openings()
    assert ("subscribe", "fleet/acl-probe-2/heartbeat") in found
    assert "publish" not in {way for way, _ in found}
