"""Generalise the rows of a public file, so that no person is in a group of fewer than ten: first
leave out the month, then how it was given, then the profile; and answers given by fewer than ten
people.

A row is identified by the values that others may know of a person together (its quasi-identifiers).
Rows with equal values are always treated alike: whoever knows a person's values finds all of those
rows, with at least `least` others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

#: The values of a row that others may know, in the order in which they are left out.
Known = tuple[Any, ...]


def generalised(sizes: Mapping[Known, int], least: int) -> dict[Known, Known]:
    """Map each combination of values to what is published: itself, or without its first values.
    `sizes`: how many rows have each. Every published combination has at least `least` rows, or all
    of them are empty."""
    if not sizes:
        return {}
    width = len(next(iter(sizes)))
    published: dict[Known, Known] = {}
    rest = dict(sizes)
    for blanks in range(width):
        groups: Counter[Known] = Counter()
        for known, size in rest.items():
            groups[_without(known, blanks)] += size
        for known in list(rest):
            if groups[_without(known, blanks)] >= least:
                published[known] = _without(known, blanks)
                del rest[known]
    empty = (None,) * width
    published |= dict.fromkeys(rest, empty)
    return _with_enough_empty(sizes, published, empty, least)


def _with_enough_empty(
    sizes: Mapping[Known, int], published: dict[Known, Known], empty: Known, least: int
) -> dict[Known, Known]:
    """Empty the smallest groups too, until the rows without any value are at least `least`, or
    none."""
    while True:
        groups: Counter[Known] = Counter()
        for known, size in sizes.items():
            groups[published[known]] += size
        if not 0 < groups[empty] < least or len(groups) == 1:
            return published
        smallest = min(
            (group for group in groups if group != empty), key=lambda one: (groups[one], repr(one))
        )
        for known, group in published.items():
            if group == smallest:
                published[known] = empty


def rare_values(sizes: Mapping[Any, int], silent: int, least: int) -> set[Any]:
    """Return the values of an answer to hide: those of fewer than `least` people and, where these
    together with the `silent` ones are still fewer than `least`, the next smallest."""
    hidden = {value for value, size in sizes.items() if 0 < size < least}
    if not hidden:
        return set()
    left = sorted((size, repr(value), value) for value, size in sizes.items() if size >= least)
    people = silent + sum(sizes[value] for value in hidden)
    while people < least and left:
        size, _name, value = left.pop(0)
        hidden.add(value)
        people += size
    return hidden


def _without(known: Known, blanks: int) -> Known:
    return (None,) * blanks + known[blanks:]
