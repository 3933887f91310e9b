"""The page where the team writes the synthesis of a consultation and its commitments, and sees it
before everybody does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bson import ObjectId
from flask import Response, request
from udata.i18n import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from ..contributions import picking
from ..contributions.neighbours import requests_asked
from ..contributions.picking import DATASET, REQUEST, Choice, Picked
from ..people.viewer import Viewer, current_viewer
from ..web import refusals
from ..web.api import never_stored
from ..web.pages import (
    blueprint,
    check_guard,
    handle_form,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from ..web.untyped import Payload, Shown
from . import actions, permissions, published_themes, results
from .forms import MAX_COMMITMENTS
from .models import Commitment, Consultation, Synthesis, Written
from .team_pages import common, readable_page, team
from .wording import FORM_LANGUAGES, Texts, said, texts_of

#: Empty commitments that the form shows besides those there are.
MORE = 2
#: What may track a commitment.
TRACKED = (REQUEST, DATASET)


@dataclass
class Row:
    """A commitment as the form shows it."""

    text: Texts = field(default_factory=dict)
    owner: str = ""
    status: str = ""
    due: str = ""
    picked: dict[str, Picked] = field(default_factory=lambda: dict.fromkeys(TRACKED, Picked()))

    @property
    def empty(self) -> bool:
        chosen = any(one.values or one.typed for one in self.picked.values())
        return not (self.text or self.owner or chosen)

    def payload(self) -> Payload:
        """Return the commitment as `forms.read_synthesis` takes it."""
        tracked = {kind: one.value for kind, one in self.picked.items()}
        fields = {"text": self.text, "owner": self.owner, "status": self.status, "due": self.due}
        return fields | tracked


@blueprint.route("/pages/consultations/<string:reference>/synthesis")
def synthesis_page(reference: str) -> Response:
    """Show the form in which the team writes the synthesis."""
    viewer = team()
    consultation = readable_page(viewer, reference)
    written = _written(consultation)
    return _page(viewer, consultation, written.get("text") or {}, _rows_of(written))


@blueprint.route("/pages/consultations/<string:reference>/synthesis", methods=["POST"])
@handles_refusal
def write_synthesis(reference: str) -> Response:
    """Save the synthesis, show what it will look like, or publish it."""
    viewer = current_viewer()
    consultation = readable_page(viewer, reference)

    def act() -> str | Response:
        rows = _typed_rows(request.form)
        text = texts_of(request.form, "text")
        if "preview" in request.form or "more" in request.form:
            more = MORE if "more" in request.form else 0
            return _page(_of_team(viewer), consultation, text, rows, more=more)
        _must_be_clear(rows)
        publishes = "publish" in request.form
        payload = {
            "text": text,
            "commitments": [row.payload() for row in rows],
            "draft": not publishes,
        }
        done = actions.write_synthesis(viewer, consultation["_id"], payload)
        if publishes:
            actions.publish_synthesis(viewer, consultation["_id"])
        return _next(done, "told" if publishes else "written")

    def again(refusal: refusals.Refusal) -> Response:
        rows = _typed_rows(request.form)
        return _page(viewer, consultation, texts_of(request.form, "text"), rows, refusal)

    return handle_form(act, again, guard=lambda: check_guard(viewer))


def _of_team(viewer: Viewer) -> Viewer:
    """Return the viewer. Raise Forbidden for whoever is not of the team."""
    if not permissions.is_team(viewer):
        raise refusals.Forbidden(_("Only the team of consultations may do this."))
    return viewer


def _next(consultation: Consultation, done: str) -> str:
    arguments = {"done": done} | ({"as": "fragment"} if wants_fragment() else {})
    return f"{page_address(_path(consultation), **arguments)}#cf-done"


def _path(consultation: Consultation, what: str = "synthesis") -> str:
    return f"consultations/{consultation['slug']}/{what}"


def _must_be_clear(rows: list[Row]) -> None:
    for number, row in enumerate(rows):
        for kind, picked in row.picked.items():
            picked.must_be_clear(f"commitments.{number}.{kind}")


def _typed_rows(form: MultiDict[str, str]) -> list[Row]:
    """Read the commitments of a form; those without anything are left out."""
    given = form.get("rows", "")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else 0
    rows = []
    for place in range(min(number, MAX_COMMITMENTS + 1)):
        where = f"commitments.{place}"
        row = Row(
            text=texts_of(form, f"{where}.text"),
            owner=form.get(f"{where}.owner", ""),
            status=form.get(f"{where}.status", ""),
            due=form.get(f"{where}.due", ""),
            picked={kind: picking.read(form, f"{where}.{kind}", kind) for kind in TRACKED},
        )
        if not row.empty:
            rows.append(row)
    return rows


def _written(consultation: Consultation) -> Written:
    """Return what the team goes on with: its draft, otherwise what is published."""
    synthesis: Synthesis = consultation.get("synthesis") or {}
    return synthesis.get("draft") or synthesis


def _rows_of(written: Written) -> list[Row]:
    commitments = written.get("commitments") or []
    requests = _requests(one["request"] for one in commitments if one.get("request"))
    return [_row(one, requests) for one in commitments]


def _requests(ids: Iterable[ObjectId]) -> dict[ObjectId, Choice]:
    """Return the requests behind commitments as choices, whatever their status."""
    found = requests_asked().public_requests({"_id": {"$in": list(ids)}})
    return {
        one["_id"]: Choice(str(one["_id"]), one["title"], requests_asked().status_label(one))
        for one in found
    }


def _row(one: Commitment, requests: dict[ObjectId, Choice]) -> Row:
    row = Row(one["text"], one.get("owner", ""), one.get("status", ""), one.get("due", ""))
    if request := requests.get(one.get("request", ObjectId())):
        row.picked[REQUEST] = Picked([request.value], [request])
    if dataset := one.get("dataset"):
        choices = picking.named(DATASET, [str(dataset)])
        row.picked[DATASET] = Picked([choice.value for choice in choices], choices)
    return row


def _page(
    viewer: Viewer,
    consultation: Consultation,
    text: Texts,
    rows: list[Row],
    refusal: refusals.Refusal | None = None,
    *,
    more: int = MORE,
) -> Response:
    stored: Synthesis = consultation.get("synthesis") or {}
    shown = [*rows, *(Row() for _one in range(max(1, more)))][: MAX_COMMITMENTS + 1]
    return never_stored(
        render(
            "consultations/synthesis.html",
            **common(viewer, consultation, refusal, {"text"}),
            title=said(consultation["title"]),
            text=text,
            rows=shown,
            preview=_preview(consultation, text),
            statuses=results.COMMITMENT_STATUSES,
            quotes=_quotes(consultation),
            unsealed=permissions.may_see_results(consultation),
            published=stored.get("published_at"),
            draft="draft" in stored,
            here=page_address(_path(consultation)),
            results_url=page_address(_path(consultation, "results/")),
        )
    )


def _preview(consultation: Consultation, text: Texts) -> Shown:
    """Return the text in each language as everybody will read it."""
    return {
        language: results.with_quotes(consultation, text[language])
        for language in FORM_LANGUAGES
        if text.get(language)
    }


def _quotes(consultation: Consultation) -> dict[str, str]:
    """Return the texts that the team picked, by what stands for each in a synthesis."""
    if not permissions.may_see_results(consultation):
        return {}
    found = published_themes.picked(consultation)
    return {f"{{{{quote:{id}}}}}": quote["text"] for id, quote in found.items()}
