"""Medians, shares and delays, from the counters of a summary: nothing here reads the database.

docs/scores.md explains each. There is no mean: ratings are steps at unknown distances, and one
answer that took a year would hide ten that took a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..feedback.attention import LOW
from ..feedback.trend import quantile
from ..vocabulary import STEPS

Totals = Mapping[str, int]

ANSWERED_IN = "answered_in:"

#: Number of answers from which a rate and a delay are shown to the public.
PUBLIC_FROM = 10


def distribution(totals: Totals, axis: str) -> list[int]:
    """Return the number of ratings of each step, the worst first."""
    return [totals.get(f"axis:{axis}:{step}", 0) for step in STEPS]


def median_step(counts: Sequence[int]) -> int | None:
    """Return the median of ratings: the lowest step that half of them do not exceed (of two middle
    ones, the lower). None without ratings."""
    return quantile(dict(zip(STEPS, counts, strict=True)), 50)


def low_share(counts: Sequence[int]) -> float | None:
    """Return the share of ratings below the middle step; None without ratings."""
    of = sum(counts)
    return sum(counts[step - 1] for step in LOW) / of if of else None


@dataclass(frozen=True)
class Answers:
    """The answer figures of a producer, for texts whose author wants an answer. Delays are in whole
    local days, 366 meaning that or more; None while nothing was answered."""

    awaited: int
    answered: int
    median: int | None
    ninetieth: int | None

    @classmethod
    def of(cls, totals: Totals) -> Answers:
        delays = {
            int(counter.removeprefix(ANSWERED_IN)): n
            for counter, n in totals.items()
            if counter.startswith(ANSWERED_IN) and n > 0
        }
        return cls(
            awaited=totals.get("awaited", 0),
            answered=sum(delays.values()),
            median=quantile(delays, 50),
            ninetieth=quantile(delays, 90),
        )

    @property
    def rate(self) -> float | None:
        return self.answered / self.awaited if self.awaited else None

    @property
    def enough_for_public(self) -> bool:
        return self.answered >= PUBLIC_FROM


def months(last: tuple[int, int], number: int) -> list[str]:
    """List the `number` months up to (year, month), the oldest first, as counters name them."""
    year, month = last
    end = year * 12 + month - 1
    return [f"{n // 12}-{n % 12 + 1:02}" for n in range(end - number + 1, end + 1)]


def low_shares(totals: Totals, axis: str, months: Sequence[str]) -> list[float | None]:
    """Return, for each month, the share of ratings below the middle step; None where nobody
    rated."""
    shares: list[float | None] = []
    for month in months:
        rated = totals.get(f"rated:{month}:{axis}", 0)
        shares.append(totals.get(f"low:{month}:{axis}", 0) / rated if rated else None)
    return shares
