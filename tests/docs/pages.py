"""What a page asks its reader to do, in order: its blocks, and what its comments say of them.

Comments, which no reader sees:

    <!-- not run: WHY -->               the next block is not run
    <!-- run OPTIONS -->                how it is
    <!-- type OPTIONS: LINES -->        typed here though no block shows it
    <!-- press ctrl-c OPTIONS -->       what runs in a terminal is ended
    <!-- wait OPTIONS -->               it ends by itself

Options, as words of a shell. What is given by comma is for one line each, the last for the last:

    in=NAME         the terminal, one for all lines or each its own; `here` if unsaid
    exit=2,0        exit codes; 0 where none is said
    until=REGEX     the line stays in the foreground; go on when this is seen
    stop            such a line is ended by Ctrl-C as soon as that is seen
    asked=REGEX     where a command asks for something,
    answer=TEXT     what is typed then; said again, it is for the next line
    WORD=TEXT       WORD in the block stands for TEXT
    to=FILE         of a block that is no shell: it is put at the end of that file

TEXT is `/REGEX/` for what this found last on the terminals (its group, if it has one), or itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from markdown_it import MarkdownIt

SHELLS: Final = ("sh", "console")
WORDS: Final = ("in", "exit", "until", "stop", "asked", "answer", "to")
_COMMENT: Final = re.compile(
    r"<!-- (not run|run|type|press ctrl-c|wait)\b((?:'[^']*'|[^':])*)(?::\s(.*?))?\s*-->", re.DOTALL
)


@dataclass(frozen=True)
class Line:
    """One line to type: where, what it must show, and how it must end."""

    text: str
    terminal: str
    exit_code: int
    until: str
    answer: str
    shown: str


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes:
        line: where it stands in the page, from 1.
        does: the language of a block, or `press ctrl-c`, or `wait`.
        not_run: why it is not run; empty: it is.
    """

    page: str
    line: int
    does: str
    text: str = ""
    not_run: str = ""
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def option(self, name: str) -> str:
        return next((text for key, text in self.options if key == name), "")

    @property
    def terminal(self) -> str:
        return self.option("in") or "here"

    def stands_for(self) -> Iterator[tuple[str, str]]:
        """Words of the block, and what stands for each."""
        yield from ((word, text) for word, text in self.options if word not in WORDS)

    def lines(self) -> Iterator[Line]:
        calls = list(self._calls())
        answers = [text for key, text in self.options if key == "answer"]
        codes, untils = (self._each(name, len(calls)) for name in ("exit", "until"))
        where = (
            self._each("in", len(calls)) if "," in self.terminal else [self.terminal] * len(calls)
        )
        for number, (text, shown) in enumerate(calls):
            answer = answers[min(number, len(answers) - 1)] if answers else ""
            code, until = int(codes[number] or 0), untils[number]
            yield Line(text, where[number] or "here", code, until, answer, shown)

    def _each(self, name: str, count: int) -> list[str]:
        """What is said for each line; empty: nothing."""
        words = self.option(name).split(",")
        return ([""] * count + words)[-count:] if count else []

    def _calls(self) -> Iterator[tuple[str, str]]:
        """Each line to type, with the output that is shown for it; empty: none is."""
        if self.does != "console":
            yield from ((line, "") for line in self.text.splitlines() if line.strip())
            return
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            yield line, shown


def steps(page: str, text: str) -> list[Step]:
    """What the Markdown of a page asks for.

    Raises:
        ValueError: a comment is of no known form, or stands before nothing.
    """
    found: list[Step] = []
    reason, options = "", None
    for token in MarkdownIt().parse(text):
        line = (token.map or [0])[0] + 1
        if token.type in ("fence", "code_block"):
            does = token.info.strip() if token.type == "fence" else "sh"
            found.append(Step(page, line, does, token.content, reason, options or ()))
            reason, options = "", None
        elif token.type == "html_block":
            said = _COMMENT.fullmatch(token.content.strip())
            if said is None:
                raise ValueError(f"{page}:{line}: {token.content.strip()}")
            what, head, lines = said.groups()
            words = tuple((w.partition("=")[0], w.partition("=")[2]) for w in shlex.split(head))
            if what == "not run":
                reason = " ".join((lines or "").split())
                if not reason:
                    raise ValueError(f"{page}:{line}: it says no reason")
            elif what == "run":
                options = words
            else:
                does = "sh" if what == "type" else what
                found.append(Step(page, line, does, lines or "", options=words))
    if options is not None or reason:
        raise ValueError(f"{page}: a comment at its end stands before no block")
    return found
