"""Whether a word that a model gave is what it should be, before the hub is asked."""

from __future__ import annotations

from typing import Final

from agent_sidecar.mcp.tool import ToolError
from agent_sidecar.work.hub import TASK_ID
from fleet.contract.work_vocabulary import ENTRY_NAME_TEXT, BoardSection

MAX_TEXT: Final = 256 * 1024
"""Characters of a text that is handed on: a long book chapter."""


def task_id(text: str, name: str) -> str:
    if not TASK_ID.fullmatch(text):
        why = "it is no id of 26 letters and digits"
        raise ToolError(
            f"{name} {text[:40]!r} is not usable", why, "copy it from delegate's answer"
        )
    return text


def bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        why = f"it has {len(text)} characters, and {MAX_TEXT} is the most"
        raise ToolError("the text is too long", why, "board_write it in parts, and name those")
    return text


def place_of(text: str) -> str:
    section, _, name = text.partition("/")
    if section not in set(BoardSection) or not ENTRY_NAME_TEXT.fullmatch(name):
        sections = ", ".join(BoardSection)
        why = f"an entry is SECTION/NAME, a section one of {sections}, a name of a-z 0-9 . _ -"
        raise ToolError(f"entry {text[:80]!r} is not usable", why, "findings/prices.md")
    return text
