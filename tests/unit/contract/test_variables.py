"""`${NAME}`: put in once, named where it is missing, and hidden again in what is told."""

from __future__ import annotations

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.variables import Variables, expand_all

ENVIRON = {"A": "one", "B": "${A}", "EMPTY": "", "LONG": "one-and-more", "QUOTED": "it's \\ here"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain $A $ {A} $$", "plain $A $ {A} $$"),
        ("${A}${A:?}-${LONG}", "oneone-one-and-more"),
        ("${B}", "${A}"),
    ],
)
def test_a_variable_is_put_in_once(text: str, value: str) -> None:
    assert Variables(ENVIRON).expand(text, "x") == value


@pytest.mark.parametrize("text", ["${}", "${a}", "${A", "${A:-x}", "${A:?x}", "${1}", "a${ A}"])
def test_what_opens_no_variable_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="key in file is not usable"):
        Variables(ENVIRON).expand(text, "key in file")


@pytest.mark.parametrize("name", ["NO", "EMPTY"])
def test_a_missing_one_is_named_with_its_place(name: str) -> None:
    with pytest.raises(ConfigError) as found:
        expand_all({"k": [1, f"${{{name}}}"]}, Variables(ENVIRON), "key in file")
    assert found.value.what == f"${{{name}}} in key in file has no value"
    assert found.value.remedy.startswith(f"export {name}=")


def test_what_was_put_in_shows_in_no_error_quoted_or_not() -> None:
    variables = Variables(ENVIRON)
    for name in ("A", "LONG", "QUOTED"):
        variables.expand(f"${{{name}}}", "x")
    quoted = ENVIRON["QUOTED"]
    error = ConfigError(f"one-and-more {quoted}", f"{quoted!r}", "one")
    hidden = variables.hide(error)
    assert (hidden.what, hidden.remedy) == ("${LONG} ${QUOTED}", "${A}")
    assert "here" not in hidden.why
