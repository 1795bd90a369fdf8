"""What refuses work says it in one word, each of its own, for programs."""

from __future__ import annotations

from fleet.domain.work.errors import WorkError
from fleet.work import errors as of_the_service


def every_error() -> set[type[WorkError]]:
    found, waiting = set(), [WorkError]
    while waiting:
        waiting += (new := waiting.pop().__subclasses__())
        found |= set(new)
    return found


def test_every_error_has_a_word_of_its_own() -> None:
    errors = every_error()
    assert of_the_service.BusyError in errors
    assert len({error.code for error in errors}) == len(errors)
    assert all(400 <= error.status < 500 for error in errors)
