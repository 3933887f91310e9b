"""The page of one request: what is asked, where it stands, what happened, and one's own words."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup
from udata.core.dataset.factories import DatasetFactory
from udata.core.discussions.models import Discussion
from udata.core.user.factories import UserFactory

from udata_culture_feedback.data_requests.models import messages

from ..cases import P, PluginTestCase, Producer
from .asking import UNLIMITED


class RequestPageTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def people(self, plugin: None, instance_path: None) -> None:
        self.app.config.update(UNLIMITED)
        self.producer, self.asker, self.other = Producer(), UserFactory(), UserFactory()
        asked = {"title": "Horaires", "description": "Par jour.", "kind": "new"}
        holder = {"organization": str(self.producer.organization.id)}
        self.request = self.ask("POST", "/requests/", asked | holder, self.asker).json
        self.path = f"/requests/{self.request['id']}"

    def see(self, user: Any = None) -> BeautifulSoup:
        page = f"{P}/pages/requests/{self.request['slug']}/?lang=en"
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        return BeautifulSoup(self.visit("GET", page, headers=headers).get_data(True), "html.parser")

    def post(self, what: str, user: Any = None, **form: Any) -> Any:
        page = f"/pages/requests/{self.request['slug']}/{what}?lang=en"
        return self.ask("POST", page, user=user, data=form)

    def write(self, user: Any, text: str) -> str:
        return self.ask("POST", f"{self.path}/messages/", {"message": text}, user).json["id"]

    def move(self, to: str, **more: Any) -> None:
        moved = self.ask(
            "POST", f"{self.path}/transitions/", {"to": to} | more, self.producer.admin
        )
        assert moved.status_code == 200, moved.json

    def test_history_and_messages_are_one_timeline_with_who_speaks(self):
        self.write(self.other, "Utile aussi aux guides.")
        self.move("needs_clarification", message="Par salle ?")
        self.write(self.asker, "Par musée.")
        self.move("accepted", message="Nous publierons.")
        events = self.see().select(".cf-timeline > li")
        said = [" ".join(event.get_text(" ").split()) for event in events]
        words = ["Utile aussi aux guides.", "Par salle ?", "Par musée.", "Nous publierons."]
        places = [next(n for n, text in enumerate(said) if word in text) for word in words]
        assert places == sorted(places)
        assert "Asked for these data" in said[places[2]]
        for place in (places[1], places[3]):
            assert "Holder" in said[place]

    def test_what_is_asked_comes_first_except_for_the_holder(self):
        text = self.see().get_text()
        assert text.index("Par jour.") < text.index("An answer is expected by")
        assert "What you can do" not in text
        for_holder = self.see(self.producer.admin).get_text()
        assert for_holder.index("What you can do") < for_holder.index("Par jour.")

    def test_the_stepper_says_where_it_stands(self):
        def now() -> str:
            [step] = self.see().select(".cf-stepper [aria-current=step] b")
            return step.get_text()

        assert now() == "Answer"
        self.move("accepted")
        self.move("in_progress")
        assert now() == "In progress"
        self.move("published", urls=["https://example.org/donnees"])
        assert self.see().select(".cf-stepper [aria-current=step]") == []
        self.ask("POST", f"{self.path}/transitions/", {"to": "acknowledged"}, self.asker)
        assert now() == "Answer"

    def test_one_changes_and_deletes_ones_own_message_there_and_nobody_elses(self):
        mine, theirs = self.write(self.asker, "Par musé."), self.write(self.other, "Utile.")
        page = self.see(self.asker)
        assert page.select_one(f"#cf-mine-{mine}")
        assert page.select_one(f"#cf-mine-{theirs}") is None
        changed = self.post("message-edit", self.asker, id=mine, message="Par musée.")
        assert changed.status_code == 303
        assert "Par musée." in self.see().get_text()
        for id in (theirs, "x", ""):
            assert self.post("message-edit", self.asker, id=id, message="Non").status_code == 404
            assert self.post("message-delete", self.asker, id=id).status_code == 404
        assert self.post("message-delete", self.asker, id=mine).status_code == 303
        assert "Par musée." not in self.see().get_text()
        assert "Utile." in self.see().get_text()

    def test_the_native_discussion_follows_a_change(self):
        dataset = DatasetFactory(organization=self.producer.organization)
        asked = {"title": "Jours", "description": "Fériés.", "kind": "new"}
        self.request = self.ask(
            "POST", "/requests/", asked | {"dataset": str(dataset.id)}, self.asker
        ).json
        self.path = f"/requests/{self.request['id']}"
        mine = self.write(self.asker, "Par musé.")
        self.post("message-edit", self.asker, id=mine, message="Par musée.")
        [discussion] = Discussion.objects(subject=dataset)
        assert "Par musée." in [message.content for message in discussion.discussion]
        assert messages().count_documents({"text": "Par musé."}) == 0

    def test_an_empty_change_is_refused_and_what_was_typed_stays(self):
        mine = self.write(self.asker, "Par musée.")
        refused = self.post("message-edit", self.asker, id=mine, message=" ")
        assert refused.status_code == 400
        assert f'href="#cf-mine-{mine}"' in refused.get_data(as_text=True)

    def test_a_message_sent_after_the_session_has_ended_comes_back_with_its_text(self):
        refused = self.post("message", message="Un long message.")
        assert refused.status_code == 401
        page = BeautifulSoup(refused.get_data(as_text=True), "html.parser")
        written = page.select_one("textarea#cf-message")
        assert written is not None
        assert written.get_text().strip() == "Un long message."
        assert page.select_one("#cf-messages ~ p a[target=_blank]")
