"""Who may do what, where: `permissions.txt` has a line for each route and state, and a column for
each role. A route that is not in it makes these tests fail.

What each decision means in its domain (which moves, which reasons, whose words) is in the tables of
tests/feedback, tests/moderation, tests/dashboard and tests/data_requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from .scene import ROLES, STATES, AbuseCase, Scene
from .writes import FORMS, JSON

TABLE = Path(__file__).with_name("permissions.txt")

#: What a route is about, where the state of the dataset or of the contribution matters.
DEPENDS = (
    "<dataset>",
    "feedback/<id>",
    "feedback/treatments/",
    "better/",
    "requests/<",
)

Row = tuple[str, str, str]


@cache
def table() -> dict[Row, list[str]]:
    """(verb, route, state) → the status for each role, in the order of `ROLES`."""
    rows: dict[Row, list[str]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        verb, route, states, *statuses = line.split()
        for state in states.split("+"):
            rows[verb, route, state] = statuses
    return rows


def depends(route: str) -> bool:
    """Whether what a route answers may depend on a state."""
    return any(part in route for part in DEPENDS)


class TableTest(AbuseCase):
    def expected_rows(self) -> set[Row]:
        return {
            (verb, route, state)
            for verb, route, _rule in self.rules()
            for state in STATES
            if state == "public" or depends(route)
        }

    def test_every_route_is_in_the_table_and_nothing_else(self):
        expected, told = self.expected_rows(), set(table())
        assert sorted(expected - told) == [], "say in permissions.txt who may"
        assert sorted(told - expected) == []
        assert {len(statuses) for statuses in table().values()} == {len(ROLES)}

    @pytest.mark.parametrize("state", STATES)
    def test_each_role_is_answered_what_the_table_says(self, state: str):
        scene = self.scene()
        scene.turn(state)
        wrong = []
        for verb, route, _rule in self.rules():
            if state != "public" and not depends(route):
                continue
            told = table().get((verb, route, state), [])
            for role, expected, found in zip(
                ROLES, told, statuses(scene, verb, route), strict=False
            ):
                if str(found) != expected:
                    wrong.append(f"{verb} {route} {state} {role}: {found}, not {expected}")
        assert not wrong


def statuses(scene: Scene, verb: str, route: str) -> Iterator[int]:
    """What each role is answered, each as if nobody had asked before."""
    write = FORMS.get(route) if verb == "POST" else None
    body = JSON[f"{verb} {route}"].body(scene) if f"{verb} {route}" in JSON else None
    for role in ROLES:
        answer = scene.call(
            role,
            verb,
            scene.address(route, verb),
            json_body=body or None,
            form=write.body(scene) if write else None,
            query_string={"as": "fragment"} if route.startswith("pages/") else None,
        )
        if verb != "GET" and answer.status_code < 400:
            scene.restore()
        yield answer.status_code
