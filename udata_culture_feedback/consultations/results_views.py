"""The results of a consultation as a page that prints: figures as charts and tables, free texts
with search, the synthesis."""

from __future__ import annotations

from datetime import date
from functools import partial

from flask import Response, abort, redirect, request
from flask_babel import format_decimal
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..people.viewer import Viewer, current_viewer
from ..portal.collections import now
from ..web import charts, listing, refusals
from ..web.api import bound_body, never_stored
from ..web.embed.assets import SHEETS
from ..web.listing import Page
from ..web.moments import in_words as day_in_words
from ..web.pages import (
    blueprint,
    check_guard,
    form_address,
    handles_refusal,
    page_address,
    render,
)
from ..web.untyped import Shown
from ..web.urls import api_url, login_url
from . import (
    headlines,
    permissions,
    presentation,
    publishing,
    receipts,
    release,
    results,
    results_charts,
    text_review,
)
from .markdown import rendered
from .models import CommitmentStatus, Consultation, TextState
from .repository import addresses, readable
from .window import Window, in_words, until_in_words
from .wording import said

#: Messages after a form was handled, by `?done=`.
DONE = {
    "published": _("The results are published as open data."),
    "queued": _("The results are being published. Please come back in a while."),
    "unchanged": _("What is published is up to date: nothing has changed."),
}
#: Texts on one page.
TEXTS = 20


@blueprint.route("/pages/consultations/<string:reference>/results/")
def results_page(reference: str, *, refusal: refusals.Refusal | None = None) -> Response:
    """Show the results of a closed consultation. `refusal`: why an action of this page was
    refused."""
    viewer = current_viewer()
    consultation = _readable(viewer, reference)
    try:
        found = results.read(consultation)
    except refusals.NotFound as sealed:
        return _not_yet(viewer, consultation, sealed)
    return render("consultations/results.html", **_results(viewer, consultation, found, refusal))


@blueprint.route("/pages/consultations/<string:reference>/results/report.html")
def results_report(reference: str) -> Response:
    """Download the results as one page that needs nothing else: to be kept, sent or printed."""
    viewer = current_viewer()
    consultation = _readable(viewer, reference)
    try:
        found = results.read(consultation)
    except refusals.NotFound as sealed:
        return _not_yet(viewer, consultation, sealed)
    shown = _results(viewer, consultation, found)
    shown |= {"layout": "report.html", "report": True, "may_write": False, "may_publish": False}
    shown["address"] = addresses(consultation)["self_web_url"] + "results/"
    response = render("consultations/results.html", **shown, sheets=SHEETS)
    name = f'attachment; filename="{consultation["slug"]}.html"'
    response.headers["Content-Disposition"] = name
    return response


def _results(
    viewer: Viewer,
    consultation: Consultation,
    found: Shown,
    refusal: refusals.Refusal | None = None,
) -> Shown:
    """Return what the page of results shows."""
    profiles = _profiles_shown(found)
    profile = request.args.get("profile", "")
    if profile in profiles:
        found = results.of_profile(found, profile)
    synthesis = results.synthesis(consultation)
    return (
        _common(viewer, consultation, refusal)
        | _published(viewer, consultation)
        | dict(
            done=DONE.get(request.args.get("done", "")),
            found=found,
            profiles=profiles,
            profile=profile if profile in profiles else "",
            root=receipts.shown(consultation),
            receipts_url=api_url(f"consultations/{consultation['slug']}/receipts.txt"),
            receipt=request.args.get("receipt", "").strip()[:80],
            is_listed=_is_listed(consultation),
            headlines={one["id"]: headlines.of(one) for one in found["questions"]},
            weeks=results_charts.weeks(found["responses"]["weeks"]),
            plots=results_charts.by_profile(found),
            answers=results_charts.answers(found),
            axes=results_charts.axes(found["feedback"]),
            axes_since=results_charts.has_since(found["feedback"]),
            synthesis=synthesis,
            feed_url=api_url(f"consultations/{consultation['slug']}/commitments.atom"),
            day=lambda day: day_in_words(date.fromisoformat(day)),
            kept=_kept(synthesis),
            worded=[(one["id"], said(one["text"])) for one in text_review.worded(consultation)],
            may_moderate=permissions.may_moderate(viewer, consultation),
            may_write=permissions.is_team(viewer),
            synthesis_url=_url(consultation, "synthesis"),
            themes_url=_url(consultation, "results/themes"),
            labels={term.id: term.label for term in vocabulary.REQUEST_STATUSES},
            mean=_mean,
            number=format_decimal,
            percent=charts.percent,
        )
    )


@form_address(
    "/pages/consultations/<string:reference>/results/publish",
    page="consultations/{reference}/results/",
)
@handles_refusal
def publish_results(reference: str) -> Response:
    """Publish the results, or what has changed of them."""
    viewer = current_viewer()
    try:
        bound_body()
        check_guard(viewer)
        made = publishing.publish_as(viewer, reference)
    except refusals.Refusal as refusal:
        return results_page(reference, refusal=refusal)
    done = "queued" if made is None else "published" if made.changed else "unchanged"
    address = page_address(f"consultations/{reference}/results/", done=done)
    return redirect(f"{address}#cf-done", code=303)  # type: ignore[return-value]


@blueprint.route("/pages/consultations/<string:reference>/results/texts")
def texts_page(reference: str) -> Response:
    """Show the free texts: of one question, containing some words; to moderators, those that
    wait."""
    viewer = current_viewer()
    consultation = _readable(viewer, reference)
    return _texts(viewer, consultation)


