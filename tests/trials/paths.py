"""Threat 11: what another user of the machine puts into the drop directory of a root sidecar."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.other_user import UID, run_as
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until
from tests.trials.world import Finding, beat, memory, world

THREAT = "11. Paths of others"


def drop_directory(folder: Path, seconds: float) -> Finding:
    """Pipes, sockets, hard links, sparse files of 5 GB, thousands of files, names that steer."""
    if os.geteuid() != 0:
        return Finding(
            THREAT, "the drop directory of a root sidecar", "not tried: needs root", True
        )
    secret = folder / "secret.json"
    secret.write_bytes(beat())
    secret.chmod(0o600)
    with world(folder) as here:
        credential = here.credentials["ada"]
        password = folder / "password"
        password.write_text(f"{credential.secret}\n")
        password.chmod(0o600)
        url = f"mqtt://{credential.account}@127.0.0.1:{here.broker.plan.local_port}"
        drop = folder / "side" / "ada-drop"
        drop.mkdir(parents=True)
        drop.chmod(0o1733)
        sidecar = Sidecar(folder / "side", url, "ada", FLEET_PASSWORD_FILE=str(password)).start()
        try:
            wait_until((drop / ".agent").exists, 60, "the sidecar")
            assert sidecar.process is not None
            before, peak = memory(sidecar.process.pid), 0.0
            end, rounds = time.monotonic() + seconds, 0
            while time.monotonic() < end:
                assert run_as(UID, drop, harm(rounds, secret)) == 0
                rounds += 1
                peak = max(peak, memory(sidecar.process.pid))
            wait_until(lambda: not list(drop.glob("*.json")), 60, "the sweep")
            alive = sidecar.process.poll() is None
            kept = [path for path in (drop / "rejected").iterdir() if path.is_file()]
            size = sum(path.stat().st_size for path in kept)
            traces = sidecar.log.read_text().count("Traceback")
        finally:
            sidecar.stop()
    untouched = secret.exists() and secret.stat().st_nlink == 1
    gave = (
        f"{rounds} rounds; the sidecar {'lives' if alive else 'is dead'}, memory {before:.0f} -> at"
        f" most {peak:.0f} MB; `rejected/` {len(kept)} files of {size / 1000:.0f} kB; root's own"
        f" file {'is as it was' if untouched else 'WAS TOUCHED'}; {traces} tracebacks"
    )
    tried = "pipes, sockets, hard links, 5 GB files, thousands of files, names with escapes"
    held = alive and untouched and len(kept) <= 100 and peak - before < 50 and not traces
    return Finding(THREAT, tried, gave, held)


def harm(number: int, secret: Path) -> Callable[[], None]:
    """One round of it, in the directory itself."""

    def work() -> None:
        with contextlib.suppress(OSError):
            os.link(secret, f"status-{number}.json")
        with contextlib.suppress(OSError):
            os.mkfifo(f"alert-{number}p.json")
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"heartbeat-{number}s.json")
        with contextlib.suppress(OSError), Path(f"status-{number}b.json").open("wb") as big:
            big.truncate(5 << 30)
        for name in ("\x1b[2J", "a\nTry: rm -rf", "-rf", "x" * 200, "\u202e"):
            with contextlib.suppress(OSError):
                Path(f"alert-{number}{name}.json").write_text("{}")
        for index in range(200):
            with contextlib.suppress(OSError):
                Path(f"status-{number}n{index}.json").write_bytes(b'{"state":' * 100)

    return work
