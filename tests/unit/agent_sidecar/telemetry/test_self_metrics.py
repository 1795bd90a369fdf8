"""What a sidecar tells of itself: answers that wait for a commit are no trouble, a full disk is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent_sidecar.mqtt.observer import ConnectionCounters
from agent_sidecar.state.database import Database
from agent_sidecar.state.outbox import Outbox, OutboxEntry
from agent_sidecar.telemetry.self_metrics import SelfMetrics
from fleet.contract.vocabulary import AlertCode, MessageKind
from tests.unit.agent_sidecar.state.test_outbox import FullDisk


def test_only_a_disk_that_refuses_makes_a_backlog_of_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "outbox.sqlite3")
    outbox = Outbox(database)
    connection: Any = SimpleNamespace(counters=ConnectionCounters(), up=True)
    nobody: Any = None
    metrics = SelfMetrics(connection, outbox, nobody, nobody, None)

    def piled_up() -> bool | None:
        evidence = metrics.look().evidence
        return next(one.firing for one in evidence if one.code is AlertCode.QUEUE_BACKLOG)

    outbox.add(OutboxEntry(1, 0, MessageKind.STATUS, 0, False, b"answer"), later=True)
    assert not piled_up()
    monkeypatch.setattr(database, "connection", FullDisk(database.connection))
    assert not outbox.flush()
    assert piled_up()
    assert piled_up(), "memory holds it still"
