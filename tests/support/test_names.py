"""Verdicts, flags and stop reasons may be compared with their names, as they stand in files."""

import copy
import pickle

import pytest

import lrfind

MEMBERS = [*lrfind.Verdict, *lrfind.Flag, *lrfind.StopReason]


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_equals_its_name_and_nothing_else(member):
    name = member.name.lower()
    assert member == name
    assert name == member
    assert (member != name) is (name != member) is False
    assert hash(member) == hash(name)
    assert member in {name}
    assert name in {member: 1}
    for other in (member.name, member.value, name + "s", "", None, 0):
        assert member != other


@pytest.mark.parametrize("member", MEMBERS)
def test_members_are_told_apart_as_before(member):
    assert [each for each in type(member) if each == member] == [member]
    assert type(member)[member.name] is type(member)(member.value) is member
    assert pickle.loads(pickle.dumps(member)) is copy.deepcopy(member) is member


def test_members_of_two_kinds_with_one_name_differ():
    assert lrfind.Verdict.NO_DESCENT != lrfind.Flag.NO_DESCENT
    assert lrfind.StopReason.UNFINISHED != lrfind.Flag.UNFINISHED
