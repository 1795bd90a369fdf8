"""Event streams last: some for each bearer, and not without end for all."""

from __future__ import annotations

from contextlib import ExitStack
from http import HTTPStatus

import pytest

from fleet.http.listeners import Listeners
from fleet.http.problems import HttpProblem


def test_a_bearer_gets_half_and_what_ended_counts_no_more() -> None:
    listeners = Listeners(4)
    with ExitStack() as streams:
        for bearer in ("a", "a", "b"):
            listeners.check(bearer)
            streams.enter_context(listeners.listening(bearer))
        with pytest.raises(HttpProblem) as refused:
            listeners.check("a")
        assert refused.value.status == HTTPStatus.TOO_MANY_REQUESTS
        listeners.check("b")
        streams.enter_context(listeners.listening("b"))
        with pytest.raises(HttpProblem):
            listeners.check("c")
    listeners.check("a")
