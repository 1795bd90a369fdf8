"""The ready-made update of a Docker container: one a version, made from an image by its digest.

    python -m agent_sidecar.work.update.container NAME IMAGE current|restart
    python -m agent_sidecar.work.update.container NAME IMAGE install|back VERSION DIGESTS RUN...

What ran before stays beside it, stopped and renamed, so that the way back is a name and needs no
network, whatever that one was made with. Two never run at a time: they share a bot's token.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from agent_sidecar.probes.image_reference import repository_of, version_of
from agent_sidecar.work.update.ready import KEPT
from fleet.contract.errors import FleetError

log = logging.getLogger(__name__)

IMAGE_HOLE: Final = "{image}"
"""Stands in RUN where the image does: before it options of `docker create`, after it a command."""

POLICY: Final = "unless-stopped"
"""The restart policy of each: with `always`, a restart of the engine would start also the one that
was laid aside."""

LABEL: Final = "fleet.made"
"""Says what a container was made with; one that a person made has none."""

BEFORE: Final = "fleet.before"
"""Names the container that one was made to take the place of: so that one is known which a person
made, and we laid aside."""

STAYS: Final = 3.0
"""Seconds that a container must have run for its start to be one: the engine says yes to one that
ends at once, and starts it again and again."""


@dataclass(frozen=True, slots=True)
class Container:
    """One as the engine knows it.

    Attributes:
        made_of: the reference that it was made from.
        made_with: see `LABEL`.
        before: see `BEFORE`.
    """

    id: str
    name: str
    made_of: str
    made_with: str
    before: str
    running: bool
    created: str

    @property
    def version(self) -> str:
        return version_of(self.made_of)

    @property
    def is_ours(self) -> bool:
        """Whether an update made it, or laid it aside for one that it made."""
        mark = f"label={BEFORE}={self.id}"
        return bool(self.made_with or docker("ps", "--all", "--quiet", "--filter", mark))

    def is_to_be(self, made_with: str, here: Container | None) -> bool:
        """Whether one made so now, in the place of `here`, would be the same."""
        is_known = here is None or here.made_with or self.before == here.id
        return self.made_with == made_with and bool(is_known)

    def make_way(self) -> None:
        """Give the name to another; `forget` knows it still."""
        docker("rename", self.id, f"{self.name}.{self.id[:12]}")


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
    labels = found["Config"]["Labels"] or {}
    return Container(
        found["Id"], found["Name"].removeprefix("/"), found["Config"]["Image"],
        labels.get(LABEL, ""), labels.get(BEFORE, ""), found["State"]["Running"] is True,
        found["Created"],
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


def laid_aside(name: str, image: str, version: str, *, back: bool) -> Container | None:
    """The container of this name, if it can be one of this version that was laid aside.

    On the way back its image may have had another name when it was made, and a person may have
    started it.

    Raises:
        FleetError: it is somebody else's.
    """
    found = container(name)
    if found is None:
        return None
    fits = back or (repository_of(found.made_of) == image and not found.running)
    if fits and found.version == version and found.is_ours:
        return found
    runs = " and runs" if found.running else ""
    raise FleetError(
        f"the container {name} is in the way",
        f"it is made of {found.made_of}{runs}, and is not {image}:{version} that an update laid "
        "aside",
        f"docker rename {name} other-{name}",
    )


def install(
    name: str,
    image: str,
    version: str,
    digests: dict[str, str],
    run: list[str],
    *,
    back: bool = False,
) -> None:
    """Have the container of this name be one of the version; it is not started here.

    The new one is there before the old one ends, so that what cannot be had changes nothing. `back`
    to one that was laid aside takes that very one; forward it is taken if it would be made so now.

    Raises:
        ChildProcessError, FleetError: it cannot be; says why.
    """
    here = container(name)
    if here is not None and here.version == version:
        return
    beside = f"{name}-{version}"
    kept = laid_aside(beside, image, version, back=back)
    aside = f"{name}-{here.version}" if here else ""
    taken = here and laid_aside(aside, repository_of(here.made_of), here.version, back=back)
    digest = digests.get(version, "")
    made_with = hashlib.sha256(json.dumps([image, digest, run]).encode()).hexdigest()
    if kept is None or not (back or kept.is_to_be(made_with, here)):
        making = f"{beside}.{made_with[:12]}" if kept else beside
        left = container(making)
        if left and not left.is_to_be(made_with, here):
            left.make_way()
            left = None
        if left is None:
            reference = pinned(image, version, digest)
            words = [reference if word == IMAGE_HOLE else word for word in run]
            labels = [f"{LABEL}={made_with}", *([f"{BEFORE}={here.id}"] if here else [])]
            marks = [word for label in labels for word in ("--label", label)]
            docker("create", "--name", making, "--restart", POLICY, *marks, *words)
        if kept:
            kept.make_way()
            docker("rename", making, beside)
    if here:
        if taken:
            taken.make_way()
        docker("stop", here.id)  # first: one that keeps dying cannot be updated
        docker("update", "--restart", POLICY, here.id)
        docker("rename", here.id, aside)
    docker("rename", beside, name)
    try:
        forget(name, image, here)
    except ChildProcessError as error:  # the version is in place for all that
        log.warning("%s: what was laid aside long ago stays: %s", name, error)


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
        one.id
        for one in sorted((one for one in found if one), key=lambda one: one.created)
        if repository_of(one.made_of) == image
        and one.name.removeprefix(f"{name}-{one.version}")
        in ("", f".{one.id[:12]}", f".{one.made_with[:12]}")
        and not one.running
        and (before is None or one.id != before.id)
        and one.is_ours
    ]
    if len(spare) > KEPT:
        docker("rm", *spare[: len(spare) - KEPT])


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
            install(name, image, version, json.loads(digests), run, back=act == "back")
    except (OSError, ValueError, FleetError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
