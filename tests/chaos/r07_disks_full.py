"""R7: the disks of broker, hub and sidecar fill up, one after the other, and are cleared again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fleet.store.sqlite import FILE_NAME
from tests.chaos.scenario import AbsentError, Finding, Scenario
from tests.chaos.world import World, integrity
from tests.support.waiting import wait_until

ALERT_WITHIN = 30.0


def run(folder: Path, short: bool) -> Finding:
    alerts: dict[str, float] = {}
    with contextlib.ExitStack() as disks:
        sizes = ("8m", "2m", "4m")
        hub_disk, sidecar_disk, broker_disk = (
            disks.enter_context(disk(folder / f"disk{size}", size)) for size in sizes
        )
        with World(folder, hub_home=hub_disk / "home", broker_folder=broker_disk / "b") as world:
            world.hub.start()
            world.hub.scrape_token()  # while there is room for it
            # One agent on a small disk, and one that watches the broker's disk from beside it.
            alpha = world.sidecar("alpha", FLEET_HOME=str(sidecar_disk))
            world.sidecar("beside", FLEET_DISK=str(broker_disk), FLEET_INTERVAL="2")
            with world.talking(alpha, 50):
                alerts["sidecar"] = fault(
                    sidecar_disk, lambda: world.fired("queue-backlog", "alpha"), short
                )
                alerts["hub"] = fault(
                    hub_disk, lambda: (world.metric("fleet_intake_paused") or 0) > 0, short
                )
                alerts["broker"] = fault(
                    broker_disk, lambda: world.fired("disk-pressure", "beside"), short
                )
            found = world.compare()
            told = world.hub.query(
                "SELECT state FROM alert WHERE agent = '' AND code = 'disk-pressure'"
            ) == [("resolved",)]
            world.broker.kill()
            world.broker.start()  # what it saved can be read
            wait_until(lambda: world.metric("fleet_link_up") == 1, what="the link")
            world.hub.stop()
            whole = integrity(hub_disk / "home" / FILE_NAME) and integrity(
                sidecar_disk / "sidecar" / "alpha" / "outbox.sqlite3"
            )
    worst = max(alerts.values())
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in alerts.items())
    return Finding(
        f"alert after: {times}; {found}; databases {'whole' if whole else 'DAMAGED'};"
        f" the hub's own alert {'resolved' if told else 'NOT on record'}",
        found.whole and whole and told,
        {"alert": worst, "said": found.said},
        worst <= ALERT_WITHIN,
    )


def fault(folder: Path, alerted: Callable[[], bool], short: bool) -> float:
    """Fill the disk, wait for the alert, clear it; seconds until the alert."""
    ballast = folder / "ballast"
    began = time.monotonic()
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))
    wait_until(alerted, 3 * ALERT_WITHIN, f"the alert of {folder.name}")
    took = time.monotonic() - began
    time.sleep(0 if short else 10)
    ballast.unlink()
    return took


@contextlib.contextmanager
def disk(folder: Path, size: str) -> Iterator[Path]:
    """A small file system of its own."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        raise AbsentError("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


SCENARIO = Scenario(
    "R7",
    "disk full at broker, hub, sidecar (small tmpfs)",
    "nothing corrupt, alert ≤ 30 s, resumes",
    run,
)
