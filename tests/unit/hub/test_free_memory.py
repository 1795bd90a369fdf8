"""What a start has read and let go of does not stay with the hub."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from fleet.hub.free_memory import RARELY, search_rarely

PROGRAM = """
import asyncio, ctypes, sys
from pathlib import Path
from fleet.hub.free_memory import FEW, give_back

def taken():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def read():
    texts = [b"x" * (700 + n % 9) for n in range(60_000)]
    return texts[::100]  # what lives on lies between what does not

asyncio.run(give_back(FEW + 1))  # and the first call, which loads something
before = taken()
kept = read()
after = taken()
asyncio.run(give_back(FEW))
few = taken()
asyncio.run(give_back(FEW + 1))
print(before, after, few, taken())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives memory back when asked")
def test_free_memory_between_what_is_in_use_goes_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    before, after, few, left = map(int, done.stdout.split())
    assert after - before > 30e6  # else this shows nothing
    assert few - before > 30e6  # the few have no need of it
    assert left - before < 15e6


def test_a_hub_searches_rarely_for_what_messages_leave_none_of() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        search_rarely()
        assert gc.get_threshold() == RARELY
    finally:
        gc.set_threshold(*before)
