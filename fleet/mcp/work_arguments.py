"""What the tools of work take, each with its bounds and the words that tell a model of it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from fleet.contract import patterns

MOST_CONTENT: Final = 64 * 1024
"""Bytes of a content that are read or sent: a model's context is not for more."""

Id = Annotated[str, Field(pattern=patterns.anchored(patterns.ULID))]
OpenState = Literal["submitted", "working", "input-required", "auth-required"]
AnyState = Literal[
    OpenState, "completed", "failed", "canceled", "rejected", "timed-out", "lost", "open", "all"
]
OPEN: Final = ("submitted", "working", "input-required", "auth-required")

Kind = Annotated[str, Field(max_length=32, description="kind of work, as enrolments list it")]
To = Annotated[str | None, Field(max_length=64, description="this agent alone")]
Group = Annotated[str | None, Field(max_length=64, description="whoever can of this group")]
Context = Annotated[Id | None, Field(description="the session whose board it uses; none: a new")]
After = Annotated[
    list[Id] | None, Field(max_length=32, description="tasks of the session that must complete")
]
Urgency = Literal["normal", "high", "urgent"]
Given = Annotated[Id | None, Field(description="an id of your own: the same again is the same")]
Text = Annotated[str, Field(max_length=MOST_CONTENT, description="what to work on, as Markdown")]
Entry = Annotated[
    str | None, Field(max_length=80, description="read this entry, as SECTION/NAME; none: list")
]
Output = Annotated[int | None, Field(ge=0, le=63, description="read this output of the task")]
