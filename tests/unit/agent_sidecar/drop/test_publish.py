"""`agent-sidecar publish`: words become a message that the contract takes, or a corrected call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.config import load
from agent_sidecar.drop.publish import compose, drop, drop_folder
from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import MessageKind

NOON = 1_800_000_000.0
STAMP = "2027-01-15T08:00:00.000Z"


def made(kind: str, *words: str) -> dict[str, Any]:
    return compose({"planes": ("gpu",)}, MessageKind(kind), words, NOON)


def test_a_bare_heartbeat_is_filled_in() -> None:
    assert made("heartbeat") == {"ok": True, "ts": STAMP}


def test_an_unknown_number_is_a_metric() -> None:
    message = made("heartbeat", "ok=false", "errors_total=3", "uptime=5.5")
    assert message == {"ok": False, "uptime": 5.5, "metrics": {"errors_total": 3}, "ts": STAMP}


def test_a_plane_with_a_word_is_a_check_also_one_that_an_adr_adds() -> None:
    message = made("heartbeat", "disk=warn", "gpu=fail", "gpu_percent=99")
    assert message["checks"] == {"disk": "warn", "gpu": "fail"}
    assert message["ok"] is False, "unsaid, it follows from the checks"
    assert message["metrics"] == {"gpu_percent": 99}


def test_a_json_object_is_taken_as_it_is() -> None:
    assert made("status", '{"state":"degraded"}') == {"state": "degraded", "ts": STAMP}


def test_an_alert_fires_unless_it_says_otherwise() -> None:
    message = made("alert", "code=disk-pressure", "severity=warning", "value=91")
    assert (message["state"], message["value"], len(message["id"])) == ("firing", 91, 26)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("alert", ["code=disk-presure", "severity=warning"]),
        ("alert", ["severity=warning"]),
        ("heartbeat", ["note=hello"]),
        ("heartbeat", ["vram=fail"]),
        ("heartbeat", ["free text"]),
        ("heartbeat", ["ok=yes"]),
        ("heartbeat", ["errors_total=NaN"]),
        ("status", ["state=fine"]),
        ("status", ["{"]),
    ],
)
def test_a_wrong_call_is_answered_with_one_that_works(kind: str, words: list[str]) -> None:
    with pytest.raises(FleetError) as caught:
        made(kind, *words)
    program, verb, again, *fields = caught.value.remedy.split()
    assert (program, verb, again) == ("agent-sidecar", "publish", kind)
    assert made(kind, *fields)


def test_what_is_dropped_is_whole_and_readable_by_another_user(tmp_path: Path) -> None:
    drop(tmp_path, MessageKind.STATUS, {"state": "degraded"}, NOON)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("status-")
    assert path.suffix == ".json"
    assert json.loads(path.read_text()) == {"state": "degraded"}
    assert path.stat().st_mode & 0o044


def test_a_message_is_not_dropped_where_it_would_go_out_under_another_name(tmp_path: Path) -> None:
    config = load({}, {"FLEET_AGENT": "alpha", "FLEET_DROP": str(tmp_path)})
    assert drop_folder(config)[0] == tmp_path
    (tmp_path / ".agent").write_text("alpha\n")
    assert drop_folder(config)[0] == tmp_path
    (tmp_path / ".agent").write_text("beta\n")
    with pytest.raises(FleetError, match="drop directory of beta"):
        drop_folder(config)
