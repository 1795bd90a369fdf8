"""JSON5 as people write configurations in it: comments, bare keys, single quotes, last commas.

Only to look up a number or a path: what JSON cannot say becomes null, and nothing is judged.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|//[^\n\r]*|/\*.*?\*/)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>[-+]?(?:0[xX][0-9a-fA-F]{1,15}|\d{1,18}))(?![\w.])
    |(?P<word>[-+.\w$]+)
    |(?P<mark>[{}\[\],:])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r\n|.)", re.DOTALL)
_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


def loads(source: str) -> Any:
    """
    Raises:
        ValueError: it is not JSON5.
        RecursionError: it is too deep.
    """
    tokens: list[str] = []
    position = 0
    while position < len(source):
        found = _TOKEN.match(source, position)
        if found is None:
            raise ValueError(f"not JSON5 at character {position}")
        position = found.end()
        if found.lastgroup != "space":
            tokens.append(_as_json(found))
    if not tokens:
        raise ValueError("not JSON5: nothing is in it")
    kept = [
        token
        for token, after in zip(tokens, [*tokens[1:], ""], strict=True)
        if not (token == "," and after in ("}", "]"))  # noqa: S105
    ]
    return json.loads(_keyed(kept))


def _as_json(found: re.Match[str]) -> str:
    token = found.group()
    if found.lastgroup == "text":
        return json.dumps(_ESCAPE.sub(_unescaped, token[1:-1]))
    if found.lastgroup == "number":
        return str(int(token, 16 if "x" in token.lower() else 10))
    return token


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "ux" and len(code) > 1:
        return chr(int(code[1:], 16))
    return "" if code in ("\n", "\r", "\r\n") else _LETTERS.get(code, code)


def _keyed(tokens: list[str]) -> str:
    """Bare keys quoted; bare words elsewhere are null, unless JSON knows them."""
    parts = []
    for token, after in zip(tokens, [*tokens[1:], ""], strict=True):
        quoted = token[0] in '"{}[],:'
        if after == ":":
            parts.append(token if quoted else json.dumps(token))
        elif quoted or token in ("true", "false", "null") or re.fullmatch(r"-?\d+", token):
            parts.append(token)
        else:
            parts.append(_number(token))
    return "".join(parts)


def _number(word: str) -> str:
    try:
        value = float(word)
    except ValueError:
        if word in ("Infinity", "+Infinity", "-Infinity", "NaN"):
            return "null"
        raise ValueError("a bare word in JSON5") from None
    return json.dumps(value) if abs(value) < 1e300 else "null"
