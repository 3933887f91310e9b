"""What the producing side does with feedback, by the API: who may, what becomes of it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.tests.helpers import capture_mails

from udata_culture_feedback.feedback.models import feedbacks

from ..cases import PluginTestCase, Producer, everything_is_settled, sysadmin
from .test_permissions import OUTSIDERS, PRODUCERS, STATES, Scene, unlimited

WORDS = "Il manque les musées d’outre-mer."


class TreatmentTestCase(PluginTestCase):
    def treat(self, feedback: Any, user: User | None, expected: int = 200, **payload: Any) -> Any:
        path = f"/feedback/{feedback['id']}/treatment/"
        response = self.ask("PUT", path, payload, user)
        assert response.status_code == expected, response.get_data(as_text=True)
        return response.json

    def working_file(self, feedback: Any, user: User | None, expected: int = 200) -> Any:
        response = self.ask("GET", f"/feedback/{feedback['id']}/treatment/", user=user)
        assert response.status_code == expected
        return response.json

    def shown(self, feedback: Any) -> Any:
        """The treatment as everybody sees it."""
        return self.ask("GET", f"/feedback/{feedback['id']}/").json["treatment"]


#: What each action is answered for who may treat: the same for all of them.
ACTIONS: dict[str, tuple[str, str, Any]] = {
    "treat": ("PUT", "/feedback/{id}/treatment/", {"status": "planned"}),
    "decline": ("PUT", "/feedback/{id}/treatment/", {"status": "declined", "answer": "Non."}),
    "note": ("PUT", "/feedback/{id}/treatment/", {"note": "Vu avec le musée."}),
    "assign": ("PUT", "/feedback/{id}/treatment/", {"assignee": None}),
    "working file": ("GET", "/feedback/{id}/treatment/", None),
}


class WhoMayTest(TreatmentTestCase):
    @unlimited
    @pytest.mark.parametrize("state", STATES)
    @pytest.mark.parametrize("standing", ["new", "resolved", "declined"])
    def test_each_role_is_answered_what_the_table_says(self, state, standing):
        scene = Scene(self)
        feedbacks().update_one({}, {"$set": {"treatment.status": standing}})
        scene.document = feedbacks().find_one({})
        scene.turn(STATES[state])
        hidden = "private" in state or "deleted" in state
        wrong = []
        for role, user in scene.roles.items():
            for action, (verb, path, body) in ACTIONS.items():
                if role == "anonymous":
                    expected = 401
                elif hidden and role in OUTSIDERS:
                    expected = 404
                else:
                    expected = 200 if role in (*PRODUCERS, "sysadmin") else 403
                scene.forget()
                path = path.format(id=scene.feedback["id"])
                found = self.ask(verb, path, body, user).status_code
                if found != expected:
                    wrong.append(f"{role} {action}: {found}, not {expected}")
                if expected != 200 and feedbacks().find_one({}) != scene.document:
                    wrong.append(f"{role} {action}: changed something")
        assert not wrong

    def test_in_bulk_each_feedback_is_checked_for_itself(self):
        mine, other, private = Producer(), Producer(), Producer(private=True)
        given = [self.give(UserFactory(), mine.dataset) for _ in range(3)]
        elsewhere = self.give(UserFactory(), other.dataset)
        unseen = self.give(private.editor, private.dataset)
        ids = [*(one["id"] for one in given), elsewhere["id"], unseen["id"], str(ObjectId()), "x"]
        body = {"ids": ids, "status": "planned"}
        response = self.ask("POST", "/feedback/treatments/", body, mine.editor)
        assert response.status_code == 200
        assert (response.json["done"], response.json["refused"]) == (3, 4)
        results = response.json["results"]
        assert list(results) == ids
        assert [results[id].get("code") for id in ids] == [None] * 3 + [403, 404, 404, 404]
        assert [self.shown(one)["status"] for one in (*given, elsewhere)] == ["planned"] * 3 + [
            "new"
        ]
        assert self.summary(mine.dataset)["treatment"]["planned"] == 3

    def test_a_partial_editor_treats_what_is_assigned_to_them_and_nothing_else(self):
        producer = Producer()
        unassigned = DatasetFactory(organization=producer.organization)
        ids = [self.give(UserFactory(), d)["id"] for d in (producer.dataset, unassigned)]
        body = {"ids": ids, "status": "acknowledged"}
        results = self.ask("POST", "/feedback/treatments/", body, producer.assigned).json
        assert [results["results"][id]["done"] for id in ids] == [True, False]

    def test_the_owner_of_a_dataset_without_organization_treats_its_feedback(self):
        owner = UserFactory()
        dataset = DatasetFactory(owner=owner, organization=None)
        feedback = self.give(UserFactory(), dataset, comment=WORDS)
        self.treat(feedback, owner, status="resolved", answer="Corrigé.")
        assert "organization" not in self.shown(feedback)

    def test_what_is_hidden_as_spam_does_not_exist_for_the_producer(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset, comment=WORDS)
        feedbacks().update_one({}, {"$set": {"visibility": "hidden", "hidden_reason": "spam"}})
        self.treat(feedback, producer.editor, 404, status="planned")
        body = {"ids": [feedback["id"]], "status": "planned"}
        done = self.ask("POST", "/feedback/treatments/", body, producer.editor).json
        assert done["results"][feedback["id"]]["code"] == 404

    @pytest.mark.options(READ_ONLY_MODE=True)
    def test_nothing_is_treated_while_the_portal_is_read_only(self):
        producer, admin = Producer(), sysadmin()
        feedback = self.give(admin, producer.dataset)
        self.treat(feedback, producer.editor, 423, status="planned")
        body = {"ids": [feedback["id"]], "status": "planned"}
        assert self.ask("POST", "/feedback/treatments/", body, producer.editor).status_code == 423

    @pytest.mark.options(
        CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR="2 per hour", CULTURE_FEEDBACK_LIMIT_MANAGER="4 per hour"
    )
    def test_producers_have_the_bound_of_producers(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        for _ in range(4):
            self.treat(feedback, producer.editor, status="planned")
        self.treat(feedback, producer.editor, 429, status="planned")


class StatusTest(TreatmentTestCase):
    def test_an_answer_is_shown_with_who_gave_it(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        answered = self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        assert answered["treatment"]["status"] == "planned"
        shown = self.shown(feedback)
        assert shown["answer"] == "En avril."
        assert shown["label"]
        assert shown["answered_at"].endswith("+00:00")
        assert shown["organization"]["name"] == producer.organization.name
        assert set(shown) == {"status", "label", "answer", "answered_at", "organization"}

    def test_declining_needs_to_say_why(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        refused = self.treat(feedback, producer.editor, 400, status="declined")
        assert set(refused["errors"]) == {"answer"}
        self.treat(feedback, producer.editor, 400, status="declined", answer="  \n ")
        self.treat(feedback, producer.editor, status="declined", answer="Hors de notre champ.")
        # Said already.
        self.treat(feedback, producer.editor, status="declined", note="Rien à ajouter")
        # What was answered before is no reason.
        self.treat(feedback, producer.editor, status="planned")
        self.treat(feedback, producer.editor, 400, status="declined")

    @pytest.mark.parametrize(
        ("payload", "field"),
        [
            ({}, "status"),
            ({"status": "new"}, "status"),
            ({"status": "done"}, "status"),
            ({"status": ["planned"]}, "status"),
            ({"status": {"$ne": "new"}}, "status"),
            ({"answer": "Sans statut"}, "status"),
            ({"status": "planned", "answer": 3}, "answer"),
            ({"status": "planned", "from": "unknown"}, "from"),
            ({"status": "planned", "template": "nothing"}, "template"),
            ({"status": "planned", "template": "0" * 24}, "template"),
            ({"status": "planned", "assignee": "somebody"}, "assignee"),
            ({"assignee": "0" * 24}, "assignee"),
            ({"note": "x" * 2001}, "note"),
        ],
    )
    def test_what_is_wrong_is_named_and_changes_nothing(self, payload, field):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        before = self.stored(feedback["id"])
        refused = self.treat(feedback, producer.editor, 400, **payload)
        assert field in refused["errors"]
        assert self.stored(feedback["id"]) == before

    @pytest.mark.options(CULTURE_FEEDBACK_COMMENT_MAX_LENGTH=50)
    def test_a_text_over_its_bound_is_refused(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        self.treat(feedback, producer.editor, 413, status="planned", answer="x" * 51)

    @pytest.mark.parametrize("ids", [None, [], "all", [1], ["x"] * 3 + [None]])
    def test_a_list_that_is_none_is_refused(self, ids):
        body = {"ids": ids, "status": "planned"}
        response = self.ask("POST", "/feedback/treatments/", body, UserFactory())
        assert response.status_code == 400
        assert "ids" in response.json["errors"]

    def test_two_hundred_at_once_at_most(self):
        for many, expected in ((200, 200), (201, 400)):
            body = {"ids": [str(ObjectId()) for _ in range(many)], "status": "planned"}
            response = self.ask("POST", "/feedback/treatments/", body, UserFactory())
            assert response.status_code == expected

    def test_who_was_overtaken_is_told_where_it_stands(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        self.treat(feedback, producer.admin, status="resolved", **{"from": "new"})
        refused = self.treat(feedback, producer.editor, 409, status="planned", **{"from": "new"})
        assert refused["status"] == "resolved"
        body = {"ids": [feedback["id"]], "status": "planned", "from": "new"}
        bulk = self.ask("POST", "/feedback/treatments/", body, producer.editor).json["results"]
        assert bulk[feedback["id"]]["code"] == 409
        assert bulk[feedback["id"]]["status"] == "resolved"
        assert self.shown(feedback)["status"] == "resolved"

    def test_what_was_answered_stays_when_only_the_status_moves(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        before = self.shown(feedback)
        self.treat(feedback, producer.editor, status="resolved", answer=None)
        self.treat(feedback, producer.editor, status="resolved", answer="")
        assert self.shown(feedback) == before | {
            "status": "resolved",
            "label": self.shown(feedback)["label"],
        }

    def test_the_date_of_the_first_answer_never_moves(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        self.treat(feedback, producer.editor, status="acknowledged")
        assert "first_answered_at" not in self.stored(feedback["id"])["treatment"]
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        first = self.stored(feedback["id"])["treatment"]
        assert first["first_answered_at"] == first["answered_at"]
        assert first["first_answered_at"].tzinfo is None
        self.treat(feedback, producer.editor, status="resolved", answer="Fait.")
        then = self.stored(feedback["id"])["treatment"]
        assert then["first_answered_at"] == first["first_answered_at"] < then["answered_at"]

    def test_the_same_again_changes_nothing(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset, comment=WORDS)
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        before = self.stored(feedback["id"])
        self.treat(feedback, producer.editor, status="planned", answer="En avril.")
        assert self.stored(feedback["id"]) == before

    def test_figures_follow_within_the_request(self):
        producer = Producer()
        feedback = self.give(
            UserFactory(), producer.dataset, comment=WORDS, wants_answer=True, fitness="no"
        )
        summary = self.summary(producer.dataset)["treatment"]
        assert (summary["new"], summary["resolved"]) == (1, 0)
        self.treat(feedback, producer.editor, status="resolved")
        for of in (producer.dataset, producer.organization, None):
            summary = self.summary(of)["treatment"]
            assert (summary["new"], summary["resolved"]) == (0, 1)
        assert everything_is_settled()
        listed = self.ask("GET", "/feedback/?treatment=resolved").json
        assert [one["id"] for one in listed["data"]] == [feedback["id"]]

    def test_two_producers_at_once_leave_both_steps(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        keys = [self.key_of(user) for user in (producer.admin, producer.editor)]
        start, statuses = threading.Barrier(2), ("planned", "resolved")

        def treat(key: str, status: str) -> None:
            start.wait()
            self.visit(
                "PUT",
                f"/api/1/culture-feedback/feedback/{feedback['id']}/treatment/",
                headers={"X-API-KEY": key},
                json={"status": status},
            )

        threads = [
            threading.Thread(target=treat, args=pair) for pair in zip(keys, statuses, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        history = self.stored(feedback["id"])["treatment"]["history"]
        assert {step["to"] for step in history} == set(statuses)
        assert history[1]["from"] == history[0]["to"]

    def test_an_edit_of_its_author_leaves_the_treatment_alone(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        self.treat(feedback, producer.editor, status="planned", answer="En avril.", note="Attente")
        before = self.stored(feedback["id"])["treatment"]
        body = {"comment": WORDS + " Et de Corse.", "fitness": "no"}
        assert self.ask("PUT", f"/feedback/{feedback['id']}/", body, author).status_code == 200
        assert self.stored(feedback["id"])["treatment"] == before

    def test_nothing_of_a_treatment_survives_what_it_was_about(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset)
        self.treat(feedback, producer.editor, status="planned", answer="À Jean", note="Jean râle")
        assert self.ask("DELETE", f"/feedback/{feedback['id']}/", user=author).status_code == 204
        assert feedbacks().count_documents({}) == 0

    def test_the_answer_is_hidden_with_the_words_it_may_quote(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment="Mon numéro : 01 02 03 04 05")
        self.treat(feedback, producer.editor, status="resolved", answer="Merci, 01 02 03 04 05")
        feedbacks().update_one({}, {"$set": {"visibility": "hidden"}})
        assert self.shown(feedback)["answer"] is None
        assert self.shown(feedback)["status"] == "resolved"


class InternalTest(TreatmentTestCase):
    def test_notes_and_assignments_are_shown_to_the_producing_side_only(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        note = "Voir avec le musée de Cayenne"
        self.treat(feedback, producer.editor, note=note, assignee=str(producer.assigned.id))
        file = self.working_file(feedback, producer.admin)
        assert file["note"] == note
        assert file["assignee"]["id"] == str(producer.assigned.id)
        assert file["status"] == "new"
        everywhere = [
            "/feedback/",
            f"/feedback/{feedback['id']}/",
            f"/pages/datasets/{producer.dataset.id}/",
        ]
        for path in everywhere:
            for user in (None, author, UserFactory(), producer.editor):
                text = self.ask("GET", path, user=user).get_data(as_text=True)
                assert "Cayenne" not in text
                assert str(producer.assigned.id) not in text
        self.treat(feedback, producer.editor, note=None, assignee=None)
        file = self.working_file(feedback, producer.admin)
        assert (file["note"], file["assignee"]) == (None, None)

    def test_only_a_member_of_the_organization_can_be_given_feedback(self):
        producer, stranger = Producer(), UserFactory()
        feedback = self.give(UserFactory(), producer.dataset)
        refused = self.treat(feedback, producer.editor, 400, assignee=str(stranger.id))
        assert "assignee" in refused["errors"]
        for member in (producer.admin, producer.editor, producer.partial_editor):
            self.treat(feedback, producer.editor, assignee=str(member.id))

    def test_who_is_given_feedback_hears_of_it_once(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset, comment=WORDS)
        with capture_mails() as mails:
            for _ in range(2):
                self.treat(feedback, producer.editor, assignee=str(producer.assigned.id))
            self.treat(feedback, producer.editor, status="planned")
            self.treat(feedback, producer.editor, assignee=str(producer.editor.id))
        told = [mail for mail in mails if mail.recipients == [producer.assigned.email]]
        assert len(told) == 1
        assert producer.dataset.title in told[0].subject
        assert WORDS in told[0].body
        assert f"dashboard/feedback/{feedback['id']}" in told[0].body
        assert not [mail for mail in mails if mail.recipients == [producer.editor.email]]

    def test_the_history_says_who_did_what(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        self.treat(feedback, producer.editor, status="acknowledged")
        self.treat(feedback, producer.admin, status="declined", answer="Hors champ.")
        history = self.working_file(feedback, producer.assigned)["history"]
        assert [(s["from"], s["to"], s["by"]["id"], s["answer"]) for s in history] == [
            ("new", "acknowledged", str(producer.editor.id), None),
            ("acknowledged", "declined", str(producer.admin.id), "Hors champ."),
        ]

    def test_a_working_file_is_kept_by_nobody(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        path = f"/feedback/{feedback['id']}/treatment/"
        assert self.ask("GET", path, user=producer.editor).headers["Cache-Control"] == "no-store"


class TemplateTest(TreatmentTestCase):
    def template(self, producer: Producer, text: str, name: str = "Merci") -> str:
        path = f"/organizations/{producer.organization.id}/answer-templates/"
        response = self.ask("POST", path, {"name": name, "text": text}, producer.editor)
        assert response.status_code == 201, response.json
        return response.json["id"]

    def test_a_template_is_filled_in_for_each_feedback(self):
        producer = Producer(title="Musées")
        other = DatasetFactory(organization=producer.organization, title="Archives")
        given = [self.give(UserFactory(), d) for d in (producer.dataset, other)]
        text = "« {titre} » ({title}) : {organisation}, {inconnu} {0} {title.__class__} %(x)s"
        body = {
            "ids": [one["id"] for one in given],
            "status": "acknowledged",
            "template": self.template(producer, text),
        }
        assert self.ask("POST", "/feedback/treatments/", body, producer.editor).json["done"] == 2
        name = producer.organization.name
        assert [self.shown(one)["answer"] for one in given] == [
            f"« {title} » ({title}) : {name}, {{inconnu}} {{0}} {{title.__class__}} %(x)s"
            for title in ("Musées", "Archives")
        ]

    def test_what_is_put_in_is_not_looked_at_again(self):
        producer = Producer(title="{organization}{date}")
        feedback = self.give(UserFactory(), producer.dataset)
        template = self.template(producer, "Sur {title}")
        self.treat(feedback, producer.editor, status="planned", template=template)
        assert self.shown(feedback)["answer"] == "Sur {organization}{date}"

    def test_the_template_of_another_organization_is_none_of_ours(self):
        producer, other = Producer(), Producer()
        feedback = self.give(UserFactory(), producer.dataset)
        template = self.template(other, "Merci")
        refused = self.treat(feedback, producer.editor, 400, status="planned", template=template)
        assert "template" in refused["errors"]

    def test_editors_keep_change_and_forget_them(self):
        producer = Producer()
        path = f"/organizations/{producer.organization.slug}/answer-templates/"
        id = self.template(producer, "Merci !")
        refused = self.ask("POST", path, {"name": "Merci", "text": "x"}, producer.admin)
        assert refused.status_code == 400
        assert "name" in refused.json["errors"]
        changed = {"name": "Merci beaucoup", "text": "Merci à {titre}"}
        assert self.ask("PUT", f"{path}{id}/", changed, producer.admin).json["text"] == (
            "Merci à {titre}"
        )
        listed = self.ask("GET", path, user=producer.editor).json["data"]
        assert [one["name"] for one in listed] == ["Merci beaucoup"]
        assert self.ask("DELETE", f"{path}{id}/", user=producer.editor).status_code == 204
        assert self.ask("DELETE", f"{path}{id}/", user=producer.editor).status_code == 404
        assert self.ask("GET", path, user=producer.editor).json["data"] == []

    @pytest.mark.parametrize("body", [{}, {"name": "x"}, {"text": "x"}, {"name": "x" * 101}])
    def test_a_template_has_a_name_and_a_text(self, body):
        producer = Producer()
        path = f"/organizations/{producer.organization.id}/answer-templates/"
        assert self.ask("POST", path, body, producer.editor).status_code == 400

    def test_others_neither_see_nor_change_them(self):
        producer, other = Producer(), Producer()
        id = self.template(producer, "Merci")
        path = f"/organizations/{producer.organization.id}/answer-templates/"
        roles = {
            None: 401,
            UserFactory(): 403,
            other.admin: 403,
            producer.partial_editor: 403,
            producer.assigned: 403,
        }
        for user, expected in roles.items():
            body = {"name": "x", "text": "x"}
            for verb, where, sent in (
                ("GET", path, None),
                ("POST", path, body),
                ("PUT", f"{path}{id}/", body),
                ("DELETE", f"{path}{id}/", None),
            ):
                assert self.ask(verb, where, sent, user).status_code == expected
        # Through one's own organization neither.
        theirs = f"/organizations/{other.organization.id}/answer-templates/{id}/"
        assert self.ask("DELETE", theirs, user=other.admin).status_code == 404
