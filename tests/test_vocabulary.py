"""Ids of the vocabularies are contract; labels are those people agreed on."""

from __future__ import annotations

from typing import Any

import pytest
from udata import settings
from udata.app import create_app

import udata_culture_feedback
from udata_culture_feedback.vocabulary import Vocabularies

from .cases import PluginTestCase

AXES = {
    "update_frequency": (
        "Fréquence de mise à jour",
        "Update frequency",
        "Ces données sont-elles assez à jour pour votre besoin ?",
        "Are these data up to date enough for your need?",
        [
            "inutilisables car trop anciennes",
            "souvent en retard",
            "acceptables",
            "à jour le plus souvent",
            "toujours à jour",
        ],
        ["too old to use", "often late", "acceptable", "mostly current", "always current"],
        "timeliness",
    ),
    "completeness": (
        "Complétude",
        "Completeness",
        "Contiennent-elles tout ce qu'elles annoncent ?",
        "Do they contain all they announce?",
        [
            "très lacunaires",
            "lacunes importantes",
            "quelques manques",
            "presque complètes",
            "complètes",
        ],
        ["very patchy", "large gaps", "some gaps", "nearly complete", "complete"],
        "completeness",
    ),
    "contextualisation": (
        "Contextualisation",
        "Context and documentation",
        "Comprenez-vous d'où elles viennent et ce que signifie chaque champ ?",
        "Is their origin and the meaning of each field clear?",
        [
            "incompréhensibles",
            "difficiles",
            "compréhensibles avec effort",
            "claires",
            "claires et documentées",
        ],
        ["unintelligible", "hard", "understandable with effort", "clear", "clear and documented"],
        "understandability",
    ),
    "georeferencing": (
        "Géoréférencement",
        "Georeferencing",
        "Pouvez-vous les placer sur une carte ou les relier à un territoire ?",
        "Can you map them or link them to an area?",
        [
            "aucune localisation",
            "inexploitable",
            "partielle ou imprécise",
            "bonne",
            "précise et normalisée (coordonnées, codes officiels)",
        ],
        ["none", "unusable", "partial or vague", "good", "precise and standard"],
        None,
    ),
}
FITNESS = {"yes": ("Oui", "Yes"), "partly": ("En partie", "Partly"), "no": ("Non", "No")}
TREATMENT = {
    "new": ("En attente de réponse", "Awaiting a response"),
    "acknowledged": ("Lu par le producteur", "Read by the producer"),
    "planned": ("Amélioration prévue", "Improvement planned"),
    "resolved": ("Traité", "Handled"),
    "declined": ("Sans suite, motivé", "No action, explained"),
}
REQUEST = {
    "submitted": ("Déposée", "Submitted"),
    "acknowledged": ("Prise en compte", "Acknowledged"),
    "needs_clarification": ("Précisions attendues", "Clarification needed"),
    "accepted": ("Acceptée", "Accepted"),
    "in_progress": ("En préparation", "In progress"),
    "published": ("Données disponibles", "Data available"),
    "declined": ("Refusée", "Declined"),
    "duplicate": ("Regroupée avec une autre", "Merged"),
    "withdrawn": ("Retirée", "Withdrawn"),
}
PROFILES = {
    "individual": "Particulier",
    "student": "Étudiant, étudiante",
    "teacher": "Enseignement",
    "researcher": "Recherche",
    "journalist": "Journalisme",
    "developer": "Développement, données",
    "company": "Entreprise",
    "local_authority": "Collectivité territoriale",
    "state": "Service de l'État",
    "tourism": "Tourisme",
    "cultural_institution": "Établissement culturel",
    "association": "Association",
    "other": "Autre",
}
USAGES = {
    "information": "M'informer",
    "research": "Recherche, étude",
    "teaching": "Enseigner, apprendre",
    "journalism": "Article, enquête",
    "service": "Site, application",
    "visualisation": "Carte, visualisation",
    "mediation": "Médiation, exposition",
    "policy": "Politique publique",
    "business": "Activité économique",
    "enrichment": "Compléter une autre base (Wikidata, catalogue)",
    "other": "Autre",
}
THEMES = [
    "archeologie",
    "architecture",
    "archives",
    "arts-plastiques",
    "cinema",
    "spectacle-vivant",
    "musique",
    "festivals",
    "livre",
    "presse",
    "audiovisuel",
    "jeu-video",
    "musee",
    "monuments-historiques-et-sites-patrimoniaux",
    "langue",
    "industries-culturelles",
    "education-artistique",
    "pratiques-culturelles",
    "financement",
    "tourisme-et-culture",
]


def straight(text: str) -> str:
    """Typographic apostrophes and no-break spaces as they are typed."""
    return text.replace("’", "'").replace("\u00a0", " ").replace("\u202f", " ")


def labels(terms: list[dict[str, Any]]) -> dict[str, str]:
    return {term["id"]: straight(term["label"]) for term in terms}


