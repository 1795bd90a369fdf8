"""Builds the audit's word files (`fleet/auditor/rules/words/`) from other projects' lists.

    python scripts/words/build.py --faker-js names.json

Needs Debian's `wamerican`, `wbritish` and `wordnet-base`, an up-to-date package list (`apt-get
update`), and from PyPI `anyascii mimesis zxcvbn`. `names.json` is what
`node scripts/words/faker-js.mjs` prints beside an installed `@faker-js/faker`; without it only what
is WordNet's is built. Which list has which licence stands in `words/SOURCES.md`.

Of Debian's package names only one half is read, by a hash of the name: the benchmark judges the
other half.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import http
import json
import math
import re
import signal
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

WORDS = Path(__file__).parents[2] / "fleet" / "auditor" / "rules" / "words"
DICT = Path("/usr/share/dict")
WORDNET = Path("/usr/share/wordnet")
LETTERS = "^abcdefghijklmnopqrstuvwxyz$"
STEP = 0.1
"""Nats a step of a trigram's weight: one byte holds ±12.7."""

PACKAGES, PACKAGES_OF_A_NAME = 3, 20
"""Packages that must have a word in their name before it is one of operations; a name, more."""


def is_seen(name: str) -> bool:
    """Whether a package name is of the half that the words are built from."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def parts(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[a-z]{2,}", spaced.lower())


def own(name: str) -> set[str]:
    """A list of ours, beside this script."""
    lines = (Path(__file__).parent / f"{name}.txt").read_text("utf-8").splitlines()
    return {word for line in lines if not line.startswith("#") for word in line.split()}


def first_of_all_names() -> set[str]:
    """Words that are names more often than anything else; zxcvbn ranks them so."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS as LISTS

    no_names = own("no-names")
    names = {*LISTS["female_names"][:800], *LISTS["male_names"][:500], *LISTS["surnames"][:1000]}
    return names - no_names


def vocabulary(names: set[str]) -> set[str]:
    listing = subprocess.run(
        ["apt-cache", "pkgnames"], capture_output=True, text=True, check=True
    ).stdout.split()
    counts: Counter[str] = Counter()
    for name in filter(is_seen, listing):
        counts.update(set(parts(name)))
    found = {
        word
        for word, count in counts.items()
        if count >= (PACKAGES_OF_A_NAME if word in names else PACKAGES)
    }
    system = [*errno.errorcode.values(), *(entry.name for entry in signal.Signals)]
    system += [status.name for status in http.HTTPStatus]
    found.update(word for name in system for word in parts(name.lower().replace("_", " ")))
    found.update(name for name in sys.stdlib_module_names if name.isalpha())
    return found


def english(names: set[str]) -> set[str]:
    """Words that are written small, and are no name first of all."""
    found: set[str] = set()
    for name in ("american-english", "british-english"):
        text = (DICT / name).read_text("utf-8").split()
        found.update(word for word in text if word.isascii() and word.isalpha() and word.islower())
    return {word for word in found if len(word) >= 3} - names


KINDS = {"05": "animals", "13": "food", "20": "plants", "27": "stones and other matter"}
"""Of WordNet's files of nouns (lexnames), those whose words machines and releases are called by."""


def kinds() -> set[str]:
    """Animals, plants, food, stones and colours: words of which that is the first meaning."""
    meanings: dict[str, tuple[str, list[str], list[str]]] = {}
    for line in (WORDNET / "data.noun").read_text("latin-1").splitlines():
        if not line.startswith(" "):
            fields = line.partition(" | ")[0].split()
            end = 4 + 2 * int(fields[3], 16)
            pointers = zip(fields[end + 1 :: 4], fields[end + 2 :: 4], strict=False)
            narrower = [place for sign, place in pointers if sign == "~"]
            meanings[fields[0]] = fields[1], fields[4:end:2], narrower
    colours: set[str] = set()
    left = [place for place, (_, words, _) in meanings.items() if "chromatic_color" in words]
    while left:
        place = left.pop()
        colours.add(place)
        left += [inner for inner in meanings[place][2] if inner not in colours]
    found: set[str] = set()
    for line in (WORDNET / "index.noun").read_text("latin-1").splitlines():
        fields = line.split()
        if not re.fullmatch("[a-z]{3,20}", line.partition(" ")[0]):
            continue
        first = fields[6 + int(fields[3])]
        file, words, _ = meanings[first]
        if fields[0] in words and (file in KINDS or first in colours):
            found.add(fields[0])
    return found


