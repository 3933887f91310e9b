"""What everybody sees of the themes by which the team tagged texts, once it has published them."""

from __future__ import annotations

from typing import TypedDict

from ..figures.settle import Totals
from ..opendata.suppression import shown_groups
from ..vocabulary import vocabularies
from . import figures
from .models import Consultation, Response, Text, TextState, Theme, responses
from .wording import Words, said

#: Most texts that a team may quote.
MAX_QUOTES = 50


class PublicQuote(TypedDict):
    """A text that the team quotes, with the ids of its themes; nothing of its author."""

    text: str
    themes: list[str]


class GroupOfTheme(TypedDict):
    """How many people of a profile said something about a theme."""

    profile: str
    label: str
    people: int


class PublicTheme(TypedDict):
    """A theme as everybody sees it. `people`: how many said something about it."""

    id: str
    label: Words
    definition: Words
    colour: str
    people: int
    profiles: list[GroupOfTheme]
    quotes: list[str]


def themes_of(consultation: Consultation) -> list[Theme]:
    return consultation.get("themes") or []


def may_be_quoted(response: Response, text: Text) -> bool:
    """Check whether a text was moderated, and its author permits that it is published."""
    return text["state"] == TextState.PUBLIC and response.get("open_data") is True


def picked(consultation: Consultation) -> dict[str, PublicQuote]:
    """Return the texts that the team quotes, by id: only those still published, and still permitted
    by their authors."""
    where = {"consultation": consultation["_id"], "texts.quoted": True, "open_data": True}
    known = {theme["id"] for theme in themes_of(consultation)}
    found = responses().find(where, {"texts": 1, "open_data": 1}).limit(MAX_QUOTES)
    return {
        str(text["id"]): {
            "text": text["text"],
            "themes": sorted({one["theme"] for one in text.get("themes") or ()} & known),
        }
        for response in found
        for text in response.get("texts") or ()
        if text.get("quoted") and may_be_quoted(response, text)
    }


def published(consultation: Consultation, totals: Totals) -> list[PublicTheme]:
    """Return the themes with how many people said something about each, the commonest first; none
    until the team has published them. `totals`: the figures."""
    if not consultation.get("themes_published"):
        return []
    quotes = list(picked(consultation).values())
    shown = [_public(theme, totals, quotes) for theme in themes_of(consultation)]
    return sorted((one for one in shown if one["people"]), key=lambda one: -one["people"])


def _public(theme: Theme, totals: Totals, quotes: list[PublicQuote]) -> PublicTheme:
    key = f"{figures.THEME}{theme['id']}"
    return {
        "id": theme["id"],
        "label": said(theme["label"]),
        "definition": said(theme["definition"]),
        "colour": theme["colour"],
        "people": totals.get(key, 0),
        "profiles": _groups(key, totals),
        "quotes": [one["text"] for one in quotes if theme["id"] in one["themes"]],
    }


def _groups(key: str, totals: Totals) -> list[GroupOfTheme]:
    """Return the profiles of which enough people said something about a theme."""
    lists = vocabularies()
    profiles = set(lists.ids("profiles"))
    sizes = {one: totals.get(f"cross:{one}:{key}", 0) for one in (*profiles, figures.NO_PROFILE)}
    told = shown_groups(sizes, never={figures.NO_PROFILE})
    return [
        {"profile": one, "label": str(lists.label("profiles", one)), "people": sizes[one]}
        for one in sorted(told, key=lambda one: (-sizes[one], one))
    ]
