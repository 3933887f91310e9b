"""What may be shown of few people: means from five answers on, a group of people on its own from
ten on, and nothing from which one that is not shown could be subtracted."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: Answers from which a mean or a share is given; below, only how many there are.
LEAST_FOR_MEANS = 5
#: People of a profile who answered a question, from which their answers are shown on their own.
LEAST_FOR_CROSSES = 10


def mean(counts: Mapping[int, int]) -> float | None:
    """The mean of steps, weighted by how many chose each; None below `LEAST_FOR_MEANS`."""
    answers = sum(counts.values())
    if answers < LEAST_FOR_MEANS:
        return None
    return round(sum(step * n for step, n in counts.items()) / answers, 2)


def share(count: int, of: int) -> float | None:
    """A share from 0 to 1; None below `LEAST_FOR_MEANS`."""
    return count / of if of >= LEAST_FOR_MEANS else None


def shown_groups(
    sizes: Mapping[str, int], least: int = LEAST_FOR_CROSSES, never: Collection[str] = ()
) -> set[str]:
    """The groups that may be shown beside the total of them all; those of `never` are not.

    A group below `least` is not shown. Since the total is, so is the sum of those that are not: if
    that is below `least` too, the smallest of the others is hidden with them, until nobody can work
    out less than `least` people together. Ties fall to the id, so that the answer is always the
    same.
    """
    people = {group: size for group, size in sizes.items() if size > 0}
    shown = {group for group, size in people.items() if size >= least and group not in never}
    hidden = sum(size for group, size in people.items() if group not in shown)
    while 0 < hidden < least and shown:
        smallest = min(shown, key=lambda group: (people[group], group))
        shown.discard(smallest)
        hidden += people[smallest]
    return shown
