"""Choose an organization, a dataset or a request by a few words of its name instead of its address:
what a form suggests while one types, and what it understands once it is sent.

Every search is a constant number of indexed commands. Only what everybody may see is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bson import ObjectId
from rapidfuzz import fuzz
from udata.core.organization.models import Organization
from udata.i18n import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from ..portal import catalogue
from ..search import similar, terms
from ..search.index import entries, stems_of, words
from ..search.vocabulary import vocabulary
from ..web import refusals
from ..web.untyped import Query
from .neighbours import requests_asked

ORGANIZATION, DATASET, REQUEST = KINDS = ("organization", "dataset", "request")

#: How many are suggested, among how many candidates with the words.
SHOWN = 10
CANDIDATES = 60
#: How many words of a search are used, and how many known words complete the last one.
MAX_WORDS = 6
MAX_ENDINGS = 30
MAX_LENGTH = 200
#: How many references of a form are looked up.
MAX_CHOSEN = 20

#: Elided articles and prepositions before a word in a slug, where apostrophes are dropped.
ELISIONS = "(?:l|d|qu|s|n|j|c)?"
#: Words that an acronym skips ("bnf" for bibliotheque-nationale-de-france), and its longest.
SMALL_WORDS = "(?:(?:de|du|des|la|le|les|et|pour|en|of|the|and|for)-)*"
LONGEST_ACRONYM = 6


@dataclass(frozen=True)
class Choice:
    """An option: `value` is its id; `detail` distinguishes it from its namesakes."""

    value: str
    label: str
    detail: str = ""


@dataclass(frozen=True)
class Picked:
    """The choice made in a form. `choices`: what was chosen and what was found, to choose among;
    `typed`: words that match nothing; `unclear`: the choice is still ambiguous."""

    values: list[str] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    typed: str = ""
    unclear: bool = False

    @property
    def value(self) -> str | None:
        return self.values[0] if self.values else None

    def must_be_clear(self, field: str) -> Picked:
        """Return itself. Raise Invalid naming the field where the typed words match nothing, or
        several things."""
        if not self.unclear:
            return self
        if self.typed:
            message = _("Nothing has that name. Try other words.")
        else:
            message = _("Choose what you mean among what was found.")
        raise refusals.Invalid(_("Some answers need another look."), {field: message})


def find(kind: str, text: str) -> list[Choice]:
    """Return what has the words of `text` in its name, likeliest first, ten at most. The last word
    may be unfinished. Empty for a text without significant words. `kind`: one of KINDS."""
    text = text[:MAX_LENGTH]
    if kind == ORGANIZATION:
        return _organizations(text)
    found = _by_words(kind, text)
    if not found:  # a typo, or words that no single title has together
        resembling = similar.similar(text, limit=SHOWN, kinds=(kind,))[f"{kind}s"]
        found = [one.id for one in resembling]
    return _datasets(found) if kind == DATASET else _requests(found)


def named(kind: str, references: Iterable[str]) -> list[Choice]:
    """Return what these ids, slugs or addresses name, as far as everybody may see it."""
    found: list[ObjectId] = []
    for reference in references:
        reference = reference.strip().partition("?")[0].rstrip("/").rpartition("/")[2]
        if kind == ORGANIZATION:
            organization = catalogue.find_organization(reference)
            found += [organization.id] if organization else []
        elif kind == DATASET:
            dataset = catalogue.find_dataset(reference)
            found += [dataset.id] if dataset else []
        else:
            request = requests_asked().find_request(reference)
            found += [request["_id"]] if request else []
    found = list(dict.fromkeys(found))
    if kind == ORGANIZATION:
        organizations = catalogue.organizations_by_id(found)
        return [_organization(o) for id in found if not (o := organizations[id]).deleted]
    return _datasets(found) if kind == DATASET else _requests(found)


def read(form: MultiDict[str, str], field: str, kind: str, *, several: bool = False) -> Picked:
    """Read the choice for `field` of a submitted form: its values, and under `<field>_q` what was
    typed to search. An address, or a name that only one thing has, suffices."""
    references = " ".join(form.getlist(field)).split()[: MAX_CHOSEN if several else 1]
    chosen = named(kind, references)
    # What no longer exists stays among the values: the action reports it.
    lost = len(chosen) < len(references)
    values = references if lost else [choice.value for choice in chosen]
    typed = form.get(f"{field}_q", "").strip()[:MAX_LENGTH]
    if not typed:
        return Picked(values, chosen)
    found = named(kind, [typed]) if " " not in typed else []
    meant = found
    if not found:
        found = find(kind, typed)
        meant = [choice for choice in found if terms.fold(choice.label) == terms.fold(typed)]
    if len(meant) != 1:
        offered = list(dict.fromkeys([*chosen, *found]))
        return Picked(values if several else [], offered, "" if found else typed, unclear=True)
    if not several:
        return Picked([meant[0].value], meant)
    together = dict.fromkeys([*values, meant[0].value])
    return Picked(list(together), list(dict.fromkeys([*chosen, *meant])))


def _organizations(text: str) -> list[Choice]:
    """Find organizations by slug, which is the name without accents: one walk over that index,
    which stops once it has enough. Otherwise by whole words of the name."""
    typed = _typed(text)
    if not typed:
        return []
    named = [{"$and": [{"slug": {"$regex": f"(?:^|-){ELISIONS}{word}"}} for word in typed]}]
    if len(typed) == 1 and len(typed[0]) <= LONGEST_ACRONYM:
        initials = f"[^-]*-{SMALL_WORDS}".join(typed[0])
        named.append({"$and": [{"slug": {"$regex": f"(?:^|-){initials}"}}]})
    shown = {"name": 1, "slug": 1, "deleted": 1}
    collection = Organization._get_collection()
    where: Query = {"$or": named, "deleted": None}
    found = list(collection.find(where, shown).limit(CANDIDATES))
    if not found:
        where = {"$text": {"$search": " ".join(typed)}, "deleted": None}
        found = list(collection.find(where, shown).limit(CANDIDATES))
    found.sort(key=lambda raw: _rank(text, raw["name"]))
    return [_organization(catalogue.OrganizationFacts.of(raw)) for raw in found[:SHOWN]]


def _by_words(kind: str, text: str) -> list[ObjectId]:
    """Find what has all the words of a text in its title and tags, by the index of terms; the last
    word may be the beginning of one."""
    typed = _typed(text)
    if not typed:
        return []
    wanted = [list(terms.stems(word)) for word in typed]
    begins = {"_id": {"$gte": typed[-1], "$lt": f"{typed[-1]}\uffff"}}
    endings = [w["_id"] for w in words().find(begins, {"_id": 1}).sort("n", -1).limit(MAX_ENDINGS)]
    wanted[-1] = sorted({*wanted[-1], *stems_of(endings)})
    where = {"kind": kind, "$and": [{"terms": {"$in": stems}} for stems in wanted]}
    found = list(entries().find(where, {"object": 1, "title": 1}).limit(CANDIDATES))
    found.sort(key=lambda entry: _rank(text, entry["title"]))
    return [entry["object"] for entry in found[: 2 * SHOWN]]


def _typed(text: str) -> list[str]:
    """Return the significant words, folded; function words where there is nothing else."""
    typed = [word for word in terms.WORD.findall(terms.fold(text)) if len(word) > 1]
    telling = [word for word in typed if word not in vocabulary().empty]
    return list(dict.fromkeys(telling or typed))[:MAX_WORDS]


def _rank(text: str, name: str) -> tuple[bool, float, str]:
    """Return a sort key: first the names that begin with the text, then the most similar ones."""
    text, name = terms.fold(text.strip()), terms.fold(name)
    return not name.startswith(text), -fuzz.WRatio(text, name), name


def _organization(found: catalogue.OrganizationFacts) -> Choice:
    return Choice(str(found.id), found.name)


def _datasets(ids: Iterable[ObjectId]) -> list[Choice]:
    """Return the datasets that everybody may see, in the given order, with who publishes them."""
    ids = list(ids)
    found = catalogue.datasets_by_id(ids)
    shown = [d for id in ids if (d := found.get(id)) and d.listed][:SHOWN]
    publishers = catalogue.organizations_by_id(d.organization for d in shown if d.organization)
    names = {id: one.name for id, one in publishers.items() if not one.deleted}
    return [Choice(str(d.id), d.title, names.get(d.organization, "")) for d in shown]  # type: ignore[arg-type]


def _requests(ids: Iterable[ObjectId]) -> list[Choice]:
    """Return the requests that everybody may see and others may be merged into, in the given order,
    with their status."""
    found = requests_asked().choices(list(ids))
    return [Choice(str(id), title, detail) for id, title, detail in found[:SHOWN]]
