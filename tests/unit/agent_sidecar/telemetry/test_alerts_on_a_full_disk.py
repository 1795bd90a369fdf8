"""An alert that only memory holds is not forgotten before it is on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent_sidecar.config import load
from agent_sidecar.one_shot import Purpose
from agent_sidecar.probes.base import AlertEvent, AlertEvidence, ProbeResult
from agent_sidecar.probes.hysteresis import MAX_TOLD, Hysteresis
from agent_sidecar.telemetry.publisher import Publisher
from fleet.contract.vocabulary import AlertCode, Check, MessageKind
from tests.unit.agent_sidecar.state.test_outbox import FullDisk
from tests.unit.agent_sidecar.telemetry.test_messages import NOON, Bench


class Watching:
    """A sidecar whose outbox is refused by the disk, while small files are not."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)
        config = load({}, {"FLEET_AGENT": "alpha", "FLEET_HOME": str(folder)})
        self.kept = config.state / "alarms.json"
        builder, observed = self.bench.builder, self.bench.observed
        nobody: Any = None
        self.publisher = Publisher(
            config, Purpose.DAEMON, self.bench.state, observed, builder, nobody, nobody, nobody
        )
        self.disk: Any = FullDisk(self.bench.state.database.connection)
        self.bench.state.database.connection = self.disk

    def look(self, *, down: bool) -> None:
        evidence = [AlertEvidence(AlertCode.PROCESS_DOWN, down)]
        check = Check.FAIL if down else Check.PASS
        probe: Any = type("Process", (), {"name": "process"})
        self.publisher.found([(probe, ProbeResult("process", check, evidence))], 1.0)

    def repeated_after_kill_9(self) -> list[AlertEvent]:
        return Hysteresis(self.kept).update([], NOON)


def test_an_alert_that_only_memory_holds_is_raised_again_after_kill_9(tmp_path: Path) -> None:
    watching = Watching(tmp_path)
    watching.look(down=True)
    watching.look(down=True)
    [alert] = watching.bench.rows(MessageKind.ALERT)
    assert [one.id for one in watching.repeated_after_kill_9()] == [alert["id"]]
    watching.disk.full = False
    assert watching.bench.state.outbox.flush()
    watching.look(down=True)
    assert watching.repeated_after_kill_9() == []


class Beats:
    """Runs of `beat`, each a process of its own, with an outbox that the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: list[tuple[str, str]] = []  # by the hub: id and state of each alert

    def beat(self, *, down: bool, receipted: bool) -> None:
        watching = Watching(self.folder)
        state = watching.bench.state
        watching.look(down=down)
        alerts = watching.bench.rows(MessageKind.ALERT)
        self.heard += [(one["id"], one["state"]) for one in alerts]
        if receipted:
            state.outbox.receipt(state.session.boot, len(alerts))
        state.close()


def test_what_the_hub_has_receipted_is_not_published_by_the_next_beat(tmp_path: Path) -> None:
    beats = Beats(tmp_path)
    for number in range(8):
        beats.beat(down=number % 2 == 0, receipted=True)
    assert [state for _, state in beats.heard] == ["firing", "resolved"] * 4
    assert len({id_ for id_, _ in beats.heard}) == 4


def test_what_no_hub_has_receipted_is_repeated_until_it_is_over(tmp_path: Path) -> None:
    beats = Beats(tmp_path)
    for down in (True, True, False, False):
        beats.beat(down=down, receipted=False)
    [(alert, _)] = set(beats.heard[:1])
    assert beats.heard == [(alert, "firing")] * 3 + [(alert, "resolved")]


def test_what_would_be_repeated_is_bounded(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    down = [AlertEvidence(f"own-{number}", True) for number in range(MAX_TOLD + 10)]
    for _ in range(2):
        hysteresis.update([ProbeResult("own", Check.FAIL, down)], NOON)
    assert len(Hysteresis(tmp_path / "alarms.json").update([], NOON)) == MAX_TOLD
