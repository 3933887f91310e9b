"""Erased words are nowhere: the whole database is searched for them, every string of every
collection, udata's own and the outbox included, for each way of erasing."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from mongoengine.connection import get_db
from udata.core.dataset.factories import DatasetFactory, HiddenDatasetFactory
from udata.core.discussions.models import Discussion
from udata.core.reports.models import Report
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from tests.cases import Producer, everything_is_settled, sysadmin
from tests.consultations.consulting import ConsultationCase
from tests.moderation.people import ModerationTestCase
from udata_culture_feedback.app import maintenance
from udata_culture_feedback.consultations import lifecycle as of_consultations
from udata_culture_feedback.data_requests import lifecycle as of_requests
from udata_culture_feedback.data_requests.models import messages, requests
from udata_culture_feedback.feedback import lifecycle as of_feedback
from udata_culture_feedback.mail import account_deletion
from udata_culture_feedback.moderation.models import flags
from udata_culture_feedback.search.index import entries

from ..people.without_account import Mailbox, WithoutAccountTestCase

#: Words that stand nowhere else, whatever their endings.
SECRET = "Quetzalcoatlus"
SECOND = "Parasaurolophus"
#: What is left of them in an index of stems.
ROOT = 9

EMAIL = "camille.martin@example.org"


def places(word: Any) -> list[str]:
    """Where a word (or what begins like it), or an id, stands in the database:
    `collection.field.field`."""
    database, sought = get_db(), word[:ROOT].lower() if isinstance(word, str) else str(word)
    return sorted(
        {
            f"{name}.{path}"
            for name in database.list_collection_names()
            for document in database[name].find()
            for path, text in strings(document)
            if sought in text.lower()
        }
    )


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a document, keys included, and what stands in binary values."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield f"{path}{key}", str(key)
            yield from strings(one, f"{path}{key}.")
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from strings(one, path)
    elif isinstance(value, bytes):
        yield path.rstrip("."), value.decode("utf-8", "replace")
    elif value is not None:
        yield path.rstrip("."), str(value)


def later(**delay: int) -> Any:
    return freeze_time(datetime.now(UTC) + timedelta(**delay), ignore=["pymongo"])


class Case(ModerationTestCase, WithoutAccountTestCase):
    """People who say things that moderators, producers and readers then talk about."""

    @pytest.fixture(autouse=True)
    def unlimited(self, app: Any, keys: None) -> None:
        app.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = None
        app.config["CULTURE_FEEDBACK_LIMIT_MANAGER"] = None

    def request_of(self, who: User, **fields: Any) -> Any:
        body = {"title": f"Les {SECRET} par mois", "description": f"Où vivent les {SECOND} ?"}
        response = self.ask("POST", "/requests/", body | {"kind": "new"} | fields, who)
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json

    def says(self, request: Any, who: User, message: str) -> Any:
        path = f"/requests/{request['id']}/messages/"
        response = self.ask("POST", path, {"message": message}, who)
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json

    def done(self, verb: str, path: str, body: Any = None, user: User | None = None) -> Any:
        response = self.ask(verb, path, body, user)
        assert response.status_code < 300, response.get_data(as_text=True)
        return response.json if response.get_data() else None

    def erases(self, who: User, **body: Any) -> Any:
        return self.done("DELETE", "/me/", body, who)

    def leaves(self, who: User, *, with_words: bool) -> None:
        """Deletes the account as udata does, then lets late tasks run."""
        query = "?no_mail=true" + ("&delete_comments=true" if with_words else "")
        admin = sysadmin()
        path = f"/api/1/users/{who.id}/{query}"
        response = self.visit("DELETE", path, headers={"X-API-KEY": self.key_of(admin)})
        assert response.status_code == 204, response.get_data(as_text=True)
        for domain in (of_feedback, of_requests, of_consultations):
            Context().run(domain.forget_account, who.id)


class AuthorTest(Case):
    def test_a_deleted_comment_is_nowhere(self):
        author, dataset = UserFactory(), DatasetFactory()
        given = self.give(
            author, dataset, comment=f"Il manque les {SECRET}.", ratings={"completeness": 2}
        )
        assert {"culture_feedback_feedback.comment", "discussion.discussion.content"} <= set(
            places(SECRET)
        )
        self.done("DELETE", f"/feedback/{given['id']}/", user=author)
        assert places(SECRET) == []
        assert self.summary(dataset)["total"] == 0
        assert everything_is_settled()

    def test_a_comment_that_was_edited_leaves_its_earlier_words_nowhere(self):
        author = UserFactory()
        given = self.give(author, DatasetFactory(), comment=f"Il manque les {SECRET}.")
        self.done("PUT", f"/feedback/{given['id']}/", {"comment": "Rien ne manque."}, author)
        assert places(SECRET) == []

    def test_neither_are_the_words_of_who_pointed_it_out_or_contested(self):
        author, dataset, who = UserFactory(), DatasetFactory(), sysadmin()
        given = self.said(dataset, author, f"Il manque les {SECRET}.")
        flag = {"reason": "abuse", "message": f"Il parle de {SECRET} !"}
        self.done("POST", f"/feedback/{given}/flag/", flag, UserFactory())
        self.decided(who, given, "redact", strings=[SECRET])
        [line] = self.lines(given)
        path = f"/api/1/culture-feedback/pages/moderation/decisions/{line['_id']}/appeal"
        headers = {"X-API-KEY": self.key_of(author)}
        said = {"text": f"{SECRET} n'est pas une donnée personnelle."}
        assert self.visit("POST", path, data=said, headers=headers).status_code in (200, 303)
        found = places(SECRET)
        assert "culture_feedback_flag.message" in found
        assert "culture_feedback_appeal.text" in found
        assert "culture_feedback_feedback.moderated.before.texts.comment" in found
        self.erases(author, items=[{"kind": "feedback", "id": given}])
        assert places(SECRET) == []
        assert flags().count_documents({}) == 0
        assert len(self.lines(given)) == 1  # the journal stays, without words

    def test_nor_is_what_the_producer_noted_and_answered_here(self):
        """What the producer wrote in the discussion is the producer's, and stays there."""
        producer, author = Producer(), UserFactory()
        given = self.give(
            author, producer.dataset, comment=f"Il manque les {SECRET}.", wants_answer=True
        )
        body = {"status": "planned", "answer": f"Les {SECRET} arrivent.", "note": f"Voir {SECRET}"}
        self.done("PUT", f"/feedback/{given['id']}/treatment/", body, producer.admin)
        self.done("DELETE", f"/feedback/{given['id']}/", user=author)
        assert places(SECRET) == ["discussion.discussion.content"]
        [discussion] = Discussion.objects
        ours, theirs = discussion.discussion
        assert SECRET not in ours.content + discussion.title
        assert theirs.content == f"Les {SECRET} arrivent."

    def test_a_comment_that_waits_is_erased_too(self):
        author = UserFactory()
        held = self.held(DatasetFactory(), author, f"Écrivez à {SECRET}@example.org")
        assert places(SECRET)
        self.erases(author, items=[{"kind": "feedback", "id": held}])
        assert places(SECRET) == []

    def test_one_about_data_that_turned_private_is_erased_too(self):
        author, dataset = UserFactory(), DatasetFactory()
        given = self.give(author, dataset, comment=f"Il manque les {SECRET}.")
        dataset.private = True
        dataset.save()
        assert self.ask("DELETE", f"/feedback/{given['id']}/", user=author).status_code == 404
        assert self.erases(author, items=[{"kind": "feedback", "id": given["id"]}])["erased"] == 1
        assert places(SECRET) == []

    def test_what_udata_reported_as_spam_is_erased_with_it(self, app: Any):
        app.config["SPAM_WORDS"] = [SECRET.lower()]
        app.config["CULTURE_FEEDBACK_CHECKS"] = []
        try:
            author = UserFactory()
            given = self.give(author, DatasetFactory(), comment=f"Il manque les {SECRET} ici.")
            assert "report.message" in places(SECRET)
            self.done("DELETE", f"/feedback/{given['id']}/", user=author)
        finally:
            app.config["SPAM_WORDS"] = []
        assert places(SECRET) == []
        assert Report.objects.count() == 1

    def test_a_deleted_request_is_nowhere(self):
        author, dataset = UserFactory(), DatasetFactory()
        asked = self.request_of(author, dataset=str(dataset.id))
        self.says(asked, author, f"Je précise : {SECRET}.")
        found = places(SECRET)
        assert any(place.startswith("culture_feedback_terms") for place in found)
        assert "culture_feedback_unmet._id" in found
        self.done("DELETE", f"/requests/{asked['id']}/", user=author)
        assert (places(SECRET), places(SECOND)) == ([], [])

    def test_a_request_that_others_carry_only_loses_its_author(self):
        producer, author = Producer(), UserFactory(first_name="Zénobie")
        asked = self.request_of(author, dataset=str(producer.dataset.id))
        for supporter in (UserFactory(), UserFactory()):
            self.done("POST", f"/requests/{asked['id']}/support/", user=supporter)
        decline = {"to": "declined", "reason": "not_existing", "message": "Non."}
        self.done("POST", f"/requests/{asked['id']}/transitions/", decline, producer.admin)
        again = {"to": "acknowledged", "message": "Mais si : Velociraptor."}
        self.done("POST", f"/requests/{asked['id']}/transitions/", again, author)
        assert places("Velociraptor")
        assert places("Zénobie")
        erased = self.erases(author, items=[{"kind": "request", "id": asked["id"]}])
        assert erased == {"erased": 0, "detached": 1, "left": 0}
        stored = requests().find_one({"_id": ObjectId(asked["id"])})
        assert stored["title"] == asked["title"]
        assert places("Velociraptor") == []
        assert [p for p in places("Zénobie") if not p.startswith("user.")] == []
        assert [p for p in places(author.id) if p.startswith("culture_feedback_request")] == []
        assert self.ask("GET", f"/requests/{asked['id']}/").json["supports"] == 2

    @pytest.mark.parametrize("home", ["page", "discussion"])
    def test_a_message_is_erased_and_those_of_others_stay(self, home: str):
        asker, author, dataset = UserFactory(), UserFactory(), DatasetFactory()
        more = {"dataset": str(dataset.id)} if home == "discussion" else {}
        asked = self.request_of(asker, title="Les musées", description="Pour les voir.", **more)
        said = self.says(asked, author, f"Avec les {SECRET}.")
        self.says(asked, UserFactory(), f"Et les {SECOND}.")
        self.erases(author, items=[{"kind": "message", "id": said["id"]}])
        assert places(SECRET) == []
        assert places(SECOND)
        shown = self.ask("GET", f"/requests/{asked['id']}/messages/").json["data"]
        assert [one["text"] for one in shown] == [f"Et les {SECOND}."]

    def test_everything_at_once(self):
        author, dataset = UserFactory(), DatasetFactory()
        self.give(author, dataset, comment=f"Il manque les {SECRET}.")
        self.give(author, HiddenDatasetFactory(owner=author), comment=f"Voici des {SECRET}.")
        self.held(DatasetFactory(), author, f"Écrivez à {SECRET}@example.org")
        self.request_of(author)
        elsewhere = self.request_of(UserFactory(), title="Les musées", description="Pour les voir.")
        self.done("POST", f"/requests/{elsewhere['id']}/support/", user=author)
        self.says(elsewhere, author, f"Avec les {SECRET}.")
        given = self.said(dataset, UserFactory(), "Un autre avis.")
        flag = {"reason": "spam", "message": f"{SECRET} !"}
        self.done("POST", f"/feedback/{given}/flag/", flag, author)
        erased = self.erases(author, everything=True)
        assert erased == {"erased": 6, "detached": 0, "left": 0}
        assert (places(SECRET), places(SECOND)) == ([], [])
        ours = [p for p in places(author.id) if p.startswith("culture_feedback_")]
        assert [p for p in ours if not p.startswith("culture_feedback_outbox")] == []
        assert self.ask("GET", f"/requests/{elsewhere['id']}/").json["supports"] == 0
        assert self.summary(dataset)["total"] == 1
        assert everything_is_settled()

    def test_nothing_comes_back_with_maintenance(self):
        author = UserFactory()
        self.give(author, DatasetFactory(), comment=f"Il manque les {SECRET}.")
        self.request_of(author)
        self.erases(author, everything=True)
        maintenance.maintain()
        assert (places(SECRET), places(SECOND)) == ([], [])


