"""A configuration in JSON5 is read for what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_sidecar.kinds import json5
from agent_sidecar.kinds.documents import load_json5


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{gateway: {port: 18790,},} // the second", {"gateway": {"port": 18790}}),
        ("/* {port: 1} */ {'port': 2, \"a\": 'it\\'s'}", {"port": 2, "a": "it's"}),
        ("[0x10, +1, -2, .5, 5., 1e3, Infinity, NaN, true, null,]",
         [16, 1, -2, 0.5, 5.0, 1000.0, None, None, True, None]),
        ("{$include: './x', a_b: [1, 2]}", {"$include": "./x", "a_b": [1, 2]}),
        ("'a\\\nb\\x41\\u0042'", "abAB"),
        ('{"url": "http://x/y", "c": "/* no comment */"}',
         {"url": "http://x/y", "c": "/* no comment */"}),
        ("{port: 18790, 'true': true}", {"port": 18790, "true": True}),
    ],
)  # fmt: skip
def test_what_json5_says(source: str, value: object) -> None:
    assert json5.loads(source) == value


@pytest.mark.parametrize(
    "value", [{}, [], {"a": [1.5, -2, "x\n\u00e9", None, {"b": False}]}, "", 7]
)
def test_json_is_json5(value: object) -> None:
    assert json5.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    "source", ["", "{", "{a: }", "{a b}", "'open", "/* open", "{a: word}", "#"]
)
def test_what_is_none_is_said(source: str) -> None:
    with pytest.raises(ValueError, match=r"JSON5|Expecting|Extra"):
        json5.loads(source)


def test_a_file_that_is_none_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for content in (b"", b"\xff", b"[" * 100_000, b"7"):
        path.write_bytes(content)
        assert load_json5(path) == {}
