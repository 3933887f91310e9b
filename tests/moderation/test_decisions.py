"""What moderators decide, one by one and by two hundred; and undo."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.discussions.models import Discussion
from udata.core.user.factories import UserFactory

from tests.cases import Producer, sysadmin
from udata_culture_feedback.portal.collections import now

from .people import CLEAN, HELD, ModerationTestCase, moderator


class PublishTest(ModerationTestCase):
    def test_what_waits_is_published_everywhere_at_once(self):
        dataset, who = DatasetFactory(), moderator()
        id = self.held(dataset)
        assert self.waiting(who) == [id]
        outcome = self.decided(who, id, "publish")
        assert (outcome["decision"], outcome["reason"], outcome["done"]) == ("publish", "ok", 1)
        shown = self.ask("GET", f"/feedback/{id}/").json
        assert (shown["visibility"], shown["comment"]) == ("public", HELD)
        assert self.summary(dataset)["commented"] == 1
        assert Discussion.objects(subject=dataset).count() == 1
        assert self.waiting(who) == []

    def test_words_that_have_changed_since_they_were_seen_are_not_published(self):
        author, who = UserFactory(), moderator()
        id = self.held(DatasetFactory(), author)
        seen = self.queue(who)["data"][0]["version"]
        self.ask("PUT", f"/feedback/{id}/", {"comment": "06 12 34 56 78"}, author)
        body = {"items": [{"id": id, "version": seen}], "decision": "publish"}
        outcome = self.ask("POST", "/moderation/", body, who).json
        assert [one["status"] for one in outcome["results"]] == [409]
        assert self.stored(id)["visibility"] == "pending"


class RejectTest(ModerationTestCase):
    def test_a_rejected_text_is_read_by_nobody_and_its_ratings_count(self):
        dataset, author, who = DatasetFactory(), UserFactory(), moderator()
        id = self.held(dataset, author)
        self.decided(who, id, "reject", "abuse")
        shown = self.ask("GET", f"/feedback/{id}/").json
        assert (shown["comment"], shown["visibility"]) == (None, "hidden")
        assert shown["hidden_reason"] == "abuse"
        figures = self.summary(dataset)
        assert (figures["total"], figures["commented"]) == (1, 0)
        assert self.ask("GET", f"/feedback/{id}/", user=author).json["comment"] == HELD

    def test_spam_leaves_the_figures_too(self):
        dataset, who = DatasetFactory(), moderator()
        id = self.held(dataset)
        self.decided(who, id, "reject", "spam")
        assert self.ask("GET", f"/feedback/{id}/").status_code == 404
        assert self.summary(dataset)["total"] == 0

    def test_what_is_public_is_hidden_not_rejected(self):
        who = moderator()
        assert self.refused(who, self.said(DatasetFactory()), "reject", "abuse") == 409


class HideTest(ModerationTestCase):
    def test_hiding_here_hides_in_the_discussions_of_udata(self):
        dataset, who = DatasetFactory(), moderator()
        id = self.said(dataset)
        assert Discussion.objects(subject=dataset).count() == 1
        self.decided(who, id, "hide", "abuse")
        assert Discussion.objects(subject=dataset).count() == 0
        assert self.ask("GET", f"/feedback/{id}/").json["comment"] is None

    def test_a_reason_is_required(self):
        id = self.said(DatasetFactory())
        response = self.decide(moderator(), id, "hide")
        assert response.status_code == 400
        assert "reason" in response.json["errors"]

    def test_ratings_without_words_are_hidden_as_spam_only(self):
        dataset, who = DatasetFactory(), moderator()
        id = self.give(UserFactory(), dataset)["id"]
        assert self.refused(who, id, "hide", "abuse") == 409
        self.decided(who, id, "hide", "spam")
        assert self.summary(dataset)["total"] == 0


class RedactTest(ModerationTestCase):
    def test_words_are_blacked_out_and_the_rest_is_published(self):
        who = moderator()
        id = self.held(DatasetFactory())
        self.decided(who, id, "redact", strings=["camille.martin@example.org"])
        comment = self.ask("GET", f"/feedback/{id}/").json["comment"]
        assert "camille" not in comment
        assert comment.startswith("Écrivez-moi à [")
        assert comment.endswith("], je vous dirai ce qui manque.")
        assert "camille" not in self.stored(id)["terms"]

    def test_what_the_checks_find_is_blacked_out_by_one_gesture(self):
        who = moderator()
        id = self.held(DatasetFactory(), comment="camille@example.org ou 06 12 34 56 78")
        self.decided(who, id, "redact", found=True)
        comment = self.ask("GET", f"/feedback/{id}/").json["comment"]
        assert comment.count("[") == 2
        assert "06 12" not in comment

    def test_ranges_are_blacked_out(self):
        who = moderator()
        id = self.said(DatasetFactory(), comment="Demandez à Camille Martin.")
        ranges = [{"field": "comment", "start": 11, "end": 25}]
        self.decided(who, id, "redact", ranges=ranges)
        comment = self.ask("GET", f"/feedback/{id}/").json["comment"]
        assert comment.startswith("Demandez à [")
        assert comment.endswith("].")

    def test_words_that_are_not_there_change_nothing(self):
        id = self.said(DatasetFactory())
        assert self.refused(moderator(), id, "redact", strings=["absent"]) == 400
        assert self.stored(id)["comment"] == CLEAN

    def test_nothing_chosen_is_refused(self):
        response = self.decide(moderator(), self.said(DatasetFactory()), "redact")
        assert response.status_code == 400

    def test_the_native_discussion_loses_them_even_once_the_producer_has_answered(self):
        producer, who = Producer(), moderator()
        id = self.said(producer.dataset, comment="Appelez Camille Martin au musée.")
        discussion = Discussion.objects.get()
        self.native_reply(discussion, producer.editor)
        self.decided(who, id, "redact", strings=["Camille Martin"])
        discussion.reload()
        said = [message.content for message in discussion.discussion]
        assert len(said) == 2
        assert said[0].startswith("Appelez [")
        assert "Camille" not in repr(said) + discussion.title

    def native_reply(self, discussion, who) -> None:
        response = self.visit(
            "POST",
            f"/api/1/discussions/{discussion.id}/",
            headers={"X-API-KEY": self.key_of(who)},
            json={"comment": "Merci, lequel ?"},
        )
        assert response.status_code == 200, response.get_data(as_text=True)


class UndoTest(ModerationTestCase):
    @pytest.mark.parametrize(
        ("decision", "more"),
        [
            ("publish", {}),
            ("reject", {"reason": "abuse"}),
            ("reject", {"reason": "spam"}),
            ("redact", {"strings": ["camille.martin@example.org"]}),
        ],
    )
    def test_what_waited_waits_again(self, decision, more):
        dataset, who = DatasetFactory(), moderator()
        id = self.held(dataset)
        before = self.stored(id)
        outcome = self.decided(who, id, decision, **more)
        undone = self.ask(
            "POST", "/moderation/", {"batch": outcome["batch"], "decision": "restore"}, who
        )
        assert undone.json["done"] == 1
        after = self.stored(id)
        for field in ("comment", "terms", "visibility", "review"):
            assert after[field] == before[field], field
        assert "hidden_reason" not in after
        assert self.waiting(who) == [id]
        assert self.summary(dataset)["total"] == 1
        assert self.ask("GET", f"/feedback/{id}/").json["comment"] is None

    def test_what_was_hidden_is_public_again_in_the_discussions_too(self):
        dataset, who = DatasetFactory(), moderator()
        id = self.said(dataset)
        self.decided(who, id, "hide", "off_topic")
        self.decided(who, id, "restore")
        assert self.ask("GET", f"/feedback/{id}/").json["comment"] == CLEAN
        assert Discussion.objects(subject=dataset).count() == 1

    def test_after_half_an_hour_only_administrators_undo(self):
        who, admin = moderator(), sysadmin()
        id = self.said(DatasetFactory())
        self.decided(who, id, "hide", "abuse")
        with freeze_time(now() + timedelta(minutes=31)):
            assert self.refused(who, id, "restore") == 409
            self.decided(admin, id, "restore")
        assert self.stored(id)["visibility"] == "public"

    def test_an_undo_is_not_undone(self):
        who = moderator()
        id = self.said(DatasetFactory())
        self.decided(who, id, "hide", "abuse")
        self.decided(who, id, "restore")
        assert self.refused(who, id, "restore") == 409

    def test_words_that_their_author_has_replaced_are_not_overwritten(self):
        author, who = UserFactory(), moderator()
        id = self.said(DatasetFactory(), author)
        self.decided(who, id, "hide", "abuse")
        self.ask("PUT", f"/feedback/{id}/", {"comment": "Autre chose."}, author)
        assert self.refused(who, id, "restore") == 409
        assert self.stored(id)["comment"] == "Autre chose."

    def test_a_gesture_that_others_have_decided_over_is_not_undone(self):
        who = moderator()
        id = self.said(DatasetFactory())
        batch = self.decided(who, id, "hide", "abuse")["batch"]
        self.decided(who, id, "restore")
        body = {"batch": batch, "decision": "restore"}
        assert self.ask("POST", "/moderation/", body, who).status_code == 409

    def test_a_gesture_nobody_made_is_not_found(self):
        body = {"batch": str(ObjectId()), "decision": "restore"}
        assert self.ask("POST", "/moderation/", body, moderator()).status_code == 404


class BulkTest(ModerationTestCase):
    def test_two_hundred_are_decided_at_once_and_undone_as_a_whole(self):
        who = moderator()
        dataset = DatasetFactory()
        ids = [self.held(dataset) for _ in range(3)]
        wave = ids + [str(ObjectId()) for _ in range(197)]
        outcome = self.decide(who, wave, "reject", "spam").json
        assert (outcome["done"], outcome["refused"]) == (3, 197)
        assert {one["status"] for one in outcome["results"]} == {200, 404}
        assert self.summary(dataset)["total"] == 0
        body = {"batch": outcome["batch"], "decision": "restore"}
        assert self.ask("POST", "/moderation/", body, who).json["done"] == 3
        assert self.waiting(who) == ids
        assert self.summary(dataset)["total"] == 3

    def test_more_than_two_hundred_are_refused(self):
        wave = [str(ObjectId()) for _ in range(201)]
        response = self.decide(moderator(), wave, "reject", "spam")
        assert response.status_code == 400
        assert "items" in response.json["errors"]

    @pytest.mark.parametrize("items", [[], ["x"], [3], "x", None, [{"id": 1}], [{"version": "a"}]])
    def test_what_is_no_list_of_ids_is_refused(self, items):
        body = {"items": items, "decision": "publish"}
        assert self.ask("POST", "/moderation/", body, moderator()).status_code == 400

    def test_each_is_checked_on_its_own(self):
        producer, other = Producer(), DatasetFactory()
        who = moderator(producer.organization)
        mine, theirs = self.held(producer.dataset), self.held(other)
        outcome = self.decide(who, [mine, theirs], "publish").json
        assert {one["id"]: one["status"] for one in outcome["results"]} == {mine: 200, theirs: 404}
        assert self.stored(theirs)["visibility"] == "pending"


class JournalTest(ModerationTestCase):
    def test_each_decision_is_a_line_without_words(self):
        who = moderator()
        id = self.held(DatasetFactory())
        self.decided(who, id, "redact", strings=["camille.martin@example.org"])
        self.decided(who, id, "restore")
        first, second = self.lines(id)
        assert (first["decision"], first["reason"], first["by"]) == (
            "redact",
            "personal_data",
            who.id,
        )
        assert (second["decision"], second["undoes"]) == ("restore", first["_id"])
        assert "camille" not in repr([first, second])
        assert first["before"] == {"visibility": "pending"}
