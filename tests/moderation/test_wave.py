"""A wave of abuse does not move the figures: what a check of abuse has caught counts once somebody
has read it, in the month in which it was said, and nowhere before."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.user.factories import UserFactory

from tests.cases import P, everything_is_settled
from tests.people.without_account import WithoutAccountTestCase
from udata_culture_feedback.email_confirmation import anonymous
from udata_culture_feedback.feedback.models import feedbacks, summaries
from udata_culture_feedback.figures.summary_ids import dataset_summary

from .people import CLEAN, HELD, ModerationTestCase, moderator

#: Words that many people say at once.
WAVE = "Ces données sont truquées, partagez cette alerte à tous vos contacts dès aujourd’hui."


def totals(dataset: Dataset) -> dict[str, int]:
    found = summaries().find_one({"_id": dataset_summary(dataset.id)}) or {}
    return {key: n for key, n in found["totals"].items() if n}


@pytest.mark.options(SPAM_WORDS=["casino en ligne"])
class WaveTest(ModerationTestCase, WithoutAccountTestCase):
    def spammed(self, dataset: Dataset, **answer: Any) -> str:
        said = {"comment": "Venez au casino en ligne.", "fitness": "no"} | answer
        given = self.give(UserFactory(), dataset, **said)
        assert given["visibility"] == "pending"
        return given["id"]

    def recounted(self) -> str:
        return self.cli("feedback recount --check").output

    def test_what_is_caught_counts_nowhere_until_it_is_published(self):
        dataset, chief = DatasetFactory(), moderator()
        self.give(UserFactory(), dataset, comment=CLEAN)
        before = totals(dataset)
        ids = [self.spammed(dataset, ratings={"completeness": 1}) for _n in range(3)]
        assert totals(dataset) == before | {"held": 3}
        shown = self.summary(dataset)
        assert (shown["total"], totals(dataset).get("held", 0)) == (1, 3)
        page = self.visit("GET", f"{P}/pages/datasets/{dataset.id}/?lang=fr").text
        assert "3 avis en cours de vérification" in page
        assert "Every figure is right" in self.recounted()
        self.decided(chief, ids, "publish")
        assert self.summary(dataset)["total"] == 4
        assert self.summary(dataset)["axes"]["completeness"]["count"] == 3
        assert "held" not in totals(dataset)
        assert "Every figure is right" in self.recounted()
        assert everything_is_settled()

    def test_rejected_for_what_was_said_the_ratings_count_but_spam_does_not(self):
        dataset, chief = DatasetFactory(), moderator()
        abuse, spam = self.spammed(dataset), self.spammed(dataset)
        self.decided(chief, abuse, "reject", "abuse")
        self.decided(chief, spam, "reject", "spam")
        shown = self.summary(dataset)
        assert (shown["total"], totals(dataset).get("held", 0)) == (1, 0)
        assert "Every figure is right" in self.recounted()

    def test_undone_it_is_held_again_exactly(self):
        dataset, chief = DatasetFactory(), moderator()
        ids = [self.spammed(dataset) for _n in range(2)]
        before = totals(dataset)
        for decision, reason in (("publish", None), ("reject", "abuse"), ("reject", "spam")):
            batch = self.decided(chief, ids, decision, reason)["batch"]
            assert totals(dataset) != before
            self.ask("POST", "/moderation/", {"batch": batch, "decision": "restore"}, chief)
            assert totals(dataset) == before
        assert "Every figure is right" in self.recounted()

    def test_it_counts_in_the_month_in_which_it_was_said(self):
        dataset, chief = DatasetFactory(), moderator()
        with freeze_time("2026-03-31 12:00"):
            id = self.spammed(dataset)
        with freeze_time("2026-04-02 12:00"):
            self.decided(chief, id, "publish")
        assert totals(dataset)["month:2026-03"] == 1
        assert "month:2026-04" not in totals(dataset)

    def test_what_was_counted_stays_so_when_later_copies_trip_a_check(self):
        dataset = DatasetFactory()
        first = [self.give(UserFactory(), dataset, comment=WAVE) for _n in range(4)]
        assert {one["visibility"] for one in first} == {"public"}
        later = [self.give(UserFactory(), dataset, comment=WAVE) for _n in range(3)]
        assert {one["visibility"] for one in later} == {"pending"}
        shown = self.summary(dataset)
        assert (shown["total"], totals(dataset).get("held", 0)) == (4, 3)

    def test_an_author_whose_answer_counts_is_not_taken_out_by_an_edit(self):
        author, dataset = UserFactory(), DatasetFactory()
        given = self.give(author, dataset, comment=CLEAN)
        edited = {"comment": "Venez au casino en ligne."}
        assert self.ask("PUT", f"/feedback/{given['id']}/", edited, author).status_code == 200
        shown = self.summary(dataset)
        assert (shown["total"], totals(dataset).get("held", 0)) == (1, 0)

    def test_caught_for_personal_data_only_it_is_counted_as_before(self):
        dataset = DatasetFactory()
        self.held(dataset, comment=HELD)
        shown = self.summary(dataset)
        assert (shown["total"], totals(dataset).get("held", 0)) == (1, 0)

    def test_what_is_held_is_in_no_list_and_nobody_elses(self):
        author, dataset = UserFactory(), DatasetFactory()
        said = {"comment": "Venez au casino en ligne.", "fitness": "no"}
        id = self.give(author, dataset, **said)["id"]
        assert self.ask("GET", f"/feedback/?dataset={dataset.id}").json["data"] == []
        assert self.ask("GET", f"/feedback/{id}/").status_code == 404
        assert self.ask("GET", f"/feedback/{id}/", user=author).status_code == 200
        assert self.ask("GET", f"/feedback/{id}/", user=moderator()).status_code == 200

    def test_a_browser_that_says_much_is_held(self, app: Any):
        app.config["CULTURE_FEEDBACK_MODERATED"] = ["unverified"]
        browser, chief = self.browser(), moderator()
        datasets = [DatasetFactory() for _n in range(6)]
        for dataset in datasets:
            browser.gives(dataset, comment=f"Sur {dataset.title}, il manque des lignes.")
        stored = list(feedbacks().find({}, {"signals": 1, "held": 1}, sort=[("_id", 1)]))
        assert [bool(one.get("held")) for one in stored] == [False] * 5 + [True]
        assert "many" in stored[-1]["signals"]
        self.decided(chief, str(stored[-1]["_id"]), "publish")
        assert self.summary(datasets[-1])["total"] == 1

    def test_what_is_typed_faster_than_anybody_types_is_held(self, monkeypatch: Any):
        monkeypatch.setattr(anonymous, "QUICK", 3)
        dataset = DatasetFactory()
        self.browser().gives(dataset, comment="Il manque des lignes.")
        shown = self.summary(dataset)
        assert (shown["total"], totals(dataset).get("held", 0)) == (0, 1)

    def test_erased_while_held_it_leaves_nothing(self):
        author, dataset = UserFactory(), DatasetFactory()
        said = {"comment": "Venez au casino en ligne.", "fitness": "no"}
        id = self.give(author, dataset, **said)["id"]
        assert self.ask("DELETE", f"/feedback/{id}/", user=author).status_code == 204
        assert totals(dataset) == {}
        assert not feedbacks().find_one({"_id": ObjectId(id)})
