"""What authors hear of a decision, and how they contest it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId
from freezegun import freeze_time
from mongoengine.connection import get_db
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.tests.helpers import capture_mails

from tests.cases import P, sysadmin
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.mail import outbox
from udata_culture_feedback.moderation import appeals, upkeep
from udata_culture_feedback.moderation.models import appeals as stored_appeals
from udata_culture_feedback.moderation.models import journal
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.portal.collections import now

from .people import HELD, ModerationTestCase, moderator

LATER = timedelta(minutes=31)


class MailTestCase(ModerationTestCase):
    def sent(self, after: timedelta = LATER) -> list[Any]:
        """The mails that leave once decisions cannot be undone any more."""
        with freeze_time(now() + after), capture_mails() as mails:
            outbox.deliver_due()
        return mails

    def link_to_appeal(self, mail: Any) -> str:
        """The path and query of the link of a mail."""
        address = next(word.strip("<>()") for word in mail.body.split() if "/appeal?token=" in word)
        parts = urlsplit(address)
        return f"{parts.path}?{parts.query}"


class MailTest(MailTestCase):
    def test_authors_hear_why_their_words_were_hidden_and_how_to_contest_it(self):
        author, who = UserFactory(), moderator()
        id = self.said(DatasetFactory(), author)
        self.decided(who, id, "hide", "abuse")
        [mail] = self.sent()
        assert mail.recipients == [author.email]
        assert "Insult, personal attack" in mail.body or "nsulte" in mail.body
        assert self.link_to_appeal(mail)
        assert who.fullname not in mail.body + mail.html

    def test_nothing_leaves_before_it_can_be_undone_no_more(self):
        id, who = self.said(DatasetFactory()), moderator()
        self.decided(who, id, "hide", "abuse")
        assert self.sent(timedelta(minutes=29)) == []

    def test_what_was_undone_is_told_to_nobody(self):
        id, who = self.said(DatasetFactory()), moderator()
        self.decided(who, id, "hide", "abuse")
        self.decided(who, id, "restore")
        assert self.sent() == []

    def test_who_waited_hears_that_it_is_published(self):
        author, who = UserFactory(), moderator()
        self.decided(who, self.held(DatasetFactory(), author), "publish")
        [mail] = self.sent()
        assert mail.recipients == [author.email]
        assert "/appeal" not in mail.body

    def test_leaving_what_was_pointed_out_is_told_to_nobody(self):
        id, who = self.said(DatasetFactory()), moderator()
        self.ask("POST", f"/feedback/{id}/flag/", {"reason": "abuse"}, UserFactory())
        self.decided(who, id, "publish")
        assert self.sent() == []

    def test_blacked_out_words_are_not_in_the_mail(self):
        id, who = self.held(DatasetFactory()), moderator()
        self.decided(who, id, "redact", strings=["camille.martin@example.org"])
        [mail] = self.sent()
        assert "camille" not in mail.body + mail.html


class AppealTest(MailTestCase):
    def contested(self, author: Any, who: Any) -> tuple[str, str]:
        """A feedback that was hidden, and the decision."""
        id = self.said(DatasetFactory(), author)
        self.decided(who, id, "hide", "off_topic")
        return id, str(self.lines(id)[-1]["_id"])

    def contest(self, path: str, text: str = "C’est bien le sujet.") -> Any:
        return self.visit("POST", path, data={"text": text})

    def test_the_link_of_the_mail_opens_a_form_and_changes_nothing(self):
        self.contested(UserFactory(), moderator())
        path = self.link_to_appeal(self.sent()[0])
        page = self.visit("GET", path)
        assert page.status_code == 200
        assert page.headers["Cache-Control"] == "no-store"
        assert stored_appeals().count_documents({}) == 0
        sent = self.contest(path)
        assert sent.status_code == 303
        [appeal] = stored_appeals().find()
        assert (appeal["outcome"], appeal["text"]) == ("open", "C’est bien le sujet.")

    def test_administrators_are_told(self):
        admin = sysadmin()
        author = UserFactory()
        _id, decision = self.contested(author, moderator())
        with capture_mails() as mails:
            self.contest(appeals_path(self.app, decision))
        assert [mail.recipients for mail in mails] == [[admin.email]]

    def test_once(self):
        _id, decision = self.contested(UserFactory(), moderator())
        path = appeals_path(self.app, decision)
        self.contest(path)
        assert self.contest(path).status_code == 409
        assert stored_appeals().count_documents({}) == 1

    @pytest.mark.parametrize("token", ["", "x", "WyJhIl0.abc"])
    def test_without_the_link_it_does_not_exist(self, token):
        _id, decision = self.contested(UserFactory(), moderator())
        path = f"{P}/pages/moderation/decisions/{decision}/appeal?token={token}"
        assert self.visit("GET", path).status_code == 404
        assert self.contest(path).status_code == 404

    def test_the_link_to_another_decision_opens_nothing(self):
        _id, one = self.contested(UserFactory(), moderator())
        _id, other = self.contested(UserFactory(), moderator())
        path = appeals_path(self.app, one).replace(one, other, 1)
        assert self.visit("GET", path).status_code == 404

    def test_its_author_needs_no_link(self):
        author = UserFactory()
        _id, decision = self.contested(author, moderator())
        path = f"{P}/pages/moderation/decisions/{decision}/appeal"
        key = {"X-API-KEY": self.key_of(author)}
        assert self.visit("GET", path, headers=key).status_code == 200
        key = {"X-API-KEY": self.key_of(UserFactory())}
        assert self.visit("GET", path, headers=key).status_code == 404

    def test_an_empty_text_shows_the_form_again(self):
        _id, decision = self.contested(UserFactory(), moderator())
        assert self.contest(appeals_path(self.app, decision), "  ").status_code == 400

    def test_a_decision_that_stands_no_longer_is_not_contested(self):
        id, decision = self.contested(UserFactory(), who := moderator())
        self.decided(who, id, "restore")
        assert self.contest(appeals_path(self.app, decision)).status_code == 409

    def test_after_six_months_it_is_too_late(self):
        _id, decision = self.contested(UserFactory(), moderator())
        path = appeals_path(self.app, decision)
        with freeze_time(now() + timedelta(days=200)):
            assert self.contest(path).status_code == 410

    def answer(self, decision: str, who: Any, **body: str) -> Any:
        headers = {"X-API-KEY": self.key_of(who)}
        path = f"{P}/pages/moderation/appeals/"
        return self.visit("POST", path, headers=headers, data=body | {"appeal": decision})

    def test_who_was_right_is_public_again_and_hears_of_it(self):
        author, admin = UserFactory(), sysadmin()
        id, decision = self.contested(author, moderator())
        self.contest(appeals_path(self.app, decision))
        with freeze_time(now() + timedelta(days=2)), capture_mails() as mails:
            assert self.answer(decision, admin, outcome="upheld").status_code == 303
        assert self.stored(id)["visibility"] == "public"
        assert [line["decision"] for line in self.lines(id)] == ["hide", "restore"]
        assert [mail.recipients for mail in mails] == [[author.email]]

    def test_what_never_was_public_is_published_when_its_author_was_right(self):
        author, admin = UserFactory(), sysadmin()
        id = self.held(DatasetFactory(), author)
        self.decided(moderator(), id, "reject", "off_topic")
        decision = str(self.lines(id)[-1]["_id"])
        self.contest(appeals_path(self.app, decision))
        assert self.answer(decision, admin, outcome="upheld").status_code == 303
        assert self.ask("GET", f"/feedback/{id}/").json["comment"] == HELD

    def test_a_decision_is_maintained_with_an_answer(self):
        author, admin = UserFactory(), sysadmin()
        id, decision = self.contested(author, moderator())
        self.contest(appeals_path(self.app, decision))
        assert self.answer(decision, admin, outcome="dismissed").status_code == 400
        with capture_mails() as mails:
            done = self.answer(decision, admin, outcome="dismissed", answer="Cela parle d’un film.")
        assert done.status_code == 303
        assert self.stored(id)["visibility"] == "hidden"
        assert self.answer(decision, admin, outcome="upheld").status_code == 409
        [mail] = mails
        assert mail.recipients == [author.email]
        assert "Cela parle d’un film." in mail.body

    def test_only_administrators_answer(self):
        _id, decision = self.contested(UserFactory(), who := moderator())
        self.contest(appeals_path(self.app, decision))
        assert self.answer(decision, who, outcome="upheld").status_code == 403

    def test_what_was_said_is_forgotten_in_the_end(self):
        _id, decision = self.contested(UserFactory(), moderator())
        self.contest(appeals_path(self.app, decision))
        self.answer(decision, sysadmin(), outcome="dismissed", answer="Non.")
        with freeze_time(now() + timedelta(days=184)):
            assert appeals.erase_texts() == 1
        [appeal] = stored_appeals().find()
        assert {"text", "answer", "user"} & appeal.keys() == set()


class UpkeepTest(ModerationTestCase):
    def test_hidden_words_are_erased_after_six_months_and_a_stub_stays(self):
        dataset, who = DatasetFactory(), moderator()
        id = self.said(dataset, comment="Des mots que personne ne lira plus.")
        self.decided(who, id, "hide", "abuse")
        with freeze_time(now() + timedelta(days=182)):
            assert upkeep.erase_hidden_words() == 0
        with freeze_time(now() + timedelta(days=184)):
            assert upkeep.erase_hidden_words() == 1
        assert "personne" not in repr(self.stored(id))
        assert self.stored(id)["hidden_at"]
        assert self.summary(dataset)["total"] == 1
        assert upkeep.erase_hidden_words() == 0

    def test_so_is_what_was_blacked_out_and_what_is_public_stays(self):
        id, who = self.held(DatasetFactory()), moderator()
        self.decided(who, id, "redact", strings=["camille.martin@example.org"])
        public = self.stored(id)["comment"]
        with freeze_time(now() + timedelta(days=184)):
            assert upkeep.erase_hidden_words() == 1
            assert self.refused(sysadmin(), id, "restore") == 409
        assert "camille" not in repr(self.stored(id))
        assert self.stored(id)["comment"] == public

    def test_a_decision_that_a_crash_kept_from_the_journal_is_written_later(self):
        id, who = self.said(DatasetFactory()), moderator()
        self.decided(who, id, "hide", "abuse")
        [line] = self.lines(id)
        # As if the process had died between the two writes.
        journal().delete_many({})
        feedbacks().update_one({"_id": ObjectId(id)}, {"$set": {"moderated.recorded": False}})
        assert upkeep.write_journal() == 1
        assert self.lines(id) == [line]
        assert upkeep.write_journal() == 0

    def test_the_next_decision_writes_it_too(self):
        id, who = self.said(DatasetFactory()), moderator()
        self.decided(who, id, "hide", "abuse")
        journal().delete_many({})
        feedbacks().update_one({"_id": ObjectId(id)}, {"$set": {"moderated.recorded": False}})
        self.decided(who, id, "restore")
        assert [line["decision"] for line in self.lines(id)] == ["hide", "restore"]

    def test_erasing_a_feedback_erases_what_was_blacked_out_of_it(self):
        author, who = UserFactory(), moderator()
        id = self.held(DatasetFactory(), author)
        self.decided(who, id, "redact", strings=["camille.martin@example.org"])
        assert self.ask("DELETE", f"/feedback/{id}/", user=author).status_code == 204
        database = self.stored_everywhere()
        assert "camille.martin" not in database

    def stored_everywhere(self) -> str:
        database = get_db()
        return repr([list(database[name].find()) for name in database.list_collection_names()])


def appeals_path(app: Any, decision: str) -> str:
    """The path and query of the signed link to contest a decision."""
    with app.test_request_context("/"), acting_as(None):
        parts = urlsplit(appeals.address(ObjectId(decision)))
    assert parse_qs(parts.query)["token"]
    return f"{parts.path}?{parts.query}"
