"""Find postal addresses: a street with its postal code, or without one where the sentence says that
a person lives there: « 12 rue de Rivoli » alone may be a museum's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import context
from .context import listed
from .reading import Finding, Reading

_REPETITION = r"(?:[ ]?(?:bis|ter|quater|[a-d](?![\w'])))?"
_NUMBER = rf"(?<![\w.,/-])\d{{1,4}}{_REPETITION}(?:[ ]?(?:[-/,]|a|et)[ ]?\d{{1,4}}{_REPETITION})?"
_TYPE = (
    r"(?:rue|r\.|ave?(?:nue)?\.?|b(?:oulevar)?d\.?|bl?vd\.?|bld\.?|pl(?:ace)?\.?|all(?:ees?|\.)|"
    r"ch(?:emin|em\.|e?\.)|imp(?:asse|\.)?|r(?:ou)?te\.?|quai|cours|sq(?:uare|\.)|pass(?:age|\.)|"
    r"res(?:idence|\.)|lot(?:issement|\.)|f(?:au)?bo?u?r?g\.?|villa|sente|sentier|ruelle|venelle|"
    r"esplanade|promenade|voie|hameau|cite|montee|parvis|rond-point|traverse|clos|cour|galerie|mail|"
    r"rampe|chaussee|domaine|placette|porte|pont|grande?[ -]rue)"
)
_STREET = rf"{_NUMBER}[ ]?,?[ ]?(?:{_TYPE}[ ]|grande?[ -]rue(?=[ ]?[,\n]))"
_SMALL = r"(?:(?:de|du|des|la|le|les|a|aux?|en|sur|sous|et|saint|sainte|st|ste)[ ]|[ld]')"
_WORD = r"[^\W\d_][\w'-]*"
_CAPITALISED = r"(?-i:[A-Z])[\w'-]*"
_GREETING = r"(?!(?:Cedex|Tel|Merci|Cordialement|Bonjour|Je|Il|La|Le|Les|Et|Mon|Ma)\b)"

#: What tells a home within a building.
_FLOOR = r"\d{1,2}[ ]?(?:er|ere|nd|e|eme)[ ]?etage"
_HOME = (
    rf"(?:bat(?:iment|\.)?|bt\.?|esc(?:alier|\.)?|app(?:artemen)?t\.?|apt\.?|etage|hall|entree|porte|"
    rf"boite|{_FLOOR})(?![\w'])"
)
_BUILDING = (
    r"(?:logement|lot|bal|res(?:idence|\.)|imm(?:euble|\.)|tour|lotissement|bloc|villa|rdc|"
    r"rez[ -]de[ -]chaussee|chez[ ]m(?:me|lle|r|\.)?)(?![\w'])"
)
_BEFORE = (
    rf"(?:(?<![\w'-])(?:{_HOME}|{_BUILDING})[ ]?[^,;\n.:!?()]{{0,40}}(?:,[ ]?|[ ]?\n|[ ]-[ ]))"
    r"{0,4}"
)
_AFTER = rf"(?:[ ]?[,(-]?[ ]?{_HOME}[ ]?[\w°/]{{0,12}}\)?){{0,4}}"

_CODE = r"(?<!\d)(?:FR?[ -]?)?(?:0[1-9]|[1-8]\d|9[0-578]|2[AB])[ ]?\d{3}(?!\d)"
_TOWN = (
    rf"(?:{_CAPITALISED}(?:[ ]{_SMALL}{{1,2}}{_CAPITALISED}|[ ]{_GREETING}{_CAPITALISED}){{0,3}}"
    rf"|(?:l'|(?:la|le|les|ste?|sainte?)[ ])?{_WORD}(?:[ ](?:sur|sous|en|les)[ ]{_WORD})?)"
    r"(?:[ ]cedex(?:[ ]\d{1,2})?)?(?:[ ]\d{1,2}e(?:r|me)?\b)?(?:,?[ ]\(?France\)?)?"
)
_WHOLE = re.compile(
    rf"{_BEFORE}{_STREET}(?P<name>[^\n;]{{2,80}}?(?:\n[^\n;]{{2,40}})?)[ ]?[,;|\n-]?[ ]?\n?[ ]?"
    rf"(?<!\w){_CODE}(?:[ ,;|-]{{0,3}}(?P<town>{_TOWN}))?{_AFTER}",
    re.IGNORECASE,
)
_CODE_FIRST = re.compile(
    rf"(?<!\w){_CODE}[ ]?,?[ ](?P<town>{_TOWN})[ ]?[,\n-][ ]?{_BEFORE}{_STREET}"
    r"(?P<name>[^\n,;.()]{2,60})",
    re.IGNORECASE,
)
_NAME = (
    rf"{_SMALL}{{0,3}}{_WORD}(?:[ ]{_SMALL}{{0,2}}{_CAPITALISED}|[ ]{_SMALL}{{1,2}}{_WORD}){{0,3}}"
)
_WITHOUT_CODE = re.compile(
    rf"{_BEFORE}{_STREET}(?P<name>{_NAME})"
    rf"(?:,?[ ]a[ ]{_TOWN}|,[ ]{_CAPITALISED}(?=[ ]?[,.;!?\n)]|$))?{_AFTER}",
    re.IGNORECASE,
)
_PLACE = (
    r"(?:lieu[- ]?dit|hameau|ferme|mas|domaine|moulin|quartier|chateau|villa|chalet|residence|"
    r"lotissement)"
)
_NAMED = r"(?-i:[A-Z\d])[\w'-]*"
_WITHOUT_STREET = re.compile(
    rf"(?:{_PLACE}[ ]{_SMALL}{{0,2}}|(?:bp|tsa|poste restante)[ ]?)?(?:(?-i:L[ea]s?|L'|Aux?)[ ]?)?"
    rf"(?:(?<![\w'-]){_NAMED}|(?<=L')\w[\w'-]*)(?:[ ]{_SMALL}{{0,2}}{_NAMED}){{0,4}}"
    rf"[ ]?[,\n-]?[ ]?\n?{_CODE}[ ]{_TOWN}",
    re.IGNORECASE,
)

#: Words that no name of a street has: « 1 place pour 10000 habitants ».
_NO_STREET = re.compile(
    r".*[ ]et[ ]?$|"
    r"(?:pour|par|sur|en|a|et|dans|qui|sous|entre|vers|non|tres|libre|assise?s?|gratuite?s?)\b|"
    r".*(?:(?<![\w'-])(?:pour|par|est|sont|etait|ont|qui|que|dans|avec|sans|contre|mais|ou|donc|soit|"
    r"plus|environ|compten?t?|recoit|recu|manquent?|depuis|vers|puis|au lieu|code|insee|siret)"
    r"(?![\w'-])|[!?…]|\.[ ](?=(?-i:[A-Z])))",
    re.IGNORECASE | re.DOTALL,
)
_COUNTED = listed(
    """habitant visiteur euro entree personne eleve spectateur oeuvre œuvre notice exemplaire km
    metre objet ligne document place livre an franc volume photo image abonne inscrit arbre
    piece fois voiture vehicule pieton cycliste signature voix logement lit hectare m m2 ha kg
    page"""
)
_COUNT = re.compile(rf"(?:{_COUNTED})\b", re.IGNORECASE)


def postal_addresses(reading: Reading) -> Iterator[Finding]:
    """Yield addresses; those of institutions and buildings as soft."""
    text = reading.text
    taken: list[tuple[int, int]] = []
    for pattern in (_WHOLE, _CODE_FIRST, _WITHOUT_CODE, _WITHOUT_STREET):
        whole = pattern in (_WHOLE, _CODE_FIRST)
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other_end and other < end for other, other_end in taken):
                continue
            around = context.sentence(text, start, end)
            if _is_address(match) and (whole or context.is_somebodys_home(around + match[0])):
                taken.append((start, end))
                soft = whole and context.is_known_place(around)
                yield reading.finding("postal_address", start, end, soft=soft)


def _is_address(match: re.Match[str]) -> bool:
    groups = match.groupdict()
    if _NO_STREET.match(groups.get("name") or ""):
        return False
    if match.re is _WHOLE and not groups["town"]:
        # A column of INSEE codes beside a column of streets.
        return ";" not in match[0]
    return not _COUNT.match(groups.get("town") or "")