class ConsultedTest(Case, ConsultationCase):
    def answers(self, consultation: Any, who: User) -> None:
        answers = {
            "use": "yes",
            "why": f"Pour les {SECRET}.",
            "lacking": {"title": f"Les {SECOND}", "description": f"Leur {SECRET}.", "ask": True},
        }
        self.answered(consultation, who, answers=answers)
        draft = {"answers": answers | {"why": "Brachiosaurus"}, "draft": True}
        path = f"/consultations/{consultation['id']}/responses/"
        self.ask("PUT", path, draft, who)

    def open_one(self) -> Any:
        now = datetime.now(UTC)
        day = timedelta(days=1)
        opens, closes = (now - day).isoformat()[:16], (now + day).isoformat()[:16]
        return self.make(opens_at=opens, closes_at=closes)

    def test_an_answer_and_what_was_asked_with_it(self):
        consultation, author = self.open_one(), UserFactory()
        self.answers(consultation, author)
        assert {"culture_feedback_response.texts.text"} <= set(places(SECRET))
        self.erases(author, everything=True)
        assert (places(SECRET), places(SECOND), places("Brachiosaurus")) == ([], [], [])

    def test_once_results_are_published_texts_go_and_figures_stay(self):
        consultation, author = self.open_one(), UserFactory()
        self.answers(consultation, author)
        with later(days=2):
            before = self.results_of(consultation)["responses"]
            self.erases(author, everything=True)
            assert self.results_of(consultation)["responses"] == before
            assert (places(SECRET), places(SECOND), places("Brachiosaurus")) == ([], [], [])

    @pytest.mark.parametrize("with_words", [True, False])
    def test_the_account_was_deleted(self, with_words: bool):
        consultation, author = self.open_one(), UserFactory()
        self.answers(consultation, author)
        self.leaves(author, with_words=with_words)
        assert bool(places(SECRET)) is not with_words


