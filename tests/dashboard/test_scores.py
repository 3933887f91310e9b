"""Scores, medians and delays, against what statistics and brute force say."""

from __future__ import annotations

import math
import statistics
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udata_culture_feedback.dashboard import scores
from udata_culture_feedback.dashboard.scores import Answers
from udata_culture_feedback.feedback.attention import attention, lower_bound
from udata_culture_feedback.feedback.models import MOST_DAYS, live_totals

from .producing import DashboardCase

AXES = ("update_frequency", "completeness", "contextualisation", "georeferencing")

ratings = st.lists(st.integers(1, 5), max_size=60)
delays = st.lists(st.integers(0, MOST_DAYS), max_size=60)
counts = st.integers(0, 500)


def distribution(values: list[int]) -> list[int]:
    return [values.count(step) for step in range(1, 6)]


@given(ratings)
def test_the_median_of_ratings_is_the_lower_middle_one(values: list[int]) -> None:
    expected = statistics.median_low(values) if values else None
    assert scores.median_step(distribution(values)) == expected


@given(ratings)
def test_the_low_share_is_that_of_steps_below_the_middle(values: list[int]) -> None:
    expected = statistics.fmean(value < 3 for value in values) if values else None
    found = scores.low_share(distribution(values))
    assert found == expected if expected is None else found == pytest.approx(expected)


@given(delays, st.integers(1, 100))
def test_a_quantile_is_the_smallest_value_that_enough_do_not_pass(
    values: list[int], percent: int
) -> None:
    histogram = {value: values.count(value) for value in values}
    enough = [v for v in values if 100 * sum(w <= v for w in values) >= percent * len(values)]
    assert scores.quantile(histogram, percent) == min(enough, default=None)


@given(delays, st.integers(0, 60))
def test_delays_are_read_from_the_stored_histogram(values: list[int], waiting: int) -> None:
    totals = {f"answered_in:{value}": values.count(value) for value in values}
    found = Answers.of(totals | {"awaited": len(values) + waiting, "answered_in:7000": 0})
    assert found.answered == len(values)
    assert found.median == (statistics.median_low(values) if values else None)
    assert found.ninetieth == (
        sorted(values)[math.ceil(len(values) * 9 / 10) - 1] if values else None
    )
    if values or waiting:
        assert found.rate == pytest.approx(len(values) / (len(values) + waiting))
    else:
        assert found.rate is None
    assert found.enough_for_public == (len(values) >= 10)


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_lower_bound_is_the_root_of_wilsons_equation(some: int, others: int) -> None:
    """The interval is where the observed share is within z standard errors of the true one."""
    of = some + others
    bound = lower_bound(some, of)
    assert 0 <= bound <= 1
    if of == 0 or some == 0:
        assert bound == pytest.approx(0, abs=1e-12)
        return
    z = statistics.NormalDist().inv_cdf(0.975)
    assert some / of - bound == pytest.approx(z * math.sqrt(bound * (1 - bound) / of), abs=1e-5)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(2, 20))
def test_of_two_equal_shares_the_one_of_more_people_weighs_more(
    some: int, others: int, times: int
) -> None:
    more = lower_bound(some * times, (some + others) * times)
    assert lower_bound(some, some + others) < more < some / (some + others)


def test_months_go_back_over_the_year() -> None:
    assert scores.months((2026, 2), 3) == ["2025-12", "2026-01", "2026-02"]
    year = scores.months((2026, 12), 12)
    assert (year[0], year[-1], len(year)) == ("2026-01", "2026-12", 12)


def test_a_month_without_rating_has_no_share() -> None:
    totals = {"rated:2026-01:completeness": 4, "low:2026-01:completeness": 1}
    months = ["2025-12", "2026-01"]
    assert scores.low_shares(totals, "completeness", months) == [None, 0.25]


