"""A slice of the benchmark on foreign material, with fixed seeds: the goals hold in small, too."""

from __future__ import annotations

import importlib.util

import pytest

from benchmarks.audit import foreign, foreign_names, foreign_people
from fleet.auditor.detection import identifiers
from fleet.contract.vocabulary import Severity

needs_faker = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("faker", "anyascii")),
    reason="Faker and anyascii are not installed: pip install -e '.[bench]'",
)


def test_fresh_tokens_of_every_format_are_found_as_secrets():
    found = foreign.judged(list(foreign_people.tokens(2, seed=3)))
    for half in ("seen", "unseen"):
        assert found["half"][half]["shaped"] >= 0.9
        assert found["half"][half]["right_family"] >= 0.92


@needs_faker
def test_people_of_other_countries_are_found_and_called_personal():
    leaks = [
        leak
        for locale in ("en_IN", "de_DE", "pl_PL", "ru_RU", "ko_KR")
        for leak in foreign_people.People(locale, 3).leaks(3)
    ]
    total = foreign.judged(leaks)["total"]["all"]
    assert total["decidable"] > 150
    assert total["any_alarm"] >= 0.95
    assert total["shaped"] >= 0.9
    assert total["right_family"] >= 0.92


@pytest.mark.parametrize("name", ["installed Python versions", "exporters' metrics", "commits"])
def test_ordinary_names_from_what_is_installed_raise_no_alarm(name: str):
    source = next(source for source in foreign_names.SOURCES if source.name == name)
    names = foreign_names.names(source)
    assert len(names) > 50
    hits = {one: identifiers.find(one) for one in names}
    told = [one for one in names if any(h.severity is not Severity.INFO for h in hits[one])]
    assert told == []
