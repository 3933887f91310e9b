"""The texts of the seeded databases: comments and titles that share words as real ones do, made
once and repeated, with their terms."""

from __future__ import annotations

import random
from dataclasses import dataclass

from udata_culture_feedback.search.terms import terms

COMMENTS = 2000

THINGS = (
    *("musées", "bibliothèques", "monuments", "festivals", "cinémas", "théâtres", "archives"),
    *("orchestres", "conservatoires", "jardins", "librairies", "tournages", "fouilles", "vitraux"),
    *("manuscrits", "estampes", "photographies", "partitions", "spectacles", "expositions"),
    *("subventions", "résidences", "galeries", "radios", "journaux", "marionnettes", "cirques"),
    *("retables", "orgues", "tapisseries", "herbiers", "monnaies", "sculptures", "affiches"),
)
MEASURES = (
    *("fréquentation", "liste", "adresses", "horaires", "effectifs", "budget", "recettes"),
    *("coordonnées", "classement", "inventaire", "programmation", "notices", "labels", "tarifs"),
    *("acquisitions", "prêts", "restaurations", "dépenses", "publics", "accessibilité"),
)
PLACES = (
    *("outre-mer", "Bretagne", "Occitanie", "Alsace", "Normandie", "Corse", "Provence", "Picardie"),
    *("Lorraine", "Auvergne", "Savoie", "Gironde", "Finistère", "Loire", "Vendée", "Ardennes"),
    *(
        "Guyane",
        "Martinique",
        "Réunion",
        "Mayotte",
        "Paris",
        "Lyon",
        "Marseille",
        "Lille",
        "Nantes",
    ),
)
DETAILS = ("par commune", "par département", "par trimestre", "par âge", "depuis dix ans", "")

_SAID = (
    "Il manque les {things} de {place}, et la colonne « {measure} » est vide depuis {year}.",
    "J’en ai besoin pour comparer les {things} d’une année sur l’autre, {place} comprise.",
    "Les {measure} des {things} ne correspondent pas à ce qui est publié pour {year}.",
    "Serait-il possible d’avoir la même chose {detail} pour {place} ?",
    "Très utile pour mon étude sur les {things} en {place}, merci.",
)


@dataclass(frozen=True)
class Text:
    words: str
    terms: list[str]


def comments(chance: random.Random) -> list[Text]:
    """Make texts of one to four sentences."""
    made = []
    for _n in range(COMMENTS):
        sentences = [
            one.format(**_pick(chance)) for one in chance.sample(_SAID, chance.randint(1, 4))
        ]
        said = " ".join(sentences)
        made.append(Text(said, terms(said)))
    return made


def title(chance: random.Random) -> str:
    """Make the title of a dataset or of a request."""
    one = _pick(chance)
    measure = one["measure"].capitalize()
    return " ".join(
        f"{measure} des {one['things']} {one['place']} {one['detail']} {one['year']}".split()
    )


def _pick(chance: random.Random) -> dict[str, object]:
    return {
        "things": chance.choice(THINGS),
        "measure": chance.choice(MEASURES),
        "place": chance.choice(PLACES),
        "detail": chance.choice(DETAILS),
        "year": chance.randint(2005, 2025),
    }
