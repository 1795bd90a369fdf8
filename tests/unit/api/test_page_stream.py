"""How the page asks again for a stream of events that broke; run by Node, at a clock of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.api.routes.page import FOLDER, VOCABULARY

RUN = """
const waits = [];
let now = 0;
globalThis.sessionStorage = { getItem: () => "" };
performance.now = () => now;
globalThis.setTimeout = (work, ms) => {
  waits.push(ms);
  now += ms;
  if (waits.length < 12) queueMicrotask(work);
  else { console.log(JSON.stringify(waits)); process.exit(0); }
};
globalThis.fetch = async () => {
  if (waits.length === 8) now += 61_000; // this one lasted
  throw new Error("it broke");
};
const { listen } = await import("./event_source.js");
listen("", () => {}, () => {});
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_it_waits_longer_each_time_by_chance_and_shortly_after_a_stream_that_lasted(
    tmp_path: Path,
) -> None:
    for path in FOLDER.glob("*.js"):
        shutil.copy(path, tmp_path)
    (tmp_path / "vocabulary.js").write_text(VOCABULARY)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "run.js").write_text(RUN)
    done = subprocess.run(
        ["node", "run.js"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    waits = json.loads(done.stdout)
    assert len(set(waits)) == len(waits), "no two alike"
    whole = [2_000, 4_000, 8_000, 16_000, *[30_000] * 4, 2_000, 4_000, 8_000, 16_000]
    fits = [most / 2 <= wait <= most for wait, most in zip(waits, whole, strict=True)]
    assert all(fits), waits
