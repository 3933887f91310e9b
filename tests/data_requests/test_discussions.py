"""A request asked from a dataset is a native discussion of udata's, exactly once, both ways."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pymongo.monitoring
import pytest
import udata.core.discussions.metrics
import udata.core.user.activities  # noqa: F401
from bson import ObjectId
from flask import json
from udata import settings
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.tasks import purge_datasets
from udata.core.discussions.models import Discussion, Message
from udata.core.organization.factories import OrganizationFactory
from udata.core.organization.tasks import purge_organizations
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.features.notifications.models import Notification
from udata.tests.helpers import capture_mails

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.contributions import discussions
from udata_culture_feedback.contributions.discussions import DISCUSSION
from udata_culture_feedback.data_requests import discussion as told
from udata_culture_feedback.data_requests import upkeep
from udata_culture_feedback.data_requests.models import messages, requests
from udata_culture_feedback.people.service_account import service_account

from ..cases import CommandCounter, PluginTestCase, Producer, sysadmin
from ..feedback.background import broker_down, stopped_workers
from ..processes import Workers
from .asking import UNLIMITED, WISH, stored

# Clients listen to what is registered when they are made, which is after tests are collected.
COMMANDS = CommandCounter()
pymongo.monitoring.register(COMMANDS)

WORDS = WISH["description"]
TITLE = WISH["title"]

#: For a `$push`: leaves the first element of a list.
FIRST_ONLY = {"$each": [], "$slice": 1}


@pytest.mark.options(**UNLIMITED)
class DiscussedTestCase(PluginTestCase):
    def ask_for(self, user: User, producer: Producer, **fields: Any) -> str:
        body = WISH | {"dataset": str(producer.dataset.id)} | fields
        response = self.ask("POST", "/requests/", body, user)
        assert response.status_code == 201, response.json
        return response.json["id"]

    def does(self, verb: str, path: str, body: Any = None, user: User | None = None) -> Any:
        response = self.ask(verb, path, body, user)
        assert response.status_code < 300, response.get_data(as_text=True)
        return response.json if response.get_data(as_text=True).strip() else None

    def move(self, user: User, request: str, to: str, **more: Any) -> Any:
        return self.does("POST", f"/requests/{request}/transitions/", {"to": to} | more, user)

    def write(self, user: User, request: str, message: str, **more: Any) -> Any:
        path = f"/requests/{request}/messages/"
        return self.does("POST", path, {"message": message} | more, user)

    def said(self, request: str, **query: Any) -> list[tuple[str, str, str]]:
        path = f"/requests/{request}/messages/"
        listed = self.ask("GET", path, query_string=query).json
        return [(m["text"], m["role"], m["contributor"]["name"]) for m in listed["data"]]

    def discussion_of(self, request: str) -> Discussion:
        return Discussion.objects.get(id=stored(request)["discussion"])

    def contents(self, request: str) -> list[str]:
        return [message.content for message in self.discussion_of(request).discussion]

    def native(self, verb: str, path: str, body: Any = None, user: User | None = None) -> Any:
        """A call of udata's own API."""
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        kwargs: dict[str, Any] = {"headers": headers}
        if body is not None:
            kwargs |= {"data": json.dumps(body), "content_type": "application/json"}
        response = self.visit(verb, f"/api/1{path}", **kwargs)
        assert response.status_code < 300, response.get_data(as_text=True)
        return response.json if response.get_data(as_text=True).strip() else None

    def reply(self, request: str, user: User, comment: str | None, **more: Any) -> None:
        path = f"/discussions/{stored(request)['discussion']}/"
        self.native("POST", path, {"comment": comment} | more, user)

    def remove_there(self, request: str, user: User, comment: int | None = None) -> None:
        path = f"/discussions/{stored(request)['discussion']}/"
        if comment is not None:
            path += f"comments/{comment}/"
        self.native("DELETE", path, user=user)

    def is_told(self, request: str) -> bool:
        return DISCUSSION not in stored(request).get("due", [])

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

        workers = [threading.Thread(target=run) for _ in range(n)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not failures


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    uri = settings.Testing.MONGODB_HOST_TEST
    with Workers("tests.data_requests.tellers", uri) as workers:
        yield workers


class AskTest(DiscussedTestCase):
    def test_a_request_asked_from_a_dataset_is_a_discussion_on_it(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(
            author, producer, usages=["research"], evidence_url="https://example.org/rapport"
        )
        listed = self.native("GET", f"/discussions/?for={producer.dataset.id}")
        assert listed["total"] == 1
        thread = listed["data"][0]
        assert thread["title"].endswith(f"] {TITLE}")
        assert thread["user"]["id"] == str(author.id)
        assert thread["extras"] == {"culture-feedback": {"request": request}}
        [message] = thread["discussion"]
        assert message["content"].startswith(WORDS + "\n\n")
        assert "https://example.org/rapport" in message["content"]
        assert f"/requests/{stored(request)['slug']}/" in message["content"]
        shown = self.does("GET", f"/requests/{request}/")
        assert shown["discussion"] == thread["id"]
        assert self.is_told(request)
        assert self.said(request) == []

    def test_a_title_has_sixty_characters_of_that_of_the_request(self):
        title = "La fréquentation mensuelle de chacun des musées de France depuis l'année 1973"
        request = self.ask_for(UserFactory(), Producer(), title=title)
        words = self.discussion_of(request).title.partition("] ")[2]
        assert title.startswith(words.removesuffix("…"))
        assert 40 < len(words) <= 60

    def test_a_request_from_nowhere_is_not_discussed_natively(self):
        producer = Producer()
        request = self.ask_for(
            UserFactory(), producer, dataset=None, organization=str(producer.organization.id)
        )
        assert Discussion.objects.count() == 0
        assert self.is_told(request)
        self.write(producer.editor, request, "Bonjour.")
        assert [text for text, _role, _name in self.said(request)] == ["Bonjour."]
        assert Discussion.objects.count() == 0

    def test_the_holder_hears_of_it_once_by_the_bell_and_by_one_mail(self):
        producer, author = Producer(), UserFactory()
        with capture_mails() as mails:
            request = self.ask_for(author, producer)
            for _ in range(3):
                told.tell(ObjectId(request))
        assert len([m for m in mails if producer.admin.email in m.recipients]) == 1
        assert len([m for m in mails if author.email in m.recipients]) == 1  # the receipt
        assert Notification.objects(user=producer.admin).count() == 1
        assert Notification.objects(user=author).count() == 0

    def test_another_holder_than_the_producer_has_the_mail_of_requests(self):
        producer, holder = Producer(), Producer()
        with capture_mails() as mails:
            self.ask_for(UserFactory(), producer, organization=str(holder.organization.id))
        for admin in (producer.admin, holder.admin):
            assert len([m for m in mails if admin.email in m.recipients]) == 1

    def test_who_gives_no_name_is_spoken_for_by_the_service_account(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer, signature="none")
        discussion = self.discussion_of(request)
        assert discussion.user == discussion.discussion[0].posted_by == service_account()
        assert str(author.id) not in json.dumps(
            self.native("GET", f"/discussions/{discussion.id}/")
        )

    def test_an_organization_asks_with_its_own_voice(self):
        museum = OrganizationFactory(editors=[curator := UserFactory()])
        request = self.ask_for(curator, Producer(), signature=str(museum.id))
        assert self.discussion_of(request).organization == museum

    def test_on_a_private_dataset_there_is_none_until_it_is_public(self):
        producer = Producer(private=True)
        request = self.ask_for(producer.partial_editor, producer)
        self.write(producer.partial_editor, request, "Un mot de plus.")
        assert Discussion.objects.count() == 0
        assert not self.is_told(request)
        producer.dataset.private = False
        producer.dataset.save()
        assert self.contents(request)[1:] == ["Un mot de plus."]
        assert self.is_told(request)

    def test_what_was_imported_was_discussed_elsewhere(self):
        producer = Producer()
        with stopped_workers():
            request = self.ask_for(UserFactory(), producer)
        requests().update_one({"_id": ObjectId(request)}, {"$set": {"external_id": "suivi-12"}})
        told.tell(ObjectId(request))
        assert Discussion.objects.count() == 0
        assert self.is_told(request)


class CrashTest(DiscussedTestCase):
    """A worker may die anywhere: the next one goes on from there."""

    def given(self, producer: Producer) -> tuple[User, str]:
        author = UserFactory()
        with stopped_workers():
            return author, self.ask_for(author, producer)

    def allocate(self, request: str) -> tuple[ObjectId, str]:
        ids = ObjectId(), str(uuid4())
        words = discussions.fingerprint(told.THREAD.words(stored(request)))
        requests().update_one(
            {"_id": ObjectId(request)},
            {"$set": {"discussion": ids[0], "messages": [{"id": ids[1], "words": words}]}},
        )
        return ids

    def create(self, producer: Producer, author: User, ids: tuple[ObjectId, str]) -> None:
        Discussion(
            id=ids[0],
            user=author,
            subject=producer.dataset,
            title="[Demande]",
            discussion=[Message(id=UUID(ids[1]), content=WORDS, posted_by=author)],
        ).save()

    def assert_told_once(self, producer: Producer, request: str) -> None:
        for _ in range(2):
            told.tell(ObjectId(request))
        assert Discussion.objects.count() == 1
        assert len(self.contents(request)) == 1
        assert self.discussion_of(request).title.endswith(TITLE)
        assert Notification.objects(user=producer.admin).count() == 1
        assert self.is_told(request)

    def test_before_anything(self):
        producer = Producer()
        _author, request = self.given(producer)
        assert not self.is_told(request)
        self.assert_told_once(producer, request)

    def test_once_the_ids_are_allocated(self):
        producer = Producer()
        _author, request = self.given(producer)
        discussion_id, message_id = self.allocate(request)
        self.assert_told_once(producer, request)
        discussion = self.discussion_of(request)
        assert (discussion.id, str(discussion.discussion[0].id)) == (discussion_id, message_id)

    def test_once_the_discussion_exists(self):
        producer = Producer()
        author, request = self.given(producer)
        self.create(producer, author, self.allocate(request))
        self.assert_told_once(producer, request)

    def test_once_a_message_is_added_and_not_yet_marked(self):
        producer, other = Producer(), UserFactory()
        request = self.ask_for(UserFactory(), producer)
        self.write(other, request, "Moi aussi.")
        row = messages().find_one()
        messages().update_one(
            {"_id": row["_id"]},
            {"$unset": {"discussion": "", "announced": ""}, "$set": {"untold": True}},
        )
        # Shown once meanwhile, and said once afterwards.
        assert self.said(request) == [("Moi aussi.", "anybody", other.fullname)]
        assert self.ask("GET", f"/requests/{request}/messages/").json["total"] == 1
        assert maintenance.maintain()["requests_discussed"] == 1
        assert self.contents(request)[1:] == ["Moi aussi."]
        assert self.said(request) == [("Moi aussi.", "anybody", other.fullname)]

    def test_while_the_broker_is_down_nothing_is_lost(self):
        producer, author = Producer(), UserFactory()
        with broker_down():
            request = self.ask_for(author, producer)
            self.write(author, request, "J'oubliais : par département.")
            shown = [text for text, _role, _name in self.said(request)]
            assert shown == ["J'oubliais : par département."]
            self.move(producer.editor, request, "accepted", message="Volontiers.")
        assert Discussion.objects.count() == 0
        maintenance.maintain()
        assert len(self.contents(request)) == 3
        assert "Volontiers." in self.contents(request)[1]
        assert self.contents(request)[2] == "J'oubliais : par département."
        assert self.is_told(request)
        assert not messages().find_one({"untold": True})
        maintenance.maintain()
        assert len(self.contents(request)) == 3

    def test_workers_at_the_same_time_tell_once(self):
        producer, other = Producer(), UserFactory()
        with stopped_workers():
            request = self.ask_for(UserFactory(), producer)
            self.write(other, request, "Moi aussi.")
            self.move(producer.editor, request, "accepted", message="Volontiers.")
        self.at_once(4, told.tell, ObjectId(request))
        told.tell(ObjectId(request))
        contents = self.contents(request)
        assert len(contents) == 3
        assert contents.count("Moi aussi.") == 1
        assert Discussion.objects.count() == 1
        assert Notification.objects(user=producer.admin).count() == 1

    def test_a_request_deleted_while_it_was_being_told_leaves_nothing(self):
        author, request = self.given(Producer())
        self.allocate(request)
        with stopped_workers():
            self.does("DELETE", f"/requests/{request}/", user=author)
        told.tell(ObjectId(request))
        assert Discussion.objects.count() == 0
        maintenance.maintain()
        assert requests().count_documents({}) == 0
        told.tell(ObjectId(request))  # late: there is nothing left to say

    def test_a_worker_killed_at_any_moment_leaves_it_to_the_next_one(self, workers: Workers):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        with stopped_workers():
            request = self.ask_for(author, producer)
            self.write(other, request, "Moi aussi.")
            self.move(producer.editor, request, "accepted", message="Volontiers.")
        asked, written = stored(request), list(messages().find())
        for n in count(1):
            Discussion._get_collection().delete_many({})
            Notification.objects.delete()
            requests().replace_one({"_id": asked["_id"]}, asked)
            for row in written:
                messages().replace_one({"_id": row["_id"]}, row)
            died = workers.dies("tell", n, request=request)
            upkeep.discuss()
            upkeep.announce()
            assert Discussion.objects.count() == 1
            told, moved, said = self.contents(request)
            assert told.startswith(WORDS)
            assert "Volontiers." in moved
            assert said == "Moi aussi."
            assert self.is_told(request)
            assert not messages().find_one({"untold": True})
            # The discussion and the message once each, or lost with the worker; never twice.
            assert Notification.objects(user=producer.admin).count() <= 3
            if not died:
                assert n > 12
                assert Notification.objects(user=producer.admin).count() == 3
                break

    def test_what_udata_lost_by_writing_a_whole_discussion_back_is_added_again_quietly(self):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        self.write(other, request, "Moi aussi.")
        self.move(producer.editor, request, "accepted", message="Volontiers.")
        self.does("PUT", f"/requests/{request}/", {"description": "Par jour."}, author)
        assert len(self.contents(request)) == 4
        Discussion._get_collection().update_one(
            {"_id": stored(request)["discussion"]}, {"$push": {"discussion": FIRST_ONLY}}
        )
        assert len(self.contents(request)) == 1
        with capture_mails() as mails:
            assert maintenance.maintain()["request_discussions_mended"] == 1
        assert not mails
        assert len(self.contents(request)) == 4
        assert maintenance.maintain()["request_discussions_mended"] == 0


class EditTest(DiscussedTestCase):
    def edit(self, user: User, request: str, **fields: Any) -> None:
        self.does("PUT", f"/requests/{request}/", fields, user)

    def test_an_edit_rewrites_the_title_and_the_first_message(self):
        author = UserFactory()
        request = self.ask_for(author, Producer())
        with capture_mails() as mails:
            self.edit(author, request, title="Les entrées", description="Par jour.")
        assert not mails
        discussion = self.discussion_of(request)
        assert discussion.title.endswith("] Les entrées")
        assert discussion.discussion[0].content.startswith("Par jour.\n\n")
        assert discussion.discussion[0].last_modified_at
        assert len(discussion.discussion) == 1

    def test_once_the_holder_has_answered_a_complement_follows(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.reply(request, producer.editor, "Lesquels ?")
        self.edit(author, request, description="Ceux de Bretagne.")
        told.tell(ObjectId(request))
        contents = self.contents(request)
        assert contents[0].startswith(WORDS)
        assert contents[1] == "Lesquels ?"
        assert "\n\nCeux de Bretagne.\n\n" in contents[2]
        assert len(contents) == 3
        self.edit(author, request, title="Les entrées en Bretagne")
        assert self.discussion_of(request).title.endswith("] Les entrées en Bretagne")
        assert len(self.contents(request)) == 3
        # Neither the words nor their complement are replies.
        assert [text for text, _role, _name in self.said(request)] == ["Lesquels ?"]

    def test_who_now_prefers_no_name_is_not_named_there_any_more(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.edit(author, request, signature="none")
        discussion = self.discussion_of(request)
        assert discussion.user == discussion.discussion[0].posted_by == service_account()


class RetractTest(DiscussedTestCase):
    def test_a_deleted_request_takes_its_thread_along(self):
        author = UserFactory()
        request = self.ask_for(author, Producer())
        self.write(author, request, "J'oubliais : par département.")
        assert len(self.contents(request)) == 2
        self.does("DELETE", f"/requests/{request}/", user=author)
        assert Discussion.objects.count() == 0
        assert requests().count_documents({}) == 0
        assert messages().count_documents({}) == 0

    def test_the_words_of_others_stay(self):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        discussion = self.discussion_of(request)
        self.reply(request, producer.editor, "Lesquels ?")
        self.write(author, request, "Ceux de Bretagne.")
        self.write(other, request, "Et ceux de Corse.")
        self.does("DELETE", f"/requests/{request}/", user=author)
        discussion.reload()
        contents = [message.content for message in discussion.discussion]
        assert (contents[1], contents[3]) == ("Lesquels ?", "Et ceux de Corse.")
        assert contents[0] == contents[2] == discussion.title
        text = json.dumps(self.native("GET", f"/discussions/{discussion.id}/"))
        assert "Bretagne" not in text
        assert WORDS not in text
        assert discussion.closed
        assert requests().count_documents({}) == 0

    def test_a_withdrawn_request_is_not_discussed_and_opens_a_new_thread_when_asked_again(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        first = stored(request)["discussion"]
        self.move(author, request, "withdrawn")
        assert Discussion.objects.count() == 0
        assert self.does("GET", f"/requests/{request}/")["discussion"] is None
        self.move(author, request, "submitted")
        assert stored(request)["discussion"] != first
        assert Discussion.objects.count() == 1

    def test_what_others_carry_stays_without_the_name_of_who_left_it(self):
        producer, author, fan = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        discussion_id = stored(request)["discussion"]
        self.does("POST", f"/requests/{request}/support/", user=fan)
        self.does("DELETE", f"/requests/{request}/", user=author)
        discussion = self.discussion_of(request)
        assert discussion.id == discussion_id
        assert discussion.user == discussion.discussion[0].posted_by == service_account()
        assert discussion.discussion[0].content.startswith(WORDS)
        assert str(author.id) not in json.dumps(
            self.native("GET", f"/discussions/{discussion.id}/")
        )

    def test_an_organization_that_leaves_a_carried_request_is_not_named_any_more(self):
        museum = OrganizationFactory(editors=[curator := UserFactory()])
        request = self.ask_for(curator, Producer(), signature=str(museum.id))
        self.does("POST", f"/requests/{request}/support/", user=UserFactory())
        self.does("DELETE", f"/requests/{request}/", user=curator)
        discussion = self.discussion_of(request)
        assert (discussion.user, discussion.organization) == (service_account(), None)


class ReplyTest(DiscussedTestCase):
    """From udata to us."""

    def test_replies_are_the_messages_of_the_request_with_their_roles(self):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        self.reply(request, producer.editor, "Bonjour.")
        museum = {"class": "Organization", "id": str(producer.organization.id)}
        self.reply(request, producer.admin, "Lesquels ?", organization=museum)
        self.reply(request, author, "Ceux de Bretagne.")
        self.reply(request, other, "Moi aussi.")
        assert self.said(request) == [
            ("Bonjour.", "producer", producer.editor.fullname),
            ("Lesquels ?", "producer", producer.organization.name),
            ("Ceux de Bretagne.", "requester", author.fullname),
            ("Moi aussi.", "anybody", other.fullname),
        ]

    def test_who_asks_without_name_is_not_recognised_under_their_own(self):
        author = UserFactory()
        request = self.ask_for(author, Producer(), signature="none")
        self.reply(request, author, "Moi aussi.")
        self.write(author, request, "Ceux de Bretagne.")
        assert [role for _text, role, _name in self.said(request)] == ["anybody", "requester"]
        assert self.discussion_of(request).discussion[2].posted_by == service_account()

    def test_what_who_asks_writes_is_signed_as_they_ask_whatever_they_change_since(self):
        author, fan = UserFactory(), UserFactory()
        request = self.ask_for(author, Producer(), signature="none")
        self.write(author, request, "Ceux de Bretagne.")
        assert self.said(request) == [("Ceux de Bretagne.", "requester", None)]
        self.write(author, request, "Je le dis aussi.", signature="name")
        assert self.said(request)[1] == ("Je le dis aussi.", "anybody", author.fullname)
        self.does("PUT", f"/requests/{request}/", {"signature": "name"}, author)
        assert self.said(request)[0] == ("Ceux de Bretagne.", "requester", author.fullname)
        assert self.discussion_of(request).discussion[1].posted_by == author
        self.does("POST", f"/requests/{request}/support/", user=fan)
        self.does("DELETE", f"/requests/{request}/", user=author)
        assert self.said(request)[0] == ("Ceux de Bretagne.", "requester", None)
        assert self.discussion_of(request).discussion[1].posted_by == service_account()

    def test_pages_are_bounded_and_cost_the_same_whatever_was_said(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        for n in range(7):
            (self.reply if n % 2 else self.write)(
                *((request, author) if n % 2 else (author, request)), f"Message {n}"
            )
        with stopped_workers():
            self.write(author, request, "Message 7")
            self.write(author, request, "Message 8")
        texts = [f"Message {n}" for n in range(9)]
        path = f"/requests/{request}/messages/"
        for size in (2, 3, 7, 8, 9, 20):
            found, page = [], 1
            while True:
                listed = self.ask("GET", f"{path}?page={page}&page_size={size}").json
                assert listed["total"] == 9
                assert len(listed["data"]) <= size
                found += [message["text"] for message in listed["data"]]
                if not listed["next_page"]:
                    break
                page += 1
            assert found == texts
        assert self.ask("GET", f"{path}?page=4&page_size=4").status_code == 404
        ids = [message["id"] for message in self.ask("GET", path).json["data"]]
        assert len(set(ids)) == 9

    def test_reading_takes_a_constant_number_of_commands(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.reply(request, producer.editor, "Bonjour.")
        path, counts = f"/requests/{request}/messages/", []
        for _round in range(2):
            with COMMANDS.count() as sent:
                self.ask("GET", path)
            counts.append(sorted(sent))
            for _ in range(5):
                self.reply(request, UserFactory(), "Moi aussi.")
                self.write(UserFactory(), request, "Et moi.")
        assert counts[0] == counts[1]
        assert 0 < len(counts[0]) <= 12

    def test_a_reply_of_the_holder_says_that_a_new_request_was_seen(self):
        producer, author, fan = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        self.does("POST", f"/requests/{request}/support/", user=fan)
        self.reply(request, UserFactory(), "Moi aussi.")
        assert stored(request)["status"] == "submitted"
        with capture_mails() as mails:
            self.reply(request, producer.editor, "Nous regardons.")
        shown = self.does("GET", f"/requests/{request}/")
        assert shown["status"] == "acknowledged"
        entry = shown["history"][-1]
        assert entry["by"] == {"role": "producer", "name": producer.organization.name}
        assert stored(request)["history"][-1]["by"]["user"] == producer.editor.id
        # The requester has the reply, who supports it the step: one mail each.
        for person in (author, fan):
            assert len([m for m in mails if person.email in m.recipients]) == 1
        self.reply(request, producer.editor, "Encore un mot.")
        assert len(stored(request)["history"]) == 1

    def test_so_does_what_the_holder_writes_on_the_page_of_the_request(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.write(producer.editor, request, "Nous regardons.")
        assert stored(request)["status"] == "acknowledged"

    def test_anybodys_reply_ends_a_clarification_but_not_the_holders(self):
        producer, other = Producer(), UserFactory()
        request = self.ask_for(UserFactory(), producer)
        self.move(producer.editor, request, "needs_clarification", message="Quelles années ?")
        self.reply(request, producer.admin, "Par exemple depuis 2015.")
        self.reply(request, sysadmin(), "Restez courtois.")
        assert stored(request)["status"] == "needs_clarification"
        self.reply(request, other, "2015 à 2024.")
        assert stored(request)["status"] == "acknowledged"
        entry = stored(request)["history"][-1]
        assert (entry["by"]["role"], entry["by"]["user"]) == ("*", other.id)

    def test_a_reply_heard_late_does_not_answer_a_question_asked_since(self):
        producer, other = Producer(), UserFactory()
        request = self.ask_for(UserFactory(), producer)
        with stopped_workers():
            self.reply(request, other, "Moi aussi.")
            self.move(producer.editor, request, "needs_clarification", message="Qui ?")
        upkeep.hear_replies()
        assert stored(request)["status"] == "needs_clarification"
        with stopped_workers():
            self.reply(request, other, "Un chercheur.")
        assert stored(request)["status"] == "needs_clarification"
        for _ in range(2):
            maintenance.maintain()
            assert stored(request)["status"] == "acknowledged"
        assert len(stored(request)["history"]) == 2

    def test_a_retried_message_does_not_answer_a_question_asked_since(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        for _ in range(2):
            self.write(author, request, "Merci.", submission_id="abcdefgh")
            if _ == 0:
                self.move(producer.editor, request, "needs_clarification", message="Qui ?")
        assert stored(request)["status"] == "needs_clarification"
        assert len(self.said(request)) == 1

    @pytest.mark.options(SPAM_WORDS=["casino"])
    def test_a_reply_that_udata_takes_for_spam_answers_nothing_until_somebody_has_looked(self):
        producer, other, admin = Producer(), UserFactory(), sysadmin()
        request = self.ask_for(UserFactory(), producer)
        self.move(producer.editor, request, "needs_clarification", message="Quelles années ?")
        self.reply(request, other, "Gagnez au casino.")
        maintenance.maintain()
        assert stored(request)["status"] == "needs_clarification"
        [report] = self.native("GET", "/reports/", user=admin)["data"]
        now = datetime.now(UTC).isoformat()
        self.native("PATCH", f"/reports/{report['id']}/", {"dismissed_at": now}, admin)
        assert stored(request)["status"] == "acknowledged"

    def test_closing_decides_nothing_and_what_is_written_then_stays_on_the_page(self):
        producer, author, fan = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        self.reply(request, producer.editor, "C'est publié ailleurs.", close=True)
        assert stored(request)["status"] == "acknowledged"
        with capture_mails() as mails:
            self.write(author, request, "Où donc ?")
        assert [text for text, _role, _name in self.said(request)] == [
            "C'est publié ailleurs.",
            "Où donc ?",
        ]
        assert len(self.contents(request)) == 2
        # udata tells nobody of it: we do.
        assert len([m for m in mails if producer.admin.email in m.recipients]) == 1
        assert not [m for m in mails if fan.email in m.recipients]

    def test_closing_without_a_word_says_that_it_was_seen_and_the_author_closing_says_nothing(self):
        producer, author = Producer(), UserFactory()
        for who, status in ((author, "submitted"), (producer.editor, "acknowledged")):
            request = self.ask_for(author, producer, title=f"Demande {status}")
            self.reply(request, who, None, close=True)
            assert stored(request)["status"] == status

    def test_nameless_requesters_hear_of_replies_by_us_and_named_ones_by_udata(self):
        producer, other = Producer(), UserFactory()
        for signature in ("name", "none"):
            author = UserFactory()
            request = self.ask_for(author, producer, signature=signature)
            with capture_mails() as mails:
                self.reply(request, other, "Moi aussi.")
                self.write(UserFactory(), request, "Et moi.")
            assert len([m for m in mails if author.email in m.recipients]) == 2
            assert len([m for m in mails if producer.admin.email in m.recipients]) == 2
            with capture_mails() as mails:
                upkeep.hear_replies()
            assert not mails
            with capture_mails() as mails:
                self.reply(request, producer.editor, "Nous regardons.")
            assert stored(request)["status"] == "acknowledged"
            assert len([m for m in mails if author.email in m.recipients]) == 1

    def test_a_holder_who_is_not_the_producer_hears_of_replies_by_us(self):
        producer, holder = Producer(), Producer()
        request = self.ask_for(UserFactory(), producer, organization=str(holder.organization.id))
        with capture_mails() as mails:
            self.reply(request, UserFactory(), "Moi aussi.")
        for admin in (producer.admin, holder.admin):
            assert len([m for m in mails if admin.email in m.recipients]) == 1
        self.reply(request, producer.editor, "Ce n'est pas nous.")
        assert stored(request)["status"] == "submitted"
        self.reply(request, holder.editor, "C'est nous.")
        assert stored(request)["status"] == "acknowledged"


class WrittenTest(DiscussedTestCase):
    """From us to udata."""

    def test_what_is_written_on_the_page_is_a_native_reply_once(self):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        with capture_mails() as mails:
            for _ in range(2):
                self.write(other, request, "Moi aussi.", submission_id="abcdefgh")
                told.tell(ObjectId(request))
        discussion = self.discussion_of(request)
        assert [m.content for m in discussion.discussion[1:]] == ["Moi aussi."]
        assert discussion.discussion[1].posted_by == other
        for person in (producer.admin, author):
            assert len([m for m in mails if person.email in m.recipients]) == 1
        assert len([n for n in Notification.objects(user=producer.admin)]) == 2

    def test_what_was_changed_natively_is_shown_as_it_stands_there(self):
        producer, other = Producer(), UserFactory()
        request = self.ask_for(UserFactory(), producer)
        self.write(other, request, "Moi ausi.")
        path = f"/discussions/{stored(request)['discussion']}/comments/1/"
        self.native("PUT", path, {"comment": "Moi aussi."}, other)
        assert self.said(request) == [("Moi aussi.", "anybody", other.fullname)]

    def test_what_was_deleted_natively_is_said_nowhere_and_does_not_come_back(self):
        producer, other = Producer(), UserFactory()
        request = self.ask_for(UserFactory(), producer)
        self.write(other, request, "Une bêtise.")
        self.move(producer.editor, request, "accepted", message="Volontiers.")
        self.remove_there(request, producer.editor, 2)
        self.remove_there(request, other, 1)
        maintenance.maintain()
        self.write(other, request, "Merci.")
        assert self.contents(request)[1:] == ["Merci."]
        assert [text for text, _role, _name in self.said(request)] == ["Merci."]

    def test_a_move_is_told_in_the_name_of_the_organization_once(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.move(producer.editor, request, "acknowledged")
        self.move(
            producer.editor, request, "declined", reason="not_existing", message="Rien de tel."
        )
        for _ in range(2):
            told.tell(ObjectId(request))
        discussion = self.discussion_of(request)
        assert len(discussion.discussion) == 2
        comment = discussion.discussion[1]
        assert comment.posted_by_organization == producer.organization
        assert comment.content.endswith("\n\nRien de tel.")
        assert self.said(request) == []  # it is in the history
        self.move(author, request, "acknowledged", message="Mais si, en 2015.")
        comment = self.discussion_of(request).discussion[2]
        assert (comment.posted_by, comment.posted_by_organization) == (author, None)
        assert comment.content.endswith("\n\nMais si, en 2015.")

    def test_published_data_are_named_there(self):
        producer = Producer()
        request = self.ask_for(UserFactory(), producer)
        opened = DatasetFactory(organization=producer.organization, title="Entrées 2024")
        urls = ["https://example.org/donnees"]
        self.move(producer.editor, request, "published", datasets=[str(opened.id)], urls=urls)
        comment = self.contents(request)[1]
        assert "Entrées 2024" in comment
        assert urls[0] in comment

    def test_a_move_is_one_mail_and_rings_for_who_takes_part(self):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        self.reply(request, other, "Moi aussi.")
        with capture_mails() as mails:
            self.move(producer.editor, request, "accepted", message="Volontiers.")
            maintenance.maintain()
        for person in (author, other, producer.admin):
            assert len([m for m in mails if person.email in m.recipients]) == 1, person
        assert not [m for m in mails if producer.editor.email in m.recipients]
        [step] = [m for m in mails if author.email in m.recipients]
        assert TITLE in step.subject
        rung = Notification.objects(user=author, details__discussion=stored(request)["discussion"])
        assert len(rung) == 2  # the reply, and this

    def test_what_a_moderator_decides_is_told_by_the_history_alone(self):
        request = self.ask_for(UserFactory(), Producer())
        self.move(sysadmin(), request, "accepted", message="Volontiers.")
        assert len(self.contents(request)) == 1

    def test_a_transfer_is_told_there_too(self):
        producer, holder = Producer(), Producer()
        request = self.ask_for(UserFactory(), producer)
        self.does(
            "POST",
            f"/requests/{request}/transfer/",
            {"organization": str(holder.organization.id), "message": "C'est chez eux."},
            producer.editor,
        )
        assert holder.organization.name in self.contents(request)[1]
        assert self.contents(request)[1].endswith("C'est chez eux.")

    def test_the_page_shows_one_conversation(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.reply(request, producer.editor, "Lesquels donc ?")
        self.write(author, request, "Ceux de Bretagne.")
        page = self.visit(
            "GET", f"/api/1/culture-feedback/pages/requests/{stored(request)['slug']}/"
        ).get_data(as_text=True)
        page = page.replace("\u00a0", " ")  # as French has it before a question mark
        assert page.index("Lesquels donc ?") < page.index("Ceux de Bretagne.")
        assert page.count("Ceux de Bretagne.") == 1


class DeletedThereTest(DiscussedTestCase):
    def test_a_discussion_deleted_in_udata_hides_the_request(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.remove_there(request, sysadmin())
        assert stored(request)["visibility"] == "hidden"
        assert stored(request)["hidden_reason"] == "removed"
        assert self.ask("GET", f"/requests/{request}/").status_code == 404
        assert self.ask("GET", f"/requests/{request}/", user=author).status_code == 200
        assert self.ask("GET", "/requests/").json["total"] == 0
        maintenance.maintain()
        assert Discussion.objects.count() == 0  # it does not come back

    def test_its_author_cannot_undo_there_what_others_carry(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.does("POST", f"/requests/{request}/support/", user=UserFactory())
        with capture_mails() as mails:
            self.remove_there(request, author)
        shown = self.does("GET", f"/requests/{request}/")
        assert shown["contributor"]["name"] is None
        assert self.discussion_of(request).user == service_account()
        assert self.contents(request)[0].startswith(WORDS)
        assert not [m for m in mails if producer.admin.email in m.recipients]

    def test_a_moderator_can(self):
        author = UserFactory()
        request = self.ask_for(author, Producer())
        self.does("POST", f"/requests/{request}/support/", user=UserFactory())
        self.remove_there(request, sysadmin())
        assert stored(request)["visibility"] == "hidden"

    def test_a_deletion_nobody_heard_of_is_heard_of_at_night(self):
        request = self.ask_for(UserFactory(), Producer())
        Discussion._get_collection().delete_one({"_id": stored(request)["discussion"]})
        assert maintenance.maintain()["request_discussions_mended"] == 1
        assert stored(request)["visibility"] == "hidden"

    def test_a_purged_dataset_leaves_its_requests_with_what_was_written_here(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.write(author, request, "Ceux de Bretagne.")
        producer.dataset.deleted = datetime.now(UTC)
        producer.dataset.save()
        purge_datasets()
        shown = self.does("GET", f"/requests/{request}/")
        assert (shown["dataset"], shown["discussion"]) == (None, None)
        assert shown["visibility"] == "public"
        assert self.said(request) == [("Ceux de Bretagne.", "requester", author.fullname)]
        assert self.is_told(request)

    def test_a_purged_organization_leaves_its_requests_discussed_without_its_name(self):
        museum = OrganizationFactory(editors=[curator := UserFactory()])
        request = self.ask_for(curator, Producer(), signature=str(museum.id))
        museum.deleted = datetime.now(UTC)
        museum.save()
        purge_organizations()
        assert stored(request)["visibility"] == "public"
        discussion = self.discussion_of(request)
        assert (discussion.user, discussion.organization) == (service_account(), None)

    def test_forged_extras_change_nothing(self):
        producer, author, forger = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        forged = self.native(
            "POST",
            "/discussions/",
            {
                "title": "Demande",
                "comment": "Faux",
                "subject": {"class": "Dataset", "id": str(producer.dataset.id)},
                "extras": {"culture-feedback": {"request": request}},
            },
            forger,
        )
        before = stored(request)
        self.native("POST", f"/discussions/{forged['id']}/", {"comment": "Vu."}, producer.editor)
        self.native("DELETE", f"/discussions/{forged['id']}/", user=forger)
        assert stored(request) == before


class AccountTest(DiscussedTestCase):
    def test_who_leaves_with_their_comments_leaves_none_here(self):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        request = self.ask_for(author, producer)
        self.write(other, request, "Une confidence.")
        other.mark_as_deleted(notify=False, delete_comments=True)
        maintenance.maintain()
        assert "Une confidence." not in json.dumps(
            self.ask("GET", f"/requests/{request}/messages/").json
        )
        assert not messages().find_one({"text": "Une confidence."})

    def test_a_request_that_others_carry_outlives_the_account_that_asked_with_its_comments(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        self.does("POST", f"/requests/{request}/support/", user=UserFactory())
        author.mark_as_deleted(notify=False, delete_comments=True)
        assert self.does("GET", f"/requests/{request}/")["contributor"]["name"] is None
        assert self.discussion_of(request).user == service_account()
        assert self.contents(request)[0].startswith(WORDS)

    def test_one_that_nobody_else_carries_goes_with_them(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        author.mark_as_deleted(notify=False, delete_comments=True)
        assert self.ask("GET", f"/requests/{request}/").status_code == 404

    def test_who_leaves_without_them_is_named_nowhere_and_the_request_stays(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        author.mark_as_deleted(notify=False)
        assert self.does("GET", f"/requests/{request}/")["contributor"]["name"] is None
        assert self.contents(request)[0].startswith(WORDS)


class AddMessageTest(DiscussedTestCase):
    """`threads.add_message`, for whoever has something to say in a discussion."""

    def added(self, discussion_id: ObjectId, message_id: str, author: User, **how: Any) -> bool:
        return discussions.add_message(discussion_id, message_id, "Bonjour.", author, **how)

    def test_a_message_is_added_and_announced_once(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        discussion_id, message_id = stored(request)["discussion"], str(uuid4())
        with capture_mails() as mails:
            for _ in range(2):
                assert self.added(discussion_id, message_id, producer.editor)
            self.at_once(3, self.added, discussion_id, str(uuid4()), producer.editor)
        assert self.contents(request)[1:] == ["Bonjour.", "Bonjour."]
        assert len([m for m in mails if author.email in m.recipients]) == 2

    def test_none_is_added_to_a_discussion_that_is_closed_or_gone(self):
        producer = Producer()
        request = self.ask_for(UserFactory(), producer)
        discussion_id, message_id = stored(request)["discussion"], str(uuid4())
        assert self.added(
            discussion_id,
            message_id,
            producer.editor,
            organization=producer.organization,
            close=True,
        )
        discussion = self.discussion_of(request)
        assert discussion.closed_by == producer.editor
        assert discussion.closed_by_organization == producer.organization
        assert not self.added(discussion_id, str(uuid4()), producer.editor)
        assert self.added(discussion_id, message_id, producer.editor)  # it is there
        assert not self.added(ObjectId(), str(uuid4()), producer.editor)

    def test_a_message_keeps_its_date_and_may_come_quietly(self):
        producer, author = Producer(), UserFactory()
        request = self.ask_for(author, producer)
        date = datetime(2026, 1, 31, 10) - timedelta(days=3)
        with capture_mails() as mails:
            self.added(
                stored(request)["discussion"],
                str(uuid4()),
                producer.editor,
                posted_on=date,
                quietly=True,
            )
        assert not mails
        assert self.discussion_of(request).discussion[1].posted_on == date

    def test_a_message_is_rewritten_where_it_stands(self):
        producer = Producer()
        request = self.ask_for(UserFactory(), producer)
        discussion_id, message_id = stored(request)["discussion"], str(uuid4())
        self.added(discussion_id, message_id, producer.editor)
        self.reply(request, UserFactory(), "Merci.")
        assert discussions.rewrite_message(discussion_id, message_id, "Bonsoir.")
        assert not discussions.rewrite_message(discussion_id, message_id, "Bonsoir.")
        assert not discussions.rewrite_message(discussion_id, str(uuid4()), "Bonsoir.")
        assert self.contents(request)[1:] == ["Bonsoir.", "Merci."]
