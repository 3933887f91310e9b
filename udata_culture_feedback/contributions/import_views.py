"""The pages of imports, the same for each kind: send a file, map its columns, see what importing it
would do, import it, undo that. A domain has the page to which its files are sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from bson import ObjectId
from flask import Response, abort, request
from udata.i18n import lazy_gettext as _

from ..people.viewer import Viewer, current_viewer
from ..web import refusals
from ..web.api import never_stored
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
from ..web.urls import login_url
from . import imports
from .imports import ENCODINGS, Field, Import, Mapped, State, Target, Word

#: What follows "column." in the name of an input is the name of its field.
COLUMN = "column."
#: The choice of somebody who has not said what a word stands for.
UNDECIDED = "?"

View = Callable[..., Any]


@dataclass(frozen=True)
class Shown:
    """A field of the form of columns, and the column chosen for it."""

    field: Field
    column: str

    @property
    def name(self) -> str:
        return COLUMN + self.field.name


# --- The page of a target -------------------------------------------------------------------------


def entry(
    viewer: Viewer, kind: str, target: ObjectId | None, refusal: refusals.Refusal | None = None
) -> Response:
    """Show where a file is sent, and what was imported before."""
    of = imports.KINDS[kind].target(target)
    return _render(
        "imports/send.html",
        viewer,
        of,
        refusal,
        {"file"},
        what=imports.KINDS[kind].what,
        encodings=ENCODINGS,
        imported=[(one, _place(one)) for one in imports.latest(kind, target)],
        states=STATES,
    )


def send(viewer: Viewer, kind: str, target: ObjectId | None) -> Response:
    """Store the file that was sent."""

    def act() -> str:
        sent = request.files.get("file")
        if sent is None or not sent.filename:
            message = _("Choose a file.")
            raise refusals.Invalid(message, {"file": message})
        encoding = request.form.get("encoding")
        made = imports.receive(viewer, kind, target, sent.filename, sent.stream, encoding)  # type: ignore[arg-type]
        return _after(made)

    return never_stored(
        handle_form(
            act,
            lambda refusal: entry(viewer, kind, target, refusal),
            guard=lambda: check_guard(viewer),
        )
    )


# --- The page of an import ------------------------------------------------------------------------

#: The states of imports in words.
STATES = {
    State.COLUMNS: _("Its columns are not chosen yet"),
    State.CHECKING: _("It is being checked"),
    State.CHECKED: _("It is checked, and not imported yet"),
    State.WRITING: _("It is being imported"),
    State.DONE: _("It is imported"),
    State.UNDOING: _("It is being undone"),
    State.UNDONE: _("It is undone"),
}


def _for_importers(view: View) -> View:
    """Wrap a page of one import: 404 for those who may not import such contributions."""

    @wraps(view)
    def careful(import_id: str) -> Response:
        viewer = current_viewer()
        found = imports.find(import_id)
        if found is None or not imports.kind_of(found).may(viewer):
            abort(404)
        return never_stored(view(viewer, found))

    return careful


@blueprint.route("/pages/imports/<string:import_id>")
@_for_importers
def import_page(viewer: Viewer, found: Import) -> Response:
    """Show how far an import is, and what can be done with it."""
    return _one(viewer, found)


@form_address("/pages/imports/<string:import_id>/columns", page="imports/{import_id}")
@handles_refusal
@_for_importers
def choose_columns(viewer: Viewer, found: Import) -> Response:
    """Check a file with the columns and the words that were chosen."""

    def act() -> None:
        _must_be_sender(viewer, found)
        imports.check(viewer, found, _columns(found), _words())

    return _handled(viewer, found, act)


@form_address("/pages/imports/<string:import_id>/start", page="imports/{import_id}")
@handles_refusal
@_for_importers
def start_import(viewer: Viewer, found: Import) -> Response:
    return _handled(viewer, found, lambda: imports.start(viewer, found))


@form_address("/pages/imports/<string:import_id>/undo", page="imports/{import_id}")
@handles_refusal
@_for_importers
def undo_import(viewer: Viewer, found: Import) -> Response:
    return _handled(viewer, found, lambda: imports.undo(viewer, found))


@form_address("/pages/imports/<string:import_id>/delete", page="imports/{import_id}")
@handles_refusal
@_for_importers
def delete_import(viewer: Viewer, found: Import) -> Response:
    path = imports.kind_of(found).target(found["target"]).path
    return _handled(viewer, found, lambda: imports.delete(viewer, found), then=page_address(path))


def _handled(
    viewer: Viewer, found: Import, act: Callable[[], None], then: str | None = None
) -> Response:
    def done() -> str:
        act()
        return then or _after(found)

    def again(refusal: refusals.Refusal) -> Response:
        # What has changed meanwhile is shown beside the refusal.
        return _one(viewer, imports.find(str(found["_id"])) or found, refusal)

    return handle_form(done, again, guard=lambda: check_guard(viewer))


def _one(viewer: Viewer, found: Import, refusal: refusals.Refusal | None = None) -> Response:
    kind = imports.kind_of(found)
    try:
        target = kind.target(found["target"])
    except refusals.NotFound:
        abort(404)
    mine = _is_sender(viewer, found)
    open_to_change = mine and found["state"] in (State.COLUMNS, State.CHECKED)
    fields = kind.fields(found["target"]) if open_to_change else []
    shown = _chosen(fields, found, typed=refusal is not None)
    groups: dict[str, list[Shown]] = {}
    for one in shown:
        groups.setdefault(one.field.group, []).append(one)
    return _render(
        "imports/one.html",
        viewer,
        target,
        refusal,
        {one.name for one in shown},
        found=found,
        mine=mine,
        groups=groups,
        words=_asked_words(found, shown) if mine else [],
        undecided=UNDECIDED,
        state=found["state"],
        says=STATES[State(found["state"])],
        working=found["state"] in imports.WORKING,
        stalled=imports.is_stalled(found),
        act=lambda what: page_address(f"imports/{found['_id']}/{what}"),
        here=_place(found),
    )


def _render(
    template: str,
    viewer: Viewer,
    target: Target,
    refusal: refusals.Refusal | None,
    fields: set[str],
    **context: Any,
) -> Response:
    return never_stored(
        render(
            template,
            viewer=viewer,
            refusal=refusal,
            errors=refusal.errors if refusal else {},
            fields=fields,
            target=target,
            above=[(page_address(path), title) for path, title in target.above],
            target_url=page_address(target.path),
            login=login_url(page_address(target.path)),
            **context,
        )
    )


# --- What they share ------------------------------------------------------------------------------


def _is_sender(viewer: Viewer, found: Import) -> bool:
    """Return whether a person has sent a file: what it says is shown to nobody else, since it may
    be under seal."""
    return viewer.user_id is not None and viewer.user_id == found["by"]


def _must_be_sender(viewer: Viewer, found: Import) -> None:
    if not _is_sender(viewer, found):
        raise refusals.Forbidden(_("Only the person who sent this file chooses its columns."))


def _chosen(fields: list[Field], found: Import, *, typed: bool) -> list[Shown]:
    """Return the fields with their columns: as just typed, as chosen before, or as proposed."""
    if typed and any(name.startswith(COLUMN) for name in request.form):
        chosen = {field.name: request.form.get(COLUMN + field.name, "") for field in fields}
    elif found["columns"]:
        chosen = {one["field"]: one["column"] for one in found["columns"]}
    else:
        chosen = imports.proposed(fields, found["header"])
    return [Shown(field, chosen.get(field.name, "")) for field in fields]


def _columns(found: Import) -> list[Mapped]:
    """Read the columns chosen in the form; those that the file does not have are left out."""
    return [
        {"field": name.removeprefix(COLUMN), "column": column}
        for name, column in request.form.items()
        if name.startswith(COLUMN) and column in found["header"]
    ]


def _words() -> list[Word]:
    """Read what the form says of words."""
    lists = (request.form.getlist(name) for name in ("word_column", "word", "meaning"))
    return [
        {"column": column, "word": word, "meaning": meaning}
        for column, word, meaning in zip(*lists, strict=False)
        if meaning != UNDECIDED
    ]


def _asked_words(
    found: Import, shown: list[Shown]
) -> list[tuple[str, str, str, tuple[tuple[str, str], ...]]]:
    """List the words to decide upon, and those decided: column, word, meaning, choices."""
    choices = {one.column: one.field.choices for one in reversed(shown) if one.field.choices}
    decided = [(one["column"], one["word"], one["meaning"]) for one in found["words"]]
    open_ones = [(one["column"], one["word"], UNDECIDED) for one in found.get("unknown") or ()]
    return [(*one, choices[one[0]]) for one in (*open_ones, *decided) if one[0] in choices]


def _place(found: Import) -> str:
    return page_address(f"imports/{found['_id']}")


def _after(found: Import) -> str:
    arguments = {"as": "fragment"} if wants_fragment() else {}
    return page_address(f"imports/{found['_id']}", **arguments)