@blueprint.route("/pages/consultations/<string:reference>/results/texts", methods=["POST"])
@handles_refusal
def moderate_text(reference: str) -> Response:
    """Decide about one text, and show the next that waits."""
    viewer = current_viewer()
    consultation = _readable(viewer, reference)
    try:
        bound_body()
        check_guard(viewer)
        text_review.moderate(
            viewer,
            consultation["_id"],
            request.form.get("text"),
            request.form.get("decision", ""),
            request.form.get("reason") or None,
        )
    except refusals.Refusal as refusal:
        return _texts(viewer, consultation, refusal=refusal)
    return _texts(viewer, consultation, done=str(_("Your decision is recorded.")))


def _is_listed(consultation: Consultation) -> bool | None:
    """Check the receipt that was asked for; None without one."""
    receipt = request.args.get("receipt", "").strip()
    return receipts.is_listed(consultation, receipt) if receipt else None


def _profiles_shown(found: Shown) -> dict[str, str]:
    """Return the profiles, id to label, whose answers to some question are shown."""
    return {
        group["profile"]: str(group["label"])
        for question in found["questions"]
        for group in question.get("profiles") or ()
    }


def _published(viewer: Viewer, consultation: Consultation) -> Shown:
    """Return what the page shows of the results as open data."""
    return {
        "dataset": publishing.dataset_of(consultation),
        "may_publish": permissions.is_team(viewer),
        "responses_url": publishing.responses_address(consultation),
        "least_for_rows": release.LEAST,
        "publish_url": page_address(f"consultations/{consultation['slug']}/results/publish"),
    }


def _texts(
    viewer: Viewer,
    consultation: Consultation,
    *,
    refusal: refusals.Refusal | None = None,
    done: str | None = None,
) -> Response:
    moderates = permissions.may_moderate(viewer, consultation)
    state = TextState.PUBLIC
    asked = request.args.get("state", "")
    if moderates and asked in list(TextState):
        state = TextState(asked)
    try:
        page = listing.asked_page(TEXTS)
    except refusals.Invalid:
        page = Page(1, TEXTS)
    if page.cursor or page.offset + page.size > listing.MAX_OFFSET:
        abort(404)
    question, words = request.args.get("question") or None, request.args.get("q") or None
    try:
        found, more = text_review.listed(
            consultation, page, question=question, words=words, state=state
        )
    except refusals.NotFound as sealed:
        return _not_yet(viewer, consultation, sealed)
    kept = {
        name: value
        for name, value in (("question", question), ("q", words), ("state", asked or None))
        if value
    }
    path = f"consultations/{consultation['slug']}/results/texts"
    response = render(
        "consultations/texts.html",
        **_common(viewer, consultation, refusal),
        done=done,
        found=found,
        more=more,
        page=page,
        worded=[(one["id"], said(one["text"])) for one in text_review.worded(consultation)],
        asked=request.args,
        state=state.value,
        moderates=moderates,
        reasons=[one for one in vocabulary.MODERATION_REASONS if one.id != "ok"],
        form_url=page_address(path, **kept),
        waiting_url=page_address(path, state=TextState.PENDING.value),
        hidden_url=page_address(path, state=TextState.HIDDEN.value),
        newer_url=page_address(path, **kept, page=page.number - 1),
        older_url=page_address(path, **kept, page=page.number + 1),
    )
    return never_stored(response) if moderates else response


def _not_yet(viewer: Viewer, consultation: Consultation, refusal: refusals.Refusal) -> Response:
    """Show when the results will be there; with status 200, since udata replaces any 404 by its own
    page."""
    return render(
        "consultations/sealed.html",
        **_common(viewer, consultation),
        message=refusal.message,
    )


def _common(
    viewer: Viewer, consultation: Consultation, refusal: refusals.Refusal | None = None
) -> Shown:
    window = Window.of(consultation)
    return {
        "viewer": viewer,
        "refusal": refusal,
        "errors": refusal.errors if refusal else {},
        "fields": (),
        "consultation": consultation,
        "title": said(consultation["title"]),
        "said": said,
        "rendered": rendered,
        "until": until_in_words,
        "when": presentation.when(window),
        "closed": in_words(window.closes_at),
        "sealed": window.sealed(now()),
        "here": _url(consultation, "results/"),
        "consultation_url": _url(consultation),
        "list_url": page_address("consultations/"),
        "texts_url": _url(consultation, "results/texts"),
        "report_url": _url(consultation, "results/report.html"),
        "texts_with": partial(_url, consultation, "results/texts"),
        "request_url": lambda one: one["self_web_url"],
        "login": login_url(_url(consultation, "results/")),
    }


def _readable(viewer: Viewer, reference: str) -> Consultation:
    try:
        return readable(viewer, reference)
    except refusals.NotFound:
        abort(404)


def _url(consultation: Consultation, what: str = "", **arguments: str) -> str:
    return page_address(f"consultations/{consultation['slug']}/{what}", **arguments)


def _kept(synthesis: Shown | None) -> int:
    """Count the commitments that are kept: their request is published in full, or, without one, the
    team says so."""
    found = (synthesis or {}).get("commitments", ())
    return sum(_is_kept(one) for one in found)


def _is_kept(commitment: Shown) -> bool:
    request = commitment["request"]
    if request:
        return bool(request["status"] == "published" and not request["partial"])
    return bool(commitment["status"] == CommitmentStatus.DONE)


def _mean(value: float | None) -> str:
    return "" if value is None else str(format_decimal(value, "0.0"))
