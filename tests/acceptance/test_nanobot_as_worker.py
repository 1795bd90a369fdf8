"""The real nanobot does a task, by the wrapper of the how-to: its input is the message, its answer
the result; and called off, nothing of it is left.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.work_vocabulary import TaskState
from tests.support.nanobot import REASON, Nanobot, find_nanobot
from tests.support.stub_model import StubModel
from tests.support.workers import Bench, carrying

pytestmark = [
    pytest.mark.skipif(find_nanobot() is None, reason=REASON),
    pytest.mark.xdist_group("agents"),  # 100 MB each
    pytest.mark.timeout(180),
]

PAGE = Path(__file__).parents[2] / "docs/how-to/workers.md"


@pytest.fixture
def model() -> Iterator[StubModel]:
    with StubModel() as served:
        yield served


@pytest.fixture
def bench(tmp_path: Path, model: StubModel) -> Bench:
    home = tmp_path / "home"
    home.mkdir()
    Nanobot(home, model.port)  # writes its configuration, and is not started
    program = Path(str(find_nanobot())).parent
    environ = {
        **os.environ, "HOME": str(home), "PATH": f"{program}:{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    limits = {"environment": ["NO_PROXY"], "memory": "1G", "timeout": 90, "output": "64M"}
    return Bench(tmp_path / "work", "process", environ, limits)


def wrapper() -> str:
    """The script that the page has, as a reader copies it."""
    found = re.search(r"#!/bin/sh\n# \S+ask-nanobot IN OUT\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


def test_its_input_is_the_message_and_its_answer_the_result(bench: Bench, model: StubModel) -> None:
    model.says = "Blue, mostly."
    kept = bench.do(wrapper(), b"Which colour has the sea?", pids=200)
    assert kept.state is TaskState.COMPLETED, bench.said()
    assert b"Blue, mostly." in bench.hub.blobs[kept.output[0].digest]
    assert model.asked
    assert bench.left() == []
    assert carrying("nanobot agent") == []
