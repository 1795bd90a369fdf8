"""In a folder that everybody writes no program keeps, reads or leaves anything that matters."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import pytest

from agent_sidecar import schedule
from agent_sidecar.commands import trusted_keys
from agent_sidecar.config import read_env_file
from agent_sidecar.drop.directory import DropDirectory
from agent_sidecar.files import replace_text
from agent_sidecar.lock import exclusive
from fleet import adr, keys
from fleet.auditor.capture.recorder import CaptureWriter
from fleet.auditor.report import suppressions
from fleet.bus.local_broker import LocalBroker
from fleet.cli.export import _write as export
from fleet.contract.amendments import read_folder
from fleet.contract.errors import FleetError
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import Kind
from fleet.hub_client import HubClient
from fleet.lock import only_one
from fleet.mcp import action_log
from fleet.provisioning import scaffold
from fleet.provisioning.certificates import Authority
from fleet.provisioning.registry import Registry
from fleet.settings import load
from fleet.store.sqlite import SqliteStore
from fleet.store.sqlite.backup import back_up
from fleet.store.sqlite.restore import restore
from fleet.tokens import Principal, Tokens
from tests.support.broker import free_port


def entered(context: AbstractContextManager[None]) -> None:
    with context:
        pass


PLACES: dict[str, Callable[[Path], object]] = {
    "agent.env": lambda at: read_env_file(at / "file"),
    "public keys": lambda at: trusted_keys.load(at / "file"),
    "words of ADRs": read_folder,
    "suppressions": lambda at: suppressions.load(at / "file"),
    "the hub's home": lambda at: load(environ={"FLEET_HOME": str(at)}),
    "a home below": lambda at: load(environ={"FLEET_HOME": str(at / "home")}),
    "a sidecar's state": lambda at: entered(exclusive(at / "state")),
    "a sidecar's file": lambda at: replace_text(at / "state", "x"),
    "a drop directory": lambda at: DropDirectory(at / "drop", schema_validators()).open(),
    "units": lambda at: schedule.write({"a.service": "x"}, at),
    "signing keys": lambda at: keys.rotate(at / "home", 0.0),
    "certificates": lambda at: Authority(at / "home").create(1.0e9),
    "tokens": lambda at: Tokens(at / "home").create(Principal.parse("viewer"), ""),
    "the registry": lambda at: Registry(at / "home").create(),
    "the hub's address": lambda at: HubClient("http://127.0.0.1:1", "x").write(at / "home"),
    "the store": lambda at: SqliteStore(at / "home").open(),
    "a backup": lambda at: back_up(at / "file", at / "copy"),
    "a restored copy": lambda at: restore(at / "file", at / "home"),
    "captures": lambda at: CaptureWriter(at / "capture").open(),
    "actions of a model": lambda at: action_log.record(at / "home", "", "", "", {}),
    "a job's lock": lambda at: entered(only_one(at / "lock", "it")),
    "exports": lambda at: export({"a/b.yml": "x"}, at),
    "a workspace": lambda at: scaffold.create(at / "new", "ada", Kind.GENERIC),
    "a record": lambda at: adr.new(at / "adr", "A title", date(2026, 1, 1)),
    "a local broker": lambda at: LocalBroker(at / "broker", free_port()).start(),
}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_used_in_a_folder_that_everybody_writes(place: str, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "file").write_text("FLEET_AGENT=alpha\n")
    (folder / "words.md").write_text("---\nstatus: proposed\n---\n")
    folder.chmod(0o777)
    with pytest.raises((FleetError, OSError), match="others may write"):
        PLACES[place](folder)
    assert sorted(path.name for path in folder.iterdir()) == ["file", "words.md"]
