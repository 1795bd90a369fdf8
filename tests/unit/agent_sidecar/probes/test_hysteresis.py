"""Alarms: hysteresis, several sources, restarts and crashes."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_sidecar.probes.base import AlertEvent, AlertEvidence, ProbeResult
from agent_sidecar.probes.hysteresis import Hysteresis
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import AlertCode, AlertState, Check, MessageKind, Severity

SLOW = AlertCode.ENDPOINT_DOWN.value
FACT = AlertCode.PROCESS_DOWN.value


def look(hysteresis: Hysteresis, *evidence: AlertEvidence) -> list[AlertEvent]:
    events = hysteresis.update([ProbeResult("process", Check.PASS, evidence)], 1000.0)
    hysteresis.save()
    return events


def told(events: list[AlertEvent]) -> list[tuple[str, str]]:
    return [(event.code, event.state.value) for event in events]


def test_one_bad_look_is_no_incident_and_one_good_one_no_recovery(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    bad, good = AlertEvidence(SLOW, True), AlertEvidence(SLOW, False)
    assert look(hysteresis, bad) == []
    assert look(hysteresis, good) == []
    assert look(hysteresis, bad) == []
    (fired,) = look(hysteresis, bad)
    assert hysteresis.active() == [SLOW]
    assert look(hysteresis, good) == []
    assert look(hysteresis, bad) == []
    assert look(hysteresis, good) == []
    (resolved,) = look(hysteresis, good)
    assert (fired.state, resolved.state) == (AlertState.FIRING, AlertState.RESOLVED)
    assert fired.id == resolved.id
    assert hysteresis.active() == []


def test_a_fact_fires_at_once(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    assert told(look(hysteresis, AlertEvidence(FACT, True))) == [(FACT, "firing")]
    assert told(look(hysteresis, AlertEvidence(FACT, False))) == [(FACT, "resolved")]


def test_what_could_not_be_told_changes_nothing_while_the_plane_is_known(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    look(hysteresis, AlertEvidence(FACT, True))
    for _ in range(5):
        assert look(hysteresis, AlertEvidence(FACT, None)) == []
    assert hysteresis.active() == [FACT]


def unknown(hysteresis: Hysteresis, *evidence: AlertEvidence) -> list[AlertEvent]:
    """A look of the probe `p` that could not tell."""
    events = hysteresis.update([ProbeResult("process", Check.UNKNOWN, evidence, probe="p")], 1000.0)
    hysteresis.save()
    return events


@pytest.mark.parametrize("code", list(AlertCode))
@pytest.mark.parametrize("restarted", [False, True])
def test_an_alert_whose_plane_stays_unknown_ends_and_can_fire_again(
    tmp_path: Path, code: AlertCode, restarted: bool
) -> None:
    """It must not hang: the next real one would then be hidden behind it."""
    path = tmp_path / "alarms.json"
    hysteresis = Hysteresis(path)

    def fire() -> list[tuple[str, str]]:
        bad = AlertEvidence(code.value, True, source="p")
        return told(look(hysteresis, bad)) + told(look(hysteresis, bad))

    assert fire() == [(code.value, "firing")]
    assert unknown(hysteresis) == [], "one look that could not tell decides nothing"
    if restarted:
        hysteresis = Hysteresis(path)
    assert told(unknown(hysteresis)) == [(code.value, "resolved")]
    assert hysteresis.active() == []
    assert unknown(hysteresis) == []
    assert fire() == [(code.value, "firing")]


def test_a_known_look_between_two_unknown_ones_keeps_the_alert(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    bad = AlertEvidence(FACT, True, source="p")
    look(hysteresis, bad)
    for _ in range(3):
        assert unknown(hysteresis, AlertEvidence(FACT, None, source="p")) == []
        assert look(hysteresis, bad) == []
    assert hysteresis.active() == [FACT]


def test_another_source_keeps_a_code_firing_that_one_can_no_longer_tell(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    look(hysteresis, AlertEvidence(FACT, True, source="p"), AlertEvidence(FACT, True, source="q"))
    assert unknown(hysteresis) == []
    assert unknown(hysteresis) == []
    assert hysteresis.active() == [FACT]


def test_a_file_of_the_last_release_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    source = {"p": [True, "critical", 0]}
    code = {"id": "01J", "severity": "critical", "sources": source}
    path.write_text(json.dumps({"codes": {FACT: code}, "untold": [], "said": []}))
    hysteresis = Hysteresis(path)
    assert hysteresis.active() == [FACT]
    assert unknown(hysteresis) == []
    assert told(unknown(hysteresis)) == [(FACT, "resolved")]


def test_a_value_must_fall_clear_of_the_threshold_it_crossed(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")

    def disk(used: float) -> list[AlertEvent]:
        return look(
            hysteresis, AlertEvidence("disk-pressure", used >= 90, value=used, threshold=90)
        )

    assert disk(91) == []
    assert told(disk(91)) == [("disk-pressure", "firing")]
    assert disk(89.5) == disk(89.5) == disk(88) == []
    assert disk(80) == []
    (resolved,) = disk(80)
    assert (resolved.value, resolved.threshold) == (80, 90)


def test_a_code_fires_while_any_of_its_sources_says_so(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    assert told(look(hysteresis, AlertEvidence(FACT, True, source="process"))) == [(FACT, "firing")]
    assert look(hysteresis, AlertEvidence(FACT, False, source="unit")) == []
    assert look(hysteresis, AlertEvidence(FACT, True, source="unit")) == []
    assert look(hysteresis, AlertEvidence(FACT, False, source="process")) == []
    assert told(look(hysteresis, AlertEvidence(FACT, False, source="unit"))) == [(FACT, "resolved")]


def test_a_severity_that_rises_ends_the_milder_alert(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    (mild,) = look(hysteresis, AlertEvidence(FACT, True, Severity.WARNING))
    ended, worse = look(hysteresis, AlertEvidence(FACT, True, Severity.CRITICAL))
    assert (ended.id, ended.state, ended.severity) == (mild.id, "resolved", "warning")
    assert (worse.state, worse.severity) == ("firing", "critical")
    assert look(hysteresis, AlertEvidence(FACT, True, Severity.WARNING)) == []
    (over,) = look(hysteresis, AlertEvidence(FACT, False))
    assert (over.id, over.severity) == (worse.id, "critical")


def test_an_alert_that_fires_resolves_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    (fired,) = look(Hysteresis(path), AlertEvidence(FACT, True))
    again = Hysteresis(path)
    assert again.active() == [FACT]
    assert look(again, AlertEvidence(FACT, True)) == []
    (resolved,) = look(again, AlertEvidence(FACT, False))
    assert resolved.id == fired.id


def test_looks_count_across_processes_so_that_one_shot_beats_raise_alerts(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    assert look(Hysteresis(path), AlertEvidence(SLOW, True)) == []
    assert told(look(Hysteresis(path), AlertEvidence(SLOW, True))) == [(SLOW, "firing")]
    assert look(Hysteresis(path), AlertEvidence(SLOW, False)) == []
    assert told(look(Hysteresis(path), AlertEvidence(SLOW, False))) == [(SLOW, "resolved")]


def test_a_crash_before_the_commit_repeats_the_event_with_its_id(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    hysteresis = Hysteresis(path)
    (lost,) = hysteresis.update(
        [ProbeResult("process", Check.FAIL, [AlertEvidence(FACT, True)])], 1000.0
    )
    after = Hysteresis(path)
    (repeated,) = look(after, AlertEvidence(FACT, True))
    assert repeated == lost
    assert look(after, AlertEvidence(FACT, True)) == []


def test_what_a_vanished_probe_had_raised_ends(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    look(
        Hysteresis(path),
        AlertEvidence(FACT, True, source="unit"),
        AlertEvidence("auth-failure", True),
    )
    hysteresis = Hysteresis(path)
    hysteresis.retain(["process"])
    assert told(look(hysteresis)) == [(FACT, "resolved")]
    assert hysteresis.active() == ["auth-failure"]


def test_a_full_disk_silences_no_alert(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    hysteresis = Hysteresis(folder / "alarms.json")
    evidence = [ProbeResult("process", Check.FAIL, [AlertEvidence(FACT, True)])]
    assert told(hysteresis.update(evidence, 1.0)) == [(FACT, "firing")]
    with pytest.raises(OSError, match="alarms"):
        hysteresis.save()
    folder.mkdir()
    hysteresis.save()
    assert Hysteresis(folder / "alarms.json").active() == [FACT]


def test_a_quiet_board_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    hysteresis = Hysteresis(path)
    for _ in range(3):
        look(
            hysteresis, AlertEvidence(FACT, False), AlertEvidence(SLOW, False, value=3, threshold=9)
        )
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"codes": 3, "untold": []}', "\0"])
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "alarms.json"
    path.write_text(text)
    hysteresis = Hysteresis(path)
    assert hysteresis.active() == []
    assert told(look(hysteresis, AlertEvidence(FACT, True))) == [(FACT, "firing")]


SIGNS = st.builds(
    AlertEvidence,
    code=st.sampled_from([SLOW, FACT, "disk-pressure"]),
    firing=st.sampled_from([True, False, None]),
    severity=st.sampled_from(list(Severity)),
    value=st.sampled_from([None, 50.0, 89.0, 95.0]),
    threshold=st.sampled_from([None, 90.0]),
    source=st.sampled_from(["", "process", "unit"]),
)
STEPS = st.lists(
    st.one_of(
        st.lists(SIGNS, max_size=3), st.sampled_from(["restart", "crash", "lose unit", "settle"])
    ),
    max_size=40,
)


@given(STEPS)
@settings(deadline=None, max_examples=150)
def test_firing_and_resolved_alternate_and_pair_up_whatever_happens(
    steps: list[list[AlertEvidence] | str],
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "alarms.json"
        hysteresis = Hysteresis(path)
        published: dict[str, AlertEvent] = {}  # by id and state: the hub knows a repeated one
        order: list[AlertEvent] = []

        def publish(events: list[AlertEvent]) -> None:
            order.extend(
                event
                for event in events
                if published.setdefault(f"{event.id}{event.state}", event) is event
            )

        for step in steps:
            if isinstance(step, list):
                publish(hysteresis.update([ProbeResult("work", Check.PASS, step)], 5.0))
                hysteresis.save()
            elif step == "crash":  # after the events were made, before anything was sent
                hysteresis.update(
                    [ProbeResult("work", Check.FAIL, [AlertEvidence(FACT, True)])], 6.0
                )
                hysteresis = Hysteresis(path)
            elif step == "restart":
                before = hysteresis.active()
                hysteresis = Hysteresis(path)
                assert hysteresis.active() == before
            elif step == "lose unit":
                hysteresis.retain(["process"])
            publish(hysteresis.update([], 7.0))
            hysteresis.save()
        for code in {event.code for event in order}:
            events = [event for event in order if event.code == code]
            states = [event.state.value for event in events]
            assert states == (["firing", "resolved"] * len(states))[: len(states)]
            for first, second in zip(events[::2], events[1::2], strict=False):
                assert (first.id, first.severity) == (second.id, second.severity)
            assert (code in hysteresis.active()) == (len(events) % 2 == 1)


def test_an_event_makes_a_valid_alert(tmp_path: Path) -> None:
    from agent_sidecar.telemetry.encoding import alert

    (event,) = look(Hysteresis(tmp_path / "alarms.json"), AlertEvidence(FACT, True, value=1.5))
    schema_validators({})[MessageKind.ALERT].check(json.loads(json.dumps(alert(event))))


def test_an_alert_of_the_agents_own_is_active_until_it_ends_also_across_a_restart(
    tmp_path: Path,
) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    hysteresis.record_own("disk-pressure", "firing")
    look(hysteresis, AlertEvidence(FACT, True))
    assert hysteresis.active() == ["disk-pressure", FACT]
    again = Hysteresis(tmp_path / "alarms.json")
    assert again.active() == ["disk-pressure", FACT]
    again.record_own("disk-pressure", "resolved")
    assert Hysteresis(tmp_path / "alarms.json").active() == [FACT]


def test_a_probe_that_ends_a_code_ends_it_for_the_agent_too(tmp_path: Path) -> None:
    hysteresis = Hysteresis(tmp_path / "alarms.json")
    look(hysteresis, AlertEvidence(FACT, True))
    hysteresis.record_own(FACT, "firing")
    look(hysteresis, AlertEvidence(FACT, False))
    assert hysteresis.active() == []
