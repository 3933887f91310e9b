"""``python -m tools.fit_search``: learn from the labelled queries what of an entry says that it is
what a query asks for, and print the weights for `search/similar.py`.

Logistic regression by Newton's method. Cross-validated: each set
is tried with what was learnt from the others.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from operator import mul
from pathlib import Path

import mongoengine
from bson import ObjectId

from demo.mongod import EmbeddedMongod
from tests.search.scoring import SIDES, Query, Score, ask, load_catalogue, read_queries, score
from udata_culture_feedback.search import similar
from udata_culture_feedback.search.understanding import understood

Row = tuple[similar.Signs, bool]
Slugs = dict[ObjectId, str]
STEPS, RIDGE = 25, 0.3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongod(Path(folder)) as mongod:
        mongoengine.connect(host=f"{mongod.uri}/search", uuidRepresentation="standard")
        slugs, queries = load_catalogue(), read_queries()
        rows = {query.text: _rows(query, slugs) for query in queries}
        for name in dict.fromkeys(query.set for query in queries):
            weights = _fit([row for q in queries if q.set != name for row in rows[q.text]])
            tried = [query for query in queries if query.set == name]
            print(f"{name} set, learnt from the others: {_tried(weights, tried, slugs)}")
        weights = _fit([row for some in rows.values() for row in some])
        print(f"all, learnt from all: {_tried(weights, queries, slugs)}")
        print(weights)


def _rows(query: Query, slugs: Slugs) -> list[Row]:
    """List the features of each compared entry, and whether it is expected."""
    wanted = understood(query.text)
    compared = [
        one
        for kind in similar.KINDS
        for one in similar.candidates(kind, wanted, similar.CANDIDATES // 2)
    ]
    expected = {slug for side in SIDES for slug in query.expected[side]}
    return [
        (signs, slugs[one.id] in expected)
        for one, signs in zip(compared, similar.signs_of(wanted, compared), strict=True)
        if slugs[one.id] not in query.tolerated
    ]


def _fit(rows: Sequence[Row]) -> similar.Signs:
    size = len(similar.Signs._fields)
    weights = [0.0] * size
    for _step in range(STEPS):
        gradient = [-RIDGE * weight for weight in weights]
        curve = [[RIDGE * (i == j) for j in range(size)] for i in range(size)]
        for signs, right in rows:
            guess = 1 / (1 + math.exp(-sum(map(mul, weights, signs))))
            for i, sign in enumerate(signs):
                gradient[i] += (right - guess) * sign
                for j, other in enumerate(signs):
                    curve[i][j] += guess * (1 - guess) * sign * other
        weights = [sum(both) for both in zip(weights, _solve(curve, gradient), strict=True)]
    return similar.Signs(*(round(weight, 2) for weight in weights))


def _solve(matrix: list[list[float]], wanted: list[float]) -> list[float]:
    """Solve a linear system by Gauss-Jordan: the matrix is small, and definite thanks to the
    ridge."""
    rows = [[*row, value] for row, value in zip(matrix, wanted, strict=True)]
    for i, pivot in enumerate(rows):
        rows[i] = pivot = [value / pivot[i] for value in pivot]
        for j, row in enumerate(rows):
            if j != i:
                rows[j] = [a - row[i] * b for a, b in zip(row, pivot, strict=True)]
    return [row[-1] for row in rows]


def _tried(weights: similar.Signs, queries: list[Query], slugs: Slugs) -> Score:
    similar.LEARNT = weights
    ask(queries, slugs)
    return score(queries)


if __name__ == "__main__":
    main()
