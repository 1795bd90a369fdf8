"""The committed schemas are what the models generate."""

from __future__ import annotations

from pathlib import Path

from fleet.contract.generate import generate

ROOT = Path(__file__).parents[2]


def test_the_committed_schemas_are_current(tmp_path: Path) -> None:
    written = generate(tmp_path)
    for path in written:
        committed = ROOT / "schemas" / path.name
        assert committed.read_text() == path.read_text(), (
            f"{path.name} is stale; run: python -m fleet.contract.generate"
        )
    committed_names = {path.name for path in (ROOT / "schemas").iterdir()}
    assert committed_names == {path.name for path in written}
