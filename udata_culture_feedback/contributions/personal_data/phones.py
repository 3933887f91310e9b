"""Find telephone numbers: French ones however they are grouped, others with a country code.

phonenumbers is imported at the first text that may have a foreign number: its plans of 240
countries would slow down the start of every process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import context
from .context import listed
from .reading import Finding, Reading

#: What people type between the groups of a number.
_GAP = r"(?:[ ]?\n[ ]?|[ ]{1,3}|[ ]?[.,/_:;|*·•~-]{1,2}[ ]?)"
#: Matched from every digit: the previous one may belong to another number.
_FRENCH = re.compile(
    r"(?:(?<![\w+])|(?<=tel)|(?<=gsm))(?=(?P<number>\(?0[ ]?\)?[1-9]"
    r"(?:\d{8}|"
    rf"(?P<pairs>{_GAP})\d\d(?:(?:(?P=pairs)|[ ]?\n[ ]?)\d\d){{3}}|"  # 06 12 34 56 78
    rf"\d\d(?P<fours>{_GAP})\d\d(?:(?:(?P=fours)|[ ]?\n[ ]?)\d\d){{2}}|"  # 0612 34 56 78
    rf"(?P<odd>(?:{_GAP}?\d){{8}}))(?!\d)))",
    re.ASCII | re.IGNORECASE,
)
#: Its beginning in words, which hides it from whoever looks for digits: « zéro six 12 34 56 78 ».
_SPELT = re.compile(
    rf"(?<!\w)zero{_GAP}(?:un|deux|trois|quatre|cinq|(?P<mobile>six|sept)|neuf)"
    rf"(?:{_GAP}\d\d){{4}}(?!\d)",
    re.ASCII | re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"(?<![\w+.,])(?<!\d[ ])(?:\([ ]?)?(?:\+[ ]?|00[ ]?(?=[1-9]))[1-9]"
    rf"(?:[)(\s]{{0,3}}{_GAP}?[()]{{0,2}}\d){{6,15}}(?!\d)",
    re.ASCII,
)
#: Links that call or text a number.
_LINK = re.compile(
    r"(?:wa\.me/|t\.me/|[?&](?:phone|tel|number)=|(?:tel|callto|sms|whatsapp|viber):/{0,2})"
    r"(?P<number>(?:%2B|\+)?\d(?:[.-]?\d){7,14})(?!\d)",
    re.IGNORECASE | re.ASCII,
)

_SAID = re.compile(
    r"tel(?:\b|eph|s\b)|(?<!\w)(?:phone|portables?|mobile|fixe|gsm|sms|whatsapp|texto)\b|"
    r"\bnumero(?! d'inventaire)\b|(?:r?appel(?:er|ez|le|ons|s)?|joi(?:n|g)\w+|contact\w*)\b",
    re.IGNORECASE,
)
#: Names of numbers of works, businesses, files.
_WORKS = listed(
    """viaf idref ppn bnf frbnf isni orcid siren siret insee finess uai rna ean isbn issn gtin ark
    doi handle hal oai epoch timestamp horodatage maj version v id identifiant uuid cote
    inventaire inv ref reference notice dossier facture commande colis suivi permalien record
    ressource merimee palissy joconde objet ticket cadastre parcelle code code-barre rcs naf ape
    tva lot fichier image scan cle hash ligne valeur taux montant budget"""
)
_IDENTIFIER = re.compile(
    rf"(?<!\w)(?:{_WORKS})[.]?(?:[ -]1[03](?!\d))?(?:[ ]+(?:de[ ](?:la[ ]|l')?)?[\w']+){{0,2}}"
    r"[ ]*[:=n°'\"«(#-]{0,3}[ ]*$",
    re.IGNORECASE,
)
#: A list of identifiers goes on: « ISBN 2070612759 et 0612345679 ».
_ANOTHER = re.compile(r"(?:(?<!\w)[\w.-]*\d[\w.-]*[ ]*(?:et|ou|,|;|/|puis)[ ]*)+$")
_SERIES = (
    listed(
        """departement dept dpt concert representation seance date cadastre parcelle section bus
        ligne tram tramway commune region code arrondissement salle"""
    )
    + "|dep[.]?"
)
_LISTS = listed("horaire loto tirage jour version cote lot mesure page planche")
_LIST = re.compile(rf"(?<!\w)(?:{_SERIES}|{_LISTS})\b", re.IGNORECASE)
#: Series names directly before a list, ascending or not.
_LIST_NAMED = re.compile(
    rf"(?<!\w)(?:{_SERIES})(?:\(s\))?[^\w]{{1,4}}(?:[A-Z]{{1,2}}[ ]|les[ ]|des[ ])?$", re.IGNORECASE
)
_UNITS = listed(
    """euro eur f franc centime m m2 km kg ko mo go ms s seconde visiteur habitant entree visite
    page exemplaire octet notice objet ligne document vue spectateur oeuvre janvier fevrier mars
    avril mai juin juillet aout septembre octobre novembre decembre"""
)
_UNIT = re.compile(rf"[ ]?(?:[€$£%‰°′″]|[km]€|(?:{_UNITS})\b)", re.IGNORECASE)
#: Digits that continue on either side: a series, not a number.
_GOES_ON = re.compile(r"[ ]?[.,/:;·-]?[ ]?(?:\d\d?(?!\d)|[\da-f]{2}\b)", re.IGNORECASE)
_CAME_FROM = re.compile(
    r"(?:(?<!\w)\d{1,4}(?:[.,/:-]|[.,;]?[ ])|[\w/=#_%]-|\w[=#_%]|\w/\w*|\.|[€$£][ ]?)$"
)
#: Two adjacent telephone numbers: « 0639980012/0465719031 ».
_NUMBER_BEFORE = re.compile(r"(?<![\w/])(?:0|\+\d\d)[1-9](?:[ .-]?\d){8}[ ]?(?:[/,;-]|et|ou)?[ ]?$")
_NUMBER_AFTER = re.compile(
    r"[ ]?(?:[/,;-]|et|ou)?[ ]?(?:0|\+\d\d)[1-9](?:[ .-]?\d){8}(?!\d|[ .-]\d\d(?!\d))"
)
#: Within a URL, a file name, a longer identifier.
_IN_AN_ADDRESS = re.compile(r".*://|www\.|[\w.-]+\.[a-z]{2,6}/")
_NAME_GOES_ON = re.compile(r"\w|\.[a-z0-9]{2}|(?!-0\d|-\D{2})-\w|(?!/0\d|/\D{2})/\w")
_NAME_BEGAN = re.compile(r"(?:[\w)]-|\w_|\w=|\w#|[\d.]/|%)$")


@dataclass(frozen=True)
class _Candidate:
    """A candidate with the digits of a French number, and the text around it."""

    text: str
    start: int
    end: int

    @property
    def words(self) -> str:
        return self.text[self.start : self.end]

    @property
    def before(self) -> str:
        return self.text[max(0, self.start - 60) : self.start]

    @property
    def is_plain(self) -> bool:
        """Whether its digits have nothing between them."""
        return self.words.isdigit()

    @property
    def token(self) -> str:
        """The characters around it up to the next spaces, 200 at most on each side."""
        before, after = (
            self.text[max(0, self.start - 200) : self.start],
            self.text[self.end : self.end + 200],
        )
        began = re.search(r"\S*$", before)
        goes_on = re.match(r"\S*", after)
        return (began[0] if began else "") + self.words + (goes_on[0] if goes_on else "")

    @property
    def column(self) -> str:
        """The header of its column in a pasted table; empty outside of tables."""
        began = self.text.rfind("\n", 0, self.start) + 1
        if not began:
            return ""
        head, line = self.text.partition("\n")[0], self.text[began : self.end]
        for separator in ";,|":
            names, cells = head.split(separator), line.split(separator)
            if 1 < len(names) >= len(cells) and cells[-1].strip() == self.words:
                return names[len(cells) - 1].strip()
        return ""

    @property
    def is_said(self) -> bool:
        """Whether the words before it, or its column, call it a telephone number."""
        said = list(_SAID.finditer(self.before))
        named = bool(said) and not _IDENTIFIER.search(self.before[said[-1].end() :])
        return named or bool(_SAID.search(self.column))

    @property
    def is_identifier(self) -> bool:
        before = _ANOTHER.sub("", self.before)
        return bool(_IDENTIFIER.search(before) or _IDENTIFIER.search(self.column))

    @property
    def is_in_a_name(self) -> bool:
        """Whether it is part of a URL, a file name, a longer identifier."""
        if _IN_AN_ADDRESS.match(self.token) or _NAME_GOES_ON.match(self.text, self.end):
            return True
        if _NUMBER_BEFORE.search(self.before) or self.is_said:
            return False
        return bool(_NAME_BEGAN.search(self.before))

    @property
    def is_in_a_series(self) -> bool:
        """Whether it is part of a longer row of digits."""
        goes_on = _GOES_ON.match(self.text, self.end)
        if goes_on and not _NUMBER_AFTER.match(self.text, self.end):
            return True
        return bool(_CAME_FROM.search(self.before) and not _NUMBER_BEFORE.search(self.before))

    @property
    def is_a_list(self) -> bool:
        """Whether its pairs are départements, dates or bus lines."""
        if _LIST_NAMED.search(self.before):
            return True
        digits = "".join(filter(str.isdigit, self.words))
        pairs = [int(digits[at : at + 2]) for at in range(0, 10, 2)]
        if pairs != sorted(set(pairs)):
            return False
        around = context.sentence(self.text, self.start, self.end)
        return pairs[-1] <= 31 or bool(_LIST.search(around))


def phones(reading: Reading) -> Iterator[Finding]:
    """Yield telephone numbers; those of an institution as soft. Service numbers (08…) are
    nobody's."""
    taken: list[tuple[int, int]] = []
    for start, end in _numbers(reading.text):
        if any(start < other_end and other < end for other, other_end in taken):
            continue
        taken.append((start, end))
        around = context.sentence(reading.text, start, end)
        soft = not _is_mobile(reading.text[start:end]) and context.is_institutions_phone(around)
        yield reading.finding("phone", start, end, soft=soft)