class AccountDeletedTest(Case):
    def has_said(self, author: User) -> None:
        dataset = DatasetFactory()
        self.give(author, dataset, comment=f"Il manque les {SECRET}.")
        self.give(author, DatasetFactory(), comment=f"Encore des {SECRET}.", signature="none")
        self.held(DatasetFactory(), author, f"Écrivez à {SECRET}@example.org")
        self.request_of(author, dataset=str(dataset.id))
        self.request_of(author, signature="none")
        asked = self.request_of(UserFactory(), title="Les musées", description="Pour les voir.")
        self.says(asked, author, f"Avec les {SECRET}.")
        with_discussion = self.request_of(
            UserFactory(), title="Les parcs", description="Aussi.", dataset=str(dataset.id)
        )
        self.says(with_discussion, author, f"Et là des {SECRET}.")

    def test_with_its_comments_no_word_is_left(self):
        author = UserFactory(first_name="Zénobie", last_name="Palmyre")
        self.has_said(author)
        self.leaves(author, with_words=True)
        assert (places(SECRET), places(SECOND)) == ([], [])
        assert (places("Zénobie"), places("Palmyre")) == ([], [])
        assert everything_is_settled()

    def test_without_its_comments_words_stay_and_nobody_is_named(self):
        author = UserFactory(first_name="Zénobie", last_name="Palmyre")
        self.has_said(author)
        self.leaves(author, with_words=False)
        assert places(SECRET)
        assert places(SECOND)
        assert (places("Zénobie"), places("Palmyre")) == ([], [])

    def test_what_others_carry_stays_without_its_author(self):
        author = UserFactory(first_name="Zénobie")
        asked = self.request_of(author)
        self.done("POST", f"/requests/{asked['id']}/support/", user=UserFactory())
        self.leaves(author, with_words=True)
        assert self.ask("GET", f"/requests/{asked['id']}/").json["title"] == asked["title"]
        assert places("Zénobie") == []

    def test_a_wish_that_was_heard_of_holds_for_late_tasks(self):
        author = UserFactory()
        given = self.held(DatasetFactory(), author, f"Écrivez à {SECRET}@example.org")
        author.mark_as_deleted(notify=False)
        assert self.stored(given)["comment"]
        account_deletion.remember(author.id)
        maintenance.maintain()
        assert places(SECRET) == []

    def test_no_mail_waits_for_who_has_left(self):
        author = UserFactory()
        self.request_of(author)
        assert "culture_feedback_outbox.user" in places(author.id)
        self.leaves(author, with_words=True)
        assert [p for p in places(author.id) if p.startswith("culture_feedback_outbox")] == []


