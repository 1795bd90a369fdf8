"""What is seen of text from outside, and that it steers nothing."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from fleet.contract.errors import FleetError
from fleet.contract.printable import GuardedStream, LineFormatter, guard_output, own, printable
from tests.support.terminal import HOSTILE, Shown


@pytest.mark.parametrize("text", ["", "disk at 91 %", "Zoë, 東京, привет", "😀", "a\\b"])
def test_what_is_seen_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\u001b[2J"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x9b", "\\u009b"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("pay\u200bload", "pay\\u200bload"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("x\ufe0f", "x\\ufe0f"),
    ],
)
def test_what_is_not_seen_stands_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_nothing_of_a_hostile_text_steers() -> None:
    shown = printable(HOSTILE)
    assert Shown(shown.encode(), 0).steering() == ""
    assert "\n" not in shown


def test_every_character_is_seen_or_escaped() -> None:
    for point in range(sys.maxunicode + 1):
        if shown := Shown(printable(chr(point)).encode(), 0).steering():
            pytest.fail(shown)


def test_json_stays_json() -> None:
    text = json.dumps({"a": f"\x7f{HOSTILE}"}, ensure_ascii=False)
    assert json.loads(printable(text)) == json.loads(text)


def stream() -> tuple[GuardedStream, io.BytesIO]:
    raw = io.BytesIO()
    return GuardedStream(raw, encoding="utf-8", write_through=True), raw


def test_a_guarded_stream_keeps_lines_and_our_own_controls() -> None:
    guarded, raw = stream()
    red, plain = own("\x1b[31m"), own("\x1b[0m")
    guarded.write(f"{red}red{plain}\n\x1b[31mforeign\n")
    assert raw.getvalue() == b"\x1b[31mred\x1b[0m\n\\u001b[31mforeign\n"


def test_a_control_of_ours_cannot_be_guessed() -> None:
    guarded, raw = stream()
    own("\x1b[31m")
    guarded.write("\x1b[0;0m\x1b[1;0m")
    assert b"\x1b" not in raw.getvalue()


def test_both_streams_are_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    raws = {name: io.BytesIO() for name in ("stdout", "stderr")}
    for name, raw in raws.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding="ascii"))
    guard_output()
    for name, raw in raws.items():
        print("é\x1b", file=getattr(sys, name), flush=True)
        assert raw.getvalue() == "é\\u001b\n".encode()


def test_an_error_has_two_lines_whatever_stands_in_it() -> None:
    error = FleetError(f"the hub refuses {HOSTILE}", HOSTILE, f"fleet\n{HOSTILE}")
    assert len(str(error).splitlines()) == 2


def test_a_record_of_a_log_is_one_line() -> None:
    record = logging.LogRecord("hub", logging.WARNING, "", 0, "lost: %s", (HOSTILE,), None)
    shown = LineFormatter("%(levelname)s %(message)s").format(record)
    assert shown.startswith("WARNING lost: \\u001b")
    assert "\n" not in shown
