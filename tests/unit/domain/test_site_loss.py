"""Which site is lost, why, and who is to say so."""

from __future__ import annotations

import pytest

from fleet.domain.site_loss import LOST, Loss, SiteJudge, SiteWord

WELL = SiteWord(age=0.4, hears=True)
AWAY = SiteWord(age=LOST, hears=True)
BROKERLESS = SiteWord(age=0.4, hears=False)
TELLS = SiteWord(age=0.4, hears=False, tells=True)
FOREIGN = SiteWord(age=0.4, hears=True, unread=LOST)
NEVER = SiteWord(age=None, hears=False)


def after(word: SiteWord, seconds: float = LOST) -> SiteJudge:
    """Of a site that was well, `seconds` after it was first like that."""
    judge = SiteJudge(0.0)
    judge.look(WELL, 10.0)
    judge.look(word, 20.0)
    judge.look(word, 20.0 + seconds)
    return judge


@pytest.mark.parametrize(
    ("word", "why", "ours"),
    [
        (WELL, None, False),
        (AWAY, Loss.NO_HUB, True),
        (BROKERLESS, Loss.NO_BROKER, True),
        (TELLS, Loss.NO_BROKER, False),
        (FOREIGN, Loss.UNREADABLE, True),
        (SiteWord(age=0.4, hears=True, unasked=LOST), Loss.UNASKED, False),
        (SiteWord(age=LOST, hears=False, tells=True), Loss.NO_HUB, True),
    ],
)
def test_one_of_both_sides_tells_why(word: SiteWord, why: Loss | None, ours: bool) -> None:
    judge = after(word)
    assert (judge.why, judge.is_ours_to_tell) == (why, ours)


def test_what_a_hub_says_of_itself_holds_while_it_lives() -> None:
    speaks = {word: after(word).hub_speaks for word in (WELL, BROKERLESS, TELLS, AWAY, FOREIGN)}
    assert [word for word, does in speaks.items() if not does] == [AWAY, FOREIGN]


def test_too_early_is_neither_lost_nor_back() -> None:
    judge = after(TELLS, LOST - 1)
    assert (judge.why, judge.is_doubted) == (None, True)
    judge.look(WELL, 100.0)
    assert (judge.why, judge.is_doubted) == (None, False)
    judge.look(BROKERLESS, 101.0)
    assert judge.is_doubted, "the time begins anew"


def test_a_site_where_nobody_ever_led_is_lost_after_a_while() -> None:
    judge = SiteJudge(0.0)
    judge.look(NEVER, LOST - 1)
    assert judge.why is None
    judge.look(NEVER, LOST)
    assert (judge.why, judge.is_ours_to_tell) == (Loss.NEVER_LED, True)
    assert judge.why == "no hub of it ever led"


def test_what_a_newer_hub_says_to_one_that_starts_is_unreadable_and_no_absence() -> None:
    judge = SiteJudge(0.0)
    judge.look(SiteWord(age=None, hears=False, unread=LOST), LOST)
    assert judge.why is Loss.UNREADABLE


def test_a_hub_that_dies_after_it_told_of_its_broker_is_told_of() -> None:
    judge = after(TELLS)
    assert not judge.is_ours_to_tell
    judge.look(SiteWord(age=LOST, hears=False, tells=True), 100.0)
    assert judge.is_ours_to_tell
    judge.look(TELLS, 101.0)
    assert judge.is_doubted, "what fires of it stands until it is back"
