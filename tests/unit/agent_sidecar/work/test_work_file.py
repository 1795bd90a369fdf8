"""The work file says what may run; whatever else it says is refused, with what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.work.work_file import Isolation, filled, parse, read
from fleet.contract.errors import ConfigError

GOOD = {"argv": ["/bin/cat", "{in}/0"], "isolation": "process"}
BOXED = {"argv": ["cat", "{in}/0"], "isolation": "container", "image": "busybox:1"}


def test_a_kind_says_what_runs_how_far_apart_and_within_what() -> None:
    limits = {"timeout": 60, "stall": 20, "memory": "1G", "output": "5M", "pids": 9, "cpu": 30}
    work = parse({"poll": 5, "kinds": {"research": {**GOOD, **limits, "parallel": 2}}}, "f")
    kind = work.kinds["research"]
    assert (kind.isolation, kind.parallel, work.poll) == (Isolation.PROCESS, 2, 5)
    assert (kind.limits.memory, kind.limits.output) == (1024**3, 5 * 1024**2)
    assert (kind.limits.timeout, kind.limits.stall, kind.limits.pids) == (60, 20, 9)


def test_holes_are_filled_as_whole_words_and_as_beginnings_of_paths_and_nowhere_else() -> None:
    places = {"in": "/x/in", "out": "/x/out", "board": "/x/b", "task": "01H"}
    argv = ("cat", "{in}/0", "{out}", "{board}/final", "{task}", "{home}", "a {b}", "${in}")
    assert filled(argv, places) == [
        *("cat", "/x/in/0", "/x/out", "/x/b/final", "01H", "{home}", "a {b}", "${in}"),
    ]


def test_a_script_runs_in_a_container_without_being_told_so() -> None:
    kind = parse({"kinds": {"script": {"image": "python:3.13-slim"}}}, "f").kinds["script"]
    assert kind.isolation is Isolation.CONTAINER
    assert kind.argv == ("python", "{in}/0")


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "names no kind"),
    ({"kinds": {"a": GOOD}, "polls": 3}, "polls"),
    ({"kinds": {"a": GOOD}, "poll": 0}, "1 to 3600"),
    ({"kinds": {"A": GOOD}}, "no kind of task"),
    ({"kinds": {"update": GOOD}}, "built in"),
    ({"kinds": {"a": 3}}, "no table"),
    ({"kinds": {"script": {**GOOD}}}, "container only"),
    ({"kinds": {"script": {}}}, "no image"),
    ({"kinds": {"a": {**GOOD, "memmory": "1G"}}}, "memmory"),
    ({"kinds": {"a": {**GOOD, "memory": "lots"}}}, "size"),
    ({"kinds": {"a": {**GOOD, "memory": "1K"}}}, "size"),
    ({"kinds": {"a": {**GOOD, "timeout": True}}}, "number"),
    ({"kinds": {"a": {**GOOD, "timeout": float("nan")}}}, "number"),
    ({"kinds": {"a": {**GOOD, "parallel": 1000}}}, "1 to 64"),
    ({"kinds": {"a": {**GOOD, "image": "x"}}}, "no use"),
    ({"kinds": {"a": {**BOXED, "user": "nobody"}}}, "no use"),
    ({"kinds": {"a": {**BOXED, "image": "--privileged"}}}, "plain image"),
    ({"kinds": {"a": {**GOOD, "isolation": "chroot"}}}, "one of container"),
    ({"kinds": {"a": {"argv": ["x"]}}}, "isolation is missing"),
    ({"kinds": {"a": {"isolation": "process"}}}, "argv"),
    ({"kinds": {"a": {**GOOD, "argv": "cat {in}/0"}}}, "list"),
    ({"kinds": {"a": {**GOOD, "argv": ["sh", "-c", "cat {in}/0"]}}}, "word of its own"),
    ({"kinds": {"a": {**GOOD, "argv": ["cat", "{in}/../../x"]}}}, "word of its own"),
    ({"kinds": {"a": {**GOOD, "argv": ["{in}/0"]}}}, "the program"),
    ({"kinds": {"a": {**GOOD, "argv": ["x", "a\0b"]}}}, "characters"),
    ({"kinds": {"a": {**GOOD, "required": ["../x"]}}}, "required"),
    ({"kinds": {"a": {**GOOD, "environment": ["A=B"]}}}, "environment"),
    ({"kinds": {"a": {**GOOD, "read_only": ["opt"]}}}, "read_only"),
)


@pytest.mark.parametrize(("document", "word"), BAD)
def test_what_cannot_be_is_refused_with_what_to_write(document: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(document, "work.toml")
    assert word in str(caught.value)
    assert "\nTry: " in str(caught.value)


def test_the_file_is_private_and_toml(tmp_path: Path) -> None:
    path = tmp_path / "work.toml"
    path.write_text('[kinds.a]\nargv = ["cat"]\nisolation = "process"\n')
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        read(path)
    path.chmod(0o600)
    assert list(read(path).kinds) == ["a"]
    path.write_text("[kinds")
    with pytest.raises(ConfigError, match="no TOML"):
        read(path)
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        read(path)
