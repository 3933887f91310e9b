"""What people are shown while they type follows the catalogue and the requests, by itself."""

from __future__ import annotations

from typing import Any

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app.maintenance import maintain
from udata_culture_feedback.data_requests import actions
from udata_culture_feedback.data_requests.indexing import backfill_requests
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.search import unmet_searches
from udata_culture_feedback.search.index import entries, words

from ..cases import PluginTestCase
from ..feedback.background import broker_down
from .asking import UNLIMITED, merge, move, somebody, unmerge, wish

MUSEUMS = "Fréquentation des musées"


class Upkeep(PluginTestCase):
    @pytest.fixture(autouse=True)
    def unlimited(self, plugin: None) -> None:
        self.app.config.update(UNLIMITED)

    def similar(self, text: str = "frequantation musee") -> Any:
        response = self.ask("GET", "/requests/similar/", query_string={"q": text})
        assert response.status_code == 200
        return response.json

    def datasets(self, text: str = "frequantation musee") -> list[str]:
        return [one["title"] for one in self.similar(text)["datasets"]]

    def requests(self, text: str = "frequantation musee") -> list[str]:
        return [one["title"] for one in self.similar(text)["requests"]]


class DatasetsTest(Upkeep):
    def test_a_new_dataset_is_found_at_once(self):
        DatasetFactory(title=MUSEUMS)
        assert self.datasets() == [MUSEUMS]

    def test_a_dataset_is_found_under_its_new_title_only(self):
        dataset = DatasetFactory(title="Horaires des piscines")
        dataset.title = MUSEUMS
        dataset.save()
        assert self.datasets() == [MUSEUMS]
        assert self.datasets("horaires des piscines") == []

    def test_made_private_then_public_again(self):
        dataset = DatasetFactory(title=MUSEUMS)
        dataset.private = True
        dataset.save()
        assert self.datasets() == []
        assert entries().count_documents({}) == 0
        dataset.private = False
        dataset.save()
        assert self.datasets() == [MUSEUMS]

    def test_deleted_then_restored(self):
        admin = UserFactory()
        dataset = DatasetFactory(title=MUSEUMS, owner=admin)
        key = {"X-API-KEY": self.key_of(admin)}
        assert (
            self.visit("DELETE", f"/api/1/datasets/{dataset.id}/", headers=key).status_code == 204
        )
        assert entries().count_documents({}) == 0
        dataset.reload()
        dataset.deleted = None
        dataset.save()
        assert self.datasets() == [MUSEUMS]

    def test_purged(self):
        DatasetFactory(title=MUSEUMS).delete()
        assert entries().count_documents({}) == 0
        assert words().count_documents({}) == 0

    def test_while_the_broker_is_down_datasets_are_saved_and_indexed_later(self):
        with broker_down():
            DatasetFactory(title=MUSEUMS)
        assert self.datasets() == []
        maintain()
        assert self.datasets() == [MUSEUMS]


class RequestsTest(Upkeep):
    def test_a_request_is_found_as_long_as_it_can_be_supported_or_looked_at(self):
        who, chief = somebody(), somebody(sysadmin=True)
        id = wish(who, title=MUSEUMS)
        assert self.requests() == [MUSEUMS]
        other = wish(somebody(), title="Piscines de plein air")
        merge(chief, id, other)
        assert self.requests() == []
        unmerge(chief, id)
        assert self.requests() == [MUSEUMS]
        actions.move(who, str(id), {"to": "withdrawn"})
        assert self.requests() == []

    def test_edited_it_is_found_under_its_new_title_only(self):
        who = somebody()
        id = wish(who, title="Horaires des piscines")
        actions.edit(who, str(id), {"title": MUSEUMS})
        assert self.requests() == [MUSEUMS]
        assert self.requests("horaires des piscines") == []

    def test_deleted_it_is_forgotten(self):
        who = somebody()
        actions.delete(who, str(wish(who, title=MUSEUMS)))
        assert self.requests() == []
        assert entries().count_documents({}) == 0

    def test_what_nobody_heard_of_is_caught_up_with(self):
        shown, hidden, gone = (wish(somebody(), title=f"{MUSEUMS} {n}") for n in (1, 2, 3))
        requests().update_one({"_id": shown}, {"$set": {"title": "Jardins remarquables"}})
        requests().update_one({"_id": hidden}, {"$set": {"visibility": "hidden"}})
        requests().delete_one({"_id": gone})
        assert backfill_requests() == 3
        assert backfill_requests() == 0
        assert self.requests("jardins remarquables") == ["Jardins remarquables"]
        assert entries().count_documents({}) == 1

    def test_words_are_counted_again_at_night(self):
        wish(somebody(), title=MUSEUMS)
        words().update_many({}, {"$set": {"n": 40}})
        maintain()
        assert set(words().distinct("n")) == {1}

    def test_the_route_is_not_that_of_a_request(self):
        assert self.similar("") == {"datasets": [], "requests": []}
        assert self.ask("GET", "/requests/similar/").json == {"datasets": [], "requests": []}

    def test_what_one_supports_is_said(self):
        camille = UserFactory()
        id = wish(somebody(), title=MUSEUMS)
        self.ask("POST", f"/requests/{id}/support/", {}, camille)
        response = self.ask("GET", "/requests/similar/?q=musees", user=camille)
        assert [one["supported"] for one in response.json["requests"]] == [True]


