"""One invitation is enough to work for a hub that serves HTTPS with a certificate of its own CA."""

from __future__ import annotations

import functools
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.acceptance.test_enrolment import Site, site
from tests.support.broker import free_port
from tests.support.waiting import wait_until

__all__ = ["site"]


def test_one_invitation_is_enough_to_work_over_https(site: Site, tmp_path: Path) -> None:
    where = {"FLEET_HTTP": f"0.0.0.0:{free_port()}"}
    site.environ = functools.partial(site.environ, **where)  # type: ignore[method-assign]

    def added() -> dict[str, Any]:
        try:
            found = site.fleet("agent", "add", "beta", "--can", "count", "-o", "json")
        except AssertionError:  # the broker starts
            return {}
        return dict(json.loads(found))

    invited = wait_until(added, 60, "the enrolment")
    assert invited["env"]["FLEET_HUB"].startswith("https://")
    assert invited["token"].startswith("fleet_")
    assert invited["token"] not in json.dumps(invited["env"]) + invited["join"]
    site.join(invited)
    assert {stat.S_IMODE(path.stat().st_mode) for path in site.agent_folder.iterdir()} == {0o600}
    site.start("hub", "fleet", "serve")
    request = tmp_path / "request.txt"
    request.write_text("how many words are these")

    def submitted() -> str:
        try:
            return site.fleet("task", "submit", "count", "--to", "beta", "--in", str(request))
        except AssertionError:  # the hub starts
            return ""

    task = wait_until(submitted, 60, "the hub").split()[-1]
    work = tmp_path / "work.toml"
    work.write_text(
        '[kinds.count]\nargv = ["/bin/sh", "-c", "wc -w < in/0 > out/words.txt"]\n'
        'isolation = "process"\n'
    )
    work.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-m", "agent_sidecar", "work", "--once"],
        env=site.environ(
            FLEET_AGENT_ENV=str(site.agent_folder / "agent.env"), FLEET_WORK=str(work),
            FLEET_HOME=str(tmp_path / "state"),
        ),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(site.fleet("task", "show", task, "-o", "json"))["state"] == "completed"
    site.fleet("task", "result", task, "-d", str(tmp_path / "result"))
    assert (tmp_path / "result/0.txt").read_text().strip() == "5"
    again = json.loads(site.fleet("agent", "rotate", "beta", "-o", "json"))
    assert again["token"] is None, "the one that it has goes on"
    site.join(again)
    kept = (site.agent_folder / "agent.env").read_text()
    assert "FLEET_HUB=" in kept
    assert "FLEET_CA_FILE=" in kept
