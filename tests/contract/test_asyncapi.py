"""`schemas/asyncapi.yaml` is valid to the reference parser, and says what the models say."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fleet.contract.generate import generate
from fleet.contract.messages import MODELS
from fleet.contract.topics import FROM_AGENT, Topics
from fleet.contract.vocabulary import MessageKind

ROOT = Path(__file__).parents[2]
PARSER = ROOT / "tests" / "support" / "asyncapi"
INFORMATION = 2
"""Severity in the parser's words: 0 error, 1 warning, 2 information ("a newer AsyncAPI exists")."""

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (PARSER / "node_modules" / "@asyncapi").is_dir(),
        reason="@asyncapi/parser is not installed: npm install --prefix tests/support/asyncapi",
    ),
]


def judged(document: Path) -> dict[str, Any]:
    done = subprocess.run(
        ["node", "judge.js", str(document)],
        cwd=PARSER,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def test_the_committed_document_is_valid_and_has_each_operation() -> None:
    verdict = judged(ROOT / "schemas" / "asyncapi.yaml")
    assert verdict["valid"]
    assert [c for c in verdict["complaints"] if c["severity"] < INFORMATION] == []
    found = {operation["id"]: operation for operation in verdict["operations"]}
    assert len(found) == len(MessageKind)
    for kind in MessageKind:
        from_agent = kind in FROM_AGENT
        operation = found[f"{'agent' if from_agent else 'hub'}-{kind}"]
        assert operation["action"] == ("receive" if from_agent else "send")
        assert operation["address"] == Topics().every(kind).replace("+", "{agent}")
        model = MODELS[kind]
        if not isinstance(model, tuple):
            assert operation["fields"] == [list(model.model_fields)]


def test_a_broken_document_is_refused(tmp_path: Path) -> None:
    generate(tmp_path)
    (tmp_path / "alert.schema.json").unlink()
    assert not judged(tmp_path / "asyncapi.yaml")["valid"]
