"""Nobody stands in a group of fewer than ten, whatever the groups are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from udata_culture_feedback.opendata.generalisation import generalised, rare_values

MONTHS, CHANNELS, PROFILES = ("01", "02", "03"), ("web", "post"), ("student", "teacher", None)
SIZES = st.dictionaries(
    st.tuples(st.sampled_from(MONTHS), st.sampled_from(CHANNELS), st.sampled_from(PROFILES)),
    st.integers(1, 30),
)


@given(SIZES)
@settings(max_examples=300, deadline=None)
def test_every_group_that_is_published_is_ten_people_or_says_nothing(sizes):
    published = generalised(sizes, 10)
    groups: Counter = Counter()
    for known, size in sizes.items():
        groups[published[known]] += size
        told = published[known]
        assert all(value in (None, known[place]) for place, value in enumerate(told))
    small = {group for group, size in groups.items() if size < 10}
    assert small <= {(None, None, None)}
    assert not small or len(groups) == 1


def test_the_month_goes_first_then_the_channel_then_the_profile():
    sizes = {
        ("01", "web", "student"): 12,
        ("02", "web", "student"): 4,
        ("03", "web", "student"): 7,
        ("01", "post", "teacher"): 6,
        ("01", "web", "teacher"): 5,
        ("01", "web", "other"): 20,
    }
    published = generalised(sizes, 10)
    assert published["01", "web", "student"] == ("01", "web", "student")
    assert published["02", "web", "student"] == (None, "web", "student")
    assert published["01", "post", "teacher"] == (None, None, "teacher")


def test_what_is_too_small_alone_takes_the_smallest_of_the_others_with_it():
    sizes = {("01", "web", "student"): 3, ("01", "web", "other"): 40, ("02", "web", "other"): 15}
    published = generalised(sizes, 10)
    assert published["01", "web", "student"] == (None, None, None)
    assert published["02", "web", "other"] == (None, None, None)
    assert published["01", "web", "other"] == ("01", "web", "other")


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 30)), st.integers(0, 20))
def test_a_rare_answer_is_hidden_among_ten(sizes, silent):
    hidden = rare_values(sizes, silent, 10)
    assert {value for value, size in sizes.items() if size < 10} <= hidden
    left = sum(size for value, size in sizes.items() if value in hidden) + silent
    assert not hidden or left >= 10 or hidden == set(sizes)
