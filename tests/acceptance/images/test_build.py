"""`deploy/Dockerfile.*` build, from PyPI, and what comes out is small, unprivileged and silent."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from fleet import __version__
from tests.support.images import MARK, NEEDS_IMAGES, Images, base_image

pytestmark = NEEDS_IMAGES

MOST = {"fleet-hub": 100, "fleet-sidecar": 35}
"""MB on top of the base: a third more than measured, so that a heavy dependency is noticed."""


@pytest.fixture(params=sorted(MOST))
def image(request: pytest.FixtureRequest) -> str:
    return f"{request.param}:{__version__}"


def test_an_image_says_its_version_and_runs_as_nobody_in_particular(
    built: Images, image: str
) -> None:
    name = {"fleet-hub": "fleet", "fleet-sidecar": "agent-sidecar"}[image.partition(":")[0]]
    run = ("run", "--rm", "--network", "none", "--cap-drop", "ALL")
    assert __version__ in built.run(*run, image, "--version")
    assert int(built.run(*run, "--entrypoint", "id", image, "-u")) > 10000
    writable = ("/opt/fleet", "-writable", "-not", "-type", "l", "-print", "-quit")
    assert built.run(*run, "--entrypoint", "find", image, *writable) == ""
    which = f"for name in {name} bus-publish pip; do command -v $name || :; done"
    found = built.run(*run, "--entrypoint", "sh", image, "-c", which).splitlines()
    assert found == [f"/opt/fleet/bin/{name}", "/opt/fleet/bin/bus-publish"], "and no pip"


def test_an_image_is_small(built: Images, image: str) -> None:
    ours = (built.size(image) - built.size(base_image())) / 1e6
    print(f"{image}: {ours:.1f} MB on a base of {built.size(base_image()) / 1e6:.1f} MB")
    assert ours < MOST[image.partition(":")[0]]


def test_nothing_that_pip_was_told_is_in_a_layer_or_in_the_history(
    built: Images, image: str, tmp_path: Path
) -> None:
    assert MARK in built.pip.read_text(), "the build had it"
    assert MARK not in built.run("history", "--no-trunc", image)
    archive = tmp_path / "image.tar"
    built.run("save", "-o", str(archive), image)
    files = 0
    with tarfile.open(archive) as saved:
        [manifest] = json.load(saved.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert MARK.encode() not in saved.extractfile(manifest["Config"]).read()  # type: ignore[union-attr]
        for layer in manifest["Layers"][1:]:  # the first is the base
            with tarfile.open(fileobj=saved.extractfile(layer)) as inner:
                for member in inner:
                    file = inner.extractfile(member) if member.isfile() else None
                    if file is not None:
                        files += 1
                        assert MARK.encode() not in file.read(), member.name
    assert files > 100
    archive.unlink()


def test_a_change_of_the_code_installs_no_dependency_again(built: Images) -> None:
    """Told by BuildKit itself; the other Dockerfile has the same steps, as another test holds."""
    told = built.again
    steps = dict(re.findall(r"^(#\d+) \[(.+)$", told, re.MULTILINE))
    cached = re.findall(r"^(#\d+) CACHED$", told, re.MULTILINE)
    [requirements] = [number for number, step in steps.items() if "install -r" in step]
    [code] = [number for number, step in steps.items() if "--no-deps" in step]
    assert requirements in cached
    assert code not in cached


def test_one_worker_builds_for_all(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("the tests run in one process, or are not grouped")
    assert request.node.nodeid.endswith("@images")
