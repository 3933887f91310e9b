"""The sample consultations are ones that people could have answered, and everything about them adds
up."""

from __future__ import annotations

import html
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from demo import accounts, catalogue
from demo import consultations as demo
from demo.requests import record_requests
from demo.requests import sample_requests as requests_of_the_demo
from udata_culture_feedback import vocabulary
from udata_culture_feedback.consultations import csv as consultation_csv
from udata_culture_feedback.consultations import permissions, results
from udata_culture_feedback.consultations.models import (
    TextState,
    collected,
    consultations,
    responses,
)
from udata_culture_feedback.consultations.repository import find
from udata_culture_feedback.consultations.window import State, Window
from udata_culture_feedback.contributions.embedded_texts import words
from udata_culture_feedback.people.models import Kind
from udata_culture_feedback.portal.collections import as_of, now

from ..cases import PluginTestCase

PAST, OPEN = demo.samples()["past"], demo.samples()["open"]
OPENS, CLOSES = datetime(2022, 12, 5, 23), datetime(2023, 2, 6, 23)
ANSWERS = demo.sample_answers(PAST, OPENS, CLOSES)


def test_they_are_the_same_each_time() -> None:
    assert len(ANSWERS) == 800
    assert demo.sample_answers(PAST, OPENS, CLOSES) == ANSWERS
    assert len({answer.who for answer in ANSWERS}) == 800


def test_they_come_in_time_from_people_of_every_kind() -> None:
    assert all(OPENS < answer.at < CLOSES for answer in ANSWERS)
    kinds = Counter(answer.kind for answer in ANSWERS)
    assert set(kinds) == {Kind.USER, Kind.CONFIRMED, Kind.UNVERIFIED, None}
    assert kinds[None] == demo.BY_TEAM
    known = {term.id for term in vocabulary.PROFILES}
    assert {answer.profile for answer in ANSWERS} == {*demo.samples()["people"], None}
    assert set(demo.samples()["people"]) < known


def test_answers_lean_the_way_people_of_that_profile_would() -> None:
    def share(profile: str, question: str, answer: Any) -> float:
        given = [a.answers.get(question) for a in ANSWERS if a.profile == profile]
        return given.count(answer) / len(given)

    assert share("individual", "frequency", "never") > 4 * share("developer", "frequency", "never")
    assert share("tourism", "first", "georeferencing") > share(
        "researcher", "first", "georeferencing"
    )


def test_who_was_not_asked_does_not_answer() -> None:
    assert all(
        answer.answers["frequency"] == "never" for answer in ANSWERS if "barriers" in answer.answers
    )


def test_what_is_named_exists() -> None:
    named = set(demo.samples()["words"]["used"]) | {one["dataset"] for one in PAST["opinions"]}
    assert named <= set(catalogue.remote_ids())
    asked = {one["key"] for one in (*requests_of_the_demo(), *PAST["requests"])}
    linked = {one["request"] for one in PAST["commitments"] if "request" in one}
    assert linked <= asked
    assert set(demo.samples()["words"]["uses"]) == {*demo.samples()["people"], "other"}


@pytest.mark.options(
    CULTURE_FEEDBACK_DESK="ministere-de-la-culture",
    CULTURE_FEEDBACK_TOKEN_KEY="a key for tokens, for tests only",
    CULTURE_FEEDBACK_EMAIL_HASH_KEY="a key for hashes, for tests only",
    CULTURE_FEEDBACK_EMAIL_KEYS=["ZGVtbzogZXZlcnlib2R5IGtub3dzIHRoaXMga2V5ISE="],
)
class RecordedTest(PluginTestCase):
    """All of it at once: loading the demo takes a while."""

    def test_they_are_recorded_as_people_would(self) -> None:
        accounts.load_accounts()
        catalogue.load_catalogue()
        record_requests()
        assert demo.record_consultations() == PAST["responses"] + OPEN["responses"]

        slugs = demo.addresses()
        past, current = find(slugs["past"]), find(slugs["open"])
        assert past is not None
        assert current is not None
        self.past(past)
        self.current(current)
        assert "Every figure is right" in self.cli("feedback recount --check").output
        assert accounts.find(accounts.CONSULTER).has_role(permissions.ROLE)

        # A second start changes nothing; one long after has another that is open.
        before = {one["_id"]: one["version"] for one in consultations().find()}
        assert demo.record_consultations() == 0
        assert {one["_id"]: one["version"] for one in consultations().find()} == before
        with as_of(current["closes_at"] + timedelta(days=3)):
            assert demo.record_consultations() == OPEN["responses"]
            assert demo.addresses()["open"] != slugs["open"]

    def past(self, past: dict[str, Any]) -> None:
        assert (past["opens_at"], past["closes_at"]) == (OPENS, CLOSES)
        shown = results.read(past)
        assert shown["responses"]["total"] == 800
        channels = {channel: n for channel, n in shown["responses"]["channels"].items() if n}
        assert channels == {"web": 774, "phone": 9, "post": 17}
        assert len(shown["responses"]["profiles"]) >= 10
        first = shown["questions"][0]
        drawn = Counter(answer.answers["frequency"] for answer in ANSWERS)
        assert {one["id"]: one["count"] for one in first["options"]} == drawn
        opinions = sum(one["answers"] for one in PAST["opinions"])
        assert shown["feedback"]["total"] == opinions == collected().count_documents({})
        assert shown["requests"][0]["title"] == PAST["requests"][0]["title"]

        release = consultation_csv.released(past)
        assert not release.tables_only
        rows = list(consultation_csv.response_rows(past, release))
        groups = Counter((row.month, row.channel, row.profile) for row in rows)
        assert sum(groups.values()) == 800
        assert min(groups.values()) >= 10, groups
        assert len(groups) > 12

        synthesis = results.synthesis(past)
        assert synthesis is not None
        statuses = [(one["request"] or {}).get("status") for one in synthesis["commitments"]]
        assert statuses.count("published") >= 3  # some are kept
        assert {"in_progress", "declined"} <= set(statuses)

        states = Counter(
            text["state"]
            for one in responses().find({"consultation": past["_id"]}, {"texts": 1})
            for text in one.get("texts") or ()
        )
        assert states[TextState.PUBLIC] > 20 * states[TextState.HIDDEN] > 0
        waits = {"visibility": "pending", "review.since": {"$exists": True}}
        assert words().count_documents(waits) == states[TextState.PENDING] > 0
        private = demo.samples()["words"]["private"]
        public = {"texts": {"$elemMatch": {"text": {"$in": private}, "state": "public"}}}
        assert responses().find_one(public) is None
        ticked = {"consultation": past["_id"], "open_data": True, "texts.id": {"$exists": True}}
        assert responses().count_documents(ticked) > 100

    def current(self, current: dict[str, Any]) -> None:
        window = Window.of(current)
        assert window.state(now()) is State.OPEN
        assert 21 <= window.days_left(now()) <= 60
        in_scope = 0
        for dataset in catalogue.find_datasets().values():
            page = self.ask("GET", f"/pages/datasets/{dataset.id}/?lang=fr")
            text = html.unescape(page.get_data(as_text=True))
            # Spaces that do not break stand before its "?".
            in_scope += " ".join(current["title"]["fr"].split()) in " ".join(text.split())
        assert in_scope >= 10
