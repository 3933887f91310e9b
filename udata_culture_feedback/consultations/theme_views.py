"""The page where the team reads the texts of a closed consultation, tags them with its themes and
picks quotes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from operator import itemgetter

from flask import Response, request
from udata.i18n import lazy_gettext as _
from udata.i18n import ngettext

from ..opendata.tables import Column, Table
from ..people.viewer import Viewer
from ..web import refusals
from ..web.api import never_stored, takes_file
from ..web.listing import MAX_OFFSET
from ..web.pages import (
    blueprint,
    check_guard,
    form_address,
    handle_form,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from ..web.untyped import Shown
from . import coded_texts, published_themes, results, text_review, themes
from .coded_texts import ALL, NO_THEME, Filters
from .models import Consultation
from .team_pages import common, readable_page, team
from .wording import said, texts_of

#: Texts, or groups of nearly identical ones, on one page.
PAGE = 20
PAGE_OF = "consultations/{reference}/results/themes"
#: Messages after a form was handled, by `?done=`.
DONE = {
    "theme": _("The theme is saved."),
    "deleted": _("The theme is deleted; no text has it any longer."),
    "quoted": _("The text is among the quotes of the synthesis."),
    "unquoted": _("The text is no longer quoted."),
    "shown": _("Everybody sees the themes and the quotes on the page of results."),
    "unshown": _("Only the team sees the themes and the quotes."),
}


@blueprint.route("/pages/consultations/<string:reference>/results/themes")
def themes_page(reference: str) -> Response:
    """Show the texts of a closed consultation to its team, to be tagged."""
    viewer = team()
    return _page(viewer, readable_page(viewer, reference))


@blueprint.route("/pages/consultations/<string:reference>/results/themes.csv")
def tags_file(reference: str) -> Response:
    """Download every text with its themes; what is changed in it can be imported."""
    viewer = team()
    consultation = readable_page(viewer, reference)
    try:
        results.must_be_there(consultation)
    except refusals.NotFound as sealed:
        return _sealed(viewer, consultation, sealed)
    name = f"texts-{consultation['slug']}"
    return never_stored(_table().download(_rows(consultation), name=name))


def _table() -> Table:
    """Describe the file of tags; it can be imported once its themes are changed."""
    columns = ("text", "question", "themes", "words")
    return Table(
        "texts",
        str(_("Texts and their themes")),
        "",
        tuple(Column(name, name, itemgetter(name)) for name in columns),
        drawn=False,
    )


def _rows(consultation: Consultation) -> Iterator[dict[str, str]]:
    labels = {
        one["id"]: str(said(one["label"])) for one in published_themes.themes_of(consultation)
    }
    found = coded_texts.read(consultation, Filters(), grouped=False)
    for entry in found.entries:
        named = ", ".join(labels[id] for id in entry.themes)
        yield {
            "text": entry.id,
            "question": entry.question,
            "themes": named,
            "words": entry.text,
        }


@form_address("/pages/consultations/<string:reference>/results/themes/edit", page=PAGE_OF)
@handles_refusal
def write_theme(reference: str) -> Response:
    """Make, change or delete a theme."""

    def act(viewer: Viewer, consultation: Consultation) -> str:
        form = request.form
        id = form.get("theme") or None
        if id and "delete" in form:
            themes.delete_theme(viewer, consultation["_id"], id)
            return _next(consultation, done="deleted", theme=ALL)
        payload = {
            "label": texts_of(form, "label"),
            "definition": texts_of(form, "definition"),
            "colour": form.get("colour"),
        }
        themes.write_theme(viewer, consultation["_id"], payload, id)
        return _next(consultation, done="theme")

    return _handled(reference, act)


@form_address("/pages/consultations/<string:reference>/results/themes/tag", page=PAGE_OF)
@handles_refusal
def tag_texts(reference: str) -> Response:
    """Give a theme to the texts that are ticked or to all that were found, or take it away."""

    def act(viewer: Viewer, consultation: Consultation) -> str:
        form = request.form
        chosen = form.getlist("texts")
        if "all" in form:
            results.must_be_there(consultation)
            found = coded_texts.read(consultation, _filters(), grouped=False)
            chosen = [entry.id for entry in found.entries]
        theme, gives = form.get("theme", ""), form.get("act", "add") == "add"
        number = themes.tag(
            viewer,
            consultation["_id"],
            chosen,
            add=theme if gives else None,
            remove=None if gives else theme,
            of_all=form.get("act") == "remove_all",
            number=_number(form.get("number")),
        )
        return _next(consultation, changed=str(number))

    return _handled(reference, act)


@form_address("/pages/consultations/<string:reference>/results/themes/quote", page=PAGE_OF)
@handles_refusal
def quote_text(reference: str) -> Response:
    """Pick a text for the synthesis, or no longer."""

    def act(viewer: Viewer, consultation: Consultation) -> str:
        quoted = request.form.get("quoted") == "1"
        themes.quote(viewer, consultation["_id"], request.form.get("text"), quoted=quoted)
        return _next(consultation, done="quoted" if quoted else "unquoted")

    return _handled(reference, act)


@form_address("/pages/consultations/<string:reference>/results/themes/publish", page=PAGE_OF)
@handles_refusal
def publish_themes(reference: str) -> Response:
    """Show the themes and quotes to everybody, or no longer."""

    def act(viewer: Viewer, consultation: Consultation) -> str:
        public = request.form.get("public") == "1"
        themes.publish_themes(viewer, consultation["_id"], public=public)
        return _next(consultation, done="shown" if public else "unshown")

    return _handled(reference, act)


@form_address("/pages/consultations/<string:reference>/results/themes/import", page=PAGE_OF)
@handles_refusal
@takes_file
def import_tags(reference: str) -> Response:
    """Read tags from a file."""

    def act(viewer: Viewer, consultation: Consultation) -> str:
        sent = request.files.get("file")
        file = BytesIO(sent.read() if sent else b"")
        number = themes.import_tags(viewer, consultation["_id"], file)
        return _next(consultation, changed=str(number))

    return _handled(reference, act)


def _handled(reference: str, act: Callable[[Viewer, Consultation], str]) -> Response:
    viewer = team()
    consultation = readable_page(viewer, reference)
    return handle_form(
        lambda: act(viewer, consultation),
        lambda refusal: _page(viewer, consultation, refusal),
        guard=lambda: check_guard(viewer),
    )


# --- The page -------------------------------------------------------------------------------------


def _page(
    viewer: Viewer, consultation: Consultation, refusal: refusals.Refusal | None = None
) -> Response:
    try:
        results.must_be_there(consultation)
    except refusals.NotFound as sealed:
        return _sealed(viewer, consultation, sealed)
    filters = _filters()
    found = coded_texts.read(consultation, filters, grouped=_grouped())
    terms, pairs = coded_texts.frequent(found.entries)
    number = max(1, _number(request.args.get("page")) or 1)
    if number * PAGE > MAX_OFFSET:
        number = 1
    shown = found.entries[(number - 1) * PAGE : number * PAGE]
    return never_stored(
        render(
            "consultations/themes.html",
            **_shown(viewer, consultation, refusal),
            found=found,
            shown=shown,
            number=number,
            last=max(1, -(-len(found.entries) // PAGE)),
            filters=filters,
            grouped=_grouped(),
            terms=terms,
            pairs=pairs,
            changed=_changed() if not refusal else None,
            asked_number="number" in (refusal.errors if refusal else {})
            or found.number > themes.UNASKED,
            quotes=published_themes.picked(consultation),
        )
    )


def _shown(viewer: Viewer, consultation: Consultation, refusal: refusals.Refusal | None) -> Shown:
    """Return what the page shows whatever texts were found."""
    known = published_themes.themes_of(consultation)
    done = request.args.get("done", "")
    return common(viewer, consultation, refusal, {"label", "colour", "file", "number", "texts"}) | {
        "title": said(consultation["title"]),
        "done": DONE.get(done) if not refusal else None,
        "themes": known,
        "by_id": {one["id"]: one for one in known},
        "colours": themes.COLOURS,
        "theme": next((one for one in known if one["id"] == _filters().theme), None),
        "published": consultation.get("themes_published"),
        "worded": [(one["id"], said(one["text"])) for one in text_review.worded(consultation)],
        "typed": request.form,
        "here": _address(consultation),
        "here_with": lambda **changed: _address(consultation, **changed),
        "form_to": lambda what: _address(consultation, what=f"/{what}"),
        "csv_url": _address(consultation, what=".csv"),
        "NO_THEME": NO_THEME,
    }


def _sealed(viewer: Viewer, consultation: Consultation, sealed: refusals.NotFound) -> Response:
    """Say when there will be texts to read."""
    shown = common(viewer, consultation) | {"title": said(consultation["title"])}
    return never_stored(
        render(
            "consultations/sealed.html",
            **shown,
            here=_address(consultation),
            message=sealed.message,
        )
    )


def _filters() -> Filters:
    asked = request.args
    return Filters(asked.get("question", ""), asked.get("q", ""), asked.get("theme", ALL))


def _grouped() -> bool:
    return request.args.get("alone") != "1"


def _changed() -> str | None:
    """Say how many texts were tagged."""
    number = _number(request.args.get("changed"))
    if number is None:
        return None
    return str(ngettext("%(num)d text has changed.", "%(num)d texts have changed.", number))


def _next(consultation: Consultation, **arguments: str) -> str:
    """Return the address that follows a form."""
    if wants_fragment():
        arguments["as"] = "fragment"
    return f"{_address(consultation, **arguments)}#cf-done"


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else None


def _address(consultation: Consultation, *, what: str = "", **changed: str) -> str:
    """Return the address of the page, or of one of its forms, with the filters asked for."""
    filters = _filters()
    asked = {
        "question": filters.question,
        "q": filters.words,
        "theme": filters.theme,
        "alone": "" if _grouped() else "1",
        "page": request.args.get("page", "")[:5],
    } | changed
    arguments = {name: value for name, value in asked.items() if value}
    return page_address(f"consultations/{consultation['slug']}/results/themes{what}", **arguments)
