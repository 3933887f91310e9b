"""Several comments answered at once, half a minute before anybody is told."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from udata_culture_feedback.feedback import pending_answers
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.feedback.pending_answers import pending
from udata_culture_feedback.mail import outbox
from udata_culture_feedback.portal.collections import now

from ..cases import Producer
from ..data_requests.asking import UNLIMITED
from .producing import say
from .test_inbox import InboxCase
from .test_pages import text_of


@pytest.mark.options(**UNLIMITED)
class SeveralTest(InboxCase):
    def comments(self, producer: Producer, number: int) -> list[str]:
        asked: dict[str, Any] = {"comment": "Texte", "wants_answer": True}
        return [str(id) for id in say(producer.dataset, number, **asked)]

    def answer(self, producer: Producer, query: str = "waiting=1", **form: Any) -> Any:
        return self.send(producer, query, **{"several": "1", "status": "planned"} | form)

    def statuses(self, ids: list[str]) -> set[str]:
        found = feedbacks().find({"_id": {"$in": [ObjectId(id) for id in ids]}})
        return {one["treatment"]["status"] for one in found}

    @staticmethod
    def time_passes() -> None:
        pending().update_many({}, {"$set": {"due_at": now() - timedelta(seconds=1)}})

    def template(self, producer: Producer, text: str = "Merci pour « {titre} ».") -> str:
        path = f"/organizations/{producer.organization.id}/answer-templates/"
        made = self.ask("POST", path, {"name": "Merci", "text": text}, producer.editor)
        id: str = made.json["id"]
        return id

    def test_nothing_is_told_for_half_a_minute_then_each_has_its_own_answer(self) -> None:
        producer = Producer(title="Musées")
        ids = self.comments(producer, 10)
        sent = self.answer(producer, ids=ids, template=self.template(producer))
        assert sent.status_code == 303, sent.text
        page = text_of(self.inbox(producer, "waiting=1"))
        assert re.search(r"10 answers leave in \d+ seconds", page)
        assert "Leaves in a moment" in page
        assert pending_answers.apply_due() == 0
        assert self.statuses(ids) == {"new"}
        self.time_passes()
        outbox.CAUGHT_UP["pending_answers"]()  # also where the task was lost
        assert self.statuses(ids) == {"planned"}
        assert self.treatment(ids[3])["answer"] == "Merci pour « Musées »."
        assert "leave in" not in text_of(self.inbox(producer, "waiting=1"))

    def test_until_then_they_can_be_taken_back_or_kept_longer(self) -> None:
        producer = Producer()
        ids = self.comments(producer, 3)
        self.answer(producer, ids=ids, answer="En avril.")
        [one] = pending().find()
        self.send(producer, "waiting=1", prolong=str(one["_id"]))
        [later] = pending().find()
        assert later["due_at"] > one["due_at"] + timedelta(seconds=60)
        undone = self.send(producer, "waiting=1", undo=str(one["_id"]))
        assert "said=undone" in undone.location
        self.time_passes()
        assert pending_answers.apply_due() == 0
        assert self.statuses(ids) == {"new"}

    def test_what_has_left_is_not_taken_back_and_nobody_else_may(self) -> None:
        producer = Producer()
        ids = self.comments(producer, 1)
        self.answer(producer, ids=ids, answer="En avril.")
        [one] = pending().find()
        other = self.send(producer, "waiting=1", producer.admin, undo=str(one["_id"]))
        assert other.status_code == 409
        self.time_passes()
        self.inbox(producer)  # their author comes back before any task ran
        assert self.statuses(ids) == {"planned"}
        assert self.send(producer, "waiting=1", undo=str(one["_id"])).status_code == 409
        assert self.send(producer, "waiting=1", undo="x").status_code == 409

    def test_placeholders_of_a_text_are_shown_filled_in_before_it_is_sent(self) -> None:
        producer = Producer(title="Musées")
        ids = self.comments(producer, 5)
        text = "Au sujet de {titre} ({avis})."
        page = self.answer(producer, ids=ids, answer=text, preview="1")
        assert page.status_code == 200
        words = text_of(page.text)
        assert words.count("Au sujet de Musées (En partie).") == 3
        assert "3 / 5" in words
        assert text in html.unescape(page.text)
        assert not pending().count_documents({})

    def test_a_template_is_put_into_the_text_in_place(self) -> None:
        producer = Producer()
        ids = self.comments(producer, 2)
        page = self.answer(producer, ids=ids, template=self.template(producer), insert="1")
        assert "Merci pour « {titre} »." in html.unescape(page.text)
        assert len(re.findall(r"data-check checked", page.text)) == 2

    def test_nothing_ticked_keeps_all_that_was_chosen(self) -> None:
        producer = Producer()
        self.comments(producer, 2)
        template, assignee = self.template(producer), str(producer.admin.id)
        for form in (
            {"template": template, "assignee": assignee},
            {"template": template, "assignee": assignee, "preview": "1"},
        ):
            page = self.answer(producer, answer="Mon texte.", **form)
            assert page.status_code == 400
            bulk = page.text[page.text.index('id="cf-several"') :].split("</details>")[0]
            assert "Choose at least one comment." in text_of(bulk)
            assert "Mon texte." in bulk
            assert f'<option value="{template}" selected>' in bulk
            assert f'<option value="{assignee}" selected>' in bulk
            assert "Texte" in text_of(page.text)  # the list is there

    def test_all_of_the_view_are_answered_their_number_typed_where_they_are_many(self) -> None:
        producer = Producer()
        ids = self.comments(producer, 130)
        say(producer.dataset, comment="N’attend rien")
        assert "All 130 comments of this view" in text_of(self.inbox(producer, "waiting=1"))
        for number in ("", "12"):
            refused = self.answer(producer, scope="view", answer="Oui.", number=number)
            assert refused.status_code == 400
            assert "130" in text_of(refused.text)
        sent = self.answer(producer, scope="view", answer="Oui.", number="130")
        assert sent.status_code == 303
        self.time_passes()
        pending_answers.apply_due()
        assert self.statuses(ids) == {"planned"}
        assert feedbacks().count_documents({"treatment.status": "new"}) == 1

    def test_what_is_refused_meanwhile_is_said_once(self) -> None:
        producer = Producer()
        ids = self.comments(producer, 2)
        self.answer(producer, ids=ids, answer="En avril.")
        feedbacks().update_one(
            {"_id": ObjectId(ids[0])}, {"$set": {"deleted": now(), "visibility": "hidden"}}
        )
        self.time_passes()
        page = text_of(self.inbox(producer, "waiting=1"))
        assert "1 comment was not answered" in page
        [one] = pending().find()
        self.send(producer, "waiting=1", forget=str(one["_id"]))
        assert "was not answered" not in text_of(self.inbox(producer, "waiting=1"))
        assert self.statuses(ids[1:]) == {"planned"}

    def test_comments_of_somebody_else_are_left_alone(self) -> None:
        producer, other = Producer(), Producer()
        theirs = self.comments(other, 1)
        assert self.answer(producer, ids=theirs, answer="Oui.").status_code == 403
        both = self.answer(producer, ids=[*theirs, *self.comments(producer, 1)], answer="Oui.")
        assert both.status_code == 303
        self.time_passes()
        pending_answers.apply_due()
        assert self.statuses(theirs) == {"new"}

    def test_the_answer_of_before_leads_to_the_next_with_the_same_outcome_chosen(self) -> None:
        producer = Producer()
        first, second = reversed(self.comments(producer, 2))
        sent = self.send(
            producer, f"waiting=1&read={first}", status="planned", answer="Oui.", next=second,
            **{"from": "new"},
        )  # fmt: skip
        page = self.inbox(producer, sent.location.partition("?")[2].partition("#")[0])
        assert re.search(r'name="status" value="planned" checked', page)
