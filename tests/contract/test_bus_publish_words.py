"""The one-liner carries the contract's words as text: they must be the contract's."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_the_words_in_bus_publish_are_those_of_the_contract() -> None:
    spec = importlib.util.spec_from_file_location("words", SCRIPTS / "docs/words.py")
    assert spec
    assert spec.loader
    words = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(words)
    text = (SCRIPTS / "bus-publish").read_text()
    assert words.rewritten(text) == text, "run: python scripts/docs/words.py"
