"""The shapes of the few strings that are not words of a closed vocabulary.

Written so that Python's `re`, Rust's `regex` and ECMA-262 read them alike: no look-around, no
`\\d`. Match them whole (`re.fullmatch`): in Python `$` would let a trailing newline pass.
"""

from __future__ import annotations

import re
from typing import Final

AGENT: Final = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"

_YEAR = r"(?:19[7-9][0-9]|20[0-9]{2})"
_LEAP_YEAR = r"(?:19(?:[79][26]|8[048])|20(?:[02468][048]|[13579][26]))"
_DAY = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|{_LEAP_YEAR}-02-29)"
)
TIMESTAMP: Final = _DAY + r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z"
"""RFC 3339 in UTC with `Z`, real calendar days from 1970 (an unset clock) to 2099."""

VERSION: Final = r"[0-9A-Za-z.+_-]{1,32}"
DIGEST: Final = r"sha256:[0-9a-f]{64}"
ULID: Final = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
METRIC: Final = r"[a-z][a-z0-9_]{0,47}"
SIGNATURE: Final = r"[A-Za-z0-9_-]{86}"
"""An Ed25519 signature (64 bytes) in unpadded base64url."""
KEY_ID: Final = r"[0-9a-f]{16}"
"""The first eight bytes of the SHA-256 of a public key."""


def anchored(pattern: str) -> str:
    """`pattern` as JSON Schema wants it: searched, so it carries its own anchors."""
    return f"^(?:{pattern})$"


AGENT_NAME = re.compile(AGENT)
TIMESTAMP_TEXT = re.compile(TIMESTAMP)
