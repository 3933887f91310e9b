"""Two versions of the plugin on one database, and backups that do not fit together: what they do is
in the documents, so that one process is enough."""

from __future__ import annotations

from typing import Any

import pytest
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.data_requests.models import figures, requests, supports
from udata_culture_feedback.feedback.models import feedbacks, summaries
from udata_culture_feedback.mail import outbox
from udata_culture_feedback.mail.models import insert, new_entry
from udata_culture_feedback.portal.collections import now

from ..cases import PluginTestCase, Producer

#: Fields that the first feedback ever stored had; what came later is absent from it.
FIRST = {
    "_id", "dataset", "organization", "listed", "resource", "fitness", "ratings", "comment",
    "wants_answer", "usages", "contributor", "judged", "visibility", "treatment", "submission_id",
    "created_at", "last_modified", "v", "live", "counted", "due",
}  # fmt: skip

RIGHT = "Every figure is right\n"


class VersionsTest(PluginTestCase):
    def test_what_an_older_version_stored_is_read_changed_and_counted(self, line):
        producer = Producer()
        people = [UserFactory() for _ in range(3)]
        given = [
            self.give(person, producer.dataset, comment=f"Il manque {n} colonnes.")["id"]
            for n, person in enumerate(people)
        ]
        for id in given:
            stored = self.stored(id)
            newer = {field: "" for field in stored if field not in FIRST}
            feedbacks().update_one({"_id": stored["_id"]}, {"$unset": newer})
        edited = self.ask("PUT", f"/feedback/{given[0]}/", {"fitness": "yes"}, people[0])
        assert edited.status_code == 200
        answered = {"status": "planned", "answer": "En mai."}
        treated = self.ask("PUT", f"/feedback/{given[1]}/treatment/", answered, producer.admin)
        assert treated.status_code == 200
        assert self.ask("DELETE", f"/feedback/{given[2]}/", None, people[2]).status_code == 204
        listed = self.ask("GET", f"/feedback/?dataset={producer.dataset.id}")
        assert listed.json["total"] == 2
        assert not any(name.endswith("_failed") for name in maintenance.maintain())
        checked = self.cli("feedback recount --check").output
        line("documents of an older version, without what came later", 2, 2, 0, exact(checked))
        assert checked == RIGHT

    def test_what_a_newer_version_stored_is_kept(self, line):
        producer, person = Producer(), UserFactory()
        id = self.give(person, producer.dataset, comment="Il manque une colonne.")["id"]
        new = {"from_tomorrow": {"mood": "fine"}, "contributor.from_tomorrow": 3}
        feedbacks().update_one({"_id": self.stored(id)["_id"]}, {"$set": new})
        summaries().update_many({}, {"$set": {"from_tomorrow": [1]}})
        assert self.ask("PUT", f"/feedback/{id}/", {"fitness": "no"}, person).status_code == 200
        treated = {"status": "acknowledged"}
        answer = self.ask("PUT", f"/feedback/{id}/treatment/", treated, producer.admin)
        assert answer.status_code == 200
        maintenance.maintain()
        stored = self.stored(id)
        assert stored["from_tomorrow"] == {"mood": "fine"}
        assert stored["contributor"]["from_tomorrow"] == 3
        assert all(summary["from_tomorrow"] == [1] for summary in summaries().find())
        checked = self.cli("feedback recount --check").output
        line("documents of a newer version: what is not known is kept", 1, 1, 0, exact(checked))
        assert checked == RIGHT

    def test_a_mail_of_a_newer_version_waits_for_it(self, line):
        insert([new_entry("tomorrow:1", UserFactory().id, "from-tomorrow", {"x": 1}, None)])
        maintenance.maintain()
        [entry] = outbox.outbox().find()
        assert entry["due_at"] > now()
        assert entry["params"] == {"x": 1}
        assert "outcome" not in entry
        line("a mail that only a newer version can write: it waits (mails)", 1, 1, 0, "–")


class BackupTest(PluginTestCase):
    """Collections restored from different moments. `stored` is what the contributions say."""

    #: What counts, and what it counts in.
    CONTRIBUTIONS = (feedbacks, requests, supports)
    FIGURES = (summaries, figures)

    def write(self, people: int) -> None:
        for _n in range(people):
            self.give(UserFactory(), self.producer.dataset, fitness="yes")
            wish = {"title": "Les entrées par mois", "description": "x", "kind": "new"}
            wish["dataset"] = str(self.producer.dataset.id)
            asked = self.ask("POST", "/requests/", wish, UserFactory())
            assert asked.status_code == 201
            supported = self.ask(
                "POST", f"/requests/{asked.json['id']}/support/", {}, UserFactory()
            )
            assert supported.status_code < 300

    @pytest.mark.parametrize("older", ["figures", "contributions", "neither is there"])
    def test_a_restored_backup_is_mended(self, older, line):
        self.producer = Producer()
        self.write(2)
        restored = self.FIGURES if older == "figures" else self.CONTRIBUTIONS
        kept = [(one, list(one().find())) for one in restored]
        self.write(3)
        if older == "neither is there":
            for one in self.FIGURES:
                one().delete_many({})
        else:
            for one, documents in kept:
                one().delete_many({})
                one().insert_many(documents)
        self.cli("feedback maintain")
        self.cli("feedback recount")
        maintenance.maintain()
        there = feedbacks().count_documents({})
        checked = self.cli("feedback recount --check").output
        what = {
            "figures": "a backup whose figures are older than the contributions",
            "contributions": "a backup whose contributions are older than the figures",
            "neither is there": "the figures are gone",
        }[older]
        line(f"{what}: `maintain` and `recount`", "–", there, 0, exact(checked))
        assert checked == RIGHT
        for of in (self.producer.dataset, self.producer.organization, None):
            summary = self.summary(of)
            assert summary["total"] == there
            assert summary["requests"]["open"] == there
        behind = [r["totals"]["supports"] for r in requests().find()]
        assert behind == [1] * there


def exact(said: Any) -> str:
    return "exact" if said == RIGHT else said
