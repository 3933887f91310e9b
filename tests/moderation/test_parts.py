"""Words that are part of something else: answers of producers, messages of moves, texts of a
consultation. Each is looked at by moderators, hidden with a reason and a stub, and gone then from
every channel."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time as freeze
from mongoengine.connection import get_db
from udata.core.discussions.models import Discussion
from udata.core.reports.models import Report
from udata.core.user.factories import UserFactory
from udata.tests.helpers import capture_mails

from tests.cases import P, Producer, sysadmin
from tests.consultations.consulting import AFTER, DURING, UNLIMITED, ConsultationCase, freeze_time
from udata_culture_feedback.consultations import upkeep as consultations
from udata_culture_feedback.consultations.kind import TEXTS
from udata_culture_feedback.contributions.embedded_texts import words
from udata_culture_feedback.data_requests.kind import MOVES
from udata_culture_feedback.mail import outbox
from udata_culture_feedback.moderation import upkeep
from udata_culture_feedback.moderation.models import journal

from .people import ModerationTestCase, moderator

#: A word nobody else uses.
SECRET = "quetzalcoatl"
NIR = "2 55 08 14 168 025 38"


class PartTestCase(ModerationTestCase):
    def flag(self, path: str, about: str, expected: int = 201) -> None:
        body = {"reason": "abuse", "about": about}
        answer = self.ask("POST", f"{path}flag/", body, UserFactory())
        assert answer.status_code == expected, answer.get_data(as_text=True)

    def everything_stored(self, but: tuple[str, ...] = ()) -> str:
        database = get_db()
        return "\n".join(
            repr(document)
            for name in database.list_collection_names()
            if name not in but
            for document in database[name].find()
        )


class AnswerTest(PartTestCase):
    """What a producer answers."""

    @pytest.fixture(autouse=True)
    def answered(self, plugin: None, instance_path: Any) -> None:
        self.producer = Producer()
        self.moderator = moderator()
        self.author = UserFactory()
        self.feedback = self.give(self.author, self.producer.dataset, comment="Il manque 2024.")
        self.path = f"/feedback/{self.feedback['id']}/"

    def answer(self, text: str, status: str = "planned") -> Any:
        body = {"status": status, "answer": text}
        answered = self.ask("PUT", f"{self.path}treatment/", body, self.producer.admin)
        assert answered.status_code == 200, answered.get_data(as_text=True)
        return answered.json

    def channels(self) -> dict[str, str]:
        dataset = self.producer.dataset
        organization = self.producer.organization.id
        producers = {"X-API-KEY": self.key_of(self.producer.admin)}
        board = f"{P}/pages/dashboard/organizations/{organization}/"
        addresses: dict[str, dict[str, str]] = {
            f"{P}{self.path}": {},
            f"{P}/feedback/?dataset={dataset.id}": {},
            f"{P}/pages/datasets/{dataset.id}/": {},
            f"{P}/organizations/{organization}/feedback.csv": producers,
            f"{P}{self.path}treatment/": producers,
            f"{board}feedback/": producers,
            f"{P}/pages/dashboard/feedback/{self.feedback['id']}": producers,
            f"/api/1/discussions/?for={dataset.id}": {},
        }
        return {
            path: self.visit("GET", path, headers=headers, buffered=True).get_data(as_text=True)
            for path, headers in addresses.items()
        }

    def leaks(self) -> list[str]:
        return [path for path, text in self.channels().items() if SECRET in text]

    def test_an_ordinary_answer_waits_for_nobody_an_address_of_the_office_neither(self):
        self.answer("Écrivez à donnees@musee.example, 01 40 20 50 50.")
        assert self.waiting(self.moderator) == []

    def test_an_answer_in_which_a_check_finds_something_is_public_and_looked_at(self):
        self.answer(f"Votre numéro {NIR} nous est parvenu.")
        [row] = self.queue(self.moderator)["data"]
        assert (row["class"], row["visibility"]) == ("answer", "public")
        assert "nir" in row["why"]
        assert row["organization"]["id"] == str(self.producer.organization.id)
        assert NIR in self.ask("GET", self.path).json["treatment"]["answer"]

    def test_a_reader_points_it_out_and_once_hidden_it_is_nowhere(self):
        self.answer(f"Vous êtes un {SECRET}.")
        assert self.leaks() != []
        self.flag(self.path, "answer")
        [item] = self.waiting(self.moderator)
        self.decided(self.moderator, item, "hide", "abuse")
        assert self.leaks() == []
        treatment = self.ask("GET", self.path).json["treatment"]
        assert (treatment["answer"], treatment["hidden_reason"]) == (None, "abuse")
        page = self.visit("GET", f"{P}/pages/datasets/{self.producer.dataset.id}/?lang=en").text
        assert "Answer hidden by moderation on" in page
        assert "Insult, personal attack" in page
        discussion = Discussion.objects.get(id=treatment_discussion(self))
        assert SECRET not in str(discussion.to_mongo())
        [line] = self.lines(item)
        assert (line["decision"], line["reason"], line["kind"]) == ("hide", "abuse", "answer")

    def test_it_is_not_in_a_mail_that_leaves_later(self):
        with freeze("2026-03-01 10:00"):
            self.answer(f"Vous êtes un {SECRET}.")
            self.flag(self.path, "answer")
            [item] = self.waiting(self.moderator)
            self.decided(self.moderator, item, "hide", "abuse")
        with freeze("2026-03-02 10:00"), capture_mails() as mails:
            outbox.deliver_all()
        to_author = [mail for mail in mails if self.author.email in mail.recipients]
        assert [mail for mail in to_author if SECRET in mail.body] == []

    def test_who_wrote_it_hears_why(self):
        self.answer(f"Vous êtes un {SECRET}.")
        self.flag(self.path, "answer")
        [item] = self.waiting(self.moderator)
        with freeze("2026-03-01 10:00"):
            self.decided(self.moderator, item, "hide", "abuse")
        with freeze("2026-03-01 11:00"), capture_mails() as mails:
            outbox.deliver_all()
        assert [m.recipients for m in mails if "decisions/" in m.body] == [
            [self.producer.admin.email]
        ]

    def test_undoing_says_it_again_everywhere(self):
        self.answer(f"Vous êtes un {SECRET}.")
        before = set(self.leaks())
        self.flag(self.path, "answer")
        [item] = self.waiting(self.moderator)
        self.decided(self.moderator, item, "hide", "abuse")
        self.decided(self.moderator, item, "restore")
        assert set(self.leaks()) == before
        assert self.waiting(self.moderator) == [item]
        assert "held" not in (words().find_one({}) or {})

    def test_words_of_it_are_blacked_out(self):
        self.answer(f"Votre numéro {SECRET} nous est parvenu.")
        self.flag(self.path, "answer")
        [item] = self.waiting(self.moderator)
        self.decided(self.moderator, item, "redact", "personal_data", strings=[SECRET])
        assert self.leaks() == []
        answer = self.ask("GET", self.path).json["treatment"]["answer"]
        assert answer.startswith("Votre numéro [")
        natively = Discussion.objects.get(id=treatment_discussion(self)).discussion[1].content
        assert natively == answer

    def test_hidden_words_are_erased_after_six_months(self):
        self.answer(f"Vous êtes un {SECRET}.")
        self.flag(self.path, "answer")
        [item] = self.waiting(self.moderator)
        with freeze("2026-03-01 10:00", ignore=["pymongo"]):
            self.decided(self.moderator, item, "hide", "abuse")
        assert SECRET in self.everything_stored()
        with freeze("2026-09-30 10:00", ignore=["pymongo"]):
            upkeep.erase_hidden_words()
        assert SECRET not in self.everything_stored()

    def test_a_new_answer_in_its_place_is_public_and_looked_at(self):
        self.answer(f"Vous êtes un {SECRET}.")
        self.flag(self.path, "answer")
        [item] = self.waiting(self.moderator)
        self.decided(self.moderator, item, "hide", "abuse")
        self.answer("Le fichier de 2024 est là.", "resolved")
        assert (
            self.ask("GET", self.path).json["treatment"]["answer"] == "Le fichier de 2024 est là."
        )
        [row] = self.queue(self.moderator)["data"]
        assert "hidden_before" in row["why"]
        assert self.leaks() == []

    def test_it_goes_with_the_feedback(self):
        self.answer(f"Vous êtes un {SECRET}.")
        self.flag(self.path, "answer")
        [item] = self.waiting(self.moderator)
        self.decided(self.moderator, item, "hide", "abuse")
        assert self.ask("DELETE", self.path, user=self.author).status_code == 204
        assert words().find_one({}) is None

    def test_a_report_in_the_native_discussion_is_in_the_queue_and_answered(self):
        self.answer(f"Vous êtes un {SECRET}.")
        discussion = Discussion.objects.get(id=treatment_discussion(self))
        report = Report(
            subject=discussion,
            subject_embed_id=discussion.discussion[1].id,
            reason="illegal_content",
        ).save()
        [item] = self.waiting(self.moderator)
        self.decided(self.moderator, item, "hide", "illegal_content")
        assert self.leaks() == []
        assert report.reload().dismissed_at is not None

    def test_what_a_crash_left_undone_is_done_by_night(self):
        self.answer(f"Vous êtes un {SECRET}.")
        self.flag(self.path, "answer")
        item = words().find_one({})
        hidden = {"visibility": "hidden", "hidden_reason": "abuse", "unapplied": True}
        words().update_one({}, {"$set": hidden | {"held": f"Vous êtes un {SECRET}."}})
        assert item is not None
        assert upkeep.STEPS["decisions_done"]() == 1
        assert self.leaks() == []

    def test_its_own_moderator_hides_it_for_grave_reasons_only(self):
        self.answer(f"Vous êtes un {SECRET}.")
        self.flag(self.path, "answer")
        [item] = self.waiting(self.moderator)
        assert self.refused(self.producer_moderator(), item, "hide", "off_topic") == 403

    def producer_moderator(self) -> Any:
        from udata_culture_feedback.people import roles

        roles.grant(self.producer.editor.id)
        return self.producer.editor.reload()

    def test_there_is_nothing_to_point_out_without_an_answer(self):
        self.flag(self.path, "answer", 404)
        self.flag(self.path, "question", 404)


def treatment_discussion(case: AnswerTest) -> Any:
    return case.stored(case.feedback["id"])["discussion"]


class MoveTest(PartTestCase):
    """What the holder says with a step of a request."""

    @pytest.fixture(autouse=True)
    def refused_request(self, plugin: None, instance_path: Any) -> None:
        self.producer = Producer()
        self.moderator = moderator()
        self.requester = UserFactory()
        body = {
            "title": "La fréquentation des musées",
            "description": "Par mois, depuis 2015.",
            "kind": "enrichment",
            "dataset": str(self.producer.dataset.id),
        }
        self.request = self.ask("POST", "/requests/", body, self.requester).json
        self.path = f"/requests/{self.request['id']}/"

    def move(self, message: str, to: str = "needs_clarification") -> Any:
        body = {"to": to, "message": message}
        moved = self.ask("POST", f"{self.path}transitions/", body, self.producer.admin)
        assert moved.status_code == 200, moved.get_data(as_text=True)

    def leaks(self) -> list[str]:
        mine = {"X-API-KEY": self.key_of(self.requester)}
        addresses = (
            f"{P}{self.path}",
            f"{P}{self.path}messages/",
            f"{P}/pages/requests/{self.request['slug']}/",
            f"{P}/requests/feed.atom",
            f"{P}/site/requests.csv",
            f"/api/1/discussions/?for={self.producer.dataset.id}",
        )
        got = {
            path: self.visit("GET", path, headers=mine, buffered=True).get_data(as_text=True)
            for path in addresses
        }
        return [path for path, text in got.items() if SECRET in text]

    def test_an_ordinary_message_waits_for_nobody(self):
        self.move("Pour quels musées ? Écrivez à donnees@musee.example.")
        assert self.waiting(self.moderator) == []

    def test_a_check_that_hits_has_moderators_look_at_it(self):
        self.move(f"Êtes-vous la personne {NIR} ?")
        [row] = self.queue(self.moderator)["data"]
        assert (row["class"], row["visibility"]) == ("move", "public")
        assert row["request"]["title"] == self.request["title"]

    def test_hidden_it_is_nowhere_and_a_stub_stays(self):
        self.move(f"Encore un {SECRET}.")
        assert len(self.leaks()) >= 3
        self.flag(self.path, "move-1")
        [item] = self.waiting(self.moderator)
        self.decided(self.moderator, item, "hide", "abuse")
        assert self.leaks() == []
        [entry] = self.ask("GET", self.path).json["history"]
        assert (entry["message"], entry["hidden_reason"]) == (None, "abuse")
        page = self.visit("GET", f"{P}/pages/requests/{self.request['slug']}/?lang=en").text
        assert "Message hidden by moderation on" in page
        self.decided(self.moderator, item, "restore")
        assert SECRET in self.ask("GET", self.path).json["history"][0]["message"]
        assert len(self.leaks()) >= 3

    def test_its_form_shows_the_words_and_reports_them(self):
        self.move(f"Encore un {SECRET}.")
        path = f"{P}/pages/requests/{self.request['slug']}/flag?about=move-1"
        headers = {"X-API-KEY": self.key_of(UserFactory())}
        assert SECRET in self.visit("GET", path, headers=headers).text
        sent = self.visit("POST", path, headers=headers, data={"reason": "abuse"})
        assert sent.status_code == 303
        assert len(self.waiting(self.moderator)) == 1

    def test_what_is_no_message_is_not_pointed_out(self):
        self.move("Pour quels musées ?")
        for about in ("move-0", "move-2", "move-x", "move-99999", "move-"):
            self.flag(self.path, about, 404)

    def test_a_message_written_on_the_page_leaves_a_stub(self):
        body = {"message": f"Voici mon {SECRET}."}
        message = self.ask("POST", f"{self.path}messages/", body, UserFactory()).json
        assert len(self.leaks()) >= 2
        self.decided(self.moderator, message["id"], "hide", "abuse")
        assert self.leaks() == []
        [shown] = self.ask("GET", f"{self.path}messages/").json["data"]
        assert (shown["text"], shown["hidden_reason"]) == (None, "abuse")
        page = self.visit("GET", f"{P}/pages/requests/{self.request['slug']}/?lang=en").text
        assert "Message hidden by moderation on" in page
        assert self.visit("GET", f"{P}/requests/{self.request['id']}/").status_code == 200


@pytest.mark.options(**UNLIMITED)
class TextTest(ConsultationCase, PartTestCase):
    """The free texts of a consultation, once it has closed."""

    @pytest.fixture(autouse=True)
    def answered_consultation(self, plugin: None, instance_path: Any) -> None:
        with freeze_time(DURING):
            self.made = self.make()
            self.moderator = moderator()
            self.writer = UserFactory()
            self.answered(
                self.made,
                self.writer,
                answers={
                    "use": "yes",
                    "why": f"Parce que {SECRET}, écrivez à camille@example.org.",
                    "lacking": {"title": "Les festivals", "description": "Par commune"},
                },
            )

    def texts(self) -> list[Any]:
        path = f"/consultations/{self.made['id']}/results/texts/?lang=en"
        return self.ask("GET", path).json["data"]

    def test_under_the_seal_moderators_see_nothing(self):
        with freeze_time(DURING):
            TEXTS.queue_all()
            assert self.waiting(self.moderator) == []

    def test_once_it_has_closed_each_text_waits_in_the_queue(self):
        with freeze_time(AFTER):
            consultations.collect()
            rows = self.queue(self.moderator)["data"]
            assert [row["class"] for row in rows] == ["text", "text"]
            assert {row["visibility"] for row in rows} == {"pending"}
            assert {why for row in rows for why in row["why"]} == {"consultation", "email"}
            assert {"Les festivals\n\nPar commune"} < {row["words"]["text"] for row in rows}
            assert self.texts() == []
            assert rows[0]["self_web_url"].endswith("/results/texts")
            assert TEXTS.queue_all() == 0

    def test_published_redacted_and_hidden_from_the_queue(self):
        with freeze_time(AFTER):
            consultations.collect()
            rows = {row["words"]["text"]: row["id"] for row in self.queue(self.moderator)["data"]}
            why = next(id for text, id in rows.items() if SECRET in text)
            lacking = rows["Les festivals\n\nPar commune"]
            self.decided(self.moderator, lacking, "publish")
            self.decided(self.moderator, why, "redact", "personal_data", found=True)
            shown = [one["text"] for one in self.texts()]
            assert "Les festivals\n\nPar commune" in shown
            assert not any("camille@example.org" in text for text in shown)
            assert any(SECRET in text for text in shown)
            self.decided(self.moderator, why, "hide", "abuse")
            stub = next(one for one in self.texts() if one["text"] is None)
            assert stub["hidden_reason"] == "abuse"
            page = self.visit(
                "GET", f"{P}/pages/consultations/{self.made['slug']}/results/texts?lang=en"
            ).text
            assert "Text hidden by moderation on" in page
            assert SECRET not in page

    def test_what_is_decided_on_the_page_of_results_is_in_the_journal(self):
        with freeze_time(AFTER):
            consultations.collect()
            admin = sysadmin()
            [first, second] = self.waiting(self.moderator)
            path = f"/pages/consultations/{self.made['slug']}/results/texts"
            self.ask("POST", path, user=admin, data={"text": first, "decision": "publish"})
            form = {"text": second, "decision": "hide", "reason": "abuse"}
            self.ask("POST", path, user=admin, data=form)
            lines = {str(line["item"]): line["decision"] for line in journal().find()}
            assert lines == {first: "publish", second: "reject"}
            assert self.waiting(self.moderator) == []
            self.ask("POST", path, user=admin, data={"text": second, "decision": "restore"})
            assert self.waiting(self.moderator) == [second]
            wrong = {"text": second, "decision": "hide", "reason": "because"}
            assert self.ask("POST", path, user=admin, data=wrong).status_code == 400

    def test_refused_words_are_erased_after_six_months_from_the_answer_too(self):
        with freeze_time(AFTER):
            consultations.collect()
            for id in self.waiting(self.moderator):
                self.decided(self.moderator, id, "reject", "off_topic")
        with freeze_time("2023-10-01"):
            assert upkeep.erase_hidden_words() == 2
        stored = self.everything_stored()
        assert SECRET not in stored
        assert "Les festivals" not in stored

    def test_they_go_with_the_answer(self):
        with freeze_time(AFTER):
            consultations.collect()
            path = f"/consultations/{self.made['id']}/responses/"
            assert self.ask("DELETE", path, user=self.writer).status_code in (200, 204)
            assert words().count_documents({}) == 0
            assert self.waiting(self.moderator) == []

    def test_a_moderator_of_an_organization_sees_those_of_its_consultations(self):
        with freeze_time(AFTER):
            consultations.collect()
            assert self.waiting(moderator(Producer().organization)) == []
            [one] = {row["organization"]["id"] for row in self.queue(self.moderator)["data"]}
            assert ObjectId(one)


class OrphansTest(PartTestCase):
    def test_those_whose_words_are_gone_are_forgotten(self):
        words().insert_one(MOVES.new(ObjectId(), "1"))
        assert upkeep.STEPS["moderated_words_forgotten"]() == 1
        assert words().find_one({}) is None
