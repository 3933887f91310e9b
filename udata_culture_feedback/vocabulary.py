"""The controlled vocabularies: ids, labels, IRIs.

Ids are contract (API, database, exports); labels are translated and may be reworded. A portal that
is not about culture replaces any list with `CULTURE_FEEDBACK_VOCABULARIES`. LDQD is the W3C's
"Linked Data Quality Dimensions"; timeliness, completeness and understandability there are exact
matches of characteristics of ISO/IEC 25012.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from flask import current_app
from udata.i18n import get_locale
from udata.i18n import lazy_pgettext as _p

LDQD = "http://www.w3.org/2016/05/ldqd#"

#: Ratings go from 1 to 5; "no opinion or not applicable" is stored as absent.
STEPS = range(1, 6)

#: The languages that our own labels are in.
LANGUAGES = ("en", "fr")


@dataclass(frozen=True)
class Term:
    """One value of a controlled vocabulary."""

    id: str
    label: Any  # a lazy string, or a plain one

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "label": str(self.label)}


@dataclass(frozen=True)
class Axis(Term):
    """A quality axis, rated from 1 to 5. `dimension` is the IRI of a `dqv:Dimension`, or None when
    it is our own, derived from the base IRI."""

    question: Any
    steps: tuple[Any, ...]  # five labels, worst first
    dimension: str | None = None
    #: The question in a word or two, for where a value stands beside it; None: the label stands.
    short: Any = None
    #: Five answers to `short`, worst first; empty: the labels of the steps stand.
    short_values: tuple[Any, ...] = ()
    #: What is rated, with its article, as the subject of a sentence; None: no sentence is made.
    subject: Any = None

    @property
    def iri(self) -> str:
        return self.dimension or f"{current_app.config['CULTURE_FEEDBACK_BASE_IRI']}/axis/{self.id}"

    def as_json(self) -> dict[str, Any]:
        return super().as_json() | {
            "question": str(self.question),
            "steps": [str(step) for step in self.steps],
            "short": str(self.short or self.label),
            "short_values": [str(value) for value in self.short_values or self.steps],
            "dimension": self.iri,
        }

    def in_short(self, rating: int) -> tuple[str, str]:
        """Return the short question, and what a rating (1..5) answers to it."""
        values = self.short_values or self.steps
        return str(self.short or self.label), str(values[rating - 1])


@dataclass(frozen=True)
class DeclineReason(Term):
    """Why a request is refused. `reference` is the article a French administration relies on."""

    reference: str | None = None

    def as_json(self) -> dict[str, Any]:
        return super().as_json() | {"reference": self.reference}


AXES = (
    Axis(
        "update_frequency",
        _p("axis", "Update frequency"),
        _p("axis", "Are these data up to date enough for your need?"),
        (
            _p("update frequency", "too old to use"),
            _p("update frequency", "often late"),
            _p("update frequency", "acceptable"),
            _p("update frequency", "mostly current"),
            _p("update frequency", "always current"),
        ),
        LDQD + "timeliness",
        short=_p("axis", "Up to date?"),
        short_values=(
            _p("update frequency, short", "no, too old"),
            _p("update frequency, short", "often late"),
            _p("update frequency, short", "roughly"),
            _p("update frequency, short", "mostly"),
            _p("update frequency, short", "always"),
        ),
        subject=_p("subject", "the update frequency"),
    ),
    Axis(
        "completeness",
        _p("axis", "Completeness"),
        _p("axis", "Do they contain all they announce?"),
        (
            _p("completeness", "very patchy"),
            _p("completeness", "large gaps"),
            _p("completeness", "some gaps"),
            _p("completeness", "nearly complete"),
            _p("completeness", "complete"),
        ),
        LDQD + "completeness",
        short=_p("axis", "Complete?"),
        short_values=(
            _p("completeness, short", "no, very patchy"),
            _p("completeness, short", "large gaps"),
            _p("completeness, short", "some gaps"),
            _p("completeness, short", "nearly"),
            _p("completeness, short", "yes"),
        ),
        subject=_p("subject", "completeness"),
    ),
    Axis(
        "contextualisation",
        _p("axis", "Context and documentation"),
        _p("axis", "Is their origin and the meaning of each field clear?"),
        (
            _p("contextualisation", "unintelligible"),
            _p("contextualisation", "hard"),
            _p("contextualisation", "understandable with effort"),
            _p("contextualisation", "clear"),
            _p("contextualisation", "clear and documented"),
        ),
        LDQD + "understandability",
        short=_p("axis", "Clear?"),
        short_values=(
            _p("contextualisation, short", "no"),
            _p("contextualisation, short", "hardly"),
            _p("contextualisation, short", "with effort"),
            _p("contextualisation, short", "yes"),
            _p("contextualisation, short", "yes, well documented"),
        ),
        subject=_p("subject", "the documentation"),
    ),
    Axis(
        "georeferencing",
        _p("axis", "Georeferencing"),
        _p("axis", "Can you map them or link them to an area?"),
        (
            _p("georeferencing", "none"),
            _p("georeferencing", "unusable"),
            _p("georeferencing", "partial or vague"),
            _p("georeferencing", "good"),
            _p("georeferencing", "precise and standard (coordinates, official codes)"),
        ),
        short=_p("axis", "Located?"),
        short_values=(
            _p("georeferencing, short", "no"),
            _p("georeferencing, short", "unusable"),
            _p("georeferencing, short", "partly"),
            _p("georeferencing, short", "well"),
            _p("georeferencing, short", "precisely"),
        ),
        subject=_p("subject", "the georeferencing"),
    ),
)

FITNESS = (
    Term("yes", _p("fitness", "Yes")),
    Term("partly", _p("fitness", "Partly")),
    Term("no", _p("fitness", "No")),
)

TREATMENT_STATUSES = (
    Term("new", _p("treatment", "Awaiting a response")),
    Term("acknowledged", _p("treatment", "Read by the producer")),
    Term("planned", _p("treatment", "Improvement planned")),
    Term("resolved", _p("treatment", "Handled")),
    Term("declined", _p("treatment", "No action, explained")),
)

REQUEST_STATUSES = (
    Term("submitted", _p("request", "Submitted")),
    Term("acknowledged", _p("request", "Acknowledged")),
    Term("needs_clarification", _p("request", "Clarification needed")),
    Term("accepted", _p("request", "Accepted")),
    Term("in_progress", _p("request", "In progress")),
    Term("published", _p("request", "Data available")),
    Term("declined", _p("request", "Declined")),
    Term("duplicate", _p("request", "Merged")),
    Term("withdrawn", _p("request", "Withdrawn")),
)

REQUEST_KINDS = (
    Term("new", _p("request kind", "Unpublished data")),
    Term("enrichment", _p("request kind", "Add to this dataset")),
    Term("update", _p("request kind", "Bring up to date")),
    Term("access", _p("request kind", "Other access (format, API, broken link)")),
)

PROFILES = (
    Term("individual", _p("profile", "Private individual")),
    Term("student", _p("profile", "Student")),
    Term("teacher", _p("profile", "Teaching")),
    Term("researcher", _p("profile", "Research")),
    Term("journalist", _p("profile", "Journalism")),
    Term("developer", _p("profile", "Software and data")),
    Term("company", _p("profile", "Company")),
    Term("local_authority", _p("profile", "Local authority")),
    Term("state", _p("profile", "State service")),
    Term("tourism", _p("profile", "Tourism")),
    Term("cultural_institution", _p("profile", "Cultural institution")),
    Term("association", _p("profile", "Association")),
    Term("other", _p("profile", "Other")),
)

USAGES = (
    Term("information", _p("usage", "Finding information")),
    Term("research", _p("usage", "Research, study")),
    Term("teaching", _p("usage", "Teaching, learning")),
    Term("journalism", _p("usage", "Article, investigation")),
    Term("service", _p("usage", "Website, application")),
    Term("visualisation", _p("usage", "Map, visualisation")),
    Term("mediation", _p("usage", "Outreach, exhibition")),
    Term("policy", _p("usage", "Public policy")),
    Term("business", _p("usage", "Business")),
    Term("enrichment", _p("usage", "Adding to another database (Wikidata, catalogue)")),
    Term("other", _p("usage", "Other")),
)

#: Ids are the tags that filter culture.data.gouv.fr; two are ours (audiovisuel,
#: education-artistique).
THEMES = (
    Term("archeologie", _p("theme", "Archaeology")),
    Term("architecture", _p("theme", "Architecture")),
    Term("archives", _p("theme", "Archives")),
    Term("arts-plastiques", _p("theme", "Visual arts")),
    Term("cinema", _p("theme", "Cinema")),
    Term("spectacle-vivant", _p("theme", "Performing arts")),
    Term("musique", _p("theme", "Music")),
    Term("festivals", _p("theme", "Festivals")),
    Term("livre", _p("theme", "Books and reading")),
    Term("presse", _p("theme", "Press")),
    Term("audiovisuel", _p("theme", "Broadcasting")),
    Term("jeu-video", _p("theme", "Video games")),
    Term("musee", _p("theme", "Museums")),
    Term(
        "monuments-historiques-et-sites-patrimoniaux",
        _p("theme", "Historical monuments and heritage sites"),
    ),
    Term("langue", _p("theme", "Language")),
    Term("industries-culturelles", _p("theme", "Cultural industries")),
    Term("education-artistique", _p("theme", "Arts education")),
    Term("pratiques-culturelles", _p("theme", "Cultural practices")),
    Term("financement", _p("theme", "Funding")),
    Term("tourisme-et-culture", _p("theme", "Tourism and culture")),
)

_CRPA_SECRET = "CRPA L.311-5 2°"
_CRPA_UNFINISHED = "CRPA L.311-2"

DECLINE_REASONS = (
    DeclineReason("not_existing", _p("decline reason", "They do not exist"), "CRPA L.300-2"),
    DeclineReason(
        "not_held", _p("decline reason", "Not held, holder unknown"), "CRPA L.311-2, L.114-2"
    ),
    DeclineReason("not_administrative", _p("decline reason", "Outside access law"), "CRPA L.300-2"),
    DeclineReason("unfinished", _p("decline reason", "Unfinished document"), _CRPA_UNFINISHED),
    DeclineReason(
        "preparatory", _p("decline reason", "Prepares a decision under way"), _CRPA_UNFINISHED
    ),
    DeclineReason("already_public", _p("decline reason", "Already public"), _CRPA_UNFINISHED),
    DeclineReason(
        "third_party_rights", _p("decline reason", "Third-party copyright"), "CRPA L.311-4"
    ),
    DeclineReason(
        "personal_data",
        _p("decline reason", "Privacy, anonymisation impossible"),
        "CRPA L.311-6 1°, L.312-1-2",
    ),
    DeclineReason("business_secret", _p("decline reason", "Business secrecy"), "CRPA L.311-6 1°"),
    DeclineReason(
        "security",
        _p("decline reason", "Security of people, collections, sites or systems"),
        _CRPA_SECRET,
    ),
    DeclineReason("other_secret", _p("decline reason", "Other legal secret"), _CRPA_SECRET),
    DeclineReason(
        "archive_delay",
        _p("decline reason", "Archives still closed"),
        "Code du patrimoine L.213-1, L.213-2",
    ),
    DeclineReason("abusive", _p("decline reason", "Abusive request"), _CRPA_UNFINISHED),
    DeclineReason("not_planned", _p("decline reason", "Not planned: means or priorities")),
)

MODERATION_DECISIONS = (
    Term("publish", _p("moderation", "Publish")),
    Term("reject", _p("moderation", "Reject")),
    Term("hide", _p("moderation", "Hide")),
    Term("redact", _p("moderation", "Black out")),
    Term("restore", _p("moderation", "Undo")),
)

#: The first five are those of udata's own reports.
MODERATION_REASONS = (
    Term("spam", _p("moderation reason", "Spam")),
    Term("personal_data", _p("moderation reason", "Personal data")),
    Term("illegal_content", _p("moderation reason", "Illegal content")),
    Term("explicit_content", _p("moderation reason", "Explicit content")),
    Term("security", _p("moderation reason", "Security")),
    Term("abuse", _p("moderation reason", "Insult, personal attack")),
    Term("off_topic", _p("moderation reason", "Off topic")),
    Term("ok", _p("moderation reason", "Nothing wrong")),
)

_REPLACEABLE: dict[str, tuple[Term, ...]] = {
    "axes": AXES,
    "fitness": FITNESS,
    "profiles": PROFILES,
    "usages": USAGES,
    "themes": THEMES,
    "decline_reasons": DECLINE_REASONS,
}
_CLASSES: dict[str, type[Term]] = {"axes": Axis, "decline_reasons": DeclineReason}


class Vocabularies:
    """The vocabularies of one application: ours, or those its settings replace."""

    def __init__(self, replacements: dict[str, list[dict]] | None = None):
        """Raises ValueError for an unknown list, a term without id, or an axis without five steps:
        a mistake in the settings shows at start-up, not in front of a visitor."""
        self._lists = dict(_REPLACEABLE)
        for name, terms in (replacements or {}).items():
            if name not in _REPLACEABLE:
                raise ValueError(f"CULTURE_FEEDBACK_VOCABULARIES: unknown list {name!r}")
            self._lists[name] = tuple(_replacement(name, term) for term in terms)
        self._by_id = {name: {t.id: t for t in terms} for name, terms in self._lists.items()}

    def __getitem__(self, name: str) -> tuple[Any, ...]:
        return self._lists[name]

    def ids(self, name: str) -> Collection[str]:
        return self._by_id[name].keys()

    def find(self, name: str, id: str | None) -> Any | None:
        return self._by_id[name].get(id) if id else None

    def label(self, name: str, id: str) -> str:
        """The label of a term in the current language; a term since removed shows its id."""
        term = self._by_id[name].get(id)
        return str(term.label) if term else id


def _replacement(name: str, settings: dict) -> Term:
    # Ids become field names of counters: letters, digits, underscores, and dashes in tags.
    id = settings.get("id")
    if not isinstance(id, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", id):
        raise ValueError(f"CULTURE_FEEDBACK_VOCABULARIES: bad id in {name!r}: {settings!r}")
    texts = {
        key: Texts(value) if isinstance(value, dict) else value
        for key, value in settings.items()
        if key in ("label", "question", "short", "dimension", "reference")
    }
    if name == "axes":
        steps = settings.get("steps") or ()
        if len(steps) != len(STEPS):
            raise ValueError(f"CULTURE_FEEDBACK_VOCABULARIES: {settings['id']!r} needs five steps")
        texts["steps"] = tuple(Texts(s) if isinstance(s, dict) else s for s in steps)
        values = settings.get("short_values") or ()
        if values and len(values) != len(STEPS):
            raise ValueError(f"CULTURE_FEEDBACK_VOCABULARIES: {id!r} needs five short_values")
        texts["short_values"] = tuple(Texts(v) if isinstance(v, dict) else v for v in values)
    return _CLASSES.get(name, Term)(id=settings["id"], **texts)


class Texts:
    """A text given per language in the settings, shown in the language of the request."""

    def __init__(self, texts: dict[str, str]):
        self.texts = texts

    def __str__(self) -> str:
        return self.texts.get(get_locale()) or next(iter(self.texts.values()))


def vocabularies() -> Vocabularies:
    """The vocabularies of the current application."""
    return current_app.extensions["culture-feedback"].vocabularies


def find(terms: Iterable[Term], id: str) -> Term:
    """The term of one of the fixed lists. Raises KeyError when there is none."""
    for term in terms:
        if term.id == id:
            return term
    raise KeyError(id)


def as_json() -> dict[str, Any]:
    """Every list with translated labels, as `P/vocabulary/` answers them."""
    lists = vocabularies()

    def listed(terms: Iterable[Term]) -> list[dict[str, Any]]:
        return [term.as_json() for term in terms]

    return {
        **{name: listed(lists[name]) for name in _REPLACEABLE},
        "kinds": listed(REQUEST_KINDS),
        "statuses": {
            "treatment": listed(TREATMENT_STATUSES),
            "request": listed(REQUEST_STATUSES),
        },
        "moderation": {
            "decisions": listed(MODERATION_DECISIONS),
            "reasons": listed(MODERATION_REASONS),
        },
    }