class AttentionTest(DashboardCase):
    def test_the_worked_example_of_the_documentation(self) -> None:
        """docs/scores.md."""
        totals = {
            "total": 40, "fitness:yes": 10, "fitness:partly": 20, "fitness:no": 10,
            "axis:update_frequency:1": 6, "axis:update_frequency:2": 12,
            "axis:update_frequency:4": 6, "axis:completeness:5": 20, "waiting": 5,
        }  # fmt: skip
        found = attention(totals)
        assert found["axes"]["update_frequency"] == 0.551
        assert found["axes"]["completeness"] == 0
        assert found["score"] == 43.87
        half = attention({**totals, **{f"before:{key}": n for key, n in totals.items()}})
        assert half["axes"]["update_frequency"] == 0.4677
        assert half["score"] == 39.16

    def test_scores_are_those_of_an_independent_computation(self) -> None:
        @given(st.dictionaries(st.sampled_from(counters()), counts), st.integers(0, 100))
        def check(totals: dict[str, int], part: int) -> None:
            before = {f"before:{key}": n * part // 100 for key, n in totals.items()}
            found = attention(totals | before)
            expected = by_hand(totals, before)
            assert found["score"] == pytest.approx(expected["score"], abs=0.006)
            assert found["axes"] == pytest.approx(expected["axes"], abs=6e-5)
            assert 0 <= found["score"] <= 100

        check()

    def test_one_dissatisfied_person_does_not_pass_before_forty(self) -> None:
        one = attention({"fitness:no": 1})["score"]
        forty = attention({"fitness:no": 40, "fitness:yes": 20})["score"]
        assert one < forty


class DelayTest(DashboardCase):
    """`answered_in` of a feedback, against the calendar."""

    def test_delays_are_whole_local_days(self) -> None:
        zone = ZoneInfo("Europe/Paris")
        naive = st.datetimes(datetime(2019, 1, 1), datetime(2026, 1, 1))

        @given(naive, st.integers(-3600, 800 * 86_400))
        def check(created: datetime, seconds: int) -> None:
            at = created + timedelta(seconds=seconds)
            days = (local(at, zone) - local(created, zone)).days
            counted = live_totals(feedback(created, first_answered_at=at))
            assert counted[f"answered_in:{min(max(days, 0), 366)}"] == 1
            assert len([key for key in counted if key.startswith("answered_in")]) == 1

        check()

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({}, {"awaited", "answered_in:3"}),
            ({"wants_answer": False}, set()),
            ({"visibility": "pending"}, set()),
            ({"comment": None}, set()),
            ({"agent": True}, set()),
            ({"hidden_reason": "spam", "visibility": "hidden"}, set()),
            ({"treatment": {"status": "new"}}, {"awaited", "waiting"}),
            ({"treatment": {"status": "acknowledged"}}, {"awaited"}),
        ],
    )
    def test_only_public_texts_whose_author_wants_an_answer_count(
        self, change: dict[str, Any], expected: set[str]
    ) -> None:
        created = datetime(2026, 1, 1, 12)
        said = feedback(created, first_answered_at=created + timedelta(days=3)) | change
        counted = {key for key in live_totals(said) if key.startswith(("aw", "answered", "wait"))}
        assert counted == expected

    @pytest.mark.options(CULTURE_FEEDBACK_TIMEZONE="Pacific/Auckland")
    def test_days_are_those_of_the_portal(self) -> None:
        created = datetime(2026, 1, 1, 10, 30)  # half past eleven in the evening there
        said = feedback(created, first_answered_at=created + timedelta(hours=1))
        assert live_totals(said)["answered_in:1"] == 1


def counters() -> list[str]:
    steps = [f"axis:{axis}:{step}" for axis in AXES for step in range(1, 6)]
    return ["fitness:yes", "fitness:partly", "fitness:no", "waiting", *steps]


def by_hand(totals: dict[str, int], before: dict[str, int]) -> dict[str, Any]:
    """The formula of docs/scores.md, its interval by solving Wilson's equation for the share p:
    (1 + z²/n) p² − (2k/n + z²/n) p + (k/n)² = 0."""
    z = statistics.NormalDist().inv_cdf(0.975)

    def weight(key: str) -> float:
        return totals.get(key, 0) - before.get(f"before:{key}", 0) / 2

    def bound(k: float, n: float) -> float:
        if n == 0:
            return 0
        a, b, c = 1 + z * z / n, -(2 * k / n + z * z / n), (k / n) ** 2
        return (-b - math.sqrt(max(0, b * b - 4 * a * c))) / (2 * a)

    axes = {}
    for axis in AXES:
        steps = [weight(f"axis:{axis}:{step}") for step in range(1, 6)]
        axes[axis] = bound(steps[0] + steps[1], sum(steps))
    yes, partly, no = (weight(f"fitness:{value}") for value in ("yes", "partly", "no"))
    waiting = totals.get("waiting", 0)
    score = 50 * bound(no + partly / 2, yes + partly + no) + 25 * max(axes.values())
    return {"score": score + 25 * waiting / (waiting + 5), "axes": axes}


def feedback(created: datetime, **treatment: Any) -> dict[str, Any]:
    return {
        "fitness": "no",
        "contributor": {"kind": "user"},
        "created_at": created,
        "comment": "Il manque 2023.",
        "visibility": "public",
        "wants_answer": True,
        "treatment": {"status": "acknowledged", **treatment},
    }


def local(moment: datetime, zone: ZoneInfo) -> date:
    return moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).date()
