"""Who differs from most of its group, and when another configuration becomes the usual one."""

from __future__ import annotations

from fleet.domain.config_groups import ConfigGroups


def test_fewer_than_three_have_no_majority_to_differ_from():
    groups = ConfigGroups()
    assert list(groups.enter("edge", "a", 1)) == []
    assert list(groups.enter("edge", "b", 2)) == []
    assert not groups.differs("edge", "a")


def test_all_members_are_to_be_judged_anew_when_another_one_becomes_usual():
    groups = ConfigGroups()
    for name, digest in (("a", 1), ("b", 1)):
        groups.enter("edge", name, digest)
    assert set(groups.enter("edge", "c", 2)) == {"a", "b", "c"}
    assert [name for name in "abc" if groups.differs("edge", name)] == ["c"]
    assert list(groups.enter("edge", "d", 1)) == [], "the usual one stays the usual one"
    for name in "bc":
        groups.enter("edge", name, 2)
    assert set(groups.enter("edge", "d", 2)) == {"a", "b", "c", "d"}
    assert [name for name in "abcd" if groups.differs("edge", name)] == ["a"]


def test_where_everybody_differs_nobody_differs_from_the_group():
    groups = ConfigGroups()
    for number, name in enumerate("abcde"):
        groups.enter("edge", name, number)
    assert not any(groups.differs("edge", name) for name in "abcde")


def test_groups_know_nothing_of_each_other_and_nobody_is_in_none():
    groups = ConfigGroups()
    for name, digest in (("a", 1), ("b", 1), ("c", 2)):
        groups.enter("edge", name, digest)
    assert list(groups.enter("core", "d", 2)) == []
    assert list(groups.enter(None, "e", 2)) == []
    assert list(groups.enter("edge", "f", None)) == []
    assert not groups.differs("core", "d")
    assert not groups.differs(None, "c")
    groups.clear()
    assert not groups.differs("edge", "c")


def test_who_leaves_counts_no_longer_for_what_is_usual():
    groups = ConfigGroups()
    for name, digest in (("a", 1), ("b", 1), ("c", 2), ("d", 2), ("e", 1)):
        groups.enter("edge", name, digest)
    assert groups.differs("edge", "c")
    for name in "ab":
        groups.leave("edge", name)
    assert [name for name in "cde" if groups.differs("edge", name)] == ["e"]
    groups.leave("edge", "c")
    assert not any(groups.differs("edge", name) for name in "de"), "two have no majority"
    groups.leave("edge", "nobody")
    groups.leave(None, "d")
