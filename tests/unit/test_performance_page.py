"""The page of numbers is what the script makes of the findings."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_findings():
    spec = importlib.util.spec_from_file_location("performance", ROOT / "scripts/performance.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (ROOT / "docs/performance.md").read_text() == script.page()