class WhoItWasTest(Case, ConsultationCase):
    """Once an account is deleted, no collection of ours says which one it was: nothing links what
    one person said, least of all what they said without their name."""

    def does_everything(self, author: User) -> None:
        producer, asked = Producer(), self.request_of(UserFactory(), title="Les parcs")
        self.give(author, producer.dataset, comment="Il manque des années.", wants_answer=True)
        self.give(author, DatasetFactory(), comment="Encore.", signature="none")
        self.give(author, DatasetFactory(), fitness="no")
        self.held(DatasetFactory(), author, "Écrivez à quelqu.un@example.org")
        self.request_of(author, dataset=str(producer.dataset.id))
        self.request_of(author, signature="none")
        self.says(asked, author, "Moi aussi.")
        mine, path = self.request_of(author, title="Les jardins"), f"/requests/{asked['id']}"
        self.says(mine, author, "Ceux de la ville.")
        self.done("POST", f"{path}/support/", user=author)
        self.done("POST", f"{path}/flag/", {"reason": "abuse", "message": "Voyez."}, author)
        said = self.give(UserFactory(), producer.dataset, comment="Bonjour à vous.")
        self.done("POST", f"/feedback/{said['id']}/flag/", {"reason": "spam"}, author)
        now, day = datetime.now(UTC), timedelta(days=1)
        opens, closes = (now - day).isoformat()[:16], (now + day).isoformat()[:16]
        self.answered(self.make(opens_at=opens, closes_at=closes), author, tell_me=True)

    def test_no_collection_says_who_it_was(self):
        for with_words in (True, False):
            author = UserFactory()
            self.does_everything(author)
            assert len({place.split(".")[0] for place in ours(author.id)}) >= 6
            self.leaves(author, with_words=with_words)
            with later(minutes=1):  # as late as the task comes
                of_feedback.forget_account(author.id)
            # The wish itself, for tasks that come late; it expires.
            wish = ["culture_feedback_leaving._id"] if with_words else []
            assert ours(author.id) == wish