def commonest_names() -> set[str]:
    """Names that are no animal's first of all: WordNet knows `tom` as a cat, `murphy` as food."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS as LISTS

    found: set[str] = set()
    return found.union(*(LISTS[name][:300] for name in ("female_names", "male_names", "surnames")))


def wordnet() -> set[str]:
    """Single words that WordNet writes small, of five letters: tokens open with shorter ones."""
    found: set[str] = set()
    for part in ("noun", "verb", "adj", "adv"):
        for line in (WORDNET / f"data.{part}").read_text("latin-1").splitlines():
            if not line.startswith(" "):
                fields = line.partition(" | ")[0].split()
                words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
                found.update(word for word in words if re.fullmatch("[a-z]{5,20}", word))
    return found


def from_wordnet() -> None:
    """What the other files lack, and which of their names are words for something else."""

    def built(name: str) -> set[str]:
        return set((WORDS / f"{name}.txt").read_text("utf-8").split())

    names = built("given-names") | built("family-names")
    write("kinds", kinds() & names - commonest_names())
    write("wordnet", wordnet() - names - built("english") - built("vocabulary"))


def flat(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("value"), str):
            yield value["value"]
            return
        for item in value.values():
            yield from flat(item)
    elif isinstance(value, list):
        for item in value:
            yield from flat(item)
    elif isinstance(value, str):
        yield value


_BREAKS = "[ '\u2019.\\-]+"
_SPELLINGS = (
    str.maketrans({}),
    str.maketrans(
        {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
    ),
)


def latin(names: Iterable[str]) -> Iterator[str]:
    """Each part of each name in the spellings that a slug gives it."""
    from anyascii import anyascii

    for name in names:
        for table in _SPELLINGS:
            for part in re.split(_BREAKS, name.translate(table)):
                word = re.sub(r"[^a-z]", "", anyascii(part).lower())
                if 3 <= len(word) <= 20:
                    yield word


def own_script(names: Iterable[str]) -> Iterator[str]:
    """Each part of each name that is not written in Latin letters, as it is written."""
    for name in names:
        for part in re.split(_BREAKS, unicodedata.normalize("NFKC", name).lower()):
            if part and part.isalpha() and not any("LATIN" in unicodedata.name(c) for c in part):
                yield part


def people(faker_js: Path) -> tuple[set[str], set[str], set[str]]:
    import mimesis
    from zxcvbn.frequency_lists import FREQUENCY_LISTS as LISTS

    given = {*own("given-names"), *latin([*LISTS["female_names"], *LISTS["male_names"]])}
    family = {*own("family-names"), *latin(LISTS["surnames"])}
    foreign: set[str] = set()
    for folder in sorted((Path(mimesis.__file__).parent / "datasets").iterdir()):
        file = folder / "person.json"
        if file.exists():
            person = json.loads(file.read_text("utf-8"))
            given.update(latin(flat(person.get("names", {}))))
            family.update(latin(flat(person.get("surnames", {}))))
            foreign.update(own_script(flat([person.get("names"), person.get("surnames")])))
    for person in json.loads(faker_js.read_text("utf-8")).values():
        given.update(latin(flat(person.get("first") or {})))
        family.update(latin(flat(person.get("last") or {})))
        foreign.update(own_script(flat([person.get("first"), person.get("last")])))
    return given, family, foreign


def trigrams(names: set[str], others: set[str]) -> bytes:
    """For each three letters in a row, how much rather a name has them than another word."""
    counts = [Counter(gram for word in words for gram in _grams(word)) for words in (names, others)]
    totals = [counter.total() for counter in counts]
    table = bytearray()
    for a in LETTERS:
        for b in LETTERS:
            for c in LETTERS:
                shares = [
                    math.log((counter[a + b + c] + 0.5) / total)
                    for counter, total in zip(counts, totals, strict=True)
                ]
                step = round((shares[0] - shares[1]) / STEP)
                table.append(max(-127, min(127, step)) + 128)
    return bytes(table)


def _grams(word: str) -> list[str]:
    framed = f"^{word}$"
    return [framed[i : i + 3] for i in range(len(framed) - 2)]


def write(name: str, words: set[str]) -> None:
    (WORDS / f"{name}.txt").write_text("\n".join(sorted(words)) + "\n", "utf-8")
    print(f"{name}: {len(words)} words")


def from_lists(faker_js: Path) -> None:
    given, family, foreign = people(faker_js)
    first = first_of_all_names()
    machine, plain = vocabulary(first), english(first)
    write("vocabulary", machine)
    write("english", plain)
    write("given-names", given)
    write("family-names", family)
    write("own-script-names", foreign)
    names = given | family
    (WORDS / "trigrams.bin").write_bytes(trigrams(names, (machine | plain) - names))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--faker-js", type=Path)
    faker_js = options.parse_args().faker_js
    if faker_js is not None:
        from_lists(faker_js)
    from_wordnet()


if __name__ == "__main__":
    main()
