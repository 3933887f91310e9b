"""The words of a feedback are a native discussion of udata's, exactly once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import udata.core.discussions.metrics
import udata.core.user.activities  # noqa: F401
from bson import ObjectId
from flask import json
from udata.core.activity.models import Activity
from udata.core.dataset.factories import DatasetFactory
from udata.core.discussions.models import Discussion, Message
from udata.core.organization.factories import OrganizationFactory
from udata.core.organization.models import Member
from udata.core.reports.models import Report
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.features.notifications.models import Notification
from udata.tests.helpers import capture_mails

from udata_culture_feedback.feedback import discussion as told
from udata_culture_feedback.feedback import tasks
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.figures.settle import DISCUSSION
from udata_culture_feedback.people.service_account import SERVICE_EMAIL, service_account

from ..cases import PluginTestCase, Producer, sysadmin
from .background import broker_down, stopped_workers

WORDS = "Il manque les musées d'outre-mer."


def typed(text: str) -> str:
    """A text with its no-break spaces as one types them."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


class DiscussionTestCase(PluginTestCase):
    def discussion_of(self, feedback: dict[str, Any]) -> Discussion:
        return Discussion.objects.get(id=self.stored(feedback["id"])["discussion"])

    def native(self, verb: str, path: str, body: Any = None, user: User | None = None) -> Any:
        """A call of udata's own API."""
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        kwargs: dict[str, Any] = {"headers": headers}
        if body is not None:
            kwargs |= {"data": json.dumps(body), "content_type": "application/json"}
        response = self.visit(verb, f"/api/1{path}", **kwargs)
        assert response.status_code < 300, response.get_data(as_text=True)
        return response.json if response.get_data(as_text=True).strip() else None

    def reply(self, discussion: Discussion, user: User, comment: str) -> None:
        self.native("POST", f"/discussions/{discussion.id}/", {"comment": comment}, user)

    def edit(self, feedback: dict[str, Any], user: User, **answer: Any) -> None:
        response = self.ask("PUT", f"/feedback/{feedback['id']}/", answer, user)
        assert response.status_code == 200, response.json

    def erase(self, feedback: dict[str, Any], user: User) -> None:
        response = self.ask("DELETE", f"/feedback/{feedback['id']}/", user=user)
        assert response.status_code == 204

    def is_told(self, feedback: dict[str, Any]) -> bool:
        return DISCUSSION not in self.stored(feedback["id"]).get("due", [])