def ours(user_id: ObjectId) -> list[str]:
    return [place for place in places(user_id) if place.startswith("culture_feedback_")]


class WithoutAnAccountTest(Case):
    def opened(self, email: str = EMAIL) -> str:
        """A visit by the link that is sent to an address."""
        with Mailbox() as mailbox:
            self.done("POST", "/me/", {"email": email})
        [message] = mailbox.messages
        return self.done("POST", "/me/", {"token": link_token(message)})["visit"]

    def test_who_confirmed_an_address_erases_everything_it_too(self):
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            said = {"comment": f"Il manque les {SECRET}.", "name": "Zénobie"}
            self.by_email(dataset, EMAIL, **said)
        self.confirm(mailbox.token())
        body = {
            "title": f"Les {SECRET}",
            "description": f"Des {SECOND}.",
            "kind": "new",
            "email": EMAIL,
        }
        with Mailbox() as mailbox:
            self.done("POST", "/requests/", body)
        self.confirm(mailbox.token())
        visit = self.opened()  # the third message of the day
        response = self.ask(
            "DELETE", "/me/", {"everything": True}, headers={"X-Culture-Feedback-Visit": visit}
        )
        assert response.json == {"erased": 2, "detached": 0, "left": 0}
        for word in (SECRET, SECOND, "Zénobie", EMAIL):
            assert places(word) == []
        assert get_db()["culture_feedback_contact"].count_documents({}) == 0
        assert self.summary(dataset)["total"] == 0

    def test_what_waits_to_be_confirmed_goes_too(self):
        dataset = DatasetFactory()
        with Mailbox():
            self.by_email(dataset, EMAIL, comment=f"Il manque les {SECRET}.")
        assert places(SECRET) == ["culture_feedback_unconfirmed.payload"]
        visit = self.opened()
        headers = {"X-Culture-Feedback-Visit": visit}
        assert self.ask("DELETE", "/me/", {"everything": True}, headers=headers).json["erased"] == 1
        assert places(SECRET) == []
        assert get_db()["culture_feedback_contact"].count_documents({}) == 0

    def test_a_browser_erases_what_it_sent(self):
        browser, dataset = self.browser(), DatasetFactory()
        browser.gives(dataset, comment=f"Il manque les {SECRET}.", name="Zénobie")
        erased = browser.send("DELETE", "/me/", everything=True)
        assert erased.json == {"erased": 1, "detached": 0, "left": 0}
        assert (places(SECRET), places("Zénobie")) == ([], [])
        assert self.summary(dataset)["total"] == 0


