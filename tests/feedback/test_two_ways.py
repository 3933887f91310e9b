"""Our treatment and udata's discussion stay in step, both ways, whatever comes twice or late."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from bson import ObjectId
from udata.core.discussions.models import Discussion
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.features.notifications.models import Notification
from udata.tests.helpers import capture_mails

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.feedback import discussion as told
from udata_culture_feedback.feedback import discussion_sync
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.feedback.treatment_history import essence
from udata_culture_feedback.people.service_account import SERVICE_EMAIL

from ..cases import Producer, sysadmin
from .background import broker_down, stopped_workers
from .test_discussions import DiscussionTestCase

WORDS = "Il manque les musées d’outre-mer."


class TwoWaysTestCase(DiscussionTestCase):
    def given(self, producer: Producer, author: User | None = None, **answer: Any) -> Any:
        answer = {"comment": WORDS, "wants_answer": True} | answer
        return self.give(author or UserFactory(), producer.dataset, **answer)

    def treat(self, feedback: Any, user: User, **payload: Any) -> None:
        response = self.ask("PUT", f"/feedback/{feedback['id']}/treatment/", payload, user)
        assert response.status_code == 200, response.json

    def close(self, feedback: Any, user: User, comment: str | None = None) -> None:
        body = {"close": True} | ({"comment": comment} if comment else {})
        self.native("POST", f"/discussions/{self.discussion_of(feedback).id}/", body, user)

    def treatment(self, feedback: Any) -> dict[str, Any]:
        return self.stored(feedback["id"])["treatment"]

    def status(self, feedback: Any) -> str:
        return self.treatment(feedback)["status"]

    def said(self, feedback: Any) -> list[str]:
        return [message.content for message in self.discussion_of(feedback).discussion]


class ThereTest(TwoWaysTestCase):
    """What is answered here is a comment there."""

    def test_an_answer_is_a_comment_in_the_name_of_the_organization(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        with capture_mails() as mails:
            self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        discussion = self.discussion_of(feedback)
        comment = discussion.discussion[1]
        assert comment.content == "En avril."
        assert comment.posted_by == producer.editor
        assert comment.posted_by_organization == producer.organization
        assert str(comment.id) == self.treatment(feedback)["message"]
        assert discussion.closed is None
        # udata tells the author, once, and we do not tell them again.
        assert [mail.recipients for mail in mails if author.email in mail.recipients] == [
            [author.email]
        ]
        bell = Notification.objects(user=author)
        assert [n.details.discussion for n in bell] == [discussion]

    @pytest.mark.parametrize("times", [1, 3])
    def test_it_is_there_once_however_often_it_is_told(self, times):
        producer = Producer()
        feedback = self.given(producer)
        with stopped_workers():
            self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        assert self.said(feedback) == [WORDS]
        for _ in range(times):
            told.tell(ObjectId(feedback["id"]))
            maintenance.maintain()
        assert self.said(feedback) == [WORDS, "En avril."]

    def test_another_answer_rewrites_the_comment(self):
        producer = Producer()
        feedback = self.given(producer)
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        self.reply(self.discussion_of(feedback), UserFactory(), "J’attends aussi.")
        self.treat(feedback, producer.admin, status="resolved", answer="C’est fait.")
        assert self.said(feedback) == [WORDS, "C’est fait.", "J’attends aussi."]
        assert self.discussion_of(feedback).discussion[1].last_modified_at is not None

    def test_it_joins_a_thread_its_author_has_closed(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        self.close(feedback, author)
        self.treat(feedback, producer.editor, status="resolved", answer="Corrigé tout de même.")
        assert self.said(feedback) == [WORDS, "Corrigé tout de même."]

    def test_without_words_the_answer_stays_here(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author, comment=None)
        with capture_mails() as mails:
            self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        assert Discussion.objects.count() == 0
        # Words that come later are no question to that answer.
        self.edit(feedback, author, comment=WORDS)
        assert self.said(feedback) == [WORDS]
        to_author = [mail for mail in mails if author.email in mail.recipients]
        assert len(to_author) == 1
        assert "En avril." in to_author[0].body

    def test_words_that_wait_for_the_public_wait_with_their_answer(self):
        producer = Producer(private=True)
        feedback = self.given(producer, producer.admin)
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        assert Discussion.objects.count() == 0
        producer.dataset.reload()
        producer.dataset.private = False
        producer.dataset.save()
        assert self.said(feedback) == [WORDS, "En avril."]

    def test_somebody_who_answers_from_an_organization_of_their_own_speaks_for_none(self):
        producer, admin = Producer(), sysadmin()
        feedback = self.given(producer)
        self.treat(feedback, admin, status="acknowledged", answer="Transmis au musée.")
        comment = self.discussion_of(feedback).discussion[1]
        assert (comment.posted_by, comment.posted_by_organization) == (admin, None)

    def test_answers_in_bulk_are_each_in_their_own_thread(self):
        producer = Producer()
        given = [self.given(producer, comment=f"{WORDS} {n}") for n in range(3)]
        body = {"ids": [g["id"] for g in given], "status": "resolved", "answer": "Fait."}
        assert self.ask("POST", "/feedback/treatments/", body, producer.editor).json["done"] == 3
        for n, feedback in enumerate(given):
            assert self.said(feedback) == [f"{WORDS} {n}", "Fait."]

    def test_taking_back_ones_words_leaves_the_answer_in_the_thread(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        discussion = self.discussion_of(feedback)
        self.erase(feedback, author)
        discussion.reload()
        assert discussion.discussion[1].content == "En avril."
        assert WORDS not in discussion.discussion[0].content
        assert feedbacks().count_documents({}) == 0

    def test_a_comment_deleted_there_does_not_come_back(self):
        producer = Producer()
        feedback = self.given(producer)
        self.treat(feedback, producer.editor, status="planned", answer="Oups")
        discussion = self.discussion_of(feedback)
        message = discussion.discussion[1].id
        self.native(
            "DELETE", f"/discussions/{discussion.id}/comments/{message}/", user=producer.editor
        )
        told.tell(ObjectId(feedback["id"]))
        maintenance.maintain()
        assert self.said(feedback) == [WORDS]
        assert "answer" not in self.treatment(feedback)
        assert self.status(feedback) == "planned"
        self.treat(feedback, producer.editor, status="planned", answer="En mai.")
        assert self.said(feedback) == [WORDS, "En mai."]

    def test_a_comment_rewritten_there_is_the_answer_here(self):
        producer = Producer()
        feedback = self.given(producer)
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        discussion = self.discussion_of(feedback)
        path = f"/discussions/{discussion.id}/comments/{discussion.discussion[1].id}/"
        self.native("PUT", path, {"comment": "En juin."}, producer.admin)
        assert self.treatment(feedback)["answer"] == "En juin."
        maintenance.maintain()
        assert self.said(feedback) == [WORDS, "En juin."]
        self.treat(feedback, producer.editor, status="planned", answer="En mai.")
        assert self.said(feedback) == [WORDS, "En mai."]

    def test_a_comment_that_udata_lost_is_put_back_by_maintenance(self):
        """udata writes the whole list of messages: of two people at once, one may be lost."""
        producer = Producer()
        feedback = self.given(producer)
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        Discussion._get_collection().update_one({}, {"$pop": {"discussion": 1}})
        assert self.said(feedback) == [WORDS]
        assert maintenance.maintain()["threads_mended"] == 1
        assert self.said(feedback) == [WORDS, "En avril."]
        assert maintenance.maintain()["threads_mended"] == 0

    def test_what_an_account_had_deleted_is_not_put_back(self):
        producer = Producer()
        feedback = self.given(producer)
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        User.objects.get(id=producer.editor.id).mark_as_deleted(notify=False, delete_comments=True)
        maintenance.maintain()
        assert self.said(feedback) == [WORDS, "DELETED"]
        assert "answer" not in self.treatment(feedback)


class HereTest(TwoWaysTestCase):
    """What is said and done there moves the treatment here."""

    @pytest.mark.parametrize("role", ["admin", "editor", "assigned"])
    def test_a_reply_of_the_producer_is_the_answer(self, role):
        producer = Producer()
        feedback = self.given(producer)
        self.reply(self.discussion_of(feedback), getattr(producer, role), "Merci, nous regardons.")
        treatment = self.treatment(feedback)
        assert (treatment["status"], treatment["answer"]) == (
            "acknowledged",
            "Merci, nous regardons.",
        )
        assert treatment["first_answered_at"] == treatment["answered_at"]
        assert self.summary(producer.dataset)["treatment"]["acknowledged"] == 1

    def test_a_reply_of_anybody_else_is_none(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        discussion = self.discussion_of(feedback)
        others = (UserFactory(), producer.partial_editor, Producer().admin, sysadmin())
        for user in (author, *others):
            self.reply(discussion, user, "Moi aussi.")
        assert self.status(feedback) == "new"
        assert "answer" not in self.treatment(feedback)

    def test_an_agent_who_writes_below_their_own_feedback_answers_nobody(self):
        producer = Producer()
        feedback = self.given(producer, producer.editor)
        self.reply(self.discussion_of(feedback), producer.editor, "J’ajoute ceci.")
        assert self.status(feedback) == "new"

    def test_a_reply_remains_an_answer_once_who_wrote_it_has_left(self):
        producer = Producer()
        feedback = self.given(producer)
        self.reply(self.discussion_of(feedback), producer.editor, "Nous regardons.")
        organization = producer.organization
        organization.reload()
        organization.members = [m for m in organization.members if m.user != producer.editor]
        organization.save()
        self.reply(self.discussion_of(feedback), UserFactory(), "Moi aussi.")
        assert discussion_sync.follow_thread(self.discussion_of(feedback).id) is False
        assert self.treatment(feedback)["answer"] == "Nous regardons."
        assert self.status(feedback) == "acknowledged"

    @pytest.mark.parametrize("standing", ["new", "acknowledged", "planned", "resolved", "declined"])
    def test_closing_resolves_what_is_open(self, standing):
        producer = Producer()
        feedback = self.given(producer)
        if standing != "new":
            self.treat(feedback, producer.editor, status=standing, answer="Voici.")
        self.close(feedback, producer.editor)
        assert self.status(feedback) == ("declined" if standing == "declined" else "resolved")

    def test_closing_with_a_comment_resolves_and_answers(self):
        producer = Producer()
        feedback = self.given(producer)
        self.close(feedback, producer.editor, "C’est corrigé.")
        treatment = self.treatment(feedback)
        assert (treatment["status"], treatment["answer"]) == ("resolved", "C’est corrigé.")

    def test_what_its_author_closes_was_not_handled_by_anybody(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        self.close(feedback, author)
        assert self.status(feedback) == "new"
        shown = self.ask("GET", f"/feedback/{feedback['id']}/").json["treatment"]
        assert shown["closed_by_author"] is True
        page = self.ask("GET", f"/pages/datasets/{producer.dataset.id}/?as=fragment")
        assert page.status_code == 200
        # Nobody waits any more.
        mine = self.ask(
            "GET",
            f"/pages/datasets/{producer.dataset.id}/?as=fragment&lang=en",
            user=producer.admin,
        )
        assert "No comment is waiting for your answer." in mine.get_data(as_text=True)

    def test_an_administrator_of_the_portal_who_closes_handles_nothing(self):
        feedback = self.given(Producer())
        self.close(feedback, sysadmin(), "Merci de rester courtois.")
        assert self.status(feedback) == "new"
        assert "answer" not in self.treatment(feedback)

    def test_a_reply_that_is_deleted_is_no_answer_any_more(self):
        producer = Producer()
        feedback = self.given(producer)
        self.reply(self.discussion_of(feedback), producer.editor, "Trop vite")
        discussion = self.discussion_of(feedback)
        path = f"/discussions/{discussion.id}/comments/{discussion.discussion[1].id}/"
        self.native("DELETE", path, user=producer.editor)
        assert self.status(feedback) == "new"
        assert "answer" not in self.treatment(feedback)

    def test_a_reply_that_is_edited_is_the_answer_as_it_reads_now(self):
        producer = Producer()
        feedback = self.given(producer)
        self.reply(self.discussion_of(feedback), producer.editor, "En avirl")
        discussion = self.discussion_of(feedback)
        path = f"/discussions/{discussion.id}/comments/{discussion.discussion[1].id}/"
        self.native("PUT", path, {"comment": "En avril"}, producer.editor)
        assert self.treatment(feedback)["answer"] == "En avril"

    def test_what_was_answered_there_stays_when_the_words_are_taken_back(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        self.reply(self.discussion_of(feedback), producer.editor, "Nous regardons.")
        self.edit(feedback, author, comment=None)
        assert self.status(feedback) == "acknowledged"
        assert self.treatment(feedback)["answer"] == "Nous regardons."

    def test_discussions_that_are_none_of_ours_are_left_alone(self):
        producer = Producer()
        body = {
            "title": "Question",
            "comment": "Bonjour",
            "subject": {"class": "Dataset", "id": str(producer.dataset.id)},
            "extras": {"culture-feedback": {"id": str(ObjectId())}},
        }
        thread = self.native("POST", "/discussions/", body, UserFactory())
        self.native("POST", f"/discussions/{thread['id']}/", {"comment": "Merci"}, producer.editor)
        assert feedbacks().count_documents({}) == 0

    def test_what_a_lost_task_did_not_hear_of_is_caught_up_with_by_maintenance(self):
        producer = Producer()
        feedback = self.given(producer)
        with stopped_workers():
            self.reply(self.discussion_of(feedback), producer.editor, "Nous regardons.")
        assert self.status(feedback) == "new"
        assert maintenance.maintain()["threads_mended"] == 1
        assert self.treatment(feedback)["answer"] == "Nous regardons."


class ReorderingTest(TwoWaysTestCase):
    """Every order and every repetition of what may be delivered ends in the same state."""

    def test_whatever_is_delivered_late_or_twice_the_end_is_the_same(self):
        producer = Producer()
        ends = []
        orders = list(itertools.permutations(range(3)))
        for order in [*orders, (0, 0, 1, 1, 2, 2), (2, 1, 0, 1, 2), (2,), ()]:
            feedback = self.given(producer, comment=f"{WORDS} {len(ends)}")
            discussion = self.discussion_of(feedback)
            # Nobody hears of anything while it happens…
            with stopped_workers():
                self.reply(discussion, producer.editor, "Nous regardons.")
                self.treat(feedback, producer.editor, status="planned", answer="En avril.")
                self.close(feedback, producer.admin)
            # …then of each step, in this order.
            deliveries = (
                lambda d=discussion: discussion_sync.follow_thread(d.id),
                lambda f=feedback: told.tell(ObjectId(f["id"])),
                lambda d=discussion: discussion_sync.follow_thread(d.id),
            )
            for step in order:
                deliveries[step]()
            maintenance.maintain()
            ends.append(self.end(feedback))
        assert all(end == ends[0] for end in ends)
        assert ends[0]["status"] == "resolved"
        assert ends[0]["answer"] == "En avril."
        assert ends[0]["steps"] == ["acknowledged", "planned", "resolved"]

    def test_a_decision_heard_of_before_an_earlier_reply_ends_the_same(self):
        producer = Producer()
        ends = []
        for late in (False, True):
            feedback = self.given(producer, comment=f"{WORDS} {late}")
            discussion = self.discussion_of(feedback)
            if late:
                with stopped_workers():
                    self.reply(discussion, producer.editor, "Nous regardons.")
                self.treat(feedback, producer.editor, status="resolved")
                discussion_sync.follow_thread(discussion.id)
            else:
                self.reply(discussion, producer.editor, "Nous regardons.")
                self.treat(feedback, producer.editor, status="resolved")
            maintenance.maintain()
            ends.append(self.end(feedback))
        assert ends[0] == ends[1]
        assert ends[0]["first"] == 1

    def end(self, feedback: Any) -> dict[str, Any]:
        """What a feedback ended as, without what differs between two of them."""
        treatment = self.treatment(feedback)
        discussion = self.discussion_of(feedback)
        dates = [m.posted_on.replace(tzinfo=None) for m in discussion.discussion]
        return {
            "status": treatment["status"],
            "answer": treatment.get("answer"),
            "steps": [step["to"] for step in treatment["history"]],
            "first": dates.index(treatment["first_answered_at"]),
            "said": [m.content.split(" ")[0] for m in discussion.discussion],
            "same": essence(treatment) == essence(self.treatment(feedback)),
        }


class HeardTest(TwoWaysTestCase):
    """Authors hear of what concerns them, once for each event, from us or from udata."""

    def mails_to(self, author: User, mails: list[Any]) -> list[Any]:
        return [mail for mail in mails if author.email in mail.recipients]

    def test_a_status_alone_is_ours_to_tell(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        with capture_mails() as mails:
            for _ in range(2):
                self.treat(feedback, producer.editor, status="planned")
            maintenance.maintain()
        (mail,) = self.mails_to(author, mails)
        assert producer.dataset.title in mail.subject
        assert f"datasets/{producer.dataset.id}/#feedback-{feedback['id']}" in mail.body
        assert "unsubscribe" in mail.body

    def test_a_reply_and_a_closing_are_udatas_to_tell(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        with capture_mails() as mails:
            self.reply(self.discussion_of(feedback), producer.editor, "Nous regardons.")
            self.close(feedback, producer.editor)
        assert len(self.mails_to(author, mails)) == 2
        assert not [m for m in self.mails_to(author, mails) if "unsubscribe" in m.body]

    def test_who_gave_no_name_hears_from_us_what_udata_cannot_tell_them(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author, signature="none")
        assert self.discussion_of(feedback).user.email == SERVICE_EMAIL
        with capture_mails() as mails:
            self.reply(self.discussion_of(feedback), producer.editor, "Nous regardons.")
            self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        told_of = self.mails_to(author, mails)
        assert len(told_of) == 2
        assert "Nous regardons." in told_of[0].body
        assert "En avril." in told_of[1].body

    def test_a_rewritten_answer_is_no_event_but_a_status_that_moves_with_it_is(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        self.treat(feedback, producer.editor, status="planned", answer="En avirl.")
        with capture_mails() as mails:
            self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        assert not self.mails_to(author, mails)
        with capture_mails() as mails:
            self.treat(feedback, producer.editor, status="resolved", answer="C’est fait.")
        (mail,) = self.mails_to(author, mails)
        assert "C’est fait." in mail.body

    def test_udatas_preferences_hold(self):
        producer = Producer()
        silent = UserFactory(notifications_paused=True)
        feedback = self.given(producer, silent)
        with capture_mails() as mails:
            self.treat(feedback, producer.editor, status="planned")
        assert not mails

    def test_nobody_is_told_of_what_they_did_themselves(self):
        admin = sysadmin()
        producer = Producer()
        feedback = self.give(admin, producer.dataset)
        with capture_mails() as mails:
            self.treat(feedback, admin, status="planned")
        assert not self.mails_to(admin, mails)

    def test_who_may_not_see_the_data_any_more_hears_nothing(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        producer.dataset.reload()
        producer.dataset.private = True
        producer.dataset.save()
        with capture_mails() as mails:
            self.treat(feedback, producer.editor, status="planned")
        assert not self.mails_to(author, mails)

    def test_what_a_crash_left_untold_is_told_by_maintenance(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        with broker_down():
            self.treat(feedback, producer.editor, status="planned")
        with capture_mails() as mails:
            done = maintenance.maintain()
            assert done["authors_told"] == 1
            maintenance.maintain()
        assert len(self.mails_to(author, mails)) == 1
        assert "author" not in self.stored(feedback["id"]).get("due", [])

    def test_feedback_that_goes_meanwhile_leaves_nothing_behind(self):
        producer, author = Producer(), UserFactory()
        feedback = self.given(producer, author)
        with broker_down():
            self.treat(feedback, producer.editor, status="planned")
            self.erase(feedback, author)
        maintenance.maintain()
        assert feedbacks().count_documents({}) == 0
