"""What is missing in a home, and what of it would not come along."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.home.damage import Fault, faults, of_the_settings
from fleet.home.named_files import NamedFile, named_files
from fleet.home.parts import OWN, PARTS, Care, Need, Part, files, part_of
from fleet.provisioning import mosquitto
from fleet.settings import FILE_NAME, Settings, load

TAKE: Final = "fleet backup --home FILE --with-outside takes it along"
MAKE: Final = "fleet init makes what is missing; or fleet restore --home FILE --to another folder"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of a home, and how it is: `ok`, `missing`, `damaged`, `outside`, `absolute`, `link`.
    A file that is open to others, or of another account, is damaged, too."""

    part: str
    state: str
    meaning: str
    remedy: str = ""

    @property
    def good(self) -> bool:
        return self.state == "ok"


def needs(settings: Settings) -> set[Need]:
    """What this home must have, by who runs its broker and who makes its accounts."""
    found = {Need.ALWAYS}
    if mosquitto.runs_here(settings):
        found |= {Need.BROKER, Need.ACCOUNTS}
    elif mosquitto.plan_of(settings).admin_password.exists():
        found.add(Need.ACCOUNTS)
    return found


def check(settings: Settings) -> list[Finding]:
    """Every part that is there or should be, in the order of the list; then what is elsewhere.

    Raises:
        ConfigError: the settings cannot be read.
        OSError: a folder cannot be read.
    """
    home, needed = settings.home, needs(settings)
    there = list(files(home))
    broken: dict[str, list[Fault]] = {}
    for fault in faults(home, there):
        broken.setdefault(_part_name(fault[0]), []).append(fault)
    found = []
    for part in (*PARTS, OWN):
        if part.care is Care.LEFT:
            continue
        held = [path for name, path in there if part_of(name) is part]
        if held or part.need in needed:
            bad = broken.pop(part.pattern, [])
            state = "missing" if not held else "damaged" if bad else "ok"
            if not bad:
                remedy = "" if held else MAKE
                found.append(Finding(part.pattern, state, _meaning(part, held), remedy))
            found += [Finding(name, state, why, remedy) for name, why, remedy in bad]
    rest = [*(fault for bad in broken.values() for fault in bad), *of_the_settings(settings)]
    found += [Finding(name, "damaged", why, remedy) for name, why, remedy in rest]
    links = [name for name, path in there if not _plain(path) and part_of(name).care != Care.LEFT]
    why = "no plain file, so it is not copied"
    found += [Finding(str(name), "link", why, f"put a file at {name}") for name in links]
    with suppress(ConfigError):  # what names them is damaged, and told
        found += [_of(named, home) for named in named_files(home)]
    return found + _environment(settings)


def of_broken_settings(home: str | None, error: ConfigError) -> tuple[Settings, list[Finding]]:
    """What to look at the rest with, where the settings of `home` cannot be read.

    Raises:
        ConfigError: there is no such file, so that it is not what is wrong.
    """
    folder = Path(home or os.environ.get("FLEET_HOME") or "~/.fleet").expanduser()
    if not (folder / FILE_NAME).exists():
        raise error
    why = f"{error.what}: {error.why}" if error.why else error.what
    finding = Finding(FILE_NAME, "damaged", why, error.remedy)
    return replace(load({"home": f"{folder}/.none"}, {}), home=folder), [finding]


def _part_name(name: str) -> str:
    """The line of the list in which a fault of `name` stands."""
    return part_of(PurePosixPath(name)).pattern


def _meaning(part: Part, held: list[Path]) -> str:
    return f"{part.meaning} ({len(held)} files)" if len(held) > 1 else part.meaning


def _of(named: NamedFile, home: Path) -> Finding:
    if not named.path.exists():
        return Finding(named.where, "missing", f"it names {named.path}", f"put the file there, or "
                       f"change {named.where}")  # fmt: skip
    if not named.inside:
        return Finding(named.where, "outside", f"it names {named.path}", TAKE)
    if not named.moves:
        why = f"it names {named.path} by a path that only this machine has"
        relative = os.path.relpath(named.path, home.absolute())
        return Finding(named.where, "absolute", why, f"a path from the home on, as {relative}")
    return Finding(named.where, "ok", f"it names {named.text}")


def _environment(settings: Settings) -> list[Finding]:
    """Settings that stand beside the home: they do not move with it."""
    origins = [origin for name, (_, origin) in settings.origins.items() if name != "home"]
    names = [origin for origin in origins if origin.startswith("FLEET_")]
    why = f"it stands in the environment, not in {FILE_NAME}"
    remedy = "set it on the next machine, too, or write it into the file"
    return [Finding(name, "outside", why, remedy) for name in names]


def _plain(path: Path) -> bool:
    return stat.S_ISREG(os.lstat(path).st_mode)
