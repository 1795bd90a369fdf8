"""A slip in a command, an option or a word is answered with what was probably meant."""

from __future__ import annotations

import pytest

from fleet.cli.main import run


@pytest.mark.parametrize(
    ("words", "meant", "remedy"),
    [
        ("statsu", "No such command 'statsu': status?", "fleet status"),
        ("alerts lst", "No such command 'lst': list?", "fleet alerts list"),
        ("agent keys rotat", "No such command 'rotat': rotate?", "fleet agent keys rotate"),
        ("status --wach", "Did you mean", "fleet status --help"),
        ("status -o jsn", "json?", "fleet status --help"),
        ("command helth-check alpha", "health-check?", "fleet command --help"),
        ("audit run --live", "requires an argument", "fleet audit run --help"),
        ("task list --context", "requires an argument", "fleet task list --help"),
        ("zzz", "No such command 'zzz'.", "fleet --help"),
    ],
)
def test_the_word_that_was_meant_is_named(
    words: str, meant: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words.split()) == 3
    told = capsys.readouterr().err
    assert meant in told
    assert told.endswith(f"Try: {remedy}\n")
