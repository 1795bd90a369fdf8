"""Any `agent.env` whatever: the sidecar and `bus-publish`, in each shell, read the same value from
it, or refuse the same line."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.contract.test_env_file_readers import READERS, SET, as_shown, read
from tests.support.fuzz import amount

SEED: Final = 13

# No NUL: a shell drops it as it reads, and so cannot refuse it; the sidecar does.
PARTS: Final = (
    b"FLEET_AGENT=", b"FLEET_AGENT=", b"FLEET_AGENT=", b"OTHER=", b"alpha", b"a b", b"\n", b"\n",
    b"'", b'"', b"#", b" ", b"\t", b"\\", b"$", b"${WHO}", b"${WHO:?}", b"${SECRET}", b"${NO}",
    b"${EMPTY}", b"${", b"}", b"~root/", b"`id`", b"$(id)", b"\r", b"\r\n",
    b"\x1b[2J", b"\x7f", b"\xc3\xa4", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\x85",
    b"export ", b"=", b";", b"&", b"*", b"-n", b"%s", b"[!", b"]", b"\x0b", b"\x0c", b"a" * 300,
    b"FLEET_AGENTS=", b"_=", b"1=", b"IFS=x\n", b"PATH=\n", b"line=3\n", b"value=v\n",
)  # fmt: skip


def contents(random: Random) -> bytes:
    """Half of them nearly right, half of them anything."""
    some = b"".join(random.choices(PARTS, k=random.randrange(1, 9)))
    if random.random() < 0.5:
        quote = random.choice((b"", b"'", b'"'))
        return b"# c\nOTHER=1\nFLEET_AGENT=" + quote + some.replace(b"\n", b"") + quote + b"\n"
    return some


def outcome(reader: str, path: Path) -> tuple[str, str]:
    """What is read, or where and roughly why not; words of a person alone."""
    agent, error = read(reader, path)
    if agent:
        return "agent", agent
    first, second, *more = error.rstrip("\n").split("\n")
    assert second.startswith("Try: "), error
    assert not more, error
    if line := re.match(r"(?:FLEET_\w+ in )?(?:line|.* in line) (\d+) of ", first):
        return "line", line[1]
    if "has no value" in first:
        return "variable", first.split()[0]
    if found := re.match(r"(?:agent name )?(.*?)(?: is no agent name: | is not usable: )", first):
        text = found[1]
        if reader == "sidecar" and text[:1] in "'\"":
            text = ast.literal_eval(text)
            for name, value in SET.items():
                text = text.replace(f"${{{name}}}", value) if value else text
        return "no name", as_shown(text)
    assert "no name" in first or "FLEET_AGENT" in first, first
    return "none", ""


@pytest.mark.timeout(1800)
def test_all_readers_of_an_agent_env_take_it_or_leave_it_alike(tmp_path: Path) -> None:
    random, path = Random(SEED), tmp_path / "agent.env"
    kinds = set()
    for _ in range(amount(100, 4_000)):
        text = contents(random)
        path.write_bytes(text)
        found = {reader: outcome(reader, path) for reader in READERS}
        assert len(set(found.values())) == 1, (text, found)
        kinds.add(found["sidecar"][0])
    assert kinds >= {"agent", "line", "no name"}