class CreateTest(DiscussionTestCase):
    def test_words_are_a_discussion_of_the_dataset_in_udatas_api(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        listed = self.native("GET", f"/discussions/?for={producer.dataset.id}")
        assert listed["total"] == 1
        thread = listed["data"][0]
        assert (
            typed(thread["title"]) == "[Retour] En partie · « Il manque les musées d'outre-mer. »"
        )
        assert thread["user"]["id"] == str(author.id)
        assert [m["content"] for m in thread["discussion"]] == [WORDS]
        assert thread["discussion"][0]["posted_by"]["id"] == str(author.id)
        assert thread["extras"] == {"culture-feedback": {"id": feedback["id"]}}
        shown = self.ask("GET", f"/feedback/{feedback['id']}/").json
        assert shown["discussion"] == thread["id"]
        assert self.is_told(feedback)

    def test_a_title_shows_sixty_characters_of_the_words_on_one_line(self):
        words = (
            "Les coordonnées des monuments\nne correspondent pas aux communes indiquées dans "
            "la colonne voisine, et certaines sont vides."
        )
        feedback = self.give(UserFactory(), Producer().dataset, fitness="no", comment=words)
        title = typed(self.discussion_of(feedback).title)
        assert title.startswith("[Retour] Non · « Les coordonnées des monuments ne correspondent")
        shown = title.removeprefix("[Retour] Non · « ").removesuffix(" »")
        assert shown.endswith("…")
        assert len(shown) <= 60
        assert "\n" not in title

    def test_without_words_there_is_nothing_to_discuss(self):
        self.give(UserFactory(), Producer().dataset)
        assert Discussion.objects.count() == 0

    def test_producers_hear_of_it_once_by_the_bell_and_by_mail(self):
        producer, author = Producer(), UserFactory()
        with capture_mails() as mails:
            feedback = self.give(author, producer.dataset, comment=WORDS)
            for _ in range(3):
                told.tell(ObjectId(feedback["id"]))
        to_admin = [mail for mail in mails if producer.admin.email in mail.recipients]
        assert len(to_admin) == 1
        assert WORDS in to_admin[0].body
        assert not [mail for mail in mails if author.email in mail.recipients]
        bell = Notification.objects(user=producer.admin)
        assert [n.details.discussion.id for n in bell] == [self.discussion_of(feedback).id]
        assert Notification.objects(user=author).count() == 0

    def test_the_activity_is_the_authors(self):
        producer, author = Producer(), UserFactory()
        self.give(author, producer.dataset, comment=WORDS)
        discussed = [
            activity
            for activity in Activity.objects(related_to=producer.dataset)
            if activity.key == "dataset:discussed"
        ]
        assert [activity.actor.id for activity in discussed] == [author.id]
        metrics = self.native("GET", f"/datasets/{producer.dataset.id}/")["metrics"]
        assert (metrics["discussions"], metrics["feedback"]) == (1, 1)

    def test_an_organization_speaks_with_its_own_voice(self):
        museum = OrganizationFactory(editors=[curator := UserFactory()])
        feedback = self.give(curator, Producer().dataset, comment=WORDS, signature=str(museum.id))
        discussion = self.discussion_of(feedback)
        assert discussion.organization == museum
        assert discussion.discussion[0].posted_by_organization == museum

    def test_who_gives_no_name_is_spoken_for_by_the_service_account(self):
        producer, author = Producer(), UserFactory()
        with capture_mails() as mails:
            feedback = self.give(author, producer.dataset, comment=WORDS, signature="none")
            discussion = self.discussion_of(feedback)
            self.reply(discussion, producer.admin, "Merci.")
        assert discussion.user == discussion.discussion[0].posted_by == service_account()
        text = json.dumps(self.native("GET", f"/discussions/{discussion.id}/"))
        assert str(author.id) not in text
        assert author.last_name not in text
        assert not Activity.objects(actor=author)
        assert not [mail for mail in mails if SERVICE_EMAIL in mail.recipients]

    def test_the_service_account_cannot_log_in_and_hears_nothing(self):
        account = service_account()
        assert account.active is False
        assert not account.password
        assert account.email.endswith(".invalid")
        assert account.notifications_paused
        assert account.fullname == "Usager sans compte"

    def test_the_service_account_is_created_once_even_in_parallel(self):
        self.at_once(6, service_account)
        assert User.objects(email=SERVICE_EMAIL).count() == 1

    def at_once(self, n: int, work: Any, *args: Any) -> None:
        """Runs the same in several threads, each as a worker of its own would."""
        start, failures = threading.Barrier(n), []

        def run() -> None:
            start.wait()
            try:
                with self.app.app_context():
                    work(*args)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=run) for _ in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures

    def test_workers_that_tell_at_the_same_time_tell_once(self):
        producer = Producer()
        for n in range(3):
            with stopped_workers():
                feedback = self.give(UserFactory(), producer.dataset, comment=f"{WORDS} {n}")
            self.at_once(4, told.tell, ObjectId(feedback["id"]))
            discussion = self.discussion_of(feedback)
            assert len(discussion.discussion) == 1
            assert self.is_told(feedback)
            bell = Notification.objects(user=producer.admin)
            assert len([n for n in bell if n.details.discussion.id == discussion.id]) == 1
        assert Discussion.objects.count() == 3


