"""What is published at once, what waits, and what becomes of it when its author changes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from tests.cases import Producer
from tests.data_requests.asking import somebody, stored
from tests.moderation.people import CLEAN, HELD, ModerationTestCase, moderator
from udata_culture_feedback.contributions import review_rules
from udata_culture_feedback.data_requests import actions as requests
from udata_culture_feedback.people.models import Kind
from udata_culture_feedback.portal.collections import now
from udata_culture_feedback.web.refusals import Invalid

#: Forty characters or more: it can be a repeated text.
LONG = "Ces données sont les meilleures du monde, venez les voir chez nous."


def account(key: str = "user:1") -> dict[str, Any]:
    return {"kind": "user", "key": key, "user": ObjectId()}


class FeedbackTest(ModerationTestCase):
    def test_accounts_are_published_at_once(self):
        assert self.give(UserFactory(), DatasetFactory(), comment=CLEAN)["visibility"] == "public"

    def test_a_check_that_hits_makes_words_wait_and_says_why(self):
        id = self.held(DatasetFactory())
        assert self.stored(id)["review"]["why"] == ["email"]

    def test_ratings_count_while_words_wait(self):
        dataset = DatasetFactory()
        self.give(UserFactory(), dataset, comment=HELD, ratings={"completeness": 2})
        figures = self.summary(dataset)
        assert (figures["total"], figures["commented"]) == (1, 0)
        assert figures["axes"]["completeness"]["count"] == 1

    def test_who_produces_the_data_may_give_their_address(self):
        producer = Producer()
        answer = self.give(producer.editor, producer.dataset, comment=HELD)
        assert answer["visibility"] == "public"

    @pytest.mark.options(CULTURE_FEEDBACK_MODERATED=["user", "unverified", "confirmed"])
    def test_a_portal_may_have_everything_wait(self):
        answer = self.give(UserFactory(), DatasetFactory(), comment=CLEAN)
        assert answer["visibility"] == "pending"

    def test_public_words_that_are_replaced_by_others_wait_when_a_check_hits(self):
        author = UserFactory()
        id = self.said(DatasetFactory(), author)
        changed = self.ask("PUT", f"/feedback/{id}/", {"comment": HELD}, author).json
        assert changed["visibility"] == "pending"
        assert self.ask("GET", f"/feedback/{id}/").json["comment"] is None

    def test_words_that_wait_and_are_mended_are_published(self):
        author, who = UserFactory(), moderator()
        id = self.held(DatasetFactory(), author)
        changed = self.ask("PUT", f"/feedback/{id}/", {"comment": CLEAN}, author).json
        assert changed["visibility"] == "public"
        assert self.waiting(who) == []

    def test_words_that_wait_and_are_removed_leave_the_queue(self):
        author, who = UserFactory(), moderator()
        id = self.held(DatasetFactory(), author)
        changed = self.ask("PUT", f"/feedback/{id}/", {"comment": None}, author).json
        assert changed["visibility"] == "public"
        assert self.waiting(who) == []

    def test_another_rating_leaves_words_where_they_are(self):
        author = UserFactory()
        id = self.held(DatasetFactory(), author)
        changed = self.ask("PUT", f"/feedback/{id}/", {"fitness": "yes"}, author).json
        assert changed["visibility"] == "pending"

    def test_what_replaces_hidden_words_waits(self):
        author, who = UserFactory(), moderator()
        id = self.said(DatasetFactory(), author)
        self.decided(who, id, "hide", "abuse")
        changed = self.ask("PUT", f"/feedback/{id}/", {"comment": "Autre chose."}, author).json
        assert changed["visibility"] == "pending"
        assert self.stored(id)["review"]["why"] == ["hidden_before"]
        assert "hidden_reason" not in self.stored(id)

    def test_spam_stays_hidden_whatever_replaces_it(self):
        dataset, author, who = DatasetFactory(), UserFactory(), moderator()
        id = self.said(dataset, author)
        self.decided(who, id, "hide", "spam")
        self.ask("PUT", f"/feedback/{id}/", {"comment": "Autre chose."}, author)
        assert self.stored(id)["hidden_reason"] == "spam"
        assert self.summary(dataset)["total"] == 0

    def test_the_original_of_words_that_were_blacked_out_goes_with_an_edit(self):
        author, who = UserFactory(), moderator()
        id = self.held(DatasetFactory(), author)
        self.decided(who, id, "redact", strings=["camille.martin@example.org"])
        assert "camille" in repr(self.stored(id))
        self.ask("PUT", f"/feedback/{id}/", {"comment": CLEAN}, author)
        assert "camille" not in repr(self.stored(id))


class RepeatedTest(ModerationTestCase):
    def why(self, key: str, about: object, text: str = LONG, **more: Any) -> list[str]:
        return review_rules.reasons_to_wait(account(key), [text], about=about, **more)

    def test_one_person_on_three_datasets(self):
        assert [self.why("user:1", place) for place in "abc"] == [[], [], ["repeated"]]

    def test_one_person_on_one_dataset_may_say_it_again(self):
        assert [self.why("user:1", "a") for _ in range(4)] == [[]] * 4

    def test_five_people_within_a_day(self):
        said = [self.why(f"user:{n}", "a") for n in range(5)]
        assert said == [[], [], [], [], ["repeated"]]

    def test_five_people_in_more_than_a_day(self):
        for n in range(4):
            assert self.why(f"user:{n}", "a") == []
        with freeze_time(now() + timedelta(hours=25)):
            assert self.why("user:5", "a") == []

    def test_case_accents_and_punctuation_make_no_other_text(self):
        texts = (LONG, LONG.upper(), LONG.replace("é", "e").replace(",", " —"))
        said = [self.why("user:1", n, text) for n, text in enumerate(texts)]
        assert said[-1] == ["repeated"]

    def test_another_word_makes_another_text(self):
        texts = (LONG, LONG + " Oui", "Non, " + LONG)
        assert [self.why("user:1", n, text) for n, text in enumerate(texts)] == [[], [], []]

    def test_short_texts_are_everybodys(self):
        assert [self.why("user:1", n, "Très bien, merci beaucoup.") for n in range(5)] == [[]] * 5

    def test_imports_are_not_compared(self):
        assert [self.why("user:1", n, imported=True) for n in range(5)] == [[]] * 5

    def test_nobody_finds_who_said_what_in_what_is_kept(self):
        self.why("user:1", "a")
        kept = repr(list(review_rules.repeated().find()))
        assert "user:1" not in kept
        assert "meilleures" not in kept

    def test_the_third_dataset_makes_feedback_wait(self):
        author = UserFactory()
        answers = [self.give(author, DatasetFactory(), comment=LONG) for _ in range(3)]
        assert [one["visibility"] for one in answers] == ["public", "public", "pending"]

    def test_of_a_text_that_many_say_the_latest_are_remembered(self):
        for n in range(60):
            self.why(f"user:{n}", n % 7)
        assert self.why("user:1", "z") == ["repeated"]
        [kept] = review_rules.repeated().find()
        assert len(kept["seen"]) == review_rules.REMEMBERED


class WithoutAccountTest(ModerationTestCase):
    @pytest.mark.parametrize("kind", [Kind.UNVERIFIED, Kind.CONFIRMED])
    def test_words_without_an_account_wait(self, kind):
        why = review_rules.reasons_to_wait({"kind": kind, "key": "x"}, [CLEAN], about=1)
        assert why == ["without_account"]

    def test_ratings_without_words_wait_for_nobody(self):
        contributor = {"kind": Kind.UNVERIFIED, "key": "x"}
        assert review_rules.reasons_to_wait(contributor, [None, ""], about=1) == []


class RequestTest(ModerationTestCase):
    WISH = {"title": "Les archives sonores", "description": "Toutes.", "kind": "new"}

    def asked(self, who: Any, **fields: Any) -> dict[str, Any]:
        return requests.ask(who, self.WISH | fields)[0]

    def test_a_request_that_waits_is_not_delivered_yet(self):
        holder = Producer().organization
        found = self.asked(somebody(), description=HELD, organization=str(holder.id))
        assert found["visibility"] == "pending"
        assert "received_at" not in found

    def test_its_clock_starts_when_it_is_published(self):
        holder, who = Producer().organization, moderator()
        found = self.asked(somebody(), description=HELD, organization=str(holder.id))
        with freeze_time(now() + timedelta(days=10)):
            moment = now()
            self.decided(who, found["_id"], "publish")
        after = stored(found["_id"])
        assert after["received_at"] == moment
        assert after["clock"]["started_at"] == moment
        assert self.ask("GET", f"/requests/{after['slug']}/").status_code == 200

    def test_what_others_carry_cannot_wait_so_it_is_mended_first(self):
        asker = somebody()
        found = self.asked(asker)
        requests.support(somebody(), str(found["_id"]))
        with pytest.raises(Invalid) as refusal:
            requests.edit(asker, str(found["_id"]), {"description": HELD})
        assert "description" in refusal.value.errors
        assert stored(found["_id"])["visibility"] == "public"

    def test_what_nobody_else_carries_waits_with_its_new_words(self):
        asker = somebody()
        found = self.asked(asker)
        requests.edit(asker, str(found["_id"]), {"description": HELD})
        assert stored(found["_id"])["visibility"] == "pending"

    def test_what_a_requester_says_of_a_move_has_no_personal_data(self):
        asker = somebody()
        found = self.asked(asker)
        with pytest.raises(Invalid) as refusal:
            requests.move(asker, str(found["_id"]), {"to": "withdrawn", "message": HELD})
        assert "message" in refusal.value.errors
