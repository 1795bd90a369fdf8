"""`bus-publish` with words that a deployment's own ADRs add: known, unknown, not known yet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.one_liner import PRESENT, ROOT, bin_without, enrol, run, serve

GPU = "---\nstatus: accepted\nadds: {planes: [gpu0], alert_codes: [gpu-hot]}\n---\n"


@pytest.mark.parametrize("shell", PRESENT)
def test_the_words_of_the_sidecar_that_takes_the_drops_may_be_used(
    shell: str, tmp_path: Path
) -> None:
    """They stand beside its name; no Python is needed for them."""
    drop = serve(tmp_path / "drop", "alpha\nplanes gpu0 fan\nalert_codes gpu-hot\n")
    path = bin_without(tmp_path / "bin", "agent-sidecar", "python3")
    for words, field, value in (
        (["alert", "code=gpu-hot", "severity=warning"], "code", "gpu-hot"),
        (["heartbeat", "gpu0=fail"], "checks", {"gpu0": "fail"}),
        (["heartbeat", "checks.fan=pass"], "checks", {"fan": "pass"}),
        (["heartbeat", "alerts=disk-pressure,gpu-hot"], "alerts", ["disk-pressure", "gpu-hot"]),
    ):
        answer = run(
            *words, home=tmp_path, shell=shell, path=path, FLEET_AGENT="alpha", FLEET_DROP=str(drop)
        )
        assert answer.returncode == 0, answer.stderr
        [file] = drop.glob("*.json")
        assert json.loads(file.read_text())[field] == value
        file.unlink()


@pytest.mark.parametrize("shell", PRESENT)
def test_a_word_that_nobody_knows_is_an_error_to_the_caller(shell: str, tmp_path: Path) -> None:
    drop = serve(tmp_path / "drop", "alpha\nplanes gpu0\n")
    for words, said, remedy in (
        (["alert", "code=gpu-hot", "severity=warning"], "code is one of: ", "status "),
        (["heartbeat", "checks.vram=fail"], "checks are of: ", "heartbeat"),
        (["heartbeat", "diskk=fail"], "checks are of: ", "heartbeat disk=fail"),
        (["heartbeat", "gpuo=fail"], " gpu0", "heartbeat gpu0=fail"),
    ):
        answer = run(*words, home=tmp_path, shell=shell, FLEET_AGENT="alpha", FLEET_DROP=str(drop))
        assert answer.returncode == 3
        assert said in answer.stderr
        assert f"Try: bus-publish {remedy}" in answer.stderr
    assert list(drop.glob("*.json")) == []


def test_a_word_that_is_newer_than_the_sidecar_is_told_as_that(tmp_path: Path) -> None:
    drop, adr = serve(tmp_path / "drop"), tmp_path / "adr"
    adr.mkdir()
    (adr / "gpu.md").write_text(GPU)
    path = bin_without(tmp_path / "bin")
    for words in (["heartbeat", "gpu0=fail"], ["alert", "code=gpu-hot", "severity=info"]):
        answer = run(
            *words, home=tmp_path, path=path, PYTHONPATH=ROOT,
            FLEET_AGENT="alpha", FLEET_DROP=str(drop), FLEET_ADR=str(adr),
        )  # fmt: skip
        assert answer.returncode == 3
        assert "the sidecar does not know gpu" in answer.stderr
        assert "Try: restart the sidecar" in answer.stderr
    assert list(drop.glob("*.json")) == []


def test_without_a_sidecar_the_words_are_those_of_the_folder(
    broker: Mosquitto, tmp_path: Path
) -> None:
    enrol(tmp_path, broker)
    adr = tmp_path / "adr"
    adr.mkdir()
    (adr / "gpu.md").write_text(GPU)
    path = bin_without(tmp_path / "bin")
    answer = run(
        "heartbeat", "gpu0=fail", home=tmp_path, path=path, PYTHONPATH=ROOT, FLEET_ADR=str(adr)
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    blind = bin_without(tmp_path / "blind", "agent-sidecar")
    answer = run("heartbeat", "gpu0=fail", home=tmp_path, path=blind, FLEET_ADR=str(adr))
    assert answer.returncode == 3
    assert "Try: pip install fleet-control-plane" in answer.stderr
    (adr / "gpu.md").write_text(GPU.replace("planes", "plains"))
    answer = run(
        "heartbeat", "gpu0=fail", home=tmp_path, path=path, PYTHONPATH=ROOT, FLEET_ADR=str(adr)
    )
    assert answer.returncode == 3
    assert "the amendment gpu.md is not usable" in answer.stderr
