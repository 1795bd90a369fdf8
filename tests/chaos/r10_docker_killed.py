"""R10: the Docker daemon dies under a sidecar that asks it about its agent's container."""

from __future__ import annotations

import json
from pathlib import Path

from tests.chaos.scenario import AbsentError, Finding, Scenario
from tests.chaos.world import World
from tests.support.docker import Docker, why_not
from tests.support.waiting import wait_until

PLANE = (
    "SELECT payload FROM message JOIN agent ON agent.id = message.agent"
    " WHERE name = 'alpha' AND kind = 0 ORDER BY message.id DESC LIMIT 1"
)


def run(folder: Path, short: bool) -> Finding:
    if why := why_not():
        raise AbsentError(why)
    docker = Docker()
    seen: list[str] = []
    try:
        docker.start()
        docker.make_image()
        docker.container("agent", "sleep 600")
        with World(folder) as world:
            world.hub.start()
            settings = {"FLEET_CONTAINER": "agent", "FLEET_DOCKER": str(docker.socket)}
            alpha = world.sidecar("alpha", FLEET_INTERVAL="2", **settings)
            wait_until(lambda: process_plane(world) == "pass", 30, "the container seen")
            if not short:
                docker.hang()
                seen.append(other_than_pass(world))
                docker.go_on()
                wait_until(lambda: process_plane(world) == "pass", 30, "the container seen again")
            docker.kill()
            seen.append(other_than_pass(world))
            beats = world.hub.count()
            wait_until(lambda: world.hub.count() > beats + 3, what="beats without a daemon")
            assert alpha.process
            up = alpha.process.poll() is None
            bad = [word for word in world.verdicts("alpha") if word in ("offline", "stale")]
    finally:
        docker.close()
    return Finding(
        f"daemon {'killed' if short else 'hung, then killed'}: sidecar {'up' if up else 'DOWN'}"
        f" and beating, plane process {', '.join(seen)}, {len(bad)} false verdicts",
        up and not bad and set(seen) == {"unknown"},
    )


def other_than_pass(world: World) -> str:
    wait_until(lambda: process_plane(world) != "pass", 30, "the daemon's silence seen")
    return process_plane(world)


def process_plane(world: World) -> str:
    """The plane `process` in the last heartbeat."""
    found = world.hub.query(PLANE)
    return str(json.loads(bytes(found[0][0])).get("checks", {}).get("process")) if found else ""  # type: ignore[call-overload]


SCENARIO = Scenario(
    "R10",
    "Docker daemon killed",
    "sidecar up, plane unknown",
    run,
    slow="an engine takes ten seconds to start and to die",
)
