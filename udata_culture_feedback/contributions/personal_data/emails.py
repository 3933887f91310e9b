"""Find e-mail addresses, plain or disguised against robots."""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import context
from .context import words
from .reading import Finding, Reading


def _bracketed(said: str) -> str:
    return rf"[ ]?[\[({{<]{{1,2}}[ ]?(?:{said})[ ]?[\])}}>]{{1,2}}[ ]?"


_AT = rf"(?:[ ]?@[ ]?|{_bracketed('at|arobase?|a|chez|@')})"
_HYPHEN_SAID = r"[ ]+(?:tiret[ ](?:du[ ])?bas|tiret(?:[ ]du[ ]\d)?|underscore|trait[ ]d'union)"
_AT_SAID = rf"(?:{_HYPHEN_SAID})?[ ]+(?P<word>arobase?|at|chez)[ ]+"
_AT_MARKED = r"(?:[_*-]at[_*-]|(?<=[a-z\d])(?-i:AT)(?=[a-z]))"
_DOT = rf"(?:\.|{_bracketed('point|dot|pt|[.]')}|[_*-](?:dot|point)[_*-]|[ ][.][ ])"
_DOT_SAID = r"[ ]+(?:point|dot)[ ]+"

_ATOM = r"[\w+%'&-]{1,64}"
_LABEL = r"[^\W_][\w-]{0,62}"
_TLD = r"(?:xn--[a-z\d-]{2,40}|[^\W\d_]{2,24})(?![\w-])"
_LOCAL = rf"{_ATOM}(?:\.{_ATOM}){{0,8}}"
_DOMAIN = rf"(?P<domain>(?:{_LABEL}{_DOT}){{1,8}}{_TLD})"
_LOCAL_SAID = rf"{_ATOM}(?:(?:{_DOT}|{_DOT_SAID}|{_HYPHEN_SAID}[ ]+){_ATOM}){{0,6}}"
_DOMAIN_SAID = (
    rf"(?P<domain>(?:{_LABEL}(?:{_HYPHEN_SAID}[ ]+{_LABEL})?(?:{_DOT}|{_DOT_SAID})){{1,5}}{_TLD})"
)
_START = r"(?<![\w.+%@'-])"
_PATTERNS = (
    re.compile(rf"{_START}(?P<local>{_LOCAL}){_AT}{_DOMAIN}", re.IGNORECASE),
    # Lazy: « _at_ » and « AT » could be letters of the name.
    re.compile(rf"{_START}(?P<local>{_LOCAL}?){_AT_MARKED}{_DOMAIN}", re.IGNORECASE),
    re.compile(
        rf"{_START}(?P<local>{_LOCAL_SAID})(?:{_AT_SAID}|{_AT}){_DOMAIN_SAID}", re.IGNORECASE
    ),
)
_DOT_SPELT = re.compile(rf"{_DOT_SAID}|{_bracketed('point|dot')}", re.IGNORECASE)

#: File extensions, which look like the end of a domain.
_FILES = words(
    """css csv gif gz htm html jpeg jpg js json map mjs pdf png scss svg tif tiff ts tsv txt vue
    webp xml zip"""
)
#: Providers whose addresses are recognised without a dot in the name: « bidule75 at gmail.com ».
_PROVIDERS = words(
    """aol bbox free gmail gmx hotmail icloud laposte live mailo msn neuf numericable orange
    outlook posteo proton protonmail sfr tutanota wanadoo yahoo zoho"""
)
_COMMON_TLDS = words("bzh com eu fr gouv info net org re")

#: A program's login, as in « ssh x@y », « git@y:z », « ftp://x@y » or a name of the fediverse.
_BEFORE_LOGIN = re.compile(
    r"(?:\b(?:ssh|scp|sftp|rsync|git clone)(?: -\S+(?: \d+)?)*[ ]+|://(?:[^\s/@]*:)?|acct:)$"
)
_AFTER_LOGIN = re.compile(r":(?:[~/]|[\w.-]+/|\d{2,5}\b)")
_LOGINS = words("git root www-data")

#: Placeholders for a name or a domain where a format is described.
_ANY_NAME = re.compile(
    r"(?:(?:votre|your|mon)?[._-]?(?:prenoms?|noms?|name|first(?:name)?|last(?:name)?|e?-?mail|"
    r"adresse|address|user(?:name)?|utilisateur|identifiant|login|x+|exemple|example|toto|foo|test|"
    r"quelqu'un|someone)[._-]?)+",
    re.IGNORECASE,
)
_ANY_DOMAIN = re.compile(
    r"(?:votre|mon|nom|your)?[_-]?(?:(?:de)?[_-]?domaine?|exemple|example|site|organisme|"
    r"organisation|structure|fournisseur|serveur|x+|bar|test)s?\b",
    re.IGNORECASE,
)

#: Mailboxes of a role, not of a person.
_ROLES = words(
    """abonnement accueil admin administration aide archives asso association bib bibliotheque
    bonjour boutique cada centre cinema cnil collections com commune communication comptabilite
    conservation conservatoire contact courrier crmh culture dac data ddc departement direction
    doc documentation donnees dpd dpo drac dsi educatif etatcivil festival fonds frac galerie
    geomatique greffe groupes hello help info information informations infos inventaire
    juridique legal librairie location mairie mediation mediatheque musee musees museum
    newsletter noreply numerique office open opendata opera patrimoine phototheque postmaster
    prada presse production programmation publics recrutement region resa reservation
    reservations rgpd rh scic scolaires secretariat service services sig signalement standard
    support technique theatre tourisme udap ville visite visites visiteurs webmaster billetterie"""
)
#: Roles that a place name may follow without a separator: « mairiedemelun@ ».
_LONG_ROLE = re.compile(
    r"mairie|musee|mediatheque|bibliotheque|theatre|archives|conservatoire|festival|secretariat|"
    r"billetterie|contact|accueil|opendata|service|office"
)


def emails(reading: Reading) -> Iterator[Finding]:
    """Yield e-mail addresses; those of a role as soft."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(reading.text):
            if _is_address(reading.text, match):
                around = context.sentence(reading.text, *match.span())
                soft = _is_role(match["local"]) and not context.is_asked_for_by_its_owner(around)
                yield reading.finding("email", *match.span(), soft=soft)


def _is_address(text: str, match: re.Match[str]) -> bool:
    local, domain = match["local"], match["domain"]
    if domain.rsplit(".")[-1].lower() in _FILES or _is_login(text, match):
        return False
    if _ANY_NAME.fullmatch(local) and _ANY_DOMAIN.match(domain):
        return False
    word = (match.groupdict().get("word") or "").lower()
    return word not in ("at", "chez") or _is_likely(local, domain)


def _is_login(text: str, match: re.Match[str]) -> bool:
    return (
        match["local"].lower() in _LOGINS
        or bool(_BEFORE_LOGIN.search(text[max(0, match.start() - 80) : match.start()]))
        or bool(_AFTER_LOGIN.match(text, match.end()))
    )


def _is_likely(local: str, domain: str) -> bool:
    """Return whether « x at y », « x chez y » is an address: in a sentence it may be a place."""
    if _DOT_SPELT.search(domain) or _DOT_SPELT.search(local):
        return True
    if domain.split(".")[0].lower() in _PROVIDERS:
        return True
    return bool(re.search(r"[._\d]", local)) and local.rsplit(".")[-1] not in _COMMON_TLDS


def _is_role(local: str) -> bool:
    name = local.split("+")[0].lower()
    return re.split(r"[._-]", name)[0] in _ROLES or bool(_LONG_ROLE.match(name))