class InitTest(Upkeep):
    def test_init_indexes_what_was_there_before_the_plugin(self):
        DatasetFactory(title=MUSEUMS)
        wish(somebody(), title="Fréquentation mensuelle des musées")
        entries().delete_many({})
        words().delete_many({})
        said = self.cli("feedback init").output
        assert "1 datasets brought in line" in said
        assert "1 requests brought in line" in said
        assert self.datasets() == [MUSEUMS]
        assert self.requests() == ["Fréquentation mensuelle des musées"]
        assert "0 datasets brought in line" in self.cli("feedback init").output

    def test_bulk_changes_of_udata_are_caught_up_with(self):
        dataset = DatasetFactory(title=MUSEUMS)
        Dataset.objects(id=dataset.id).update(private=True)
        maintain()
        assert entries().count_documents({}) == 0


class UnmetTest(Upkeep):
    def seen(self) -> dict[str, int]:
        found = unmet_searches._unmet().find()
        return {" ".join(one["terms"]): one["seen"] for one in found}

    def test_what_was_asked_and_resembled_nothing_is_counted(self):
        wish(somebody(), title="Cartes postales anciennes")
        assert self.seen() == {"anciennes cartes postales": 1}

    def test_what_resembles_something_is_not(self):
        DatasetFactory(title=MUSEUMS)
        wish(somebody(), title="La fréquentation des musées")
        assert self.seen() == {}

    def test_typing_counts_nothing(self):
        for text in ("cartes", "cartes post", "cartes postales"):
            self.similar(text)
        assert self.seen() == {}

    def test_a_request_that_moves_is_not_counted_again(self):
        id = wish(somebody(), title="Cartes postales anciennes")
        move(somebody(sysadmin=True), id, "accepted")
        assert self.seen() == {"anciennes cartes postales": 1}

    def test_the_command_shows_what_was_looked_for_five_times(self):
        assert "Nothing" in self.cli("feedback unmet").output
        for who in "abcde":
            unmet_searches.record("Cartes postales", who)
        unmet_searches.record("Jardins", "a")
        said = self.cli("feedback unmet").output
        assert "5  cartes postales" in said
        assert "jardins" not in said


class BoardTest(Upkeep):
    """The list of requests understands what is looked for as the search does."""

    def found(self, text: str) -> list[str]:
        response = self.ask("GET", "/requests/", query_string={"q": text})
        return sorted(one["title"] for one in response.json["data"])

    @pytest.mark.parametrize(
        "text",
        [
            "affluence musées",
            "frequantation",
            "musées Bretagne",
            "museum attendance",
            "fréquentation mus",
        ],
    )
    def test_other_names_typos_places_and_unfinished_words(self, text: str):
        wish(somebody(), title=MUSEUMS)
        wish(somebody(), title="Horaires des piscines")
        assert self.found(text) == [MUSEUMS]

    def test_what_nobody_wrote_is_not_found(self):
        wish(somebody(), title=MUSEUMS)
        assert self.found("cloches") == []
