"""Find numbers with a check digit or checksum: social security, bank accounts, payment cards.

python-stdnum is imported at the first text that may contain one: its tables would slow down the
start of every process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .context import listed
from .reading import Finding, Reading

#: What people type between the groups of a number.
_GAP = r"(?:[ .,/_-]{0,3}|[ ]?\n[ ]?)"

#: The number of a person in the French register (NIR); the month may be that of a person whose
#: birth certificate is incomplete.
_NIR = re.compile(
    rf"(?<!\w)(?P<number>[1-478]{_GAP}\d\d{_GAP}(?:0[1-9]|1[0-2]|[2-9]\d){_GAP}(?:\d\d|2[AB])"
    rf"{_GAP}\d{{3}}{_GAP}\d{{3}})"
    rf"(?:(?:{_GAP}|[ ]?[/(|+][ ]?|[ ,]{{0,2}}\(?cle[ ]?:?[ ]?)(?P<key>\d\d)(?!\w))?"
    r"(?![ .-]?\w?\d)",
    re.IGNORECASE | re.ASCII,
)
#: With these words, or grouped as usual, it may lack its key.
_NIR_SAID = re.compile(
    r"secu(?:rite[ ]sociale)?\b|(?<!\w)(?:ss|nir|insee)\b|carte[ ]vitale|assuree?\b|"
    r"immatriculation|matricule|fiche[ ]de[ ]paie",
    re.IGNORECASE,
)
_NIR_GROUPS = re.compile(r"\d([ .-])\d\d\1\d\d\1\w\w\1\d{3}\1\d{3}")

#: Matched from every word: another number may follow.
_IBAN = re.compile(
    rf"(?:(?<!\w)|(?<=\biban))(?=([A-Z]{{2}}{_GAP}\d\d(?:{_GAP}[A-Z\d]){{11,30}}))",
    re.IGNORECASE | re.ASCII,
)
#: Characters of the shortest account number (Norway's).
_SHORTEST_IBAN = 15

_CARD = re.compile(
    rf"(?<![\w/=])(?:(?:4\d{{3}}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d)(?:{_GAP}\d{{4}}){{3}}|"
    rf"3[47]\d\d{_GAP}\d{{6}}{_GAP}\d{{5}})(?![ .-]?\d{{3}}|\w)",
    re.ASCII,
)
#: Words before other identifiers of sixteen digits in groups of four.
_WORKS = listed(
    "objet lot notice inventaire inv cote isni orcid ref reference identifiant id jeton"
)
_WORK = re.compile(rf"(?<!\w)(?:{_WORKS})\b[^\d]{{0,12}}$", re.IGNORECASE)


def nirs(reading: Reading) -> Iterator[Finding]:
    """Yield numbers of the register of persons: with a valid key, or without a key where the text
    says what they are."""
    for match in _NIR.finditer(reading.text):
        if _is_keyed(match) if match["key"] else _is_said(reading.text, match):
            yield reading.finding("nir", *match.span())


def _is_keyed(match: re.Match[str]) -> bool:
    from stdnum.fr import nir  # late: see above

    return nir.is_valid(_compact(match["number"] + match["key"]))


def _is_said(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 60) : match.start()]
    return bool(_NIR_SAID.search(before) or _NIR_GROUPS.fullmatch(match["number"]))


def ibans(reading: Reading) -> Iterator[Finding]:
    """Yield bank account numbers whose checksum is right."""
    for match in _IBAN.finditer(reading.text):
        end = match.start() + _length_of_iban(match[1])
        if end > match.start() and not reading.text[end : end + 1].isalnum():
            yield reading.finding("iban", match.start(), end)


def _length_of_iban(text: str) -> int:
    """Return the length of the account number that a text begins with, 0 without one. One digit
    throughout is an example."""
    from stdnum import iban  # late: see above
    from stdnum.iso7064 import mod_97_10

    ends = [at + 1 for at, char in enumerate(text) if char.isalnum()]
    for end in ends[_SHORTEST_IBAN - 1 :]:
        number = _compact(text[:end])
        # The checksum first, which is fast, then what the country says.
        if not mod_97_10.is_valid(number[4:] + number[:4]) or len(set(number[4:])) == 1:
            continue
        if iban.is_valid(number, check_country=False):
            return end
    return 0


def payment_cards(reading: Reading) -> Iterator[Finding]:
    """Yield numbers of payment cards whose check digit (Luhn) is right."""
    for match in _CARD.finditer(reading.text):
        from stdnum import luhn  # late: see above

        before = reading.text[max(0, match.start() - 30) : match.start()]
        if luhn.is_valid(_compact(match[0])) and not _WORK.search(before):
            yield reading.finding("payment_card", *match.span())


def _compact(number: str) -> str:
    return "".join(filter(str.isalnum, number)).upper()
