"""The status table of the design, cell by cell, for everybody."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from babel.dates import format_date
from bson import ObjectId
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.organization.models import Member
from udata.core.user.factories import UserFactory
from udata.tests.helpers import capture_mails

from udata_culture_feedback.data_requests import actions
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.web.refusals import Refusal

from ..cases import P, PluginTestCase, Producer, sysadmin
from .asking import UNLIMITED, as_user, stored

STATUSES = (
    "submitted",
    "acknowledged",
    "needs_clarification",
    "accepted",
    "in_progress",
    "published",
    "declined",
    "duplicate",
    "withdrawn",
)

#: The design's table, written again by hand: who may move from the row to the column. P: acts for
#: the holder; M: moderator, who also is P; R: requester; B: edits for both organizations.
TABLE = {
    "submitted": {
        "acknowledged": "P",
        "needs_clarification": "P",
        "accepted": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "acknowledged": {
        "needs_clarification": "P",
        "accepted": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "needs_clarification": {
        "acknowledged": "PR",
        "accepted": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "accepted": {
        "needs_clarification": "P",
        "in_progress": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "in_progress": {
        "needs_clarification": "P",
        "accepted": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "published": {"acknowledged": "PR"},
    "declined": {"acknowledged": "PR"},
    "duplicate": {"accepted": "M"},
    "withdrawn": {"submitted": "R"},
}

#: What each person is.
ROLES = {
    "anonymous": "",
    "somebody": "",
    "requester": "R",
    "producer_admin": "PB",
    "editor": "PB",
    "partial_editor": "",
    "other_producer": "",
    "sysadmin": "PM",
}


class Asked:
    """A request to an organization, by somebody, and everybody around it."""

    def __init__(self, case: PluginTestCase, **fields: Any):
        producer, self.other = Producer(), Producer()
        self.producer, self.case = producer, case
        self.people = {
            "anonymous": None,
            "somebody": UserFactory(),
            "requester": UserFactory(),
            "producer_admin": producer.admin,
            "editor": producer.editor,
            "partial_editor": producer.partial_editor,
            "other_producer": self.other.admin,
            "sysadmin": sysadmin(),
        }
        self.data = DatasetFactory(organization=producer.organization)
        self.id = self.ask("La fréquentation des musées par mois", **fields)
        self.target = self.ask("La fréquentation mensuelle des musées", "somebody")

    def ask(self, title: str, who: str = "requester", **fields: Any) -> str:
        body = {
            "title": title,
            "description": "Pour étudier les saisons.",
            "kind": "update",
            "organization": str(self.producer.organization.id),
        }
        request, _created = self.does(who, lambda viewer: actions.ask(viewer, body | fields))
        return str(request["_id"])

    def does(self, who: str, what: Any) -> Any:
        """What an action answers to that person, or its refusal."""
        return as_user(self.case.app, self.people[who], what)

    def stands(self, status: str, id: str | None = None) -> None:
        """Puts the request where a test needs it, as earlier moves would have."""
        change: dict[str, Any] = {"$set": {"status": status}, "$unset": {"reopened": ""}}
        if status == "duplicate":
            change["$set"] |= {"merged_from": "accepted", "duplicate_of": ObjectId(self.target)}
        else:
            change["$unset"] |= {"merged_from": "", "duplicate_of": ""}
        requests().update_one({"_id": ObjectId(id or self.id)}, change)

    def body(self, to: str, **more: Any) -> dict[str, Any]:
        return {
            "to": to,
            "message": "Voici.",
            "reason": "not_planned",
            "datasets": [str(self.data.id)],
            "duplicate_of": self.target,
        } | more

    def move(self, who: str, to: str, **more: Any) -> Any:
        """What a move answers, or its refusal."""
        body = self.body(to, **more)
        return self.does(who, lambda viewer: actions.move(viewer, self.id, body))

    def post(self, who: str, to: str, **more: Any) -> Any:
        """The same through the API."""
        path = f"/requests/{self.id}/transitions/"
        return self.case.ask("POST", path, self.body(to, **more), self.people[who])


@pytest.mark.options(**UNLIMITED)
class StatusTableTest(PluginTestCase):
    def test_everybody_is_told_the_moves_of_the_table(self):
        asked = Asked(self)
        for status in STATUSES:
            asked.stands(status)
            for who, is_ in ROLES.items():
                expected = [to for to, may in TABLE[status].items() if set(may) & set(is_)]
                told = asked.does(who, lambda v: actions.allowed_moves(v, stored(asked.id)))
                assert told == expected, (status, who)

    def test_each_cell_does_what_it_says(self):
        asked = Asked(self)
        for status, to, (who, is_) in product(STATUSES, STATUSES, ROLES.items()):
            asked.stands(status)
            result = asked.move(who, to)
            may = TABLE[status].get(to)
            cell = (status, to, who, result)
            if who != "anonymous" and may and set(may) & set(is_):
                assert result["status"] == to, cell
                entry = result["history"][-1]
                assert (entry["from"], entry["to"]) == (status, to), cell
                requests().update_one({"_id": result["_id"]}, {"$set": {"history": []}})
                continue
            assert isinstance(result, Refusal), cell
            expected = 401 if who == "anonymous" else 409 if may is None else 403
            assert result.status == expected, cell
            assert stored(asked.id)["status"] == status, cell
            if expected == 409:
                assert result.details["status"] == status, cell
                assert set(result.details["allowed_transitions"]) <= set(TABLE[status]), cell

    def test_the_api_says_the_same(self):
        asked = Asked(self)
        path = f"/requests/{asked.id}/transitions/"
        told = self.ask("GET", path, user=asked.people["requester"]).json
        assert told == {"status": "submitted", "allowed_transitions": ["withdrawn"]}
        assert self.ask("GET", path).json["allowed_transitions"] == []
        assert asked.post("anonymous", "accepted").status_code == 401
        forbidden = asked.post("requester", "accepted")
        assert (forbidden.status_code, forbidden.json["allowed_transitions"]) == (
            403,
            ["withdrawn"],
        )
        accepted = asked.post("editor", "accepted")
        assert (accepted.status_code, accepted.json["status"]) == (200, "accepted")
        entry = accepted.json["history"][-1]
        assert entry["by"] == {"role": "producer", "name": asked.producer.organization.name}
        impossible = asked.post("editor", "acknowledged")
        assert (impossible.status_code, impossible.json["status"]) == (409, "accepted")
        assert "in_progress" in impossible.json["allowed_transitions"]


#: A move, what is wrong with it, and the field that says so.
LACKS: list[tuple[str, dict[str, Any], str]] = [
    ("declined", {"reason": None}, "reason"),
    ("declined", {"reason": "bad"}, "reason"),
    ("declined", {"message": " "}, "message"),
    ("declined", {"reason": "abusive"}, "reason"),
    ("declined", {"reason": "already_public"}, "urls"),
    ("declined", {"reason": "unfinished"}, "review_at"),
    ("declined", {"reason": "preparatory", "review_at": "2001-01-01"}, "review_at"),
    ("declined", {"reason": "preparatory", "review_at": "2026-02-30"}, "review_at"),
    ("published", {"datasets": []}, "urls"),
    ("published", {"datasets": ["nothing"]}, "datasets"),
    ("published", {"datasets": [], "urls": ["javascript:alert(1)"]}, "urls"),
    ("needs_clarification", {"message": None}, "message"),
    ("duplicate", {"duplicate_of": None}, "duplicate_of"),
    ("duplicate", {"duplicate_of": "nothing"}, "duplicate_of"),
    ("nowhere", {}, "to"),
]


@pytest.mark.options(**UNLIMITED)
class WhatMovesNeedTest(PluginTestCase):
    def test_a_move_names_the_status_that_was_seen(self):
        asked = Asked(self)
        asked.move("editor", "acknowledged")
        late = asked.move("producer_admin", "accepted", **{"from": "submitted"})
        assert (late.status, late.details["status"]) == (409, "acknowledged")
        assert stored(asked.id)["status"] == "acknowledged"
        assert asked.move("producer_admin", "accepted", **{"from": "acknowledged"})

    def test_what_a_move_lacks_is_named(self):
        asked = Asked(self)
        for to, lacks, field in LACKS:
            result = asked.move("editor", to, **lacks)
            assert (result.status, list(result.errors)) == (400, [field]), (to, lacks)

    def test_what_is_not_public_answers_no_request(self):
        asked = Asked(self)
        hidden = DatasetFactory(organization=asked.producer.organization, private=True)
        result = asked.move("editor", "published", datasets=[str(hidden.id)])
        assert list(result.errors) == ["datasets"]

    def test_no_reason_of_convenience_for_unpublished_data(self):
        asked = Asked(self, kind="new")
        assert list(asked.move("editor", "declined").errors) == ["reason"]
        assert asked.move("editor", "declined", reason="not_existing")["status"] == "declined"

    def test_only_moderators_call_a_request_abusive(self):
        asked = Asked(self)
        assert asked.move("sysadmin", "declined", reason="abusive")["status"] == "declined"

    def test_an_editor_merges_only_what_both_go_to_their_organizations(self):
        asked = Asked(self)
        elsewhere = asked.ask(
            "La fréquentation", "somebody", organization=str(asked.other.organization.id)
        )
        result = asked.move("editor", "duplicate", duplicate_of=elsewhere)
        assert result.status == 403
        assert asked.move("sysadmin", "duplicate", duplicate_of=elsewhere)["status"] == "duplicate"

    def test_a_request_is_not_merged_into_itself_nor_into_a_closed_one(self):
        asked = Asked(self)
        for target, status in (
            (asked.id, "submitted"),
            (asked.target, "declined"),
            (asked.target, "withdrawn"),
        ):
            requests().update_one({"_id": ObjectId(target)}, {"$set": {"status": status}})
            result = asked.move("sysadmin", "duplicate", duplicate_of=target)
            assert list(result.errors) == ["duplicate_of"]
        requests().update_one({"_id": ObjectId(asked.target)}, {"$set": {"status": "published"}})
        assert asked.move("sysadmin", "duplicate")["status"] == "duplicate"

    def test_the_requester_reopens_each_decision_once(self):
        asked = Asked(self)
        for decision in ("declined", "published"):
            asked.move("editor", decision)
            assert asked.move("requester", "acknowledged")["status"] == "acknowledged"
            asked.move("editor", decision)
            assert "acknowledged" not in asked.does(
                "requester", lambda v: actions.allowed_moves(v, stored(asked.id))
            )
            assert asked.move("requester", "acknowledged").status == 403
            assert asked.move("sysadmin", "acknowledged")["status"] == "acknowledged"

    def test_a_reopened_request_has_no_data_any_more_but_its_history_does(self):
        asked = Asked(self)
        published = asked.post("editor", "published", partial=True)
        assert published.json["partial"] is True
        assert [d["id"] for d in published.json["fulfilled_by"]["datasets"]] == [str(asked.data.id)]
        reopened = asked.post("requester", "acknowledged").json
        assert (reopened["partial"], reopened["fulfilled_by"]["datasets"]) == (False, [])
        assert reopened["clock"]["due_at"]
        entry = reopened["history"][0]
        assert (entry["partial"], entry["datasets"][0]["id"]) == (True, str(asked.data.id))

    def test_a_history_does_not_grow_without_end(self):
        asked = Asked(self)
        entry = {"from": "submitted", "to": "acknowledged", "by": {"role": "P"}, "at": None}
        full = [entry] * actions.MAX_HISTORY
        requests().update_one({"_id": ObjectId(asked.id)}, {"$set": {"history": full}})
        assert asked.move("editor", "accepted").status == 409

    def test_two_moves_at_once_make_one(self):
        asked = Asked(self)
        seen = stored(asked.id)
        first = actions.replace(seen, seen | {"status": "accepted"})
        second = actions.replace(seen, seen | {"status": "declined"})
        assert (first, second) == (True, False)


@pytest.mark.options(**UNLIMITED)
class ClarificationTest(PluginTestCase):
    def test_anybody_may_answer_and_the_request_goes_on(self):
        asked = Asked(self)
        asked.move("editor", "needs_clarification", message="Quelles années ?")
        paused = self.ask("GET", f"/requests/{asked.id}/").json["clock"]
        assert (paused["paused"], paused["due_at"]) == (True, None)
        path = f"/requests/{asked.id}/messages/"
        said = self.ask("POST", path, {"message": "2015 à 2024."}, asked.people["somebody"])
        assert (said.status_code, said.json["status"]) == (201, "acknowledged")
        shown = self.ask("GET", f"/requests/{asked.id}/").json
        assert shown["history"][-1]["by"]["role"] == "anybody"
        assert (shown["clock"]["paused"], shown["clock"]["due_at"] is None) == (False, False)
        [message] = self.ask("GET", path).json["data"]
        assert (message["text"], message["role"]) == ("2015 à 2024.", "anybody")
        assert message["contributor"]["name"] == asked.people["somebody"].fullname

    def test_what_the_producer_adds_is_no_answer(self):
        asked = Asked(self)
        asked.move("editor", "needs_clarification", message="Quelles années ?")
        for who, status in (("editor", "needs_clarification"), ("requester", "acknowledged")):
            asked.does(who, lambda v: actions.answer(v, asked.id, {"message": "Bonjour."}))
            assert stored(asked.id)["status"] == status

    def test_messages_need_a_person_and_words_and_are_stored_once(self):
        asked = Asked(self)
        path = f"/requests/{asked.id}/messages/"
        somebody = asked.people["somebody"]
        assert self.ask("POST", path, {"message": "Bonjour."}).status_code == 401
        for nothing in ({}, {"message": " "}, {"message": 3}, {"message": None}):
            response = self.ask("POST", path, nothing, somebody)
            assert (response.status_code, list(response.json["errors"])) == (400, ["message"])
        assert self.ask("POST", path, {"message": "x" * 15_001}, somebody).status_code == 413
        body = {"message": "Bonjour.", "submission_id": "abcdefgh"}
        assert [self.ask("POST", path, body, somebody).status_code for _ in "12"] == [201, 200]
        assert self.ask("GET", path).json["total"] == 1
        assert self.ask("GET", path + "?page=2").status_code == 404
        assert self.ask("GET", "/requests/nothing/messages/").status_code == 404

    def test_a_merged_request_is_answered_where_it_went(self):
        asked = Asked(self)
        asked.move("sysadmin", "duplicate")
        result = asked.does(
            "somebody", lambda v: actions.answer(v, asked.id, {"message": "Bonjour."})
        )
        assert (result.status, result.details["duplicate_of"]) == (409, asked.target)

    def test_a_question_after_the_answer_has_a_deadline_too(self):
        asked = Asked(self)
        asked.move("editor", "accepted")
        asked.move("editor", "needs_clarification", message="Quelles années ?")
        clock = stored(asked.id)["clock"]
        assert clock["clarify_by"] is not None
        assert clock["due_at"] is None

    def test_a_question_survives_a_merge(self):
        asked = Asked(self)
        asked.move("editor", "needs_clarification", message="Quelles années ?")
        before = stored(asked.id)["clock"]
        asked.move("sysadmin", "duplicate")
        assert asked.move("sysadmin", "needs_clarification")["clock"] == before

    def test_the_desk_closes_what_nobody_answered(self):
        asked = Asked(self)
        desk = OrganizationFactory(editors=[UserFactory()])
        asked.people["desk"] = desk.members[0].user
        self.app.config["CULTURE_FEEDBACK_DESK"] = desk.slug
        asked.move("editor", "needs_clarification", message="Quelles années ?")
        deadline = stored(asked.id)["clock"]["clarify_by"]
        for days, expected in ((59, 403), (61, None)):
            with freeze_time(deadline + timedelta(days=days)):
                result = asked.move("desk", "declined")
                assert getattr(result, "status", None) == expected
        entry = result["history"][-1]
        assert (entry["by"]["role"], entry["by"]["organization"]) == ("D", desk.id)
        assert asked.move("desk", "acknowledged").status == 403


@pytest.mark.options(**UNLIMITED)
class DeskTest(PluginTestCase):
    def test_a_request_without_holder_is_the_desks_or_the_moderators(self):
        asked = Asked(self, organization=None)
        desk = OrganizationFactory(admins=[UserFactory()])
        asked.people["desk"] = desk.members[0].user
        assert asked.move("desk", "acknowledged").status == 403
        assert asked.move("editor", "acknowledged").status == 403
        assert asked.move("sysadmin", "acknowledged")["status"] == "acknowledged"
        self.app.config["CULTURE_FEEDBACK_DESK"] = str(desk.id)
        assert asked.move("desk", "accepted")["status"] == "accepted"


@pytest.mark.options(**UNLIMITED)
class ConfirmAndExtendTest(PluginTestCase):
    def test_the_requester_confirms_what_was_published_once(self):
        asked = Asked(self)
        confirm = lambda viewer: actions.confirm(viewer, asked.id)  # noqa: E731
        assert asked.does("requester", confirm).status == 409
        asked.move("editor", "published")
        assert asked.does("somebody", confirm).status == 403
        confirmed = asked.does("requester", confirm)["confirmed_at"]
        assert confirmed
        assert asked.does("requester", confirm)["confirmed_at"] == confirmed
        asked.move("editor", "acknowledged")
        assert "confirmed_at" not in stored(asked.id)

    def test_the_date_is_extended_once_for_a_reason(self):
        asked = Asked(self)

        def extend(who: str, **how: Any) -> Any:
            return asked.does(who, lambda viewer: actions.extend(viewer, asked.id, how))

        assert extend("requester", days=10, reason="Archives").status == 403
        for how, field in (
            ({"days": 0, "reason": "Archives"}, "days"),
            ({"days": 400, "reason": "Archives"}, "days"),
            ({"days": True, "reason": "Archives"}, "days"),
            ({"days": 10, "reason": " "}, "reason"),
        ):
            assert list(extend("editor", **how).errors) == [field]
        before = stored(asked.id)["clock"]["due_at"]
        entry = extend("editor", days=10, reason="Archives à trier")["history"][-1]
        assert (entry["extended"], entry["message"]) == (10, "Archives à trier")
        after = stored(asked.id)["clock"]["due_at"]
        assert 9 <= (after - before).days <= 10
        assert extend("editor", days=10, reason="Encore").status == 409
        shown = self.ask("GET", f"/requests/{asked.id}/").json
        assert "Archives à trier" in shown["clock"]["explanation"]


class ExpectedTest(PluginTestCase):
    """When the holder expects to publish: said with a move, changed for a reason."""

    @pytest.fixture(autouse=True)
    def accepted(self, plugin: None, instance_path: None) -> None:
        self.app.config.update(UNLIMITED)
        self.holder = UserFactory()
        museum = OrganizationFactory(members=[Member(user=self.holder, role="admin")])
        asked = {"title": "Horaires", "description": "Par jour.", "kind": "new"}
        self.asker = UserFactory()
        made = self.ask("POST", "/requests/", asked | {"organization": str(museum.id)}, self.asker)
        self.path = f"/requests/{made.json['id']}/"
        self.first, self.second = self.day(90), self.day(120)

    def day(self, days: int) -> str:
        return (date.today() + timedelta(days)).isoformat()

    def move(self, to: str, user: Any = None, **more: Any) -> Any:
        return self.ask("POST", f"{self.path}transitions/", {"to": to} | more, user or self.holder)

    def test_it_is_said_with_a_move_and_shown(self):
        shown = self.move("accepted", expected_on=self.first)
        assert (shown.status_code, shown.json["expected_on"]) == (200, self.first)
        assert shown.json["history"][-1]["expected_on"] == self.first
        in_words = format_date(date.fromisoformat(self.first), "long", locale="en_GB")
        for page in ("/pages/requests/", f"/pages/requests/{shown.json['slug']}/"):
            text = self.client.get(f"{P}{page}?lang=en").get_data(as_text=True)
            assert f"ublication expected on {in_words}" in text

    def test_it_is_changed_for_a_reason_which_is_public(self):
        self.move("accepted", expected_on=self.first)
        silent = self.move("accepted", expected_on=self.second)
        assert (silent.status_code, list(silent.json["errors"])) == (400, ["message"])
        changed = self.move("accepted", expected_on=self.second, message="Un lot manque.")
        assert (changed.status_code, changed.json["expected_on"]) == (200, self.second)
        assert changed.json["status"] == "accepted"
        assert changed.json["history"][-1]["message"] == "Un lot manque."
        moved = self.move("in_progress", expected_on=self.first)
        assert (moved.status_code, list(moved.json["errors"])) == (400, ["message"])
        assert self.move("in_progress").json["expected_on"] == self.second

    @pytest.mark.parametrize("sent", ["2020-01-01", "demain", "2026-02-31"])
    def test_a_day_that_cannot_be_is_named(self, sent: str):
        refused = self.move("accepted", expected_on=sent)
        assert (refused.status_code, list(refused.json["errors"])) == (400, ["expected_on"])

    def test_it_goes_with_no_other_move_and_ends_with_the_decision(self):
        refused = self.move("acknowledged", expected_on=self.first)
        assert (refused.status_code, list(refused.json["errors"])) == (400, ["expected_on"])
        self.move("accepted", expected_on=self.first)
        done = self.move("published", urls=["https://example.org/donnees"])
        assert done.json["expected_on"] is None

    def test_only_who_deals_with_it_says_so(self):
        self.move("accepted")
        assert self.move("accepted", self.asker, expected_on=self.first).status_code == 403
        # Without a day it is a move to where it stands.
        assert self.move("accepted").status_code == 409

    def test_whoever_follows_it_is_told(self):
        self.move("accepted", expected_on=self.first)
        with capture_mails() as sent:
            self.move("accepted", expected_on=self.second, message="Un lot manque.")
        [told] = [mail.body for mail in sent if self.asker.email in mail.recipients]
        in_words = format_date(date.fromisoformat(self.second), "long", locale="fr")
        assert in_words in " ".join(told.split())
        assert "Un lot manque." in told
