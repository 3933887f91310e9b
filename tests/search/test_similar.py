"""Somebody types what they miss, and is shown what exists, however they write it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymongo.monitoring
import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.organization.factories import OrganizationFactory

from udata_culture_feedback.data_requests.indexing import REQUESTS
from udata_culture_feedback.search import index as search_index
from udata_culture_feedback.search import similar
from udata_culture_feedback.search.index import (
    DATASETS,
    backfill,
    entries,
    index,
    recount_words,
    refresh,
    remove,
    words,
)
from udata_culture_feedback.search.similar import CANDIDATES, THRESHOLD, matching
from udata_culture_feedback.search.understanding import understood

from ..cases import CommandCounter, PluginTestCase

ATTENDANCE = "Fréquentation des Musées de France"
MUSEUMS = "Liste et localisation des Musées de France"
MONUMENTS = "Immeubles protégés au titre des Monuments historiques"
VISITED_MONUMENTS = "Fréquentation des monuments nationaux"
CINEMAS = "Établissements cinématographiques"
JOCONDE = "Base Joconde (extrait)"
WAR = "Fonds de la guerre 14-18 (extrait de la base Mémoire)"
LIBRARIES = "Adresses des bibliothèques publiques"
FESTIVALS = "Panorama des festivals"
PRESS = "Aides à la presse : titres aidés"
GARDENS = "Jardins remarquables"
HERITAGE_DAYS = "Journées européennes du patrimoine : programme"
TERMS = "Termes publiés au Journal officiel (FranceTerme)"
BUILDINGS = "Édifices labellisés Architecture contemporaine remarquable"

CATALOGUE = (
    ATTENDANCE,
    MUSEUMS,
    MONUMENTS,
    VISITED_MONUMENTS,
    CINEMAS,
    JOCONDE,
    WAR,
    LIBRARIES,
    FESTIVALS,
    PRESS,
    GARDENS,
    HERITAGE_DAYS,
    TERMS,
    BUILDINGS,
    "Archives nationales : inventaires",
    "Maisons des Illustres",
)


class Recorder(CommandCounter):
    """Keeps the aggregations themselves, so that MongoDB can be asked how it runs them."""

    def __init__(self) -> None:
        super().__init__()
        self.full: list[dict[str, Any]] = []

    def started(self, event: Any) -> None:
        super().started(event)
        if self.counting and event.command_name == "aggregate":
            self.full.append(dict(event.command))


# Clients listen to what is registered when they are made, which is after tests are collected.
COMMANDS = Recorder()
pymongo.monitoring.register(COMMANDS)


def raw_dataset(title: str, **fields: Any) -> dict[str, Any]:
    return {"_id": ObjectId(), "title": title, **fields}


def raw_request(title: str, **fields: Any) -> dict[str, Any]:
    request = {
        "_id": ObjectId(),
        "title": title,
        "description": "",
        "themes": [],
        "organization": None,
        "visibility": "public",
        "status": "submitted",
    }
    return request | fields


class SimilarTestCase(PluginTestCase):
    """A catalogue whose titles are known, and an index that holds only what a test puts there."""

    @pytest.fixture(autouse=True)
    def empty(self, plugin: None) -> None:
        self.titles: dict[ObjectId, str] = {}

    def publish(self, title: str, **fields: Any) -> dict[str, Any]:
        raw = raw_dataset(title, **fields)
        self.titles[raw["_id"]] = title
        index(DATASETS, raw)
        return raw

    def request(self, title: str, **fields: Any) -> dict[str, Any]:
        raw = raw_request(title, **fields)
        self.titles[raw["_id"]] = title
        index(REQUESTS, raw)
        return raw

    def datasets(self, text: str, **options: Any) -> list[str]:
        found = similar.similar(text, **options)["datasets"]
        return [self.titles[one.id] for one in found]

    def requests(self, text: str, **options: Any) -> list[str]:
        found = similar.similar(text, **options)["requests"]
        return [self.titles[one.id] for one in found]


class FindingTest(SimilarTestCase):
    @pytest.fixture(autouse=True)
    def catalogue(self, empty: None) -> None:
        for title in CATALOGUE:
            self.publish(title)

    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ("musees", ATTENDANCE),
            ("musée", ATTENDANCE),
            ("MUSÉES", ATTENDANCE),
            ("museum", ATTENDANCE),
            ("frequentation des musees", ATTENDANCE),
            ("liste des musees", MUSEUMS),
            ("monuments historiques protégés", MONUMENTS),
            ("un monument historique protégé", MONUMENTS),
            ("cinemas", CINEMAS),
            ("bibliothèque publique", LIBRARIES),
            ("le jardin", GARDENS),
            ("edifice remarquable", BUILDINGS),
            ("guerre de 14-18", WAR),
            ("franceterme", TERMS),
        ],
    )
    def test_accents_and_inflections_do_not_matter(self, typed: str, expected: str):
        assert expected in self.datasets(typed)

    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ("frequantation", ATTENDANCE),
            ("frequantation des musees", ATTENDANCE),
            ("monumant", VISITED_MONUMENTS),
            ("monumants historiques", MONUMENTS),
            ("jocnde", JOCONDE),
            ("jcoonde", JOCONDE),
            ("bibliotèques", LIBRARIES),
            ("festivalls", FESTIVALS),
            ("jardns", GARDENS),
            ("patrimione", HERITAGE_DAYS),
        ],
    )
    def test_a_typo_is_forgiven(self, typed: str, expected: str):
        assert expected in self.datasets(typed)

    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ("museum attendance", ATTENDANCE),
            ("list of libraries", LIBRARIES),
            ("historic monuments", MONUMENTS),
            ("press subsidies", PRESS),
            ("remarkable gardens", GARDENS),
        ],
    )
    def test_english_finds_what_the_portal_calls_in_french(self, typed: str, expected: str):
        assert expected in self.datasets(typed)

    @pytest.mark.parametrize(
        "typed",
        ["library opening hours", "opening hour of the libraries", "openning hours libraries"],
    )
    def test_english_finds_english(self, typed: str):
        self.publish("Opening hours of public libraries")
        assert "Opening hours of public libraries" in self.datasets(typed)

    @pytest.mark.parametrize(
        "typed",
        [
            "qualité de l'air à Rennes",
            "piscines municipales",
            "fréquentation des piscines",
            "horaires des trains",
            "prix de l'immobilier",
            "élections municipales 2020",
            "2023",
            "liste des données",
            "base de données ouverte",
            "de la",
            "?!",
            "",
            "\x00\ud800",
            "muse" * 3000,
        ],
    )
    def test_unrelated_things_are_not_proposed(self, typed: str):
        assert similar.similar(typed) == {"datasets": [], "requests": []}

    def test_the_nearest_comes_first(self):
        assert self.datasets("fréquentation des musées")[0] == ATTENDANCE
        assert self.datasets("liste et localisation des musées")[0] == MUSEUMS
        assert self.datasets("fréquentation des monuments")[0] == VISITED_MONUMENTS

    def test_the_same_title_is_as_near_as_can_be(self):
        [first, *_others] = similar.similar(ATTENDANCE)["datasets"]
        assert self.titles[first.id] == ATTENDANCE
        assert first.score > 0.95

    def test_scores_say_how_near(self):
        scores = [one.score for one in similar.similar("musees et monuments")["datasets"]]
        assert scores == sorted(scores, reverse=True)
        assert all(THRESHOLD <= score <= 1 for score in scores)

    def test_a_long_wish_finds_a_short_title(self):
        wish = (
            "Bonjour, je voudrais connaître la fréquentation des musées par département et par mois"
            " en 2023, merci"
        )
        assert self.datasets(wish)[0] == ATTENDANCE

    def test_years_count_little(self):
        self.publish("Budget des théâtres 2019")
        self.publish("Effectifs des orchestres 2020")
        assert self.datasets("budget des theatres 2020") == ["Budget des théâtres 2019"]

    def test_a_word_that_exists_is_not_corrected(self):
        self.publish("Livres anciens")
        self.publish("Licences libres")
        assert self.datasets("libres") == ["Licences libres"]

    def test_a_typo_in_somebody_else_s_title_hides_nothing(self):
        for place in (
            "Lyon",
            "Lille",
            "Nantes",
            "Rennes",
            "Nice",
            "Metz",
            "Brest",
            "Tours",
            "Arras",
        ):
            self.publish(f"Fréquentation des lieux de {place}")
        self.publish("Frequantation des salles")
        found = self.datasets("frequantation", limit=20)
        assert "Frequantation des salles" in found
        assert ATTENDANCE in found

    def test_no_more_than_asked_is_answered(self):
        assert len(self.datasets("musees", limit=1)) == 1

    def test_only_the_kinds_that_are_asked_for_are_answered(self):
        self.request("Fréquentation des musées par mois")
        found = similar.similar("musees", kinds=("request",))
        assert list(found) == ["requests"]
        assert len(found["requests"]) == 1


class PlacesTest(SimilarTestCase):
    """Where a word is found."""

    def test_a_title_weighs_more_than_a_tag_and_a_tag_more_than_a_description(self):
        self.publish("Théâtres et salles de Lyon")
        self.publish("Établissements de Lyon", tags=["theatre"])
        self.publish("Recensement de Lyon", description="Les théâtres y sont aussi.")
        assert self.datasets("theatres de Lyon") == [
            "Théâtres et salles de Lyon",
            "Établissements de Lyon",
            "Recensement de Lyon",
        ]

    def test_a_tag_is_enough(self):
        self.publish("Établissements de l'année", tags=["musique", "concerts"])
        assert self.datasets("concert") == ["Établissements de l'année"]

    def test_a_word_of_the_description_is_enough_where_no_title_has_it(self):
        self.publish("Recensement", description="Avec les théâtres.")
        assert self.datasets("theatres") == ["Recensement"]
        self.publish("Théâtres")
        assert self.datasets("theatres") == ["Théâtres"]

    def test_an_acronym_is_a_title(self):
        self.publish("Lieux et équipements", acronym="BASILIC")
        assert self.datasets("basilic") == ["Lieux et équipements"]

    def test_the_name_of_the_organization_helps(self):
        ours = OrganizationFactory(name="Centre des monuments nationaux")
        other = OrganizationFactory(name="Ville de Rennes")
        self.publish("Budget annuel", organization=other.id)
        self.publish("Budget primitif", organization=ours.id)
        assert self.datasets("budget des monuments nationaux")[0] == "Budget primitif"


class VisibilityTest(SimilarTestCase):
    @pytest.mark.parametrize(
        "state",
        [{"private": True}, {"deleted": "2024-01-01"}, {"archived": "2024-01-01"}],
        ids=lambda state: next(iter(state)),
    )
    def test_what_not_everybody_may_see_is_never_found(self, state: dict[str, Any]):
        raw = self.publish(ATTENDANCE, **state)
        assert self.datasets(ATTENDANCE) == []
        index(DATASETS, raw | dict.fromkeys(state))
        assert self.datasets(ATTENDANCE) == [ATTENDANCE]
        index(DATASETS, raw)
        assert self.datasets(ATTENDANCE) == []
        assert entries().count_documents({}) == 0
        assert words().count_documents({}) == 0

    @pytest.mark.parametrize(
        "state",
        [
            {"visibility": "pending"},
            {"visibility": "hidden"},
            {"status": "withdrawn"},
            {"status": "duplicate"},
        ],
        ids=str,
    )
    def test_a_request_that_is_not_there_for_others_is_never_found(self, state: dict[str, Any]):
        raw = self.request("Horaires des musées")
        assert self.requests("horaires des musees") == ["Horaires des musées"]
        index(REQUESTS, raw | state)
        assert self.requests("horaires des musees") == []

    @pytest.mark.parametrize("status", ["submitted", "in_progress", "published", "declined"])
    def test_a_request_is_found_open_or_answered(self, status: str):
        self.request("Horaires des musées", status=status)
        assert self.requests("horaires musee") == ["Horaires des musées"]


class FollowingTest(SimilarTestCase):
    def test_a_new_title_replaces_the_old_one(self):
        raw = self.publish("Fréquentation des musées")
        index(DATASETS, raw | {"title": "Horaires des bibliothèques"})
        assert self.datasets("musees") == []
        assert self.datasets("horaire bibliotheque") == ["Fréquentation des musées"]  # renamed
        assert words().find_one({"_id": "musees"}) is None

    def test_the_same_thing_said_twice_is_said_once(self):
        raw = self.publish(ATTENDANCE)
        index(DATASETS, raw)
        assert entries().count_documents({}) == 1
        assert words().find_one({"_id": "musees"})["n"] == 1

    def test_what_is_removed_is_forgotten_and_the_others_stay(self):
        raw = self.publish(ATTENDANCE)
        self.publish(MUSEUMS)
        remove("dataset", raw["_id"])
        remove("dataset", raw["_id"])
        remove("request", ObjectId())
        assert self.datasets("musees") == [MUSEUMS]
        assert words().find_one({"_id": "musees"})["n"] == 1
        assert words().find_one({"_id": "frequentation"}) is None

    def test_a_dataset_is_read_again_after_each_change(self):
        dataset = DatasetFactory(title=ATTENDANCE, tags=["billetterie"])
        self.titles[dataset.id] = ATTENDANCE
        refresh(DATASETS, dataset.id)
        assert self.datasets("musees") == [ATTENDANCE]
        assert self.datasets("billetterie") == [ATTENDANCE]
        Dataset.objects(id=dataset.id).update(private=True)
        refresh(DATASETS, dataset.id)
        assert self.datasets("musees") == []
        Dataset.objects(id=dataset.id).update(private=False)
        refresh(DATASETS, dataset.id)
        assert self.datasets("musees") == [ATTENDANCE]
        Dataset.objects(id=dataset.id).delete()
        refresh(DATASETS, dataset.id)
        assert self.datasets("musees") == []

    def test_miscounted_words_are_counted_again(self):
        self.publish(ATTENDANCE)
        words().delete_one({"_id": "musees"})
        words().update_one({"_id": "frequentation"}, {"$set": {"n": 12}})
        words().insert_one({"_id": "fantome", "n": 3, "keys": ["=fantom"]})
        assert recount_words() == 3
        assert recount_words() == 0
        counted = {word["_id"]: word["n"] for word in words().find()}
        assert counted == {"frequentation": 1, "musees": 1, "france": 1}
        assert self.datasets("frequantation") == [ATTENDANCE]

    def test_many_writers_at_once_leave_every_word_counted(self):
        ids = [ObjectId() for _dataset in range(4)]

        def write(seed: int) -> None:
            pick = random.Random(seed)
            for _time in range(40):
                id, title = pick.choice(ids), pick.choice((ATTENDANCE, MUSEUMS, CINEMAS, None))
                if title:
                    index(DATASETS, raw_dataset(title, _id=id))
                else:
                    remove("dataset", id)

        with ThreadPoolExecutor(8) as writers:
            list(writers.map(write, range(8)))
        assert recount_words() == 0

    def test_no_endless_word_is_kept_among_the_words(self):
        self.publish("Musées " + "x" * 500, tags=["y" * 31])
        assert [word["_id"] for word in words().find()] == ["musees"]


class BackfillTest(SimilarTestCase):
    def seed(self, number: int) -> list[ObjectId]:
        raws = [
            {"_id": ObjectId(), "title": f"Musées du pays {i}", "slug": f"musees-{i}"}
            for i in range(number)
        ]
        Dataset._get_collection().insert_many(raws)
        return [raw["_id"] for raw in raws]

    def test_every_public_dataset_is_indexed_once(self):
        organization = OrganizationFactory(name="Ville de Rennes")
        shown = DatasetFactory(title=ATTENDANCE, organization=organization)
        DatasetFactory(title="Fréquentation secrète", private=True)
        self.titles[shown.id] = ATTENDANCE
        entries().delete_many({})  # what the receivers wrote
        assert backfill() == 1
        assert backfill() == 0
        assert self.datasets("frequantation") == [ATTENDANCE]
        [entry] = entries().find()
        assert "ren" in entry["aside"] or "renn" in entry["aside"]

    def test_it_leaves_what_the_receivers_wrote(self):
        dataset = DatasetFactory(title=ATTENDANCE)
        refresh(DATASETS, dataset.id)
        self.request("Horaires des musées")
        assert backfill() == 0
        assert self.requests("musees") == ["Horaires des musées"]

    def test_what_disappeared_without_a_word_is_forgotten(self):
        purged, hidden = (DatasetFactory(title=title) for title in (ATTENDANCE, MUSEUMS))
        backfill()
        Dataset._get_collection().delete_one({"_id": purged.id})
        Dataset._get_collection().update_one({"_id": hidden.id}, {"$set": {"private": True}})
        assert backfill() == 2
        assert entries().count_documents({}) == 0
        assert words().count_documents({}) == 0

    def test_a_catalogue_without_datasets_is_fine(self):
        assert backfill() == 0

    def test_interrupted_it_goes_on_where_it_was(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(search_index, "BATCH", 10)
        self.seed(25)
        told: list[tuple[int, int]] = []

        def interrupted_after_20(done: int, total: int) -> None:
            told.append((done, total))
            if done == 20:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            backfill(interrupted_after_20)
        assert told == [(10, 25), (20, 25)]
        told.clear()
        backfill(lambda done, total: told.append((done, total)))
        assert told == [(20, 25), (25, 25)]
        assert entries().count_documents({"kind": "dataset"}) == 25
        assert words().find_one({"_id": "musees"})["n"] == 25
        assert backfill() == 0

    def test_a_last_batch_that_is_full_is_not_forgotten(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(search_index, "BATCH", 10)
        ids = self.seed(20)
        assert backfill() == 20
        Dataset._get_collection().delete_one({"_id": ids[-1]})
        assert backfill() == 1
        assert entries().count_documents({}) == 19

    def test_files_are_never_read(self):
        Dataset._get_collection().insert_one(
            {"title": ATTENDANCE, "slug": "a", "resources": [{"not": "a resource"}]}
        )
        assert backfill() == 1


class MatchingTest(SimilarTestCase):
    """A dataset is published: who asked for it?"""

    def matching(self, **dataset: Any) -> list[str]:
        return [self.titles[one.id] for one in matching(raw_dataset(**dataset))]

    def test_the_open_requests_that_resemble_a_dataset_are_found(self):
        self.request("Fréquentation mensuelle des musées, par département")
        self.request("Horaires des piscines")
        assert self.matching(title=ATTENDANCE) == [
            "Fréquentation mensuelle des musées, par département"
        ]

    def test_answered_requests_are_not(self):
        for status in ("published", "declined"):
            self.request("Fréquentation des musées", status=status)
        assert self.matching(title=ATTENDANCE) == []

    def test_a_reopened_request_is_again(self):
        raw = self.request("Fréquentation des musées", status="declined")
        index(REQUESTS, raw | {"status": "acknowledged"})
        assert self.matching(title=ATTENDANCE) == ["Fréquentation des musées"]

    def test_tags_say_what_a_title_does_not(self):
        self.request("Liste des bibliothèques")
        assert self.matching(title="Lieux et équipements", tags=["bibliotheques", "musees"]) == [
            "Liste des bibliothèques"
        ]

    def test_datasets_are_not_proposed(self):
        self.publish("Fréquentation des musées")
        assert self.matching(title=ATTENDANCE) == []

    def test_a_private_dataset_answers_no_request(self):
        self.request("Fréquentation des musées")
        assert self.matching(title=ATTENDANCE, private=True) == []


SUBJECTS = ["musées", "monuments", "festivals", "bibliothèques", "cinémas", "archives", "opéras"]
SUBJECTS += ["théâtres", "jardins", "librairies", "orchestres", "châteaux", "églises", "galeries"]
FIGURES = ["Fréquentation", "Liste", "Budget", "Horaires", "Carte", "Tarifs", "Effectifs"]


#: What one question costs, but for a word that may be unfinished.
FOUR = ["aggregate", "aggregate", "count", "find"]


class VolumeTest(SimilarTestCase):
    @pytest.fixture(autouse=True)
    def many(self, empty: None) -> None:
        pick = random.Random(14)
        made = []
        for number in range(5000):
            source = DATASETS if number % 2 else REQUESTS
            raw = raw_request(
                f"{pick.choice(FIGURES)} des {pick.choice(SUBJECTS)} de"
                f" {pick.choice('bdfglmnprst')}{pick.choice('aeiou')}{pick.choice('lmnr')}"
                f"{pick.choice(['ville', 'mont', 'bourg'])} {pick.randint(2000, 2025)}"
            )
            self.titles[raw["_id"]] = raw["title"]
            made.append(search_index._entry(source, raw, {}))
        entries().insert_many(made)
        recount_words()

    @pytest.mark.parametrize(
        "text",
        [
            "musees",
            "frequantation des bibliotèques",
            "Horaires des théâtres de Bamont",
            "Bonjour, je voudrais la liste, le budget, les horaires et les tarifs de tous les"
            " musées et de toutes les bibliothèques de Balville, Bamont et Lilville en 2024",
        ],
    )
    def test_one_question_is_five_commands_at_most_whatever_the_volume(self, text: str):
        with COMMANDS.count() as asked:
            similar.similar(text)
        assert sorted(asked) in (FOUR, [*FOUR, "find"])

    @pytest.mark.parametrize("text", ["musees", "liste des budgets", "tarifs des opéras et musées"])
    def test_at_most_200_are_compared_and_none_twice(self, text: str):
        wanted = understood(text)
        compared = [
            one.id
            for kind in ("dataset", "request")
            for one in similar.candidates(kind, wanted, CANDIDATES // 2)
        ]
        assert len(set(compared)) == len(compared) <= CANDIDATES

    def test_the_very_title_is_found_among_thousands_that_resemble_it(self):
        for title in random.Random(7).sample(sorted(self.titles.values()), 20):
            found = similar.similar(title)
            everything = found["datasets"] + found["requests"]
            best = max(everything, key=lambda one: one.score)
            assert self.titles[best.id][:-5] == title[:-5]  # but for the year

    @pytest.mark.parametrize("text", ["musees", "budget", "Tarifs des opéras de Bamont"])
    def test_little_more_is_read_than_what_is_compared(self, text: str):
        COMMANDS.full = []
        with COMMANDS.count():
            similar.similar(text)
        assert len(COMMANDS.full) == 2
        for command in COMMANDS.full:
            asked = {key: command[key] for key in ("aggregate", "pipeline", "cursor")}
            explained = entries().database.command(
                {"explain": asked, "verbosity": "executionStats"}
            )
            assert "COLLSCAN" not in str(explained)
            assert read(explained) <= 5 * CANDIDATES


def read(explained: Any) -> int:
    """The documents and index keys that all parts of an explained command looked at."""
    if isinstance(explained, list):
        return sum(map(read, explained))
    if not isinstance(explained, dict):
        return 0
    if "totalDocsExamined" in explained:
        return int(explained["totalDocsExamined"] + explained["totalKeysExamined"])
    return sum(map(read, explained.values()))
