"""Variables of the environment that are probably a slip for a setting of ours.

In a file of ours an unknown name is an error. The environment is shared with other programs, also
with ones that begin their names with FLEET_, so there only what is nearly one of our names is
told, and only told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

PREFIX: Final = "FLEET_"

_NEAR: Final = 0.75
"""Share of the letters behind the prefix that two names have in common (difflib's ratio): one slip
in a name of four."""


def misspelt(environ: Mapping[str, str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """(name as it stands in `environ`, the name that was probably meant), in order."""
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if not unknown:
        return
    from difflib import get_close_matches  # only where something may be wrong

    ours = [name.removeprefix(PREFIX) for name in known]
    for name in unknown:
        for near in get_close_matches(name.removeprefix(PREFIX), ours, 1, _NEAR):
            yield name, PREFIX + near


def warning(name: str, near: str) -> str:
    """One line for a person."""
    return f"{name} in the environment is no setting of ours and has no effect: {near}?"