class CrashTest(DiscussionTestCase):
    """A worker may die anywhere: the next one goes on from there."""

    def given(self, producer: Producer, **answer: Any) -> tuple[User, dict[str, Any]]:
        author = UserFactory()
        with stopped_workers():
            return author, self.give(author, producer.dataset, comment=WORDS, **answer)

    def allocate(self, feedback: dict[str, Any]) -> tuple[ObjectId, str]:
        ids = ObjectId(), str(uuid4())
        message = {"id": ids[1], "words": told.fingerprint(WORDS)}
        feedbacks().update_one(
            {"_id": ObjectId(feedback["id"])},
            {"$set": {"discussion": ids[0], "messages": [message]}},
        )
        return ids

    def create(self, producer: Producer, author: User, ids: tuple[ObjectId, str]) -> Discussion:
        return Discussion(
            id=ids[0],
            user=author,
            subject=producer.dataset,
            title="[Retour] En partie · « Il manque les musées d'outre-mer. »",
            discussion=[Message(id=UUID(ids[1]), content=WORDS, posted_by=author)],
        ).save()

    def assert_told_once(self, producer: Producer, feedback: dict[str, Any]) -> Discussion:
        for _ in range(2):
            told.tell(ObjectId(feedback["id"]))
        discussion = Discussion.objects.get()
        assert discussion.id == self.stored(feedback["id"])["discussion"]
        assert len(discussion.discussion) == 1
        assert Notification.objects(user=producer.admin).count() == 1
        assert self.ask("GET", f"/feedback/{feedback['id']}/").json["discussion"]
        assert self.is_told(feedback)
        return discussion

    def test_before_anything(self):
        producer = Producer()
        _author, feedback = self.given(producer)
        assert not self.is_told(feedback)
        self.assert_told_once(producer, feedback)

    def test_once_the_ids_are_allocated(self):
        producer = Producer()
        _author, feedback = self.given(producer)
        ids = self.allocate(feedback)
        assert self.ask("GET", f"/feedback/{feedback['id']}/").json["discussion"] is None
        discussion = self.assert_told_once(producer, feedback)
        assert (discussion.id, str(discussion.discussion[0].id)) == ids

    def test_once_the_discussion_exists(self):
        producer = Producer()
        author, feedback = self.given(producer)
        self.create(producer, author, self.allocate(feedback))
        self.assert_told_once(producer, feedback)

    def test_once_the_discussion_exists_and_the_words_have_changed_since(self):
        producer = Producer()
        author, feedback = self.given(producer)
        self.create(producer, author, self.allocate(feedback))
        with stopped_workers():
            self.edit(feedback, author, comment="Tout est là.", fitness="yes")
        discussion = self.assert_told_once(producer, feedback)
        assert typed(discussion.title) == "[Retour] Oui · « Tout est là. »"
        assert discussion.discussion[0].content == "Tout est là."

    def test_once_it_is_announced(self):
        producer = Producer()
        author = UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        feedbacks().update_one(
            {"_id": ObjectId(feedback["id"])}, {"$addToSet": {"due": DISCUSSION}}
        )
        self.assert_told_once(producer, feedback)

    def test_words_deleted_while_the_discussion_was_being_created_leave_nothing(self):
        producer = Producer()
        author, feedback = self.given(producer)
        self.allocate(feedback)
        with stopped_workers():
            self.erase(feedback, author)
        told.tell(ObjectId(feedback["id"]))
        assert Discussion.objects.count() == 0
        assert feedbacks().count_documents({}) == 0
        told.tell(ObjectId(feedback["id"]))  # late: there is nothing left to say

    @pytest.mark.options(SPAM_WORDS=["outre-mer"])
    def test_a_discussion_held_as_spam_is_not_announced_by_the_next_worker(self):
        producer = Producer()
        author, feedback = self.given(producer)
        self.create(producer, author, self.allocate(feedback))
        assert Report.objects.count() == 1
        for _ in range(2):
            told.tell(ObjectId(feedback["id"]))
        assert Notification.objects(user=producer.admin).count() == 0

    def test_while_the_broker_is_down_nothing_is_lost(self):
        producer, author = Producer(), UserFactory()
        with broker_down():
            feedback = self.give(author, producer.dataset, comment=WORDS)
            assert self.summary(producer.dataset)["total"] == 1
            assert self.summary()["total"] == 1  # whoever reads counts what is due
        assert Discussion.objects.count() == 0
        tasks.follow_dataset(str(producer.dataset.id))
        self.assert_told_once(producer, feedback)


