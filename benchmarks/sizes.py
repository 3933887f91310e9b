"""The amounts in each database that is measured, and the ids of what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bson import ObjectId

#: Version of the seeded data: a database filled by another version is made anew.
VERSION = 2

DATASETS = 5000
#: One dataset in this many belongs to the same organization.
OF_ONE = 5
#: Numbers of special people: the first administers that organization, the second the portal.
PRODUCER, ADMINISTRATOR = 0, 1

# Kinds of ids.
PERSON, ORGANIZATION, DATASET, FEEDBACK, DISCUSSION, REQUEST, SUPPORT = range(1, 8)


def id_of(kind: int, n: int) -> ObjectId:
    """Return the id of the n-th document of a kind: the same in every database, in their order,
    older than any generated id."""
    return ObjectId(f"{'65' + '0' * 14}{kind:02x}{n:06x}")


@dataclass(frozen=True)
class Size:
    """A size of database: `feedback` opinions; a tenth as many requests, as many supports."""

    name: str
    feedback: int
    datasets: int = DATASETS

    @property
    def requests(self) -> int:
        return self.feedback // 10

    @property
    def supports(self) -> int:
        return self.feedback

    @property
    def people(self) -> int:
        """Number of people: enough for the dataset, and for the request, that most people spoke
        of."""
        most = max(shares(self.feedback, self.datasets)[0], shares(self.supports, self.requests)[0])
        return most + 100


SIZES = {
    size.name: size
    for size in (
        Size("tiny", 600, datasets=100),
        Size("1k", 6000),
        Size("10k", 10_000),
        Size("100k", 100_000),
        Size("1M", 1_000_000),
    )
}


@cache
def shares(number: int, among: int) -> tuple[int, ...]:
    """Share out `number` things among this many others, the r-th of which gets a share of 1/r; none
    is left without where there are enough. They add up to `number`."""
    least = 1 if number >= among else 0
    whole = sum(1 / rank for rank in range(1, among + 1))
    rest = number - least * among
    found = [least + int(rest / rank / whole) for rank in range(1, among + 1)]
    for n in range(number - sum(found)):
        found[n % among] += 1
    return tuple(found)
