"""Receipts: an author checks that their answer is among those counted, an auditor that none was
changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from bson import ObjectId
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app.commands import cli
from udata_culture_feedback.consultations import receipts, text_review
from udata_culture_feedback.consultations.models import (
    TextState,
    consultations,
    responses,
)

from .consulting import AFTER, ANSWERS, DURING, UNLIMITED, everything, freeze_time, stored
from .test_results import ResultsCase


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.options(**UNLIMITED)
class ReceiptsTest(ResultsCase):
    def list_of(self) -> str:
        response = self.ask("GET", f"/consultations/{self.made['id']}/receipts.txt")
        assert response.status_code == 200
        return str(response.get_data(as_text=True))

    def mine(self, user: Any, name: str) -> Any:
        return self.ask(
            "GET", f"/pages/consultations/{self.made['slug']}/my-answer.{name}", user=user
        )

    def audited(self) -> Any:
        return self.app.test_cli_runner().invoke(cli, ["audit-consultation", self.made["slug"]])

    def test_an_author_finds_their_answer_in_the_list_by_what_they_kept(self):
        camille = UserFactory()
        with freeze_time(DURING):
            first = self.answered(self.made, camille)["receipt"]
            path = f"/consultations/{self.made['id']}/responses/"
            changed = self.ask("PUT", path, {"answers": {"use": "no"}}, camille).json["receipt"]
            self.sent(3)
            kept = self.mine(camille, "json").get_data(as_text=True)
            read = self.mine(camille, "html").get_data(as_text=True)
            assert (
                self.ask("GET", f"/consultations/{self.made['id']}/receipts.txt").status_code == 404
            )
        assert first != changed
        assert sha256(kept) == changed["sha256"]
        assert json.loads(kept)["answers"]["use"] == "no"
        assert changed["sha256"] in read
        assert "Parce que." in read
        with freeze_time(AFTER):
            root = self.results_of(self.made)["root"]
            listed = self.list_of()
            page = f"/pages/consultations/{self.made['slug']}/results/?lang=en&receipt="
            found = self.ask("GET", page + changed["sha256"]).get_data(as_text=True)
            old = self.ask("GET", page + first["sha256"]).get_data(as_text=True)
            for wrong in ("é" * 99, "zz", "%00"):
                response = self.ask("GET", page + wrong)
                assert "is not in the list" in response.get_data(as_text=True)
        assert sha256(listed) == root["sha256"]
        assert root["number"] == len(listed.split()) == 4
        assert changed["sha256"] in listed.split()
        assert first["sha256"] not in listed.split()
        assert "This receipt is in the list" in found
        assert "is not in the list" in old

    def test_the_list_never_changes_and_what_happens_later_is_told_as_counts(self):
        camille, dominique = UserFactory(), UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille, answers=ANSWERS | {"why": "Un secret"})
            self.answered(self.made, dominique, answers=ANSWERS | {"why": "Mon numéro"})
            self.sent(3)
        with freeze_time(AFTER):
            before = self.results_of(self.made)["root"]
            listed = self.list_of()
            assert before["since"] == {"erased": 0, "redacted": 0, "entered": 0}
            assert self.audited().exit_code == 0
            path = f"/consultations/{self.made['id']}/responses/"
            assert self.ask("DELETE", path, user=camille).status_code == 204
            text = responses().find_one({"texts.text": "Mon numéro"})["texts"][0]["id"]
            text_review.put(text, TextState.PUBLIC, "Mon …")
            after = self.results_of(self.made)["root"]
            assert after["since"] == {"erased": 1, "redacted": 1, "entered": 0}
            assert (after["sha256"], self.list_of()) == (before["sha256"], listed)
            audited = self.audited()
        assert audited.exit_code == 0, audited.output
        assert "unchanged  3" in audited.output
        assert "erased     1 found, 1 in the journal" in audited.output
        assert "redacted   1 found, 1 in the journal" in audited.output
        assert "Un secret" not in str(everything())

    def test_an_auditor_sees_an_answer_that_was_changed_behind_everybodys_back(self):
        with freeze_time(DURING):
            self.sent(3)
        with freeze_time(AFTER):
            self.results_of(self.made)
            responses().update_one({"answers.use": "yes"}, {"$set": {"answers.use": "no"}})
            audited = self.audited()
        assert audited.exit_code == 1
        assert "changed: " in audited.output

    def test_an_auditor_sees_a_list_that_was_changed(self):
        with freeze_time(DURING):
            self.sent(3)
        with freeze_time(AFTER):
            self.results_of(self.made)
            consultations().update_one(
                {"_id": ObjectId(self.made["id"])}, {"$set": {"root.sha256": "0" * 64}}
            )
            assert "not the one that was published" in self.audited().output

    def test_answers_older_than_receipts_are_given_one_before_the_list_is_fixed(self):
        with freeze_time(DURING):
            self.sent(3)
            responses().update_many({}, {"$unset": {"receipt": ""}})
        with freeze_time(AFTER):
            assert self.results_of(self.made)["root"]["number"] == 3
            assert self.audited().exit_code == 0

    def test_a_consultation_that_closed_before_has_no_list_and_says_so(self):
        with freeze_time(DURING):
            self.sent(1)
        with freeze_time(AFTER):
            self.results_of(self.made)
            consultations().update_one(
                {"_id": ObjectId(self.made["id"])}, {"$unset": {"root": "", "since_root": ""}}
            )
            assert self.results_of(self.made)["root"] is None
            assert (
                self.ask("GET", f"/consultations/{self.made['id']}/receipts.txt").status_code == 404
            )
            assert "no list of receipts" in self.audited().output

    def test_the_questionnaire_has_the_hash_that_was_shown_at_its_publication(self):
        with freeze_time(DURING):
            path = f"/consultations/{self.made['id']}/questionnaire.json"
            asked = self.ask("GET", path).get_data(as_text=True)
            shown = self.shown(self.made)["questionnaire"]
            assert sha256(asked) == shown["sha256"] == shown["published_sha256"]
            page = self.ask("GET", f"/pages/consultations/{self.made['slug']}/?lang=en")
            assert shown["published_sha256"] in page.get_data(as_text=True)
            self.change(self.made, self.team, title={"fr": "Autre", "en": "Another"})
            after = self.shown(self.made)["questionnaire"]
        assert after["published_sha256"] == shown["sha256"]
        assert after["sha256"] != shown["sha256"]

    def test_nobody_gets_the_answer_of_another(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille)
            for user in (None, UserFactory(), self.team):
                for name in ("html", "json"):
                    assert self.mine(user, name).status_code == 404

    def test_two_processes_that_fix_the_list_make_one(self):
        with freeze_time(DURING):
            self.sent(2)
        consultation: Any = stored(self.made)
        with freeze_time(AFTER):
            receipts.fix(consultation)
            root = stored(self.made)["root"]
            with_one_more = responses().find_one({}) | {"_id": ObjectId()}
            with_one_more["contributor"] = {"key": "other", "kind": "user"}
            with_one_more["receipt"] = {"sha256": "f" * 64}
            responses().insert_one(with_one_more)
            receipts.fix(consultation)  # as it was read by the other
            assert stored(self.made)["root"] == root
            assert sha256(self.list_of()) == root["sha256"]
