"""Protect small groups: means from five answers on, a separate group of people from ten on, and
nothing from which a hidden group could be subtracted."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: Fewest answers for a mean or a share; below, only their number is shown.
LEAST_FOR_MEANS = 5
#: Fewest people of a profile who answered a question for their answers to be shown separately.
LEAST_FOR_CROSSES = 10


def mean(counts: Mapping[int, int]) -> float | None:
    """Return the mean of steps, weighted by how many chose each; None below `LEAST_FOR_MEANS`."""
    answers = sum(counts.values())
    if answers < LEAST_FOR_MEANS:
        return None
    return round(sum(step * n for step, n in counts.items()) / answers, 2)


def share(count: int, of: int) -> float | None:
    """Return a share from 0 to 1; None below `LEAST_FOR_MEANS`."""
    return count / of if of >= LEAST_FOR_MEANS else None


def shown_groups(
    sizes: Mapping[str, int], least: int = LEAST_FOR_CROSSES, never: Collection[str] = ()
) -> set[str]:
    """Return the groups that may be shown beside their total; never those of `never`.

    A group below `least` is hidden. Since the total is shown, so is the sum of the hidden ones: if
    that is below `least` too, the smallest of the others is hidden with them, until nobody can work
    out fewer than `least` people together. Ties are broken by id, so that the result is stable.
    """
    people = {group: size for group, size in sizes.items() if size > 0}
    shown = {group for group, size in people.items() if size >= least and group not in never}
    hidden = sum(size for group, size in people.items() if group not in shown)
    while 0 < hidden < least and shown:
        smallest = min(shown, key=lambda group: (people[group], group))
        shown.discard(smallest)
        hidden += people[smallest]
    return shown
