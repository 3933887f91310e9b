"""Nothing on the page of results tells what few people answered: by brute force over small worlds,
read from the page itself."""

from __future__ import annotations

import html
import re
from collections import Counter
from datetime import datetime
from itertools import product
from typing import Any

import pytest
from bson import ObjectId

from udata_culture_feedback.consultations import figures
from udata_culture_feedback.consultations.models import (
    consultations,
    of_feedback,
    of_responses,
    results,
)

from .consulting import AFTER, BEFORE, UNLIMITED, ConsultationCase, freeze_time, stored

#: People of three profiles, and those who say none: sizes around what may be shown.
SIZES = (0, 4, 9, 10, 15)
PROFILES = ("student", "researcher", "tourism", None)
CHANNEL = {
    "channel": "web",
    "contributor": {"kind": "user"},
    "sent_at": datetime(2023, 1, 9, 12),
}


@pytest.mark.options(**UNLIMITED)
class FewPeopleTest(ConsultationCase):
    @pytest.fixture(autouse=True)
    def made_and_closed(self, plugin: Any, instance_path: Any) -> None:
        with freeze_time(BEFORE):
            self.made = self.make()
        self.id = ObjectId(self.made["id"])
        consultations().update_one(
            {"_id": self.id}, {"$set": {"collected": stored(self.made)["closes_at"]}}
        )
        self.questions = stored(self.made)["questions"]

    def page(self, groups: dict[str | None, int], since: dict[str, int] | None = None) -> str:
        """The page of results of a world where so many of each profile have answered."""
        totals: Counter[str] = Counter()
        for profile, people in groups.items():
            for number in range(people):
                answers = {"use": "no" if number == 0 else "yes", "themes": ["museums"]}
                said = CHANNEL | {
                    "profile": profile,
                    "answers": answers | {"satisfied": 1 + number % 4},
                }
                live = figures.live_totals(self.questions, said)
                snapshot = {"totals": live, "profile": profile or figures.NO_PROFILE}
                totals.update(figures.RESPONSES.effect(snapshot, {}))
        self.put(of_responses(self.id), dict(totals))
        during = {f"axis:completeness:{step}": 2 for step in range(1, 6)} | {"total": 10}
        self.put(of_feedback(self.id), during, {"totals": since or {}, "datasets": 1})
        with freeze_time(AFTER):
            response = self.ask("GET", f"/pages/consultations/{self.made['slug']}/results/?lang=en")
        assert response.status_code == 200
        return html.unescape(response.get_data(as_text=True))

    def put(self, id: str, totals: dict[str, int], since: Any = None) -> None:
        kept = {"_id": id, "v": 1, "totals": totals} | ({"since": since} if since else {})
        results().replace_one({"_id": id}, kept, upsert=True)

    def test_nobody_works_out_from_the_page_what_fewer_than_ten_answered(self):
        for sizes in product(SIZES, repeat=len(PROFILES)):
            if sorted(sizes[:3]) != list(sizes[:3]):
                continue  # which profile is which does not matter
            groups = dict(zip(PROFILES, sizes, strict=True))
            total = sum(sizes)
            for shown in crosses(self.page(groups)):
                people = {label: sum(column) for label, column in shown.items()}
                assert all(n >= 10 for n in people.values()), groups
                hidden = total - sum(people.values())
                assert not people or hidden == 0 or hidden >= 10, groups
                assert Counter(people.values()) <= Counter(groups.values())

    def test_of_fewer_than_five_there_is_a_number_and_no_share(self):
        for people in range(6):
            page = self.page({"student": people})
            result = page.split('id="cf-q-use"')[-1].split('id="cf-q-themes"')[0]
            assert ("%" in result) is (people >= 5), people
            assert ("cf-chart" in result) is (people >= 5), people
            assert ("responses, mean" in page) is (people >= 5), people

    def test_what_is_said_since_of_few_is_not_shown_beside(self):
        for people in (1, 4, 5):
            page = self.page({"student": 12}, since={"axis:completeness:4": people})
            assert ("Since, on updated data" in page) is (people >= 5), people


def crosses(page: str) -> list[dict[str, list[int]]]:
    """The tables by profile of questions of which one answer at most is counted: for each profile,
    how many gave each answer."""
    found = []
    for question in ("use", "satisfied"):
        result = page.split(f'id="cf-q-{question}"')[-1].split('<div class="cf-result">')[0]
        folded = result.split('<details class="cf-fold">')[1:]
        if not folded:
            continue
        labels = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', folded[0])[1:]
        rows = [
            [int(n) for n in re.findall(r"<td[^>]*>(\d+)", row)]
            for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", folded[0], re.S)
        ]
        columns = dict(
            zip(labels, (list(column) for column in zip(*rows, strict=True)), strict=True)
        )
        columns.pop("All")
        found.append(columns)
    return found
