"""The public pages of moderation: the charter, transparency, flagging a text, contesting a decision
about one's own."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response, abort, current_app, redirect, request, url_for
from flask_babel import format_date
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.hidden_notice import stub
from ..contributions.kinds import Flagged
from ..contributions.review_rules import Visibility
from ..people.viewer import Viewer, current_viewer
from ..web import charts, refusals
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
from ..web.text_cleaning import excerpt
from ..web.untyped import Shown
from ..web.urls import api_url, login_url
from . import appeals, flags, permissions, transparency
from .mails import charter_url
from .models import Line

#: Longest excerpt of a text in the form that flags it, in characters.
REPEATED = 300
#: The message shown once a text is flagged.
FLAGGED = _("Thank you. Moderators will look at this text.")


@blueprint.app_context_processor
def addresses() -> Shown:
    """Give every template the addresses of the charter and of flagging a text."""

    def charter() -> str:
        return current_app.config["CULTURE_FEEDBACK_CHARTER_URL"] or page_address("charter/")

    def flag(kind: str, id: str, about: str | None = None) -> str:
        return page_address(f"{kind}/{id}/flag", **({"about": about} if about else {}))

    return {
        "culture_feedback_charter": charter,
        "culture_feedback_flag": flag,
        "culture_feedback_stub": stub,
    }


@blueprint.route("/pages/charter/")
def charter_page() -> Response:
    """Show what is asked of contributors, and what moderators do."""
    own = current_app.config["CULTURE_FEEDBACK_CHARTER_URL"]
    if own:
        return redirect(own, code=302)  # type: ignore[return-value]
    return render(
        "moderation/charter.html",
        viewer=current_viewer(),
        here=page_address("charter/"),
        transparency=page_address("transparency/"),
        reasons=[str(t.label) for t in vocabulary.MODERATION_REASONS if t.id != permissions.OK],
    )


@blueprint.route("/pages/transparency/")
def transparency_page() -> Response:
    """Show the decisions of moderators, month by month."""
    labels = {
        kind: {term.id: str(term.label) for term in terms}
        for kind, terms in (
            ("decision", vocabulary.MODERATION_DECISIONS),
            ("reason", vocabulary.MODERATION_REASONS),
        )
    }
    months = transparency.as_json()["months"]
    grounds: list[tuple[str | None, Any]] = [
        *transparency.GROUNDS.items(),
        (None, _("Nothing was wrong")),
    ]
    return render(
        "moderation/transparency.html",
        viewer=current_viewer(),
        here=page_address("transparency/"),
        months=months,
        name_of=lambda month: format_date(_first_of(month), "LLLL y"),
        labels=labels,
        grounds=grounds,
        by_ground=lambda month, ground: [
            one for one in month["decisions"] if transparency.ground_of(one["reason"]) == ground
        ],
        trends=_trends(months) if len(months) > 1 else [],
        csv_url=api_url("transparency.csv"),
        charter=charter_url(),
    )


def _trends(months: list[transparency.Shown]) -> list[charts.Chart]:
    """Chart the decisions of the last twelve months and how long they took, the earliest first."""
    latest = months[:12][::-1]
    labels = [format_date(_first_of(month), "MMM yy") for month in latest]
    title, counts = str(_("Decisions month by month")), [month["total"] for month in latest]
    found = [charts.bars("cf-chart-decisions", title, labels, counts, str(_("Decisions")))]
    hours = [0 if (within := month["median_hours"]) is None else within + 1 for month in latest]
    if any(hours):
        title, counted = (
            str(_("Hours within which half of the texts were decided")),
            str(_("Hours")),
        )
        found.append(charts.bars("cf-chart-delays", title, labels, hours, counted))
    return found


def _first_of(month: transparency.Shown) -> date:
    return date.fromisoformat(f"{month['month']}-01")


@blueprint.route("/pages/feedback/<string:id>/flag")
def flag_feedback_page(id: str) -> Response:
    """Show the form that flags a comment."""
    return _flag_page(current_viewer(), _flagged("feedback", id))


@blueprint.route("/pages/feedback/<string:id>/flag", methods=["POST"])
@handles_refusal
def flag_feedback(id: str) -> Response:
    """Flag a comment."""
    return _flag("feedback", id)


@blueprint.route("/pages/requests/<string:reference>/flag")
def flag_request_page(reference: str) -> Response:
    """Show the form that flags a request, or a message about it."""
    return _flag_page(current_viewer(), _flagged("request", reference))


@blueprint.route("/pages/requests/<string:reference>/flag", methods=["POST"])
@handles_refusal
def flag_request(reference: str) -> Response:
    """Flag a request, or a message about it."""
    return _flag("request", reference)


@blueprint.route("/pages/moderation/decisions/<string:id>/appeal")
def appeal_page(id: str) -> Response:
    """Show the form by which an author contests a decision. Opening it changes nothing."""
    try:
        line = appeals.may_appeal(current_viewer(), id, request.args.get("token"))
    except refusals.NotFound:
        abort(404)
    return _appeal_page(line, done="done" in request.args)


@blueprint.route("/pages/moderation/decisions/<string:id>/appeal", methods=["POST"])
@handles_refusal  # the signed token in its address is a proof too
def contest(id: str) -> Response:
    """Contest a decision."""
    viewer, token = current_viewer(), request.args.get("token")
    try:
        line = appeals.may_appeal(viewer, id, token)
    except refusals.NotFound:
        abort(404)

    def guard() -> None:
        if not appeals.opens(token, id):
            check_guard(viewer)

    def act() -> str | Response:
        appeals.appeal(viewer, id, token, request.form.get("text"))
        if wants_fragment():
            return _appeal_page(line, done=True)
        return f"{_appeal_address(done=1)}#cf-done"

    def again(refusal: refusals.Refusal) -> Response:
        return _appeal_page(line, refusal=refusal)

    return never_stored(handle_form(act, again, guard=guard))


def _flagged(kind: str, reference: str) -> Flagged:
    """Find the public words that this reader may flag; abort with 404 otherwise."""
    try:
        found = flags.shown(current_viewer(), kind, reference, request.args.get("about"))
    except refusals.NotFound:
        abort(404)
    if found.item["visibility"] != Visibility.PUBLIC or not found.words:
        abort(404)
    return found


def _flag(kind: str, reference: str) -> Response:
    """Handle the form that flags a contribution."""
    shown, viewer = _flagged(kind, reference), current_viewer()

    def act() -> str | Response:
        payload = {name: request.form.get(name) for name in ("reason", "message")}
        if about := request.args.get("about"):
            payload["about"] = about
        flags.flag(viewer, kind, reference, payload)
        if wants_fragment():
            return _flag_page(viewer, shown, done=FLAGGED)
        return f"{_here(done=1)}#cf-done"

    return handle_form(
        act,
        lambda refusal: _flag_page(viewer, shown, refusal=refusal),
        guard=lambda: check_guard(viewer),
    )


def _flag_page(
    viewer: Viewer,
    shown: Flagged,
    *,
    refusal: refusals.Refusal | None = None,
    done: Any = None,
) -> Response:
    return render(
        "moderation/flag.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("reason", "message"),
        typed=request.form if refusal else {},
        words=excerpt(shown.words or "", REPEATED),
        where=shown.where,
        back=shown.back,
        done=done or (FLAGGED if "done" in request.args and not refusal else None),
        here=_here(),
        login=login_url(_here()),
        reasons=[t for t in vocabulary.MODERATION_REASONS if t.id in flags.FLAG_REASONS],
    )


def _appeal_page(
    line: Line, *, refusal: refusals.Refusal | None = None, done: bool = False
) -> Response:
    earlier = appeals.find(line["_id"])
    contested = _("You have contested this decision already.") if earlier else None
    label = vocabulary.find(vocabulary.MODERATION_DECISIONS, line["decision"]).label
    reason = vocabulary.find(vocabulary.MODERATION_REASONS, line["reason"]).label
    return never_stored(
        render(
            "moderation/appeal.html",
            viewer=current_viewer(),
            refusal=refusal,
            errors=refusal.errors if refusal else {},
            fields=("text",),
            typed=request.form if refusal else {},
            decision={"label": label, "reason": reason, "at": line["at"]},
            contested=None if refusal else contested,
            done=_("Your objection is recorded. You will be answered by e-mail.") if done else None,
            here=_appeal_address(),
            login=login_url(_here()),
            charter=charter_url(),
        )
    )


def _appeal_address(**arguments: Any) -> str:
    """Return the address of the appeal form, with its token."""
    if request.args.get("token"):
        arguments["token"] = request.args["token"]
    return page_address(f"moderation/decisions/{_asked('id')}/appeal", **arguments)


def _asked(name: str) -> str:
    found: str = (request.view_args or {})[name]
    return found


def _here(**more: Any) -> str:
    """Return the address of this page, with the arguments that say what it is about."""
    names = ("about", "lang", "as", "level")
    arguments: Shown = {n: request.args[n] for n in names if n in request.args} | more
    return url_for(request.endpoint or "", **(request.view_args or {}), **arguments)