def _numbers(text: str) -> Iterator[tuple[int, int]]:
    for match in _LINK.finditer(text):
        yield match.span("number")
    for match in _FOREIGN.finditer(text):
        if end := _end_of_foreign(_Candidate(text, *match.span())):
            yield match.start(), end
    for match in _SPELT.finditer(text):
        yield match.span()
    for match in _FRENCH.finditer(text):
        if _is_french(_Candidate(text, *match.span("number")), odd=match["odd"] is not None):
            yield match.span("number")


def _is_french(candidate: _Candidate, *, odd: bool) -> bool:
    """Return whether ten digits are a telephone number: they are unless the context says
    otherwise."""
    if re.match(r"\(?0[ ]?\)?8", candidate.words) or re.search(r"\d[.,]$", candidate.before):
        return False
    if _UNIT.match(candidate.text, candidate.end) or candidate.is_in_a_name:
        return False
    if candidate.is_said:
        return True
    if odd or candidate.is_identifier:
        return False
    return candidate.is_plain or not (candidate.is_in_a_series or candidate.is_a_list)


def _end_of_foreign(candidate: _Candidate) -> int | None:
    """Return where a number with a country code ends: the longest one that is valid in that
    country, otherwise the longest possible one; None without either."""
    if re.fullmatch(r"\+\d+[.,]\d+", candidate.words) or candidate.token.startswith("http"):
        return None
    groups = re.finditer(r"\d+\)?", candidate.words)
    ends = [candidate.start + group.end() for group in groups][::-1]
    for certain in (True, False):
        for end in ends:
            if _is_foreign(candidate.text[candidate.start : end], certain=certain):
                return end
    return None


def _is_foreign(number: str, *, certain: bool) -> bool:
    import phonenumbers  # late: see above

    digits = "".join(filter(str.isdigit, number)).removeprefix("00")
    try:
        parsed = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return False
    if certain:
        return phonenumbers.is_valid_number(parsed)
    return phonenumbers.is_possible_number(parsed)


def _is_mobile(number: str) -> bool:
    """Return whether a French number is a mobile one, which belongs to a person."""
    if spelt := _SPELT.match(number):
        return spelt["mobile"] is not None
    digits = "".join(filter(str.isdigit, number))
    national = re.sub(r"^(?:00)?(?:33|262|590|594|596)0?|^0", "", digits)
    return len(national) == 9 and national[0] in "67"
