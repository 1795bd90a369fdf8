"""What a page's comments say is understood, or refused."""

from __future__ import annotations

import pytest

from tests.docs.pages import steps

BLOCK = "```sh\none\ntwo\nthree\n```\n"


def test_what_is_said_by_comma_is_for_the_last_lines() -> None:
    [step] = steps("page", f"<!-- run in=hub exit=1,2 until=up -->\n{BLOCK}")
    lines = [(line.terminal, line.exit_code, line.until) for line in step.lines()]
    assert lines == [("hub", 0, ""), ("hub", 1, ""), ("hub", 2, "up")]


def test_the_output_that_is_shown_belongs_to_its_call() -> None:
    [step] = steps("page", "```console\n$ one\n1 of 2\n$ two\n```\n")
    assert [(line.text, line.shown) for line in step.lines()] == [("one", "1 of 2\n"), ("two", "")]


def test_a_reason_is_for_the_next_block_only() -> None:
    first, second = steps("page", f"<!-- not run: it needs\na cluster -->\n{BLOCK}\n{BLOCK}")
    assert (first.not_run, second.not_run) == ("it needs a cluster", "")


@pytest.mark.parametrize(
    "page", ["<!-- not run -->\n" + BLOCK, "<!-- walk -->\n" + BLOCK, "<!-- run exit=1 -->\n"]
)
def test_what_nobody_understands_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="page"):
        steps("page", page)
