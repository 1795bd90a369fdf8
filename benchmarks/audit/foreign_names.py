"""Ordinary names that nobody here wrote: of packages, versions, containers and metrics.

All are read from what is installed, at run time; none is kept here. Of Debian's packages only that
half is taken from which the audit's words were not built.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import itertools
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fleet.contract import patterns

BUILD = Path(__file__).parents[2] / "scripts" / "words" / "build.py"
DICT = Path("/usr/share/dict/words")


@dataclass(frozen=True, slots=True)
class Source:
    """Names of one sort. `place` is where they stand: `agent`, `version` or `metric`."""

    name: str
    place: str
    names: Callable[[random.Random], Iterator[str]]


@cache
def is_seen() -> Callable[[str], bool]:
    """The rule by which the words' builder chose its half of the packages."""
    spec = importlib.util.spec_from_file_location("words_build", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[str], bool] = module.is_seen
    return found


def _apt(*arguments: str) -> Iterator[str]:
    if shutil.which("apt-cache") is None:
        return
    with subprocess.Popen(["apt-cache", *arguments], stdout=subprocess.PIPE, text=True) as told:
        assert told.stdout is not None
        for line in told.stdout:
            yield line.rstrip("\n")


def packages(_: random.Random) -> Iterator[str]:
    for name in sorted(_apt("pkgnames")):
        if not is_seen()(name):
            yield re.sub(r"[^a-z0-9]+", "-", name)[:40].strip("-")


def package_versions(_: random.Random) -> Iterator[str]:
    found = {line[9:] for line in _apt("dumpavail") if line.startswith("Version: ")}
    for version in sorted(found):
        yield version.partition(":")[2].replace("~", ".") or version.replace("~", ".")


def installed_versions(_: random.Random) -> Iterator[str]:
    for found in importlib.metadata.distributions():
        yield found.version
        yield f"{found.name}-{found.version}"
    yield sys.version.split()[0]


def generated(r: random.Random) -> Iterator[str]:
    """What containers are called by Docker's generator and by coolname."""
    import coolname
    import namesgenerator

    state = random.getstate()
    random.seed(r.random())
    coolname.replace_random(random)
    for _ in range(2_500):
        yield namesgenerator.get_random_name().replace("_", "-")
        yield coolname.generate_slug(r.choice((2, 3)))[:40].strip("-")
    random.setstate(state)


def numbered(r: random.Random) -> Iterator[str]:
    """A dictionary's word and a number: how most people name machines."""
    if not DICT.exists():
        return
    words = [word for word in DICT.read_text("utf-8").split() if re.fullmatch("[a-z]{3,12}", word)]
    for word in r.sample(words, min(len(words), 5_000)):
        yield r.choice((f"{word}{r.randint(1, 99)}", f"{word}-{r.randint(1, 999)}", word))


def exporters(_: random.Random) -> Iterator[str]:
    """Names of metrics: of node_exporter if it is here, of a Python process, and our own."""
    from prometheus_client import REGISTRY

    for family in REGISTRY.collect():
        yield family.name
        for sample in family.samples:
            yield sample.name
    program = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if program:
        told = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        for name in re.findall(r"--collector\.([a-z.]+)", told.stdout + told.stderr):
            yield f"node_{name.replace('.', '_')}_total"
    page = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
    yield from re.findall(r"`(fleet_[a-z_]+)", page.read_text("utf-8"))


def commits(r: random.Random) -> Iterator[str]:
    """Hashes as versions, as git shortens them and as it describes them."""
    log = subprocess.run(
        ["git", "log", "--format=%H", "-n", "500"],
        capture_output=True, text=True, check=False, cwd=BUILD.parent,
    )  # fmt: skip
    known = log.stdout.split() or [f"{r.getrandbits(160):040x}" for _ in range(500)]
    known += [f"{r.getrandbits(160):040x}" for _ in range(2_500)]
    for commit in known:
        yield r.choice(
            (commit[:7], commit[:12], commit[:32], f"v1.{r.randint(0, 30)}-4-g{commit[:9]}")
        )


@cache
def _fakers_names() -> tuple[frozenset[str], frozenset[str]]:
    """Given and family names of every locale that Faker has, in Latin letters."""
    from anyascii import anyascii
    from faker.config import AVAILABLE_LOCALES

    found: tuple[set[str], set[str]] = set(), set()
    for locale in AVAILABLE_LOCALES:
        try:
            module = importlib.import_module(f"faker.providers.person.{locale}")
        except ModuleNotFoundError:
            continue
        for place, parts in enumerate(("first_names", "last_names")):
            names = getattr(module.Provider, parts, ())
            if isinstance(names, property):
                continue
            found[place].update(anyascii(name).lower() for name in names if isinstance(name, str))
    return frozenset(found[0]), frozenset(found[1])


def is_somebody(name: str) -> bool:
    """Whether two parts of `name` side by side are a given and a family name by Faker's lists:
    `php-graham-campbell-result-type` is public, and no ordinary name."""
    given, family = _fakers_names()
    parts = re.findall("[a-z]+", name.lower())
    return any(
        (a in given and b in family) or (a in family and b in given)
        for a, b in itertools.pairwise(parts)
    )


SOURCES = (
    Source("Debian packages, unseen half", "agent", packages),
    Source("Debian versions", "version", package_versions),
    Source("installed Python versions", "version", installed_versions),
    Source("container names", "agent", generated),
    Source("a word and a number", "agent", numbered),
    Source("exporters' metrics", "metric", exporters),
    Source("commits", "version", commits),
)

SHAPES = {
    "agent": re.compile(patterns.AGENT),
    "version": re.compile(patterns.VERSION),
    "metric": re.compile(patterns.METRIC),
}


def names(source: Source, seed: int = 5) -> list[str]:
    """Each name of a source once, where the contract takes it; the same for the same seed."""
    shape = SHAPES[source.place]
    made: dict[str, Any] = dict.fromkeys(source.names(random.Random(seed)))
    return [name for name in made if shape.fullmatch(name)]
