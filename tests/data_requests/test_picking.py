"""Finding an organization, a dataset or a request by a few words of its name, as forms do."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any

import pytest
from mongoengine.connection import get_db
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from ..cases import P, PluginTestCase, Producer
from .asking import move, somebody, wish
from .test_reading import RECORDER, explainable, stages


class PickTest(PluginTestCase):
    def find(self, kind: str, q: str, user: Any = None, **arguments: str) -> list[str]:
        """The names proposed for what was typed, in their order."""
        answer = self.pick(user, kind=kind, q=q, **arguments)
        assert answer.status_code == 200, answer.text
        found = re.findall(r"<li data-value=\"\w{24}\"><span>(.*?)</span>", answer.text)
        return [html.unescape(name) for name in found]

    def pick(self, user: Any = None, **arguments: str) -> Any:
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        path = f"{P}/pages/requests/pick"
        return self.visit("GET", path, query_string=arguments, headers=headers)

    @pytest.mark.parametrize("arguments", [{"q": "musée"}, {"kind": "user", "q": "musée"}])
    def test_a_search_of_nothing_we_know_is_refused(self, arguments):
        answer = self.pick(**arguments)
        assert answer.status_code == 400
        assert "organization, dataset, request" in answer.text

    def test_a_text_that_says_nothing_finds_nothing(self):
        DatasetFactory(title="Musées")
        OrganizationFactory(name="Musée")
        for kind in ("organization", "dataset", "request"):
            for q in ("", "  ", "!?", "é", "%", "\0", "\ud800".encode("utf-8", "surrogatepass")):
                assert self.find(kind, q) == [], (kind, q)

    @pytest.mark.parametrize(
        "q",
        ["Bibliothèque", "biblio", "BIBLIOTHEQUE nationale", "france", "bnf", "nationale biblio"],
    )
    def test_an_organization_is_found_by_the_beginning_of_its_words_or_its_initials(self, q):
        OrganizationFactory(name="Musée d’Orsay")
        OrganizationFactory(name="Bibliothèque nationale de France")
        assert self.find("organization", q) == ["Bibliothèque nationale de France"]

    def test_an_article_does_not_hide_the_name_of_an_organization(self):
        OrganizationFactory(name="Musée d’Orsay")
        OrganizationFactory(name="L’Institut du monde arabe")
        assert self.find("organization", "orsay") == ["Musée d’Orsay"]
        assert self.find("organization", "institut monde") == ["L’Institut du monde arabe"]

    def test_what_begins_like_what_was_typed_comes_first(self):
        for name in ("Amis du musée", "Musée de Brest", "Ville et musée de Quimper"):
            OrganizationFactory(name=name)
        assert self.find("organization", "musée")[0] == "Musée de Brest"

    def test_an_organization_that_was_deleted_is_not_proposed(self):
        OrganizationFactory(name="Archives de demain", deleted=datetime(2026, 1, 1))
        OrganizationFactory(name="Archives d’hier")
        assert self.find("organization", "archives") == ["Archives d’hier"]

    def test_a_dataset_is_found_without_accents_before_its_last_word_is_finished(self):
        DatasetFactory(title="Fréquentation des musées de France")
        DatasetFactory(title="Jardins remarquables")
        for q in ("frequentation", "fréquentations mus", "musee freq", "musées de fr"):
            assert self.find("dataset", q) == ["Fréquentation des musées de France"], q
        assert self.find("dataset", "jardns remarquables") == ["Jardins remarquables"]

    def test_a_dataset_that_not_everybody_may_see_is_proposed_to_nobody(self):
        producer = Producer(title="Fréquentation des musées", private=True)
        DatasetFactory(title="Fréquentation des cinémas", deleted=datetime(2026, 1, 1))
        for user in (None, producer.admin, UserFactory()):
            assert self.find("dataset", "fréquentation", user) == []

    def test_a_dataset_that_turned_private_this_instant_is_not_proposed(self):
        dataset = DatasetFactory(title="Fréquentation des musées")
        dataset.__class__._get_collection().update_one(
            {"_id": dataset.id}, {"$set": {"private": True}}
        )
        assert self.find("dataset", "fréquentation") == []

    def test_a_request_is_proposed_while_others_can_be_merged_into_it(self):
        producer = Producer()
        wish(somebody(), title="Entrées des musées par mois", dataset=str(producer.dataset.id))
        gone = somebody()
        withdrawn = wish(gone, title="Entrées des musées par jour")
        move(gone, withdrawn, "withdrawn")
        assert self.find("request", "entrees mus") == ["Entrées des musées par mois"]

    def test_ten_are_proposed_at_most(self):
        for i in range(12):
            OrganizationFactory(name=f"Musée numéro {i}")
            DatasetFactory(title=f"Musée numéro {i}")
        assert len(self.find("organization", "musée")) == 10
        assert len(self.find("dataset", "musée")) == 10

    def test_what_is_named_is_shown_as_text(self):
        OrganizationFactory(name="<b>Musée</b> & Cie")
        assert self.find("organization", "musée") == ["<b>Musée</b> & Cie"]
        assert "<b>" not in self.pick(kind="organization", q="musée").text

    def test_it_speaks_the_language_of_the_page(self):
        assert "Nothing has that name." in self.pick(kind="dataset", q="zzz", lang="en").text

    def test_an_answer_to_nobody_is_kept_for_a_minute(self):
        assert "public, max-age=60" in self.pick(kind="dataset", q="zzz").headers["Cache-Control"]

    @pytest.mark.parametrize(
        ("kind", "q", "most"),
        [
            *(("organization", "musée", 1), ("organization", "zzz", 2)),
            *(("dataset", "musée", 4), ("dataset", "zzzzz", 6)),
            *(("request", "musée", 3), ("request", "zzzzz", 6)),
        ],
    )
    def test_it_costs_as_many_commands_whatever_the_volume(self, kind, q, most):
        asked = []
        for _volume in range(2):
            for i in range(5):
                OrganizationFactory(name=f"Musée {i}")
                DatasetFactory(title=f"Musée {i}", organization=OrganizationFactory())
                wish(somebody(), title=f"Musée {i} {_volume}")
            with RECORDER.count() as commands:
                self.find(kind, q)
            asked.append(list(commands))
        assert asked[0] == asked[1]
        assert len(asked[0]) <= most, asked[0]

    def test_what_is_read_is_found_by_an_index(self):
        for i in range(30):
            OrganizationFactory(name=f"Mairie {i}")
            DatasetFactory(title=f"Marché {i}")
        OrganizationFactory(name="Musée d’Orsay")
        for kind, q in (("organization", "orsay"), ("organization", "zzz"), ("dataset", "marche")):
            self.find(kind, q)
            with RECORDER.count():
                RECORDER.full = []
                self.find(kind, q)
            assert RECORDER.full
            for command in RECORDER.full:
                plan = get_db().command("explain", explainable(command))
                assert "COLLSCAN" not in stages(plan), command
                if kind == "organization":
                    assert plan["executionStats"]["totalDocsExamined"] <= 1