class RetentionTest(Case):
    @pytest.mark.parametrize("decision", ["reject", "hide"])
    def test_hidden_words_are_nowhere_after_their_retention(self, decision: str):
        who, author, dataset = sysadmin(), UserFactory(), DatasetFactory()
        given = self.said(dataset, author, f"Il manque les {SECRET}.")
        flag = {"reason": "abuse", "message": f"Il parle de {SECRET} !"}
        self.done("POST", f"/feedback/{given}/flag/", flag, UserFactory())
        if decision == "hide":
            self.decided(who, given, "hide", "abuse")
        else:
            given = self.held(dataset, UserFactory(), f"Écrivez à {SECRET}@example.org")
            self.decided(who, given, "reject", "personal_data")
            self.done("DELETE", "/me/", {"everything": True}, author)
        with later(days=184):
            maintenance.maintain()
        assert places(SECRET) == []

    def test_words_that_udata_deleted_are_erased_after_it_too(self):
        author, dataset = UserFactory(), DatasetFactory()
        given = self.give(author, dataset, comment=f"Il manque les {SECRET}.")
        asked = self.request_of(author, dataset=str(dataset.id))
        written = self.says(asked, UserFactory(), f"Je précise : {SECRET}.")
        request = requests().find_one({"_id": ObjectId(asked["id"])})
        row = messages().find_one({"_id": ObjectId(written["id"])})
        Discussion.objects.get(id=self.stored(given["id"])["discussion"]).delete()
        thread = Discussion.objects.get(id=request["discussion"])
        said = next(m for m in thread.discussion if str(m.id) == row["message_id"])
        headers = {"X-API-KEY": self.key_of(sysadmin())}
        path = f"/api/1/discussions/{thread.id}/comments/{said.id}/"
        assert self.visit("DELETE", path, headers=headers).status_code == 204
        Discussion.objects.get(id=request["discussion"]).delete()
        with later(days=184):
            maintenance.maintain()
        assert (places(SECRET), places(SECOND)) == ([], [])
        assert entries().count_documents({"kind": "request"}) == 0


def link_token(message: Any) -> str:
    import re
    from urllib.parse import parse_qs, urlsplit

    [address] = set(re.findall(r"http\S+/me/open\?token=\S+", message.body))
    [token] = parse_qs(urlsplit(address).query)["token"]
    return token
