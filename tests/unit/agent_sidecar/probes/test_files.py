"""Probes that look at files: work that advances, exit codes of jobs, the profile's fingerprint."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from agent_sidecar.kinds.documents import is_json
from agent_sidecar.probes.config_file import ConfigFile
from agent_sidecar.probes.cron import CronProbe, exit_codes
from agent_sidecar.probes.installed import InstalledProbe
from agent_sidecar.probes.inventory import fingerprint, inventory
from agent_sidecar.probes.profile import ProfileProbe
from agent_sidecar.probes.restarts import LOOP, WINDOW, Restarts
from agent_sidecar.probes.work import WorkProbe, newest_of
from fleet.contract.vocabulary import Check


def test_work_is_as_old_as_its_newest_file(tmp_path: Path) -> None:
    old, new = tmp_path / "a/old.jsonl", tmp_path / "b/c/new.jsonl"
    for path, age in ((old, 5000), (new, 100)):
        path.parent.mkdir(parents=True)
        path.write_text("content that nobody reads")
        os.utime(path, (time.time() - age,) * 2)
    probe = WorkProbe(newest_of([f"{tmp_path}/**/*.jsonl"]), 1000, "times")
    result = probe.run()
    assert result.check is Check.PASS
    assert result.metrics["work_age_seconds"] == pytest.approx(100, abs=20)
    os.utime(new, (time.time() - 2000,) * 2)
    stalled = probe.run()
    assert stalled.check is Check.FAIL
    assert [(str(sign.code), sign.firing) for sign in stalled.evidence] == [("work-stalled", True)]


def test_work_without_a_limit_never_fails_and_without_a_file_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert WorkProbe(newest_of([str(path)]), 1, "times").run().check is Check.UNKNOWN
    path.touch()
    os.utime(path, (1, 1))
    assert WorkProbe(newest_of([str(path)]), 0, "times").run().check is Check.PASS


def test_the_exit_codes_of_jobs_are_all_that_is_read(tmp_path: Path) -> None:
    probe = CronProbe(exit_codes([f"{tmp_path}/*"]), "exit codes")
    assert probe.run().check is Check.UNKNOWN
    (tmp_path / "backup").write_text("0\n")
    (tmp_path / "half").write_text("")
    (tmp_path / "prose").write_text("failed: a client's secret")
    good = probe.run()
    assert (good.check, good.metrics) == (Check.PASS, {"cron_jobs": 1, "cron_jobs_failed": 0})
    (tmp_path / "report").write_text("17\n")
    bad = probe.run()
    assert (bad.check, bad.metrics["cron_jobs_failed"]) == (Check.FAIL, 1)
    assert bad.evidence[0].firing
    assert "secret" not in repr(bad)


def test_the_fingerprint_tells_every_change_and_no_content(tmp_path: Path) -> None:
    config, soul = tmp_path / "config.json", tmp_path / "SOUL.md"
    assert fingerprint([config, soul]) is None
    config.write_text('{"key": "secret"}')
    first = fingerprint([config, soul])
    assert first is not None
    assert first.startswith("sha256:")
    soul.write_text("be kind")
    second = fingerprint([config, soul])
    assert second == fingerprint([soul, config]), "in any order"
    assert len({first, second}) == 2
    elsewhere = tmp_path / "copy"
    elsewhere.mkdir()
    for path in (config, soul):
        (elsewhere / path.name).write_bytes(path.read_bytes())
    assert fingerprint([elsewhere / "config.json", elsewhere / "SOUL.md"]) == second


def test_skills_count_by_their_place_and_a_loop_of_links_ends(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    for name in ("mail", "news"):
        (skills / name).mkdir(parents=True)
        (skills / name / "SKILL.md").write_text(f"how to {name}")
    probe = ProfileProbe([skills])
    before = probe.run().config
    assert before == probe.run().config
    (skills / "news").rename(skills / "olds")
    renamed = probe.run().config
    (skills / "olds/run.sh").write_text("date")
    assert len({before, renamed, probe.run().config}) == 3
    (skills / "__pycache__").mkdir()
    (skills / "__pycache__/x.pyc").touch()
    assert len({before, renamed, probe.run().config}) == 3
    (skills / "self").symlink_to(skills)
    assert probe.run().config


@pytest.mark.parametrize(
    "way", [("tools", "mcpServers"), ("mcp", "servers"), ("mcpServers",)], ids=".".join
)
def test_the_inventory_names_files_and_mcp_servers_and_tells_no_content(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    document: dict[str, object] = {"letters": {"command": "npx", "args": ["letters@1.2"]}}
    for step in reversed(way):
        document = {step: document}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))
    (tmp_path / "SOUL.md").write_text("a client's secret")
    files = [path, tmp_path / "SOUL.md", tmp_path / "away.md"]
    first = dict(inventory(files))
    assert set(first) == {"config.json", "SOUL.md", "MCP server letters"}
    assert "npx" not in repr(first)
    assert "secret" not in repr(first)
    path.write_text(path.read_text().replace("1.2", "1.3"))
    after = dict(inventory(files))
    assert {name for name in first if first[name] != after[name]} == {
        "config.json", "MCP server letters",
    }  # fmt: skip


def test_a_configuration_that_does_not_parse_is_invalid(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    probe = ProfileProbe([config], ConfigFile(config, is_json).valid)
    assert probe.run().check is Check.UNKNOWN
    config.write_text("{}")
    good = probe.run()
    assert (good.check, good.evidence[0].firing) == (Check.PASS, False)
    config.write_text('{"half": ')
    bad = probe.run()
    assert (bad.check, bad.evidence[0].firing) == (Check.FAIL, True)
    assert bad.config == good.config, "what is refused is not in effect"
    config.write_text('{"whole": 1}')
    mended = probe.run()
    assert (mended.check, mended.evidence[0].firing) == (Check.PASS, False)
    assert mended.config != good.config


def test_the_version_is_the_folders_and_drifts_when_it_is_replaced(tmp_path: Path) -> None:
    python = tmp_path / "bin/python"
    packages = tmp_path / "lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    started: float | None = time.time()
    probe = InstalledProbe("nanobot_ai", lambda: python, lambda: started)
    assert probe.run().versions == {}
    installed = packages / "nanobot_ai-0.3.5.dist-info"
    installed.mkdir()
    os.utime(installed, (started - 100,) * 2)
    assert probe.run().versions == {"agent": "0.3.5"}
    installed.rename(packages / "nanobot_ai-0.4.0.dist-info")
    started = time.time() - 50
    os.utime(packages / "nanobot_ai-0.4.0.dist-info")
    drifted = probe.run()
    assert [(str(sign.code), sign.firing) for sign in drifted.evidence] == [("version-drift", True)]
    assert drifted.versions == {}, "what runs is no longer told by what is installed"
    os.utime(packages / "nanobot_ai-0.4.0.dist-info", (started - 1,) * 2)
    assert probe.run().versions == {"agent": "0.4.0"}


def test_restarts_make_a_loop_only_within_the_window() -> None:
    restarts = Restarts("process")
    for number in range(LOOP):
        assert not restarts.evidence(float(number)).firing
        restarts.happened(float(number))
    assert restarts.evidence(float(LOOP)).firing
    assert not restarts.evidence(WINDOW + 0.5).firing
    assert restarts.total == LOOP


def test_a_count_that_somebody_else_keeps_begins_with_what_it_shows_first() -> None:
    restarts = Restarts("unit")
    for count in (40, 40, 41, 0, 2):
        restarts.counted(count, 1.0)
    assert restarts.total == 3
    assert restarts.evidence(2.0).firing
