"""`agent-sidecar publish`: words become a message that the contract takes, or a corrected call."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.config import load
from agent_sidecar.drop.publish import KeptError, compose, drop, publish
from agent_sidecar.lock import StateUnusable
from agent_sidecar.one_shot import NotThroughError
from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import MessageKind
from tests.support.one_liner import serve, waiting

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


# --- which way it goes


class World:
    """A drop directory, and a broker that takes what is sent unless it is told to fail."""

    def __init__(self, folder: Path, said: str | None = "alpha\n", ahead: float = 0.0) -> None:
        self.drop = folder / "drop"
        self.drop.mkdir()
        self.sent: list[MessageKind] = []
        self.failure: FleetError | None = None
        if said is not None:
            serve(self.drop, said, ahead)

    def publish(self, kind: str = "heartbeat", *, direct: bool = False) -> str:
        config = load({}, {"FLEET_AGENT": "alpha", "FLEET_DROP": str(self.drop)})
        words = {"heartbeat": ["ok=true"], "status": ["state=degraded"]}[kind]
        return publish(config, MessageKind(kind), words, self.send, direct=direct)

    def send(self, kind: MessageKind, _message: dict[str, Any]) -> None:
        if self.failure:
            raise self.failure
        self.sent.append(kind)

    @property
    def kept(self) -> int:
        return len(waiting(self.drop))


def test_a_served_directory_takes_the_message(tmp_path: Path) -> None:
    world = World(tmp_path, ahead=20)
    assert world.publish() == ""
    assert (world.kept, world.sent) == (1, [])


@pytest.mark.parametrize("said", [None, "alpha\n", "beta\n"])
def test_past_a_directory_that_nobody_serves_it_goes_direct(
    said: str | None, tmp_path: Path
) -> None:
    world = World(tmp_path, said, ahead=-1)
    assert world.publish() == ""
    assert (world.kept, world.sent) == (0, [MessageKind.HEARTBEAT])


@pytest.mark.parametrize("said", [None, "alpha\n"])
def test_a_heartbeat_that_gets_nowhere_waits_and_the_caller_is_told(
    said: str | None, tmp_path: Path
) -> None:
    world = World(tmp_path, said, ahead=-1)
    world.failure = FleetError("no link to mqtt://b", "refused", "start it")
    with pytest.raises(KeptError, match=r"kept in .*no link") as caught:
        world.publish()
    assert (caught.value.exit_code, world.kept) == (4, 1)


def test_nothing_waits_in_the_directory_of_somebody_else(tmp_path: Path) -> None:
    world = World(tmp_path, "beta\n", ahead=-1)
    world.failure = FleetError("no link")
    with pytest.raises(FleetError, match="no link"):
        world.publish()
    assert world.kept == 0


def test_what_the_outbox_holds_waits_there_alone(tmp_path: Path) -> None:
    world = World(tmp_path, ahead=-1)
    world.failure = NotThroughError("no link")
    with pytest.raises(NotThroughError):
        world.publish("status")
    world.failure = KeptError("kept in the outbox")
    with pytest.raises(KeptError, match="outbox"):
        world.publish("status")
    assert world.kept == 0


@pytest.mark.parametrize("failure", [StateUnusable("no state"), FleetError("no password")])
def test_what_the_outbox_never_had_waits_in_the_directory(
    failure: FleetError, tmp_path: Path
) -> None:
    world = World(tmp_path, ahead=-1)
    world.failure = failure
    with pytest.raises(KeptError):
        world.publish("status")
    assert world.kept == 1


def test_a_direct_message_does_not_push_out_its_own_sidecar(tmp_path: Path) -> None:
    world = World(tmp_path, ahead=20)
    assert "handed to the sidecar of alpha" in world.publish(direct=True)
    assert (world.kept, world.sent) == (1, [])


def test_a_direct_message_passes_the_sidecar_of_nobody_in_particular(tmp_path: Path) -> None:
    world = World(tmp_path, "\n", ahead=20)
    assert world.publish(direct=True) == ""
    assert (world.kept, world.sent) == (0, [MessageKind.HEARTBEAT])


def test_where_its_own_sidecar_takes_nothing_from_us_the_message_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, ahead=20)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(FleetError, match="the sidecar of alpha is at work"):
        world.publish()
    assert world.sent == []


def test_a_message_is_not_dropped_where_it_would_go_out_under_another_name(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="drop directory of beta"):
        World(tmp_path, "beta\n", ahead=20).publish()