class VocabularyTest(PluginTestCase):
    @pytest.fixture
    def french(self, plugin: None) -> dict[str, Any]:
        return self.ask("GET", "/vocabulary/?lang=fr").json

    @pytest.fixture
    def english(self, plugin: None) -> dict[str, Any]:
        return self.ask("GET", "/vocabulary/?lang=en").json

    def test_axes(self, french, english):
        assert [axis["id"] for axis in french["axes"]] == list(AXES)
        for here, there in zip(french["axes"], english["axes"], strict=True):
            label, translated, question, asked, steps, stages, dimension = AXES[here["id"]]
            assert straight(here["label"]) == label
            assert there["label"] == translated
            assert straight(here["question"]) == question
            assert there["question"] == asked
            assert [straight(step) for step in here["steps"]] == steps
            assert [step.split(" (")[0] for step in there["steps"]] == stages
            if dimension:
                assert here["dimension"] == f"http://www.w3.org/2016/05/ldqd#{dimension}"
            else:
                assert here["dimension"].endswith("/axis/georeferencing")

    def test_a_short_question_has_five_answers_that_agree_with_it(self, french, english):
        for axes, expected in (
            (
                french["axes"],
                {
                    "À jour ?": "souvent en retard",
                    "Complètes ?": "lacunes importantes",
                    "Compréhensibles ?": "difficilement",
                    "Localisées ?": "inexploitable",
                },
            ),
            (
                english["axes"],
                {
                    "Up to date?": "often late",
                    "Complete?": "large gaps",
                    "Clear?": "hardly",
                    "Located?": "unusable",
                },
            ),
        ):
            assert {straight(a["short"]): straight(a["short_values"][1]) for a in axes} == expected
            assert all(len(axis["short_values"]) == 5 for axis in axes)

    @pytest.mark.parametrize(
        ("where", "expected"),
        [("fitness", FITNESS), ("treatment", TREATMENT), ("request", REQUEST)],
    )
    def test_values_and_statuses(self, french, english, where, expected):
        found = [
            labels(lists[where] if where in lists else lists["statuses"][where])
            for lists in (french, english)
        ]
        assert found[0] == {id: both[0] for id, both in expected.items()}
        assert found[1] == {id: both[1] for id, both in expected.items()}
        assert list(found[0]) == list(expected)

    @pytest.mark.parametrize(("where", "expected"), [("profiles", PROFILES), ("usages", USAGES)])
    def test_profiles_and_usages(self, french, english, where, expected):
        assert labels(french[where]) == expected
        assert [term["id"] for term in french[where]] == list(expected)
        assert all(term["label"] for term in english[where])
        assert labels(english[where]) != expected

    def test_themes_are_the_tags_of_the_portal(self, french):
        assert [term["id"] for term in french["themes"]] == THEMES
        assert labels(french["themes"])["livre"] == "Livre et lecture"

    def test_reasons_carry_their_reference(self, french):
        reasons = {term["id"]: term for term in french["decline_reasons"]}
        assert reasons["not_existing"]["reference"] == "CRPA L.300-2"
        assert reasons["not_planned"]["reference"] is None
        assert len(reasons) == 14


class ReplacementTest(PluginTestCase):
    def replaced(self, **lists: Any) -> None:
        state = self.app.extensions["culture-feedback"]
        state.vocabularies = Vocabularies(lists)

    def test_a_portal_that_is_not_about_culture_has_lists_of_its_own(self):
        from udata.core.user.factories import UserFactory

        from .cases import Producer

        self.replaced(
            fitness=[
                {"id": "good", "label": {"en": "Good", "fr": "Bien"}},
                {"id": "bad", "label": "Bad"},
            ],
            profiles=[{"id": "farmer", "label": {"en": "Farmer"}}],
        )
        french = self.ask("GET", "/vocabulary/?lang=fr").json
        assert labels(french["fitness"]) == {"good": "Bien", "bad": "Bad"}
        assert labels(french["profiles"]) == {"farmer": "Farmer"}
        assert labels(french["usages"]) == USAGES
        dataset = Producer().dataset
        self.give(UserFactory(), dataset, fitness="good", profile="farmer")
        body = {"dataset": str(dataset.id), "fitness": "yes"}
        assert self.ask("POST", "/feedback/", body, UserFactory()).status_code == 400
        assert self.summary(dataset)["fitness"] == {"good": 1, "bad": 0}

    @pytest.mark.parametrize(
        "setting",
        [
            {"colours": []},
            {"fitness": [{"label": "No id"}]},
            {"fitness": [{"id": "a.b", "label": "Dots"}]},
            {"fitness": [{"id": "$set", "label": "Dollars"}]},
            {"fitness": [{"id": 3, "label": "Number"}]},
            {"axes": [{"id": "speed", "label": "S", "question": "?", "steps": ["one"]}]},
            {"axes": [{"id": "speed", "label": "S", "question": "?"}]},
        ],
    )
    def test_a_mistake_in_the_settings_shows_at_start_up(self, setting):
        app = create_app(settings.Defaults, override=settings.Testing)
        app.config["CULTURE_FEEDBACK_VOCABULARIES"] = setting
        with pytest.raises(ValueError, match="CULTURE_FEEDBACK_VOCABULARIES"):
            udata_culture_feedback.init_app(app)