class VisibilityTest(DiscussionTestCase):
    def test_a_private_dataset_has_no_discussion_until_it_is_public(self):
        producer = Producer(private=True)
        feedback = self.give(producer.partial_editor, producer.dataset, comment=WORDS)
        assert Discussion.objects.count() == 0
        assert not self.is_told(feedback)
        producer.dataset.private = False
        producer.dataset.save()
        assert self.discussion_of(feedback).discussion[0].content == WORDS
        assert self.is_told(feedback)

    def test_words_deleted_on_a_dataset_turned_private_go_there_too(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        producer.dataset.private = True
        producer.dataset.save()
        producer.organization.members.append(Member(user=author, role="partial_editor"))
        producer.organization.save()
        self.erase(feedback, author)
        assert Discussion.objects.count() == 0

    @pytest.mark.options(SPAM_WORDS=["casino"], CULTURE_FEEDBACK_CHECKS=[])
    def test_words_that_udata_takes_for_spam_are_announced_once_somebody_has_looked(self):
        producer, author, admin = Producer(), UserFactory(), sysadmin()
        feedback = self.give(author, producer.dataset, comment="Un casino bien décrit.")
        assert self.discussion_of(feedback)
        assert self.is_told(feedback)
        assert Notification.objects(user=producer.admin).count() == 0
        report = Report.objects.get()
        assert report.subject.id == self.discussion_of(feedback).id
        now = datetime.now(UTC).isoformat()
        self.native("PATCH", f"/reports/{report.id}/", {"dismissed_at": now}, admin)
        assert Notification.objects(user=producer.admin).count() == 1
        self.edit(feedback, author, comment="Un autre casino.")
        assert self.discussion_of(feedback).discussion[0].content == "Un autre casino."


class EditTest(DiscussionTestCase):
    def test_an_edit_replaces_the_first_message_and_the_title(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        with capture_mails() as mails:
            self.edit(feedback, author, comment="Il ne manque plus rien.", fitness="yes")
        discussion = self.discussion_of(feedback)
        assert typed(discussion.title) == "[Retour] Oui · « Il ne manque plus rien. »"
        assert [m.content for m in discussion.discussion] == ["Il ne manque plus rien."]
        assert discussion.discussion[0].last_modified_at
        assert Discussion.objects.count() == 1
        assert not mails

    def test_a_change_of_the_ratings_alone_rewrites_nothing(self):
        author = UserFactory()
        feedback = self.give(author, Producer().dataset, comment=WORDS)
        self.edit(feedback, author, ratings={"completeness": 1})
        assert self.discussion_of(feedback).discussion[0].last_modified_at is None

    def test_once_the_producer_has_answered_a_complement_follows(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        self.reply(self.discussion_of(feedback), producer.editor, "Lesquels ?")
        with capture_mails() as mails:
            self.edit(feedback, author, comment="Ceux de La Réunion.")
            for _ in range(2):
                told.tell(ObjectId(feedback["id"]))
        messages = self.discussion_of(feedback).discussion
        assert [m.content for m in messages[:2]] == [WORDS, "Lesquels ?"]
        assert len(messages) == 3
        assert messages[2].content.startswith("Complément du ")
        assert messages[2].content.endswith("\n\nCeux de La Réunion.")
        assert messages[2].posted_by == author
        assert [m.recipients for m in mails if producer.editor.email in m.recipients]
        assert len([m for m in mails if producer.admin.email in m.recipients]) == 1
        # Changed again before the producer answers again: the complement says it.
        self.edit(feedback, author, comment="Ceux de Mayotte.")
        messages = self.discussion_of(feedback).discussion
        assert len(messages) == 3
        assert messages[2].content.endswith("\n\nCeux de Mayotte.")
        assert messages[2].content.startswith("Complément du ")
        # And after it, another one follows.
        self.reply(self.discussion_of(feedback), producer.admin, "Merci.")
        self.edit(feedback, author, comment="De rien.")
        contents = [m.content for m in self.discussion_of(feedback).discussion]
        assert len(contents) == 5
        assert contents[4].endswith("\n\nDe rien.")

    def test_workers_that_add_a_complement_at_the_same_time_add_one(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        self.reply(self.discussion_of(feedback), producer.editor, "Lesquels ?")
        with stopped_workers():
            self.edit(feedback, author, comment="Ceux de La Réunion.")
        CreateTest.at_once(self, 4, told.tell, ObjectId(feedback["id"]))
        assert len(self.discussion_of(feedback).discussion) == 3
        assert self.is_told(feedback)

    def test_a_reply_of_another_citizen_is_no_answer(self):
        author = UserFactory()
        feedback = self.give(author, Producer().dataset, comment=WORDS)
        self.reply(self.discussion_of(feedback), UserFactory(), "Moi aussi.")
        self.edit(feedback, author, comment="Il manque Mayotte.")
        messages = self.discussion_of(feedback).discussion
        assert [m.content for m in messages] == ["Il manque Mayotte.", "Moi aussi."]

    def test_the_words_of_others_stay_where_they_are_when_a_message_goes(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        discussion = self.discussion_of(feedback)
        self.reply(discussion, producer.editor, "Lesquels ?")
        self.edit(feedback, author, comment="Ceux de La Réunion.")
        self.reply(discussion, producer.admin, "Merci.")
        path = f"/discussions/{discussion.id}/comments/1/"
        self.native("DELETE", path, user=producer.editor)
        with stopped_workers():
            self.edit(feedback, author, comment="Et Mayotte.")
        told.tell(ObjectId(feedback["id"]))
        contents = [m.content for m in self.discussion_of(feedback).discussion]
        assert contents[0] == WORDS
        assert contents[1].endswith("\n\nCeux de La Réunion.")
        assert contents[2] == "Merci."
        assert contents[3].endswith("\n\nEt Mayotte.")

    def test_who_now_prefers_no_name_is_not_named_there_any_more(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        self.reply(self.discussion_of(feedback), producer.editor, "Lesquels ?")
        self.edit(feedback, author, comment="Ceux de La Réunion.")
        self.edit(feedback, author, signature="none")
        discussion = self.discussion_of(feedback)
        authors = [m.posted_by for m in discussion.discussion]
        assert discussion.user == service_account()
        assert authors == [service_account(), producer.editor, service_account()]
        self.edit(feedback, author, signature="name")
        assert self.discussion_of(feedback).user == author


class RetractTest(DiscussionTestCase):
    def test_a_deleted_feedback_takes_its_thread_along(self):
        author = UserFactory()
        feedback = self.give(author, Producer().dataset, comment=WORDS)
        self.erase(feedback, author)
        assert Discussion.objects.count() == 0
        assert feedbacks().count_documents({}) == 0

    def test_the_words_of_others_stay(self):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        discussion = self.discussion_of(feedback)
        self.reply(discussion, producer.editor, "Lesquels ?")
        self.edit(feedback, author, comment="Ceux de La Réunion.")
        self.reply(discussion, other, "Et Mayotte ?")
        self.erase(feedback, author)
        discussion.reload()
        contents = [m.content for m in discussion.discussion]
        assert contents[1::2] == ["Lesquels ?", "Et Mayotte ?"]
        assert contents[0] == contents[2] == "[Retiré par son auteur]"
        assert "outre-mer" not in json.dumps(self.native("GET", f"/discussions/{discussion.id}/"))
        assert discussion.closed
        assert feedbacks().count_documents({}) == 0

    def test_removed_words_go_there_and_new_ones_open_a_new_thread(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        first = self.discussion_of(feedback).id
        self.edit(feedback, author, comment=None)
        assert Discussion.objects.count() == 0
        assert self.ask("GET", f"/feedback/{feedback['id']}/").json["discussion"] is None
        self.edit(feedback, author, comment="Une autre remarque.")
        second = self.discussion_of(feedback)
        assert second.id != first
        assert second.discussion[0].content == "Une autre remarque."
        assert self.summary(producer.dataset)["total"] == 1
        self.reply(second, producer.admin, "Vu.")
        self.edit(feedback, author, comment="")
        second.reload()
        assert second.closed
        assert [m.content for m in second.discussion] == ["[Retiré par son auteur]", "Vu."]
        self.edit(feedback, author, comment="Encore une.")
        assert self.discussion_of(feedback).id not in (first, second.id)
        assert Discussion.objects.count() == 2

    def test_a_discussion_deleted_in_udata_hides_the_words_and_keeps_the_ratings(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS, ratings={"completeness": 2})
        self.native("DELETE", f"/discussions/{self.discussion_of(feedback).id}/", user=sysadmin())
        shown = self.ask("GET", f"/feedback/{feedback['id']}/").json
        assert shown["comment"] is None
        assert shown["visibility"] == "hidden"
        assert shown["ratings"] == {"completeness": 2}
        assert shown["discussion"] is None
        summary = self.summary(producer.dataset)
        assert (summary["total"], summary["commented"]) == (1, 0)
        assert self.is_told(feedback)
        told.tell(ObjectId(feedback["id"]))
        assert Discussion.objects.count() == 0  # it does not come back

    def test_forged_extras_change_nothing(self):
        producer, author, forger = Producer(), UserFactory(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        true = self.discussion_of(feedback)
        forged = self.native(
            "POST",
            "/discussions/",
            {
                "title": "Retour",
                "comment": "Faux",
                "subject": {"class": "Dataset", "id": str(producer.dataset.id)},
                "extras": {"culture-feedback": {"id": feedback["id"]}},
            },
            forger,
        )
        before = self.stored(feedback["id"])
        self.native("DELETE", f"/discussions/{forged['id']}/", user=forger)
        assert self.stored(feedback["id"]) == before
        # The author may forge those of the thread itself: the link is ours.
        Discussion.objects(id=true.id).update(set__extras={"culture-feedback": {"id": "x"}})
        self.edit(feedback, author, comment="Autre chose.")
        assert self.discussion_of(feedback).id == true.id
        other = self.give(UserFactory(), DatasetFactory(), comment="Ailleurs")
        assert self.discussion_of(other).id != true.id
