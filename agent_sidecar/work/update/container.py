"""The ready-made update of a Docker container: one a version, made from an image by its digest.

    python -m agent_sidecar.work.update.container NAME IMAGE current|restart
    python -m agent_sidecar.work.update.container NAME IMAGE install VERSION DIGESTS RUN...

What ran before stays beside it, stopped and renamed, so that the way back is a name and needs no
network. Two never run at a time: they share a bot's token.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from agent_sidecar.probes.image_reference import repository_of, version_of
from agent_sidecar.work.update.ready import KEPT

IMAGE_HOLE: Final = "{image}"
"""Stands in RUN where the image does: before it options of `docker create`, after it a command."""

POLICY: Final = "unless-stopped"
"""The restart policy of each: with `always`, a restart of the engine would start also the one that
was laid aside."""


STAYS: Final = 3.0
"""Seconds that a container must have run for its start to be one: the engine says yes to one that
ends at once, and starts it again and again."""


@dataclass(frozen=True, slots=True)
class Container:
    """One as the engine knows it. `made_of` is the reference that it was made from."""

    id: str
    name: str
    made_of: str
    image: str
    running: bool
    created: str

    @property
    def version(self) -> str:
        return version_of(self.made_of)


def docker(*words: str) -> str:
    """What the engine says.

    Raises:
        ChildProcessError: it refuses; says why.
    """
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ChildProcessError(f"docker {words[0]}: {done.stderr.strip()[-400:]}")
    return done.stdout.strip()


def inspected(kind: str, name: str) -> dict[str, Any] | None:
    """None: there is none of that name, or the engine does not answer."""
    with contextlib.suppress(ChildProcessError):
        (found,) = json.loads(docker(kind, "inspect", name))
        return dict(found)
    return None


def container(name: str) -> Container | None:
    found = inspected("container", name)
    if found is None:
        return None
    return Container(
        found["Id"], found["Name"].removeprefix("/"), found["Config"]["Image"], found["Image"],
        found["State"]["Running"] is True, found["Created"],
    )  # fmt: skip


def pinned(image: str, version: str, digest: str) -> str:
    """The reference by which nothing but this image is meant, had from its registry if need be.

    An image that no registry gave it has no digest: then its tag is taken, and the container keeps
    to what the tag meant when it was made.
    """
    wanted = f"{image}@{digest}" if digest else f"{image}:{version}"
    if inspected("image", wanted) is None:
        docker("pull", "--quiet", wanted)
    known = inspected("image", wanted) or {}
    given = [one for one in known.get("RepoDigests") or () if repository_of(one) == image]
    digest = digest or next((one.partition("@")[2] for one in given), "")
    return f"{image}:{version}@{digest}" if digest else wanted


def install(name: str, image: str, version: str, digests: dict[str, str], run: list[str]) -> None:
    """Have the container of this name be one of the version; it is not started here.

    The new one is there before the old one ends, so that what cannot be had changes nothing.
    """
    here = container(name)
    if here is not None and (repository_of(here.made_of), here.version) == (image, version):
        return
    beside = f"{name}-{version}"
    kept = container(beside)
    digest = digests.get(version, "")
    if kept is not None and digest and not kept.made_of.endswith(f"@{digest}"):
        docker("rm", kept.id)  # of a digest that is no longer the one
        kept = None
    if kept is None:
        reference = pinned(image, version, digest)
        words = [reference if word == IMAGE_HOLE else word for word in run]
        docker("create", "--name", beside, "--restart", POLICY, *words)
    if here is not None:
        docker("stop", here.id)  # first: one that keeps dying cannot be updated
        docker("update", "--restart", POLICY, here.id)
        docker("rename", here.id, f"{name}-{here.version}")
    docker("rename", beside, name)
    forget(name, image, here)


def restart(name: str) -> None:
    """
    Raises:
        ChildProcessError: it cannot be started, or does not stay.
    """
    docker("restart", name)
    time.sleep(STAYS)
    found = inspected("container", name) or {}
    state = found.get("State") or {}
    if not state.get("Running") or state.get("Restarting") or found.get("RestartCount"):
        raise ChildProcessError(f"it ended by itself, with code {state.get('ExitCode')}")


def forget(name: str, image: str, before: Container | None) -> None:
    """Remove the oldest that were laid aside, but the one that ran before."""
    names = docker("ps", "--all", "--format", "{{.Names}}").split()
    found = [container(one) for one in names if one.startswith(f"{name}-")]
    spare = [
        one
        for one in sorted((one for one in found if one), key=lambda one: one.created)
        if (repository_of(one.made_of), one.name) == (image, f"{name}-{one.version}")
        and not one.running
        and (before is None or one.id != before.id)
    ]
    for one in spare[: max(0, len(spare) - KEPT)]:
        docker("rm", one.id)


def main(arguments: list[str]) -> int:
    name, image, act, *more = arguments
    try:
        if act == "restart":
            restart(name)
        elif act == "current":
            here = container(name)
            if here is None or not here.version:
                return 1
            sys.stdout.write(f"{here.version}\n")
        else:
            version, digests, *run = more
            install(name, image, version, json.loads(digests), run)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
