"""A deployment adds words by an accepted ADR, and every reader learns them alike."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fleet.contract.amendments import added_words, front_matter, read_folder
from fleet.contract.errors import ConfigError
from fleet.contract.messages import Heartbeat
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import AlertCode, MessageKind, Plane, Reason

GPU = "---\nstatus: accepted\nadds: {alert_codes: [gpu-hot], planes: [gpu, vram]}\n---\n# GPU\n"
ADDED = {"alert_codes": ("gpu-hot",), "planes": ("gpu", "vram")}
TS = "2026-03-18T21:30:00Z"
WITH_NEW_WORDS = [
    (MessageKind.HEARTBEAT, {"ok": True, "ts": TS, "alerts": ["gpu-hot", "idle-cost"]}),
    (MessageKind.HEARTBEAT, {"ok": True, "ts": TS, "checks": {"gpu": "pass", "disk": "warn"}}),
    (MessageKind.STATUS, {"state": "running", "ts": TS, "checks": {"vram": "fail"}}),
    (
        MessageKind.ALERT,
        {"code": "gpu-hot", "severity": "critical", "state": "firing", "ts": TS},
    ),
]


def test_an_accepted_adr_adds_its_words() -> None:
    assert added_words([("gpu.md", GPU)]) == ADDED


@pytest.mark.parametrize("status", ["proposed", "rejected", "superseded"])
def test_any_other_status_adds_nothing(status: str) -> None:
    assert added_words([("gpu.md", GPU.replace("accepted", status))]) == {}


def test_a_misspelt_status_is_told_and_not_passed_over() -> None:
    with pytest.raises(ConfigError) as found:
        added_words([("gpu.md", GPU.replace("accepted", "Acepted"))])
    assert "proposed, accepted, rejected, superseded" in found.value.why
    assert "gpu.md" in found.value.what


def test_texts_without_front_matter_add_nothing() -> None:
    assert front_matter("# Notes\n---\nstatus: accepted\n---\n") == {}
    assert front_matter("---\nstatus: accepted\n") == {}
    assert added_words([("README.md", "# Index"), ("empty.md", "")]) == {}


def test_two_adrs_add_up_and_a_word_stands_once() -> None:
    second = "---\nstatus: accepted\nadds: {planes: [gpu, fan]}\n---\n"
    assert added_words([("a.md", GPU), ("b.md", second)])["planes"] == ("gpu", "vram", "fan")


@pytest.mark.parametrize(
    ("adds", "why"),
    [
        ("", "adds is not like"),
        ("[gpu]", "adds is not like"),
        ("{planes: gpu}", "adds is not like"),
        ("{planes: [gpu]} and more", "adds is not like"),
        ("{verbs: [reboot]}", "'verbs' is not one of alert_codes, planes"),
        ("{planes: [GPU]}", "not a word"),
        ("{planes: [a b]}", "not a word"),
        ("{planes: [gpu-]}", "not a word"),
        ("{planes: [disk]}", "in the contract already"),
        ("{alert_codes: [agent-stale]}", "in the contract already"),
        ("{planes: [" + "a" * 33 + "]}", "not a word"),
    ],
)
def test_an_unusable_amendment_says_what_is_wrong(adds: str, why: str) -> None:
    with pytest.raises(ConfigError) as found:
        added_words([("mine.md", f"---\nstatus: accepted\nadds: {adds}\n---\n")])
    assert why in found.value.why
    assert "mine.md" in str(found.value)


@pytest.mark.parametrize(("kind", "message"), WITH_NEW_WORDS)
def test_added_words_count_for_reader_and_judge_alike(
    kind: MessageKind, message: dict[str, object]
) -> None:
    payload = json.dumps(message).encode()
    assert Reader(ADDED).read(kind, payload)
    assert schema_validators(ADDED)[kind].read(payload) == message
    for read in (
        lambda: Reader().read(kind, payload),
        lambda: schema_validators()[kind].read(payload),
    ):
        with pytest.raises(Rejected) as found:
            read()
        assert found.value.reason is Reason.UNKNOWN_WORD


def test_an_amended_contract_keeps_its_old_words_and_types() -> None:
    payload = json.dumps({"ok": True, "ts": TS, "alerts": list(AlertCode)}).encode()
    message = Reader(ADDED).read(MessageKind.HEARTBEAT, payload)
    assert isinstance(message, Heartbeat)
    twice = b'{"ok":true,"ok":true,"ts":"2026-03-18T21:30:00Z"}'
    with pytest.raises(Rejected) as found:
        Reader(ADDED).read(MessageKind.HEARTBEAT, twice)
    assert found.value.reason is Reason.DUPLICATE_KEY


def test_a_rejection_lists_the_added_words_too() -> None:
    payload = json.dumps({"ok": True, "ts": TS, "checks": {"mood": "pass"}}).encode()
    with pytest.raises(Rejected) as found:
        schema_validators(ADDED)[MessageKind.HEARTBEAT].read(payload)
    assert found.value.allowed == (*Plane, "gpu", "vram")


def test_a_folder_is_read_in_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("---\nstatus: accepted\nadds: {planes: [fan]}\n---\n")
    (tmp_path / "a.md").write_text(GPU)
    (tmp_path / "note.txt").write_text(GPU.replace("gpu", "other"))
    assert read_folder(tmp_path)["planes"] == ("gpu", "vram", "fan")


def test_an_unreadable_file_in_the_folder_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_bytes(b"---\n\xff\n---\n")
    with pytest.raises(ConfigError) as found:
        read_folder(tmp_path)
    assert "FLEET_ADR" in found.value.remedy


def test_a_configured_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_folder(tmp_path / "absent")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GPU.rpartition("---")[0], "no line --- ends"),
        (GPU.replace("adds:", "add:"), "unknown field 'add'; 'adds' was probably meant"),
        (GPU.replace("status:", "Status:"), "unknown field 'Status'"),
        (GPU.replace("adds:", "adds"), "is not a field"),
        (GPU.replace("adds:", "adds: {planes: [a]}\nadds:"), "stands twice"),
        (GPU.replace("planes: [", "planes: [a], planes: ["), "stands twice"),
    ],
)
def test_a_slip_in_the_front_matter_leaves_no_word_out_unseen(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        added_words([("gpu.md", text)])


def test_a_byte_order_mark_hides_no_words(tmp_path: Path) -> None:
    (tmp_path / "gpu.md").write_text("\ufeff" + GPU)
    assert read_folder(tmp_path) == ADDED
