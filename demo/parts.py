"""Every part of the product's pages in all its states, at /demo/parts, to design and check them.

Nothing here comes from the database: the sentences and the figures are made up.
"""

from __future__ import annotations

from flask import Blueprint, Response

from udata_culture_feedback.people.viewer import current_viewer
from udata_culture_feedback.web import charts
from udata_culture_feedback.web.charts import Bar, Criterion, Event, Line
from udata_culture_feedback.web.languages import choose_for_request
from udata_culture_feedback.web.pages import protect, render

ADDRESS = "/demo/parts"
MONTHS = [
    "déc. 2025", "janv. 2026", "févr. 2026", "mars 2026", "avr. 2026", "mai 2026", "juin 2026",
    "juil. 2026", "août 2026", "sept. 2026", "oct. 2026", "nov. 2026",
]  # fmt: skip
ANSWERS = ("Oui", "En partie", "Non")
OURS = (0.2, 0.22, 0.21, 0.25, None, 0.3, 0.36, 0.38, 0.41, 0.43, 0.44, 0.46)
THEIRS = (0.3, 0.3, 0.31, 0.3, 0.29, 0.3, 0.31, 0.3, 0.3, 0.31, 0.32, 0.31)
COUNTS = (2, 5, 0, 9, 12, 15, 11, 18, 20, 24, 22, 17)
STEPS = ("toujours à jour", "à jour", "acceptables", "souvent en retard", "trop anciennes")

blueprint = Blueprint("demo-parts", __name__, template_folder="templates")


@blueprint.route(ADDRESS)
def parts() -> Response:
    """Show the parts as a whole page of the product."""
    choose_for_request(alone=True)
    return protect(render("demo_parts.html", viewer=current_viewer(), charts=_charts()))


def _charts() -> dict[str, charts.Chart]:
    return {
        "answers": charts.answers("a", "Réponse au besoin", ANSWERS, [24, 33, 11]),
        "few": charts.answers("b", "Quatre personnes", ANSWERS, [2, 1, 1]),
        "none": charts.answers("c", "Personne", ANSWERS, [0, 0, 0]),
        "criteria": charts.criteria(
            "d",
            "Critère par critère",
            [
                Criterion("Fréquence de mise à jour", STEPS, [0, 6, 13, 15, 4]),
                Criterion("Complétude", STEPS, [4, 10, 25, 4, 1]),
            ],
        ),
        "compared": charts.steps(
            "e",
            "Avant et depuis la mise à jour",
            STEPS,
            [Bar("Avant", [1, 3, 8, 12, 6]), Bar("Depuis", [6, 12, 8, 3, 1])],
        ),
        "ranked": charts.ranked(
            "f",
            "Les musées sont attendus en premier",
            [("Musées et collections", 318), ("Monuments historiques", 274), ("Festivals", 120)],
            699,
        ),
        "lines": charts.lines(
            "g",
            "Part de « Oui »",
            MONTHS,
            [Line("Vos jeux de données", OURS), Line("Ensemble du portail", THEIRS)],
            [Event(3, "Fréquentation des musées mise à jour, 14 mars 2026")],
        ),
        "columns": charts.bars("h", "Avis chaque mois", MONTHS, COUNTS, "Avis"),
    }  # fmt: skip
