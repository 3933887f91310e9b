"""Themes by which the team tags the free texts of a closed consultation, and the texts it quotes.

A theme given by any member of the team counts; who gave it is kept, so that two people may code the
same texts and compare. What is about a text is stored in it, and goes with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import BinaryIO, cast

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions.repository import ATTEMPTS
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal.collections import now
from ..search.terms import fold
from ..web import refusals
from ..web.csv_reading import Unreadable, records_of
from ..web.refusals import Errors
from ..web.untyped import Payload
from . import figures, permissions, results
from .models import Coding, Consultation, Response, Text, Theme, responses
from .published_themes import MAX_QUOTES, may_be_quoted, themes_of
from .repository import Changed, change, fresh, readable
from .response_repository import store
from .wording import read_texts

#: Colours of themes: names of classes. A theme is never told by its colour alone.
COLOURS = {
    "blue": _("blue"),
    "green": _("green"),
    "orange": _("orange"),
    "red": _("red"),
    "purple": _("purple"),
    "teal": _("teal"),
    "pink": _("pink"),
    "grey": _("grey"),
}
MAX_THEMES = 60
LABEL_LENGTH = 80
DEFINITION_LENGTH = 500
#: Most themes that one person may give to a text.
MAX_OF_TEXT = 12
#: Most texts tagged at once, and how many are without typing their number.
AT_ONCE = 2000
UNASKED = 100
#: Most lines of a file of tags.
MAX_LINES = 20_000

#: Changes one text; None for no change.
How = Callable[[Text], Text | None]


def write_theme(
    viewer: Viewer, reference: object, payload: Payload, id: str | None = None
) -> Consultation:
    """Make a theme, or change that `id`: `label` and `definition` (a text, or one per language),
    `colour`. Raise Invalid naming the field, NotFound for an unknown theme, Conflict beyond
    `MAX_THEMES`."""
    consultation = _coded(viewer, reference)
    errors: Errors = {}
    label = read_texts(payload, "label", LABEL_LENGTH, errors, required=True)
    definition = read_texts(payload, "definition", DEFINITION_LENGTH, errors, one_line=False)
    colour = payload.get("colour") or next(iter(COLOURS))
    if not isinstance(colour, str) or colour not in COLOURS:
        errors["colour"] = _("Choose one of: %(ids)s.", ids=", ".join(COLOURS))
    names = {fold(name) for name in label.values()}
    if any(
        names & {fold(name) for name in theme["label"].values()}
        for theme in themes_of(consultation)
        if theme["id"] != id
    ):
        errors["label"] = _("There is a theme of that name already.")
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    made: Theme = {
        "id": id or secrets.token_hex(4),
        "label": label,
        "definition": definition,
        "colour": str(colour),
    }

    def with_theme(one: Consultation) -> list[Theme]:
        themes = themes_of(one)
        if id is None:
            if len(themes) >= MAX_THEMES:
                raise refusals.Conflict(_("There are %(n)d themes at most.", n=MAX_THEMES))
            return [*themes, made]
        _find(one, id)
        return [made if theme["id"] == id else theme for theme in themes]

    return _change_themes(consultation, with_theme)


def delete_theme(viewer: Viewer, reference: object, id: str) -> Consultation:
    """Delete a theme: no text has it any longer. Raise NotFound for an unknown one."""
    consultation = _coded(viewer, reference)

    def without(one: Consultation) -> list[Theme]:
        _find(one, id)
        return [theme for theme in themes_of(one) if theme["id"] != id]

    return _change_themes(consultation, without)


def publish_themes(viewer: Viewer, reference: object, *, public: bool) -> Consultation:
    """Show everybody the themes, how many people each is about, and the texts picked as quotes; or
    no longer. Idempotent."""
    consultation = _coded(viewer, reference)

    def published(one: Consultation) -> Changed | None:
        if bool(one.get("themes_published")) is public:
            return None
        changed = one.copy()
        changed["themes_published"] = now() if public else None
        return changed, {}

    return change(consultation, published)


def tag(
    viewer: Viewer,
    reference: object,
    texts: Iterable[str],
    *,
    add: str | None = None,
    remove: str | None = None,
    of_all: bool = False,
    number: int | None = None,
) -> int:
    """Give a theme to texts, or take it from them: one's own tag, or that of everybody (`of_all`).
    Return how many texts changed.

    `number`: typed by whoever tags more than `UNASKED` texts. Raise NotFound for an unknown theme,
    Invalid for no text, too many of them, or a wrong number.
    """
    consultation = _coded(viewer, reference)
    _find(consultation, add or remove or "")
    ids = {ObjectId(id) for id in texts if ObjectId.is_valid(id)}
    if not 0 < len(ids) <= AT_ONCE:
        message = _("Choose between 1 and %(n)d texts.", n=AT_ONCE)
        raise refusals.Invalid(message, {"texts": message})
    if len(ids) > UNASKED and number != len(ids):
        message = _("That is about %(n)d texts: type this number to go on.", n=len(ids))
        raise refusals.Invalid(message, {"number": message})
    return _change_texts(consultation, ids, lambda text: _tagged(viewer, text, add, remove, of_all))


def quote(viewer: Viewer, reference: object, text_id: object, *, quoted: bool) -> Consultation:
    """Pick a text for the synthesis, or no longer. Raise NotFound; Conflict for a text that is not
    published, whose author does not permit it, or beyond `MAX_QUOTES`."""
    consultation = _coded(viewer, reference)
    id = ObjectId(str(text_id)) if ObjectId.is_valid(str(text_id)) else ObjectId()
    response = responses().find_one({"texts.id": id, "consultation": consultation["_id"]})
    if response is None:
        raise refusals.NotFound(_("There is no such text."))
    [text] = [one for one in response.get("texts", ()) if one["id"] == id]
    if quoted and not may_be_quoted(response, text):
        raise refusals.Conflict(
            _("Only texts that are published, and whose author permits it, can be quoted.")
        )
    picked = {"consultation": consultation["_id"], "texts.quoted": True}
    if quoted and responses().count_documents(picked, limit=MAX_QUOTES) >= MAX_QUOTES:
        raise refusals.Conflict(_("There are %(n)d quotes at most.", n=MAX_QUOTES))
    _change_texts(consultation, {id}, lambda one: _quoted(one, quoted))
    return fresh(consultation["_id"])


def import_tags(viewer: Viewer, reference: object, file: BinaryIO) -> int:
    """Read tags from a file: `text` (its id) and `themes` (their names, separated by commas). They
    replace those that this person gave to these texts. Return how many texts changed. Raise Invalid
    naming the line, before anything is changed."""
    consultation = _coded(viewer, reference)
    named = {
        fold(name): theme["id"]
        for theme in themes_of(consultation)
        for name in (*theme["label"].values(), theme["id"])
    }
    given: dict[ObjectId, list[str]] = {}
    try:
        for line, values in records_of(file, "utf-8", _columns):
            if len(given) >= MAX_LINES:
                raise _wrong_line(line, _("There are %(n)d lines at most.", n=MAX_LINES))
            names = [fold(one.strip()) for one in values["themes"].split(",") if one.strip()]
            if unknown := [name for name in names if name not in named]:
                raise _wrong_line(line, _("There is no theme “%(name)s”.", name=unknown[0]))
            if not ObjectId.is_valid(values["text"]):
                raise _wrong_line(line, _("There is no such text."))
            given[ObjectId(values["text"])] = [named[name] for name in names]
    except (Unreadable, KeyError) as error:
        message = _("This file cannot be read: %(why)s", why=str(error))
        raise refusals.Invalid(message, {"file": message}) from error
    return _change_texts(
        consultation, given.keys(), lambda text: _replaced(viewer, text, given[text["id"]])
    )


def _columns(header: list[str]) -> list[str]:
    if missing := {"text", "themes"} - set(header):
        raise Unreadable(str(_("no column %(name)s", name=sorted(missing)[0])))
    return [name if name in ("text", "themes") else "" for name in header]


def _wrong_line(line: int, why: object) -> refusals.Invalid:
    message = _("Line %(line)d: %(why)s", line=line, why=why)
    return refusals.Invalid(message, {"file": message})


def _coded(viewer: Viewer, reference: object) -> Consultation:
    """Return the closed consultation whose texts a member of the team tags."""
    must_be_known(viewer)
    consultation = readable(viewer, reference)
    spend_write(viewer, manages=True)
    if not permissions.is_team(viewer):
        raise refusals.Forbidden(_("Only the team of consultations may do this."))
    results.must_be_there(consultation)
    return consultation


def _find(consultation: Consultation, id: str) -> Theme:
    for theme in themes_of(consultation):
        if theme["id"] == id:
            return theme
    raise refusals.NotFound(_("There is no such theme."))


def _change_themes(
    consultation: Consultation, how: Callable[[Consultation], list[Theme]]
) -> Consultation:
    def changed(one: Consultation) -> Changed | None:
        themes = how(one)
        if themes == themes_of(one):
            return None
        return cast(Consultation, {**one, "themes": themes}), {}

    return change(consultation, changed)


# --- One text -------------------------------------------------------------------------------------


def _change_texts(consultation: Consultation, ids: Iterable[ObjectId], how: How) -> int:
    """Change texts, response by response; return how many changed."""
    wanted = set(ids)
    where = {"consultation": consultation["_id"], "texts.id": {"$in": list(wanted)}}
    return sum(_change_response(response, wanted, how) for response in responses().find(where))


def _change_response(response: Response | None, wanted: set[ObjectId], how: How) -> int:
    for _attempt in range(ATTEMPTS):
        texts = response.get("texts") or [] if response else []
        new = [(how(text) if text["id"] in wanted else None) or text for text in texts]
        number = sum(one is not text for one, text in zip(new, texts, strict=True))
        if response is None or not number:
            return 0
        changed = response.copy()
        changed["texts"] = new
        changed["live"] = figures.with_themes(response.get("live") or {}, new)
        if store(response, changed):
            return number
        response = responses().find_one({"_id": response["_id"]})
    raise refusals.Conflict(_("This text is being changed elsewhere. Please try again."))


def _tagged(
    viewer: Viewer, text: Text, add: str | None, remove: str | None, of_all: bool
) -> Text | None:
    codings = text.get("themes") or []
    kept = [
        one
        for one in codings
        if one["theme"] != remove or not (of_all or one["by"] == viewer.user_id)
    ]
    mine = {one["theme"] for one in kept if one["by"] == viewer.user_id}
    if add and add not in mine and len(mine) < MAX_OF_TEXT:
        kept = [*kept, {"theme": add, "by": viewer.user_id}]
    if kept == codings:
        return None
    changed = text.copy()
    changed["themes"] = kept
    return changed


def _replaced(viewer: Viewer, text: Text, themes: list[str]) -> Text | None:
    codings = text.get("themes") or []
    others = [one for one in codings if one["by"] != viewer.user_id]
    mine = list(dict.fromkeys(themes))[:MAX_OF_TEXT]
    if [one["theme"] for one in codings if one["by"] == viewer.user_id] == mine:
        return None
    given: list[Coding] = [{"theme": one, "by": viewer.user_id} for one in mine]
    changed = text.copy()
    changed["themes"] = [*others, *given]
    return changed


def _quoted(text: Text, quoted: bool) -> Text | None:
    if bool(text.get("quoted")) is quoted:
        return None
    changed = text.copy()
    changed.pop("quoted", None)
    if quoted:
        changed["quoted"] = True
    return changed
