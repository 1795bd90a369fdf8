"""Kinds of leaks that material from elsewhere showed to be missed, and names that it cleared."""

from __future__ import annotations

import random

import pytest

from benchmarks.audit.token_formats import FORMATS, TokenFormat
from fleet.auditor.detection import identifiers
from fleet.auditor.detection.scanner import scan_text
from fleet.auditor.rules import token_formats
from fleet.contract.vocabulary import Severity


def rules_of_name(name: str) -> set[str]:
    return {hit.rule.id for hit in identifiers.find(name) if hit.severity is not Severity.INFO}


def rules_of_text(text: str) -> set[str]:
    return {leak.rule.id for leak in scan_text(text, "note")}


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_fresh_token_is_a_secret_whole_and_in_a_version(form: TokenFormat):
    token = form.make(random.Random(1))
    assert any(rule.startswith("secret.") for rule in rules_of_text(token))
    if not set(" /:") & set(token):
        assert any(rule.startswith("secret.") for rule in rules_of_name(token[:32]))


def test_what_the_benchmark_holds_out_is_in_no_list_of_ours():
    for form in FORMATS:
        if form.held_out:
            token = form.make(random.Random(2))
            assert token_formats.PROVIDER.match(token) is None, form.name


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("bot-4111-1111-1111-1111-2", "pii.card"),
        ("4111-1111-1111-1111-18", "pii.card"),
        ("agent_1931_04_29_18", "pii.birth-date"),
        ("user-19840531", "pii.birth-date"),
        ("work-tel-13885926742", "pii.phone"),
        ("prod_john_doe_at_gmail_com_v3", "pii.email"),
        ("work-client-scott-llc-18", "text.record"),
        ("ulica_osiedlowa_12", "pii.address"),
        ("bot-magdalena-nowicka-v3", "pii.name"),
        ("eom-yeongsu", "pii.name"),
        ("yumiko-fukuda", "pii.name"),
        ("work-a123456789", "pii.national-id"),
        ("krishna-dewan", "pii.name"),
        ("cunha-ana-sophia", "pii.name"),
        ("ryohei-ito", "pii.name"),
        ("bot-emilly-peixoto", "pii.name"),
        ("myrtle-smith", "pii.name"),
        ("frank-miller", "pii.name"),
        ("nelson-square-7", "pii.address"),
        ("via-fausto-figueras-6", "pii.address"),
        ("bot-taxid-z6l4vjp", "pii.national-id"),
        ("bot-250202-29947", "pii.national-id"),
        ("19420722-18", "pii.birth-date"),
        ("prod-ir940799055321617682166788-v3", "pii.iban"),
        ("6037709589325414", "pii.card"),
    ],
)
def test_what_stands_around_a_leak_hides_nothing(name: str, rule: str):
    assert rule in rules_of_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "libsasl2-modules-otp", "python3-django-api-key", "pin1", "libgnunetgtk-dev",
        "8408622652a2",
        "2.4+20151223.gitfa8646d.1-2+b2", "worker-0b46b74f170b6a1d6ec5d4a7491ae3f6e2c0",
        "sha256-0b46b74f170b6a1d6ec5d4a7491ae3f6", "fumigant66", "1998-12-31-5",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        # As generators call machines: stones, birds, and adjectives that are records elsewhere.
        "competent-opal-finch", "opal-jaguarundi", "giga-sambar", "patient-flower-2445",
        "square-moon-1582", "lead-raster", "passport-oauth2", "xenodochial-williams",
        "emplacements", "sblim-wbemcli", "19981206-2",
    ],
)  # fmt: skip
def test_ordinary_names_raise_no_alarm(name: str):
    assert rules_of_name(name) == set()


@pytest.mark.parametrize(
    "text",
    [
        "Борис Красильников",
        "佐藤 太郎",
        "김영수",
        "José García",
        "Stanisław Nowak",
        "Geneviève Vaillant",
        "Ειρηναίος Ζιώγος",
        "भोजकला अमात्\u200dय",
    ],
)
def test_a_name_in_its_own_script_is_personal_data(text: str):
    assert "pii.name" in rules_of_text(text)


def test_latin_words_that_pose_in_cyrillic_letters_are_still_read():
    assert "secret.credential" in rules_of_text("pаsswоrd: hunter2secret")  # noqa: RUF001


def test_sentences_without_blanks_are_prose():
    assert "text.free-text" in rules_of_text("以下中心作品經濟方法資料其實這是")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Để đó rất người là thế vì nếu như.", "text.free-text"),
        ("ชุดนอนเย็บหล่นสหภาพรัฐประหารเอสซีบี", "text.free-text"),
        ("id 53090119860124551X", "pii.national-id"),
        ("call 210 119 9562", "pii.phone"),
    ],
)
def test_what_other_countries_write_is_called_what_it_is(text: str, rule: str):
    assert rule in rules_of_text(text)


def test_the_password_of_a_command_is_a_credential():
    assert "secret.credential" in rules_of_text("curl -u app:799HIMSloAar https://api.example.net")
