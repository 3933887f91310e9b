"""What is rendered once for everybody: nobody is shown what is somebody else's, or what was."""

from __future__ import annotations

import re
from typing import Any

from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from ..cases import P, Producer, sysadmin
from .test_pages import PagesCase

FRAGMENT = "?as=fragment&lang=en"


def part(name: str, text: str) -> str:
    found = re.search(rf'{name}="([^"]+)"', text)
    assert found, text
    return found[1]


class ForAllTest(PagesCase):
    def list_of(self, dataset: Any, user: User | None = None, query: str = "") -> Any:
        answer = self.ask("GET", f"/feedback/?dataset={dataset.id}{query}", user=user)
        assert answer.status_code == 200, answer.text
        return answer.json

    def test_each_is_named_as_themselves(self):
        dataset = DatasetFactory()
        alice = UserFactory(first_name="Alice", last_name="<Martin> & fils")
        bob = UserFactory(first_name="Bob", last_name="Durand")
        nameless = UserFactory(first_name="", last_name="")
        for _again in range(2):
            assert (
                "<bdi>Alice &lt;Martin&gt; &amp; fils</bdi>" in self.read(dataset, "", alice).text
            )
            assert "<bdi>Bob Durand</bdi>" in self.read(dataset, "", bob).text
            assert "<bdi>My account</bdi>" in self.read(dataset, "?lang=en", nameless).text
            assert 'class="cf-who"' not in self.read(dataset).text

    def test_each_is_told_from_others_and_each_form_from_others(self):
        dataset, people = DatasetFactory(), [UserFactory() for _ in range(3)]
        shown = [self.read(dataset, FRAGMENT, user).text for user in (*people, *people)]
        assert len({part("data-viewer", text) for text in shown}) == 3
        assert len({part('name="submission_id" value', text) for text in shown}) == 6
        assert 'data-viewer=""' in self.read(dataset, FRAGMENT).text

    def test_nobody_shares_the_token_of_a_whole_page(self):
        dataset, people = DatasetFactory(), [UserFactory(), UserFactory()]
        self.give(UserFactory(), dataset, comment="Une remarque")
        tokens = {
            part('name="csrf_token" value', self.read(dataset, "?edit=1", one).text)
            for one in people
        }
        assert len(tokens) == 2
        assert "csrf_token" not in self.read(dataset).text

    def test_who_may_do_more_is_shown_more_whoever_came_before(self):
        producer, author = Producer(), UserFactory()
        given = self.give(author, producer.dataset, comment="Il manque 2023", wants_answer=True)
        for _again in range(2):
            self.read(producer.dataset, FRAGMENT)
            plain = self.read(producer.dataset, FRAGMENT, UserFactory()).text
            assert "dashboard" not in plain
            assert "Your answer of" in self.read(producer.dataset, FRAGMENT, author).text
            for user in (producer.editor, sysadmin()):
                shown = self.read(producer.dataset, FRAGMENT, user).text
                assert f"dashboard/feedback/{given['id']}" in shown
            allowed = {
                None: set(),
                UserFactory(): set(),
                author: {"edit", "delete"},
                producer.editor: {"treat"},
                sysadmin(): {"treat", "moderate"},
            }
            for user, may in allowed.items():
                [one] = self.list_of(producer.dataset, user)["data"]
                assert {name for name, yes in one["permissions"].items() if yes} == may

    def test_hidden_words_stay_with_their_author(self):
        producer, author = Producer(), UserFactory()
        given = self.give(author, producer.dataset, comment="Des mots à cacher")
        body = {"items": [given["id"]], "decision": "hide", "reason": "abuse"}
        self.list_of(producer.dataset)
        hidden = self.ask("POST", "/moderation/", body, user=sysadmin())
        assert hidden.status_code == 200, hidden.text
        [one] = self.list_of(producer.dataset, author)["data"]
        assert one["comment"] == "Des mots à cacher"
        for user in (UserFactory(), None):
            assert self.list_of(producer.dataset, user)["data"] == []
            shown = self.ask("GET", f"/feedback/{given['id']}/", user=user).json
            assert (shown["comment"], shown["hidden_reason"]) == (None, "abuse")

    def test_what_changes_is_seen_at_once(self):
        producer, author = Producer(), UserFactory()
        dataset = producer.dataset
        given = self.give(author, dataset, comment="Avant")
        assert "Avant" in self.read(dataset, FRAGMENT).text
        changed = self.ask("PUT", f"/feedback/{given['id']}/", {"comment": "Après"}, author)
        assert changed.status_code == 200, changed.text
        for user in (None, UserFactory()):
            shown = self.read(dataset, FRAGMENT, user).text
            assert "Après" in shown
            assert "Avant" not in shown
            assert self.list_of(dataset, user)["data"][0]["comment"] == "Après"
        self.give(UserFactory(), dataset, fitness="no", comment="Non.")
        assert self.list_of(dataset)["total"] == 2
        assert self.ask("DELETE", f"/feedback/{given['id']}/", user=author).status_code == 204
        assert "Après" not in self.read(dataset, FRAGMENT).text
        assert self.list_of(dataset)["total"] == 1

    def test_a_private_dataset_stays_so_after_a_member_has_looked(self):
        producer = Producer(private=True)
        self.give(producer.editor, producer.dataset, comment="Entre nous")
        routes = (
            f"{P}/feedback/?dataset={producer.dataset.id}",
            f"{P}/datasets/{producer.dataset.id}/summary/",
            self.page_of(producer.dataset),
            self.page_of(producer.dataset, FRAGMENT),
        )
        for path in routes:
            seen = self.visit("GET", path, client=self.browser_of(producer.partial_editor))
            assert seen.status_code == 200, path
            for user in (None, UserFactory()):
                refused = self.visit("GET", path, client=self.browser_of(user))
                assert refused.status_code == 404, path
                assert "Entre nous" not in refused.text

    def test_pages_and_languages_are_told_apart(self):
        dataset = DatasetFactory()
        for number in range(7):
            self.give(UserFactory(), dataset, comment=f"Remarque numéro {number}.")
        first, last = (self.read(dataset, f"{FRAGMENT}&page={n}").text for n in (1, 3))
        assert "numéro 6." in first
        assert "numéro 6." not in last
        assert "numéro 0." in last
        assert "Do these data meet your need?" in first
        assert "Do these data" not in self.read(dataset, "?as=fragment&lang=fr").text
        assert "<h4" in self.read(dataset, f"{FRAGMENT}&level=4").text
        assert "<h1" in self.read(dataset, "?lang=en").text
        one, two = (self.list_of(dataset, query=f"&page_size=3&page={n}") for n in (1, 2))
        assert one["next_page"] != two["next_page"]
        assert {f["id"] for f in one["data"]}.isdisjoint(f["id"] for f in two["data"])
        assert self.ask("GET", f"/feedback/?dataset={dataset.id}&page=9").status_code == 404

    def test_an_old_address_leads_to_the_same(self):
        dataset = DatasetFactory(title="Musées")
        old = dataset.slug
        dataset.slug = "musees-de-france"
        dataset.save()
        self.give(UserFactory(), dataset, comment="Une remarque")
        for name in (old, "musees-de-france", str(dataset.id)):
            found = self.visit("GET", f"{P}/pages/datasets/{name}/{FRAGMENT}")
            assert "Une remarque" in found.text, name
            assert len(self.ask("GET", f"/feedback/?dataset={name}").json["data"]) == 1
            assert self.ask("GET", f"/datasets/{name}/summary/").json["total"] == 1
