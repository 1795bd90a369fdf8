"""The flow of a crew of real nanobots, from request to response, in processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.nanobot import REASON, find_nanobot
from tests.support.nanobot_crew import Member, at_work, carry_out_the_request

pytestmark = [
    pytest.mark.skipif(find_nanobot() is None, reason=REASON),
    pytest.mark.xdist_group("agents"),  # 100 MB each
    pytest.mark.timeout(600),
]


def test_a_request_becomes_three_tasks_findings_a_critique_and_a_final_answer(
    tmp_path: Path,
) -> None:
    with at_work(tmp_path, Member.start) as (hub, members):
        carry_out_the_request(hub, members)
