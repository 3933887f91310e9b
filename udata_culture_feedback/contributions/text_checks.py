"""What makes a text wait for a moderator, or its author think twice: exact rules, each of which
says where in the text it applies. Nothing here guesses by resemblance, stores or asks anything.

Here and not in `moderation`, which domains do not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import current_app
from udata.core.spam.models import SpamMixin
from udata.i18n import lazy_gettext as _


@dataclass(frozen=True, order=True)
class Finding:
    """What one check found: the characters from `start` up to `end`."""

    start: int
    end: int
    check: str

    def as_json(self) -> dict[str, Any]:
        return {"check": self.check, "start": self.start, "end": self.end}


#: Between the groups of a number, as people type them.
GAP = "[ .\u00a0\u2009\u202f-]"

#: In brackets too, as those write it who fear robots.
_AT = r"(?:@|[ ]?[\[(][ ]?(?:at|arobase|@)[ ]?[\])][ ]?)"
_EMAIL = re.compile(
    rf"(?<![\w.+%-])[\w.+%-]{{1,64}}{_AT}(?:[^\W_][\w-]{{0,62}}\.){{1,8}}[^\W\d_]{{2,24}}(?![\w-])",
    re.IGNORECASE,
)

#: Not those in 08, which are services. The same gap between all pairs: a date and an hour are none.
_FRENCH_PHONE = re.compile(
    rf"(?<![\w+.,/-])(?:(?:\+|00)33{GAP}?(?:\(0\){GAP}?)?|0)[1-79]"
    rf"(?P<gap>{GAP}?)\d\d(?:(?P=gap)\d\d){{3}}(?!\d)",
    re.ASCII,
)
#: E.164: 15 digits at most; fewer than 8 are no number of anybody.
_FOREIGN_PHONE = re.compile(
    rf"(?<![\w+.,/-])(?:\+|00(?=[1-9]\d{{0,2}}{GAP}))[1-9](?:{GAP}?\(?\d\)?){{6,16}}(?!\d)",
    re.ASCII,
)
_DECIMAL = re.compile(r"\+\d+\.\d+")

#: The number of a person in the French register (NIR), always with its key: the month may be that
#: of somebody whose birth certificate is incomplete.
_NIR = re.compile(
    rf"(?<!\w)([1-478]{GAP}?\d\d{GAP}?(?:0[1-9]|1[0-2]|[2-9]\d){GAP}?(?:\d\d|2[AB]){GAP}?"
    rf"\d{{3}}{GAP}?\d{{3}})(?:{GAP}|[ ]?[/(][ ]?|[ ]?cl[éÉe][ ]?:?[ ]?)?(\d\d)(?!\w)",
    re.IGNORECASE | re.ASCII,
)

#: Length of the account numbers of each country (ISO 13616, the registry of SWIFT).
IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 "
        "EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 "
        "IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 "
        "NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 "
        "TN24 TR26 UA29 VA22 VG24 XK20",
    )
}
#: Looked at from every word: what follows a number may be another one.
_IBAN = re.compile(
    rf"(?<!\w)(?=([A-Z]{{2}}\d\d(?:{GAP}?[A-Z\d]){{11,30}}))", re.IGNORECASE | re.ASCII
)

#: With its postal code: « 12 rue de Rivoli » alone may be that of a museum.
_ADDRESS = re.compile(
    r"(?<!\w)\d{1,4}[ \u00a0]?(?:bis|ter|quater|[a-d])?[ ]?,?[ \u00a0]"
    r"(?:rue|avenue|av\.?|boulevard|b(?:oulevar)?d\.?|bld|place|pl\.?|all[ée]es?|chemin|ch\.|impasse|"
    r"route|rte|quai|cours|square|passage|r[ée]sidence|lotissement|faubourg|villa|sentier|ruelle|"
    r"esplanade|promenade|voie|hameau|cit[ée]|mont[ée]e)[ ]"
    r"[^\n]{2,80}?[ \u00a0,\n–-]{1,3}(?:F-?)?\d{5}(?!\d)(?:[ ]{1,2}[^\W\d_][^\W\d_'’ -]{0,40})?",
    re.IGNORECASE,
)

_LINK = re.compile(r"(?<!\w)(?:(?:https?|ftps?)://|www\.)[^\s<>\"«»]+", re.IGNORECASE)


def emails(text: str) -> Iterator[Finding]:
    return _found("email", _EMAIL, text)


def phones(text: str) -> Iterator[Finding]:
    """French numbers, and those of other countries behind their code."""
    french = list(_found("phone", _FRENCH_PHONE, text))
    yield from french
    for match in _FOREIGN_PHONE.finditer(text):
        digits = sum(char.isdigit() for char in match[0].removeprefix("00"))
        if not 8 <= digits <= 15 or _DECIMAL.fullmatch(match[0]):
            continue
        if not any(one.start <= match.start() < one.end for one in french):
            yield Finding(*match.span(), "phone")


def nirs(text: str) -> Iterator[Finding]:
    """Numbers of the register of persons whose key is right."""
    for match in _NIR.finditer(text):
        if nir_key("".join(filter(str.isalnum, match[1]))) == int(match[2]):
            yield Finding(*match.span(), "nir")


def nir_key(number: str) -> int:
    """The key of a number of 13 characters (décret 82-103; Corsica has letters)."""
    digits = number.upper().replace("2A", "19").replace("2B", "18")
    return 97 - int(digits) % 97


def ibans(text: str) -> Iterator[Finding]:
    """Bank account numbers whose checksum is right."""
    for match in _IBAN.finditer(text):
        length = IBAN_LENGTHS.get(match[1][:2].upper())
        end = _nth_character(match[1], length) if length else None
        if end is None:
            continue
        number = "".join(filter(str.isalnum, match[1][:end]))
        goes_on = text[match.start() + end : match.start() + end + 1].isalnum()
        if not goes_on and is_iban(number):
            yield Finding(match.start(), match.start() + end, "iban")


def is_iban(number: str) -> bool:
    """Whether the checksum (ISO 7064, modulo 97) of an account number without gaps is right."""
    moved = (number[4:] + number[:4]).upper()
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def postal_addresses(text: str) -> Iterator[Finding]:
    return _found("postal_address", _ADDRESS, text)


def links(text: str) -> Iterator[Finding]:
    """Each link, where there are more than the settings allow."""
    found = list(_found("links", _LINK, text))
    return iter(found if len(found) > current_app.config["CULTURE_FEEDBACK_MAX_LINKS"] else [])


def spam(text: str) -> Iterator[Finding]:
    """What udata takes for spam: its words, or a language the portal does not speak."""
    if SpamMixin._spam_reason_in_text(text) is None:
        return
    lowered = text.lower()
    words = [word for word in SpamMixin.spam_words() if word in lowered]
    if not words:
        yield Finding(0, len(text), "language")
    for word in words:
        # Lower case may be longer (« İ »): where it is, positions are those of the whole text.
        start = lowered.find(word) if len(lowered) == len(text) else 0
        end = start + len(word) if len(lowered) == len(text) else len(text)
        yield Finding(start, end, "spam_words")


#: What is personal: the author is warned before sending.
PERSONAL: dict[str, Callable[[str], Iterator[Finding]]] = {
    "email": emails,
    "phone": phones,
    "nir": nirs,
    "iban": ibans,
    "postal_address": postal_addresses,
}
ALL: dict[str, Callable[[str], Iterator[Finding]]] = {
    **PERSONAL,
    "links": links,
    "spam_words": spam,
}

#: What a finding is called. `repeated` is found by `publication`, `language` by `spam`.
LABELS = {
    "email": _("an e-mail address"),
    "phone": _("a telephone number"),
    "nir": _("a social security number"),
    "iban": _("a bank account number"),
    "postal_address": _("a postal address"),
    "links": _("many links"),
    "spam_words": _("words of spam"),
    "language": _("a language that this portal does not speak"),
    "repeated": _("the same text elsewhere"),
}


def personal_data(text: str) -> list[Finding]:
    """What in a text may be somebody's: e-mail, telephone, social security, bank account, postal
    address, in the order of the text."""
    return sorted({finding for check in PERSONAL.values() for finding in check(text)})


def inspect(text: str) -> list[Finding]:
    """What all the checks that the settings keep find, in the order of the text."""
    kept = current_app.config["CULTURE_FEEDBACK_CHECKS"]
    return sorted({finding for id, check in ALL.items() if id in kept for finding in check(text)})


def in_words(findings: Iterable[Finding]) -> str:
    """What was found, each kind once: "an e-mail address, a telephone number"."""
    kinds = dict.fromkeys(finding.check for finding in findings)
    return ", ".join(str(LABELS[kind]) for kind in kinds)


def _found(check: str, pattern: re.Pattern[str], text: str) -> Iterator[Finding]:
    return (Finding(*match.span(), check) for match in pattern.finditer(text))


def _nth_character(text: str, n: int) -> int | None:
    """Where the n-th letter or digit of a text ends; None where it has fewer."""
    seen = 0
    for position, char in enumerate(text):
        seen += char.isalnum()
        if seen == n:
            return position + 1
    return None
