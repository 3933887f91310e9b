"""What somebody types is understood, with the words of the portal, and results say how."""

from __future__ import annotations

from pathlib import Path

import pytest

from udata_culture_feedback.data_requests.proposals import pieces
from udata_culture_feedback.search import similar
from udata_culture_feedback.search.understanding import How, Role, understood
from udata_culture_feedback.search.vocabulary import vocabulary

from .test_similar import ATTENDANCE, MUSEUMS, SimilarTestCase

JEP = "Journées européennes du patrimoine : programme"
BASILIC = "Base des lieux et équipements culturels (ZEBRIC)"


class WhyTest(SimilarTestCase):
    def why(self, text: str) -> list[tuple[str, str, str]]:
        [found] = similar.similar(text, kinds=("dataset",))["datasets"]
        return [tuple(reason) for reason in found.why]

    @pytest.mark.parametrize(
        ("typed", "reason"),
        [
            ("JEP", (How.ACRONYM, "JEP", "journées européennes du patrimoine")),
            ("heritage days", (How.SYNONYM, "heritage", "journées européennes du patrimoine")),
            ("patrimione", (How.TYPO, "patrimione", "patrimoine")),
            ("patrimoi", (How.BEGINNING, "patrimoi", "patrimoine")),
            ("visites guidées", (How.DESCRIPTION, "guidées", "guidées")),
            ("geojson", (How.ASIDE, "geojson", "geojson")),
            ("randonnée", (How.TAG, "randonnée", "randonnée")),
        ],
    )
    def test_a_result_says_what_its_title_does_not(self, typed: str, reason: tuple[str, str, str]):
        self.publish(
            JEP,
            tags=["randonnee"],
            description="Avec les visites guidées.",
            resources=[{"format": "geojson"}],
        )
        assert reason in self.why(typed)

    def test_what_the_title_says_needs_no_reason(self):
        self.publish(JEP)
        assert self.why("programme du patrimoine") == []

    def test_words_that_were_found_are_marked_and_the_rest_is_not(self):
        assert pieces("L’art <b>d’art</b>", {"art"}) == [
            *(("L", False), ("’", False), ("art", True), (" <", False), ("b", False)),
            *((">", False), ("d", False), ("’", False), ("art", True), ("</", False)),
            *(("b", False), (">", False)),
        ]


class WordsTest(SimilarTestCase):
    def test_an_acronym_in_brackets_is_learnt(self):
        self.publish(BASILIC)
        self.publish("Lieux et équipements culturels de 2019")
        assert "Lieux et équipements culturels de 2019" in self.datasets("zebric")

    @pytest.mark.parametrize("typed", ["fréq", "fréquentation des mus", "musé"])
    def test_the_word_that_is_being_typed_is_the_beginning_of_one(self, typed: str):
        self.publish(ATTENDANCE)
        self.publish("Piscines")
        assert self.datasets(typed) == [ATTENDANCE]

    def test_even_where_it_is_a_word(self):
        self.publish("Part")
        for year in range(20):
            self.publish(f"Partitions {year}")
        assert len(self.datasets("liste des part", limit=30)) > 1

    @pytest.mark.parametrize(
        ("typed", "title"),
        [
            ("soustitrage", "Salles équipées pour le sous-titrage"),
            ("sous titrage", "Salles équipées pour le sous-titrage"),
            ("orchestresregionaux", "Orchestres régionaux"),
            ("orchestres2019", "Orchestres régionaux"),
            ("franc archives", "FrancArchives"),
            ("fotografie aérienne", "Photographie aérienne"),
        ],
    )
    def test_words_are_split_joined_and_written_by_ear(self, typed: str, title: str):
        self.publish(title)
        assert self.datasets(typed) == [title]

    def test_entre_is_no_entree(self):
        self.publish("Prêts entre établissements")
        assert self.datasets("nombre d'entrées") == []

    def test_a_year_identifies_and_one_that_nothing_has_silences_nothing(self):
        self.publish("Budget des théâtres 2019")
        self.publish("Budget des théâtres 2020")
        assert self.datasets("budget des théâtres 2020")[0] == "Budget des théâtres 2020"
        assert len(self.datasets("budget des théâtres 1987")) == 2

    def test_a_place_that_nothing_has_silences_nothing_another_word_does(self):
        self.publish("Horaires des musées")
        assert self.datasets("horaires des musées en Bretagne") == ["Horaires des musées"]
        assert self.datasets("horaires des trains") == []


class VocabularyTest(SimilarTestCase):
    @pytest.fixture(autouse=True)
    def file(self, empty: None, tmp_path: Path) -> None:
        self.path = tmp_path / "words.toml"
        self.app.config["CULTURE_FEEDBACK_SEARCH_VOCABULARY"] = str(self.path)

    def test_a_portal_adds_its_words(self):
        self.path.write_text("same = ['ZNIEFF, zones écologiques']\nkinds = ['chêne > arbre']")
        self.publish("Zones écologiques")
        self.publish("Arbres remarquables")
        assert self.datasets("znieff") == ["Zones écologiques"]
        assert self.datasets("chênes") == ["Arbres remarquables"]
        assert "museum" in {name.label for name in vocabulary().others("musee")}

    def test_or_replaces_ours(self):
        self.path.write_text('replace = true\naspects = "musée"')
        assert vocabulary().others("musee") == []
        self.publish(MUSEUMS)
        assert [one.role for one in understood("musées")] == [Role.ASPECT]

    @pytest.mark.parametrize("text", [None, "same = [", "same = [1]", "kinds = ['a']"])
    def test_a_file_that_cannot_be_used_stops_nothing(
        self, text: str | None, caplog: pytest.LogCaptureFixture
    ):
        if text is not None:
            self.path.write_text(text)
        self.publish(ATTENDANCE)
        assert self.datasets("museum") == [ATTENDANCE]
        assert "CULTURE_FEEDBACK_SEARCH_VOCABULARY" in caplog.text
