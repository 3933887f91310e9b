"""The pages where producers answer: they work without a script, and only for who may."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from bson import ObjectId
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.portal.collections import now

from ..cases import P, PluginTestCase, Producer, sysadmin

WORDS = "Il manque les musées d’outre-mer."
ASSIGNED, NAMED = re.compile(r'name="ids" value="(\w+)"'), re.compile(r"<h1>(.*?)</h1>", re.S)


class PagesTestCase(PluginTestCase):
    def page(self, path: str, user: User | None, **arguments: Any) -> str:
        response = self.ask("GET", path, user=user, query_string={"lang": "en"} | arguments)
        assert response.status_code == 200, response.status_code
        return unescape(response.get_data(as_text=True))

    def send(self, path: str, user: User | None, guard: bool = True, **form: Any) -> Any:
        """A form of a whole page: guarded by a key instead of a session."""
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        if guard:
            headers["X-Culture-Feedback"] = "1"
        return self.visit("POST", P + path, headers=headers, data=form, query_string={"lang": "en"})

    def treatment(self, feedback: Any) -> dict[str, Any]:
        return self.stored(feedback["id"])["treatment"]

    def template(self, producer: Producer, text: str = "Merci pour « {titre} ».") -> str:
        path = f"/organizations/{producer.organization.id}/answer-templates/"
        return self.ask("POST", path, {"name": "Merci", "text": text}, producer.editor).json["id"]


class OneTest(PagesTestCase):
    def scene(self) -> tuple[Producer, Any, str]:
        producer = Producer(title="Musées de France")
        feedback = self.give(UserFactory(), producer.dataset, comment=WORDS, wants_answer=True)
        return producer, feedback, f"/pages/dashboard/feedback/{feedback['id']}"

    def test_a_producer_sees_what_was_said_and_the_form(self):
        producer, _feedback, path = self.scene()
        text = self.page(path, producer.editor)
        assert WORDS in text
        assert "Musées de France" in text
        assert text.count('name="status"') == 5  # to leave it, too
        assert f'value="{producer.assigned.id}"' in text
        assert "keep to the facts" in text
        assert " style=" not in text

    def test_each_role_is_let_in_or_not(self):
        producer, _feedback, path = self.scene()
        roles = {
            None: 401,
            UserFactory(): 403,
            Producer().admin: 403,
            producer.partial_editor: 403,
            producer.assigned: 200,
            producer.editor: 200,
            producer.admin: 200,
            sysadmin(): 200,
        }
        for user, expected in roles.items():
            response = self.ask("GET", path, user=user)
            assert response.status_code == expected
            assert response.headers["Cache-Control"] == "no-store"
            assert (WORDS in response.get_data(as_text=True)) == (expected == 200)
            sent = self.send(path, user, status="planned")
            assert sent.status_code == (303 if expected == 200 else expected)
        missing = f"/pages/dashboard/feedback/{ObjectId()}"
        assert self.ask("GET", missing, user=producer.editor).status_code == 404
        for reference in ("x", "0", "%00"):
            path = f"/pages/dashboard/feedback/{reference}"
            assert self.ask("GET", path, user=producer.editor).status_code == 404

    def test_the_form_saves_everything_at_once(self):
        producer, feedback, path = self.scene()
        response = self.send(
            path,
            producer.editor,
            status="planned",
            answer="En avril.",
            assignee=str(producer.assigned.id),
            note="Vu avec le service.",
            **{"from": "new"},
        )
        assert response.status_code == 303
        assert response.headers["Location"].endswith("done=treated&lang=en#cf-done")
        treatment = self.treatment(feedback)
        assert (treatment["status"], treatment["answer"]) == ("planned", "En avril.")
        assert treatment["assignee"] == producer.assigned.id
        text = self.page(path, producer.editor, done="treated")
        assert "Your response is saved." in text
        assert re.search(r'value="planned"[^>]* checked', text)
        assert text.count("En avril.") >= 2  # the answer, the text to change, the history
        # Emptied fields are emptied; the answer stays.
        self.send(path, producer.editor, status="planned", answer="", assignee="", note="")
        treatment = self.treatment(feedback)
        assert not {"assignee", "note"} & treatment.keys()
        assert treatment["answer"] == "En avril."

    def test_a_note_alone_needs_no_status(self):
        producer, feedback, path = self.scene()
        assert self.send(path, producer.editor, note="À voir.").status_code == 303
        assert self.treatment(feedback)["note"] == "À voir."
        assert self.treatment(feedback)["status"] == "new"

    def test_what_is_refused_comes_back_as_it_was_typed(self):
        producer, feedback, path = self.scene()
        response = self.send(path, producer.editor, status="declined", note="Attente de l’avis")
        text = unescape(response.get_data(as_text=True))
        assert response.status_code == 400
        assert 'id="cf-errors"' in text
        assert '<a href="#cf-answer">' in text
        assert 'id="cf-answer-error"' in text
        assert re.search(r'value="declined"[^>]* checked', text)
        assert "Attente de l’avis" in text
        assert self.treatment(feedback)["status"] == "new"

    def test_who_was_overtaken_sees_where_it_stands_and_keeps_the_text(self):
        producer, _feedback, path = self.scene()
        self.send(path, producer.admin, status="resolved", **{"from": "new"})
        response = self.send(
            path, producer.editor, status="planned", answer="En avril.", **{"from": "new"}
        )
        text = unescape(response.get_data(as_text=True))
        assert response.status_code == 409
        assert "En avril." in text
        assert 'name="from" value="resolved"' in text

    def test_a_kept_answer_is_put_into_the_text_and_nothing_is_sent(self):
        producer, feedback, path = self.scene()
        before = self.treatment(feedback)
        response = self.send(
            path, producer.editor, template=self.template(producer), insert="1", note="Ma note"
        )
        text = unescape(response.get_data(as_text=True))
        assert response.status_code == 200
        assert "Merci pour « Musées de France »." in text
        assert "Ma note" in text
        assert self.treatment(feedback) == before

    def test_a_form_without_proof_that_it_is_ours_is_refused_text_kept(self):
        producer, feedback, path = self.scene()
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = producer.editor.fs_uniquifier
            session["_fresh"] = True
        response = self.visit(
            "POST", P + path, client=client, data={"status": "planned", "answer": "En avril."}
        )
        assert response.status_code == 403
        assert "En avril." in response.get_data(as_text=True)
        assert self.treatment(feedback)["status"] == "new"

    def test_who_has_been_logged_out_meanwhile_keeps_the_text(self):
        _producer, feedback, path = self.scene()
        response = self.send(path, None, status="planned", answer="En avril <b>", note="Ma note")
        text = response.get_data(as_text=True)
        assert response.status_code == 401
        assert "En avril &lt;b&gt;</textarea>" in text
        assert "Ma note</textarea>" in text
        assert 'type="hidden" name="status" value="planned"' in text
        assert WORDS not in text
        assert self.treatment(feedback)["status"] == "new"

    def test_the_fragment_answers_the_form_in_place(self):
        producer, _feedback, path = self.scene()
        fragment = {"as": "fragment", "level": "3", "lang": "en"}
        headers = {"X-API-KEY": self.key_of(producer.editor), "X-Culture-Feedback": "1"}
        response = self.visit(
            "POST", P + path, headers=headers, data={"status": "planned"}, query_string=fragment
        )
        text = response.get_data(as_text=True)
        assert response.status_code == 200
        assert response.headers["X-Culture-Feedback"] == "fragment"
        assert "Your response is saved." in text
        assert "<html" not in text

    def test_words_that_are_hidden_are_hidden_from_the_producer_too(self):
        producer, _feedback, path = self.scene()
        hidden = {"visibility": "hidden", "hidden_reason": "abuse", "hidden_at": now()}
        feedbacks().update_one({}, {"$set": hidden})
        text = self.page(path, producer.editor)
        assert WORDS not in text
        assert "waits for moderation, or was hidden" in text

    def test_texts_are_shown_as_they_are_and_never_run(self):
        producer, _feedback, path = self.scene()
        bad = "<script>alert(1)</script>"
        self.send(path, producer.editor, status="planned", answer=bad, note=bad)
        raw = self.ask("GET", path, user=producer.editor).get_data(as_text=True)
        assert bad not in raw
        assert "&lt;script&gt;" in raw


class KeptAnswersTest(PagesTestCase):
    def test_answers_are_kept_changed_and_forgotten(self):
        producer = Producer()
        path = f"/pages/dashboard/organizations/{producer.organization.slug}/templates"
        sent = self.send(path, producer.editor, name="Merci", text="Merci pour {title}")
        assert sent.status_code == 303
        text = self.page(path, producer.editor)
        assert "Merci pour {title}" in text
        (id,) = re.findall(r'name="template" value="(\w{24})"', text)
        refused = self.send(path, producer.editor, template=id, name="", text="Bonjour")
        assert refused.status_code == 400
        assert "Bonjour" in refused.get_data(as_text=True)
        self.send(path, producer.editor, template=id, name="Bonjour", text="Bonjour {titre}")
        assert "Bonjour {titre}" in self.page(path, producer.admin)
        assert self.send(path, producer.editor, template=id, remove="1").status_code == 303
        assert "There is none yet." in self.page(path, producer.editor)

    def test_only_who_speaks_for_the_organization_sees_them(self):
        producer = Producer()
        path = f"/pages/dashboard/organizations/{producer.organization.id}/templates"
        for user, expected in ((None, 401), (UserFactory(), 403), (producer.assigned, 403)):
            assert self.ask("GET", path, user=user).status_code == expected
            assert self.send(path, user, name="x", text="x").status_code == expected


class PublicTest(PagesTestCase):
    def test_everybody_sees_the_answer_below_the_comment(self):
        producer = Producer()
        feedback = self.give(UserFactory(), producer.dataset, comment=WORDS)
        path = f"/feedback/{feedback['id']}/treatment/"
        self.ask("PUT", path, {"status": "planned", "answer": "En avril."}, producer.editor)
        text = self.page(f"/pages/datasets/{producer.dataset.id}/", None)
        assert "En avril." in text
        assert "Improvement planned" in text
        assert producer.organization.name in text
        assert "Answer this comment" not in text
        mine = self.page(f"/pages/datasets/{producer.dataset.id}/", producer.editor)
        assert f"/pages/dashboard/feedback/{feedback['id']}" in mine
