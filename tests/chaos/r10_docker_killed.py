"""R10: the Docker daemon dies under a sidecar that asks it about its agent's container."""

from __future__ import annotations

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
    kills = 1 if short else 3
    if why := why_not():
        raise AbsentError(why)
    docker = Docker()
    try:
        docker.start()
        docker.make_image()
        docker.container("agent", "sleep 600")
        seen = []
        with World(folder) as world:
            world.hub.start()
            alpha = world.sidecar("alpha", FLEET_CONTAINER="agent", FLEET_DOCKER=str(docker.socket))
            for _ in range(kills):
                wait_until(lambda: process_plane(world) == "pass", 30, "the container seen")
                docker.kill()
                wait_until(lambda: process_plane(world) != "pass", 30, "the daemon's end seen")
                seen.append(process_plane(world))
                docker.start()
            wait_until(lambda: process_plane(world) == "pass", 30, "the container seen again")
            assert alpha.process
            up = alpha.process.poll() is None
            bad = [word for word in world.verdicts("alpha") if word in ("offline", "stale")]
    finally:
        docker.close()
    held = up and not bad and set(seen) == {"unknown"}
    return Finding(
        f"{kills} kills: sidecar {'up' if up else 'DOWN'}, plane {' '.join(seen)}, then pass again",
        held,
        {"kills": kills},
    )


def process_plane(world: World) -> str:
    """The plane `process` in the last heartbeat."""
    import json

    found = world.hub.query(PLANE)
    return str(json.loads(bytes(found[0][0])).get("checks", {}).get("process")) if found else ""  # type: ignore[call-overload]


SCENARIO = Scenario("R10", "Docker daemon killed", "sidecar up, plane unknown", run)
