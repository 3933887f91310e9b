"""Decide whose details these are, by what the sentence around them says of people and institutions.

Words are compared folded: without accents, in lower case, in the singular or the plural.
"""

from __future__ import annotations

import re

from ...search.terms import fold


def words(listed: str) -> frozenset[str]:
    """Return the words of a list."""
    return frozenset(listed.split())


def listed(words: str) -> str:
    """Return the pattern of a list of words; `_` stands for a space."""
    return "|".join(f"{word.replace('_', ' ')}s?" for word in words.split())


def whole(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that matches whole words only."""
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)")


#: Where a sentence may end; after an abbreviation it does not.
_END = re.compile(r"(\w*)[.!?…][\s»\")]+(?=[A-ZÀ-ÖØ-Þ«\"(\d])|\n[ ]*\n")
_ABBREVIATIONS = words("tel av bd pl m mme n ch st ste art cf")

_ORGANISATION = (
    listed(
        """musee museum mediatheque bibliotheque ludotheque archive theatre opera cinema
        conservatoire ecole college lycee universite scene_nationale scene_conventionnee
        centre_d'art centre_d'interpretation centre_culturel centre_dramatique
        centre_choregraphique centre_de_documentation centre_national centre_social
        centre_d'archives maison_de_la_culture maison_des_jeunes maison_des_arts
        maison_des_associations maison_du_patrimoine maison_du_tourisme mjc mairie
        hotel_de_ville prefecture drac ministere direction service office festival galerie frac
        crmh inrap caue udap metropole communaute_de_communes conseil_departemental
        conseil_regional fondation compagnie orchestre ensemble salle standard accueil
        billetterie reservation renseignement guichet secretariat librairie cirque abbaye
        chateau auditorium zenith artotheque cinematheque panneau plaquette depliant page site
        institution etablissement association numero_vert boutique"""
    )
    + r"|cs \d{2,5}"
)
_BUILDING = listed(
    """maison hotel immeuble eglise chapelle cathedrale basilique collegiale temple synagogue
    mosquee prieure couvent manoir monument halle kiosque fontaine lavoir beffroi usine gare
    pont tour villa pavillon palais caserne hopital hospice presbytere cafe magasin fabrique
    moulin statue facade edifice notice jardin parc lieu"""
)
_INSTITUTION = whole(_ORGANISATION)
_PLACE = whole(f"{_ORGANISATION}|{_BUILDING}")

_THEIRS = "(?:mon|ma|mes|notre|nos|son|sa|leur)"
_HOUSEHOLD = (
    r"(?:moi|nous|elle|lui|eux|ma|mon|mes|sa|son|ses|leurs?|notre|m\.?|mme|madame|monsieur)"
)
#: Words about where people live or get their mail.
_HOME = whole(
    listed(
        """habite habites habitent habitons habitez habitais habitait vis vit vivons vivent vivait
        vivaient vivais loge logent logeons logement reside resident residons demeure demeurant
        demeurons domicile domiciliee domicilie adresse_perso adresse_personnelle
        adresse_postale"""
    )
    + rf"|chez {_HOUSEHOLD}|{_THEIRS} (?:"
    + listed(
        """adresse maison ferme immeuble appartement appart domicile propriete jardin cour grange
        courrier colis boite rue voisin voisine porte garage pavillon chalet studio toit"""
    )
    + r")|m'ecrire|(?:ecrivez|repondez)-(?:moi|nous)"
    + r"|(?:m'|me |nous )(?:envoyer|adresser|livrer|repondre|expedier|faire parvenir)"
    + r"|(?:envoy|adress|expedi|retourn|renvoy|livr)ez(?:-l[ea]s?)?-(?:moi|nous)"
    + r"|(?:je|j|nous) ?(?:suis|sommes) au?|j'suis au|(?:j'ai|nous avons|on a) (?:em|de)menages?"
)

#: Words about people, their relations and their occupations.
_PEOPLE = listed(
    """madame monsieur mme mlle famille veuf veuve fils fille frere soeur pere mere grand-pere
    grand-mere tante oncle cousin cousine neveu niece mari femme epoux epouse voisin voisine ami
    amie copain copine proprietaire tresorier tresoriere president presidente responsable
    regisseur regisseuse conservateur conservatrice gardien gardienne benevole directeur
    directrice archiviste bibliothecaire guide retraite retraitee auteur auteure autrice artiste
    musicien musicienne peintre sculpteur sculptrice cure collectionneur collectionneuse
    heritier heritiere photographe instituteur institutrice stagiaire comedien comedienne
    locataire ancien ancienne secretaire_general secretaire_generale moi domicile portable
    mobile perso personnel personnelle prive privee joignable"""
)
_SOMEBODY = whole(
    rf"{_PEOPLE}|chez (?:moi|nous|elle|lui|eux)|\w+-moi|j'?habite|je suis (?:au|joignable)|j'suis"
    rf"|(?:mon|ma|mes) (?!{_ORGANISATION}|commune|ville|village)\w+"
    r"|(?:m'|me |nous )(?:appel|joindre|contact|rappel|telephon|ecri|repond|trouv|envoy)\w*"
)
_NAMED = re.compile(r"\b(?:[Aa]ppele[rz]|M\.|Mme|Mlle) [A-ZÀ-Þ]")
#: The author asks to be written to: the mailbox is theirs, whatever its name.
_MINE = whole(
    r"(?:mon|ma|notre|nos) (?:adresse|e?-?mail|courriel|mel|boite|contact)|moi|\w+-moi"
    r"|(?:m'|me )(?:ecrire|contacter|joindre|repondre)"
)


def sentence(text: str, start: int, end: int) -> str:
    """Return the sentence around the characters from `start` up to `end`, which are left out."""
    before = text[max(0, start - 200) : start]
    ends = [match.end() for match in _END.finditer(before + text[start]) if _ends(match)]
    after = text[end : end + 120]
    stops = (match.start() for match in _END.finditer(after) if _ends(match))
    return f"{before[max(ends, default=0) :]} … {after[: next(stops, len(after))]}"


def _ends(match: re.Match[str]) -> bool:
    return fold(match[1] or "") not in _ABBREVIATIONS


def is_institutions_phone(around: str) -> bool:
    """Return whether a number is said to be an institution's, and no person's in it."""
    said = fold(around)
    somebody = _SOMEBODY.search(said) or _NAMED.search(around)
    return bool(_INSTITUTION.search(said)) and not somebody


def is_asked_for_by_its_owner(around: str) -> bool:
    """Return whether the author says that a mailbox is theirs."""
    return bool(_MINE.search(fold(around)))


def is_somebodys_home(around: str) -> bool:
    return bool(_HOME.search(fold(around)))


def is_known_place(around: str) -> bool:
    """Return whether an address is said to be an institution's or a building's, not a person's
    home."""
    said = fold(around)
    return bool(_PLACE.search(said)) and not _HOME.search(said)
