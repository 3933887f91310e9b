"""The attention score of a dataset: one number from what its users say, stored in its summary so
that lists can be sorted by it. docs/scores.md explains the formula with a worked example.

Shares are taken at the lower bound of their 95 % confidence interval: three dissatisfied persons of
three weigh less than sixty of eighty, and one alone next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from ..vocabulary import STEPS, vocabularies
from ..web.untyped import Shown

#: Prefix of the counters, in a summary, of what was judged before the last change of the data.
BEFORE = "before:"

#: The quantile of the normal distribution for a 95 % confidence interval.
Z = 1.959964

#: Maximum points, of 100: unmet needs, the worst criterion, waiting answers.
NEED, CRITERION, WAITING = 50, 25, 25
#: Number of waiting answers that give half of those points.
HALF_WAITING = 5
#: Weight of an opinion on data that have changed since; one on the data as they are weighs 1.
AGED = 0.5
#: The steps of a criterion below the middle one.
LOW = (1, 2)


def lower_bound(some: float, of: float) -> float:
    """Return the lower bound of the 95 % confidence interval of a share (E. B. Wilson, 1927),
    between 0 and 1; 0 where nobody was asked. Weights may be fractions: `of` is a number of
    opinions."""
    if of <= 0:
        return 0.0
    share = some / of
    centre = share + Z * Z / (2 * of)
    margin = Z * sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    return max(0.0, (centre - margin) / (1 + Z * Z / of))


def attention(totals: Mapping[str, int]) -> Shown:
    """Compute the attention score of a dataset from the totals of its summary: `score`, 0 to 100;
    `axes`, for each criterion the lower bound of the share of ratings below the middle step."""

    def weight(counter: str) -> float:
        all_of_them = totals.get(counter, 0)
        return all_of_them - (1 - AGED) * totals.get(BEFORE + counter, 0)

    def low(axis: str) -> float:
        ratings = {step: weight(f"axis:{axis}:{step}") for step in STEPS}
        return lower_bound(sum(ratings[step] for step in LOW), sum(ratings.values()))

    unmet = weight("fitness:no") + weight("fitness:partly") / 2
    answers = sum(weight(f"fitness:{value}") for value in ("yes", "partly", "no"))
    axes = {axis: low(axis) for axis in vocabularies().ids("axes")}
    waiting = totals.get("waiting", 0)
    score = (
        NEED * lower_bound(unmet, answers)
        + CRITERION * max(axes.values(), default=0.0)
        + WAITING * waiting / (waiting + HALF_WAITING)
    )
    return {
        "score": round(score, 2),
        "axes": {axis: round(bound, 4) for axis, bound in axes.items()},
    }
