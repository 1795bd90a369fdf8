"""The web page: its document, and the contract's words as a module that its scripts import.

So no word is typed a second time in JavaScript; a test looks for one that is.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response

from fleet.api import schemas
from fleet.api.auth import SECRET_HEADER
from fleet.api.event_stream import EventName
from fleet.contract.vocabulary import (
    AlertCode,
    AlertState,
    Check,
    HubAlertCode,
    MessageKind,
    PairRole,
    Plane,
    Result,
    Severity,
    Verb,
    Word,
)
from fleet.contract.work_vocabulary import FINAL, TaskReason, TaskState
from fleet.domain.beat_bar import Cell
from fleet.domain.capacity.forecast import Confidence
from fleet.domain.commands import CommandState
from fleet.domain.failover.pair import Cause, Phase
from fleet.domain.rollout.plan import OnAbort
from fleet.domain.rollout.states import (
    ROLLOUT_STEPS,
    ExecutionState,
    RolloutState,
    RolloutStep,
    Why,
)
from fleet.domain.verdict import Verdict, badness
from fleet.http.auth import OPERATORS
from fleet.http.problems import HttpProblem
from fleet.mcp.runbooks import COMMANDS, EXAMINE, STEPS
from fleet.notifier.delivery_log import Outcome

FOLDER: Final = Path(__file__).parents[1] / "page"

VOCABULARIES: Final[tuple[type[Word], ...]] = (
    AlertState,
    Cell,
    Check,
    CommandState,
    Confidence,
    EventName,
    ExecutionState,
    MessageKind,
    OnAbort,
    Outcome,
    PairRole,
    Phase,
    Result,
    RolloutState,
    RolloutStep,
    Severity,
    TaskState,
    Verb,
    Verdict,
)
"""The vocabularies that the page speaks, each an object of the same name and members."""


def _meanings(words: type[Word]) -> dict[str, str]:
    return {word.value: word.meaning for word in words}


EXPLAINED: Final[tuple[type[Word], ...]] = (
    Cause, Confidence, ExecutionState, PairRole, Phase, RolloutState,
)  # fmt: skip
"""Vocabularies whose words the page also explains, in the words of their members."""

CONSTANTS: Final = {
    "COMMANDS": COMMANDS,
    "EXAMINE": EXAMINE,
    "MAX_LISTED": schemas.MAX_LISTED,
    "MAX_SHOWN": schemas.MAX_SHOWN,
    "MAX_NAMED": schemas.MAX_NAMED,
    "MAX_TEXT": schemas.MAX_TEXT,
    "MEANINGS": {words.__name__: _meanings(words) for words in EXPLAINED},
    "OPEN_TASKS": [state for state in TaskState if state not in FINAL],
    "OPERATORS": OPERATORS,
    "PLANES": {plane: plane.meaning for plane in Plane},
    "RUNBOOKS": {code: [code.meaning, STEPS[code][0]] for code in (*AlertCode, *HubAlertCode)},
    "REASONS": {**_meanings(TaskReason), **_meanings(Why)},
    "ROLLOUT_STEPS": {
        state: [step for before, step in ROLLOUT_STEPS if before is state] for state in RolloutState
    },
    "SECRET_HEADER": SECRET_HEADER,
    "WORST_FIRST": sorted(Verdict, key=badness, reverse=True),
}
"""What else the hub decides and the page has to know."""

router = APIRouter(include_in_schema=False)


def _lines() -> Iterator[str]:
    yield "// Made by the hub from its own vocabularies."
    for words in VOCABULARIES:
        members = json.dumps({word.name: word.value for word in words})
        yield f"export const {words.__name__} = Object.freeze({members});"
    for name, value in CONSTANTS.items():
        yield f"export const {name} = {json.dumps(value)};"


VOCABULARY: Final = "".join(f"{line}\n" for line in _lines())
ETAG: Final = f'"{hashlib.sha256(VOCABULARY.encode()).hexdigest()[:32]}"'


@cache
def files() -> dict[str, tuple[bytes, str]]:
    """The page's files by name: content and media type. They are read once, since anybody may ask
    for them, and an open file for each who does is more than there may be."""
    return {
        path.relative_to(FOLDER).as_posix(): (
            path.read_bytes(),
            mimetypes.guess_type(path.name)[0] or "text/plain",
        )
        for path in FOLDER.rglob("*")
        if path.is_file()
    }


@router.get("/")
async def page() -> Response:
    """The one document; everything else is script."""
    return await file("index.html")


@router.get("/static/vocabulary.js")
async def vocabulary(if_none_match: Annotated[str, Header()] = "") -> Response:
    """Asked for at each start of the page, sent only after an update of the hub."""
    headers = {"ETag": ETAG, "Cache-Control": "private, no-cache"}
    if if_none_match == ETAG:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(VOCABULARY, headers=headers, media_type="text/javascript")


@router.get("/static/{name:path}")
async def file(name: str) -> Response:
    """A file of the page; `vocabulary.js` above is made."""
    if name not in files():
        raise HttpProblem(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase)
    content, media_type = files()[name]
    return Response(content, media_type=media_type)
