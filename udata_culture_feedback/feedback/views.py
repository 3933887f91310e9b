"""The page of a dataset: its feedback, the viewer's own, and the form. The same view is the
fragment that the widget loads."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from flask import Response, abort, current_app, request
from markupsafe import Markup
from udata.i18n import lazy_gettext as _
from udata.i18n import lazy_pgettext as _p
from udata.uris import cdata_url

from ..contributions import review_rules
from ..contributions.neighbours import consultation_link, requests_beside
from ..contributions.review_rules import Visibility
from ..email_confirmation import confirmation
from ..email_confirmation.anonymous import avoid_trap, needs_another_way, ways
from ..people.access_modes import Action
from ..people.viewer import Viewer, current_viewer, sent_token
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..vocabulary import vocabularies
from ..web import listing, refusals
from ..web.listing import Page
from ..web.pages import (
    blueprint,
    check_guard,
    form_address,
    handle_form,
    handles_refusal,
    page_address,
    part,
    render,
    render_cached,
    wants_fragment,
)
from ..web.payload import Payload
from ..web.untyped import Document, Shown
from ..web.urls import api_url, login_url, pages_url
from . import actions, page_query, rdf, representation
from .forms import answer_of_form, must_have_words
from .models import Feedback, Summary
from .page_query import Choice, Gathered
from .presentation import Comment, SummaryView, fields_of_form, typed_answer, unfolded

#: Message for what was just done.
DONE = {
    "answered": _("Thank you, your answer is counted: “%(answer)s”."),
    "detailed": _("Thank you, your details are saved."),
    "erased": _("Your answer has been deleted."),
    "waiting": _("Your answer is counted. Your comment will be visible after moderation."),
    "sent": confirmation.SENT,
    "confirmed": _("Thank you, your answer is counted. A comment is visible after moderation."),
}


@blueprint.route("/pages/datasets/<string:dataset>/")
def dataset_page(dataset: str) -> Response:
    """Show the feedback on a dataset, and the viewer's own."""
    viewer, done = current_viewer(), request.args.get("done")
    found = _gathered(dataset, viewer)
    editing = request.args.get("edit") == "1" or done == "answered"
    if done in DONE or editing or viewer.known:
        return _page(viewer, found, done=done if done in DONE else None, editing=editing)
    return render_cached(
        "dataset.html",
        viewer,
        (found.fingerprint, found.page, _chosen(), consultation_link().banners_key()),
        lambda: _context(viewer, found),
    )


@blueprint.route("/pages/remote/")
def remote_dataset_page() -> Response:
    """Show the page of a dataset that another portal names by its own id (`id`, and `source`: its
    domain or the harvest source)."""
    found = catalogue.find_remote(request.args.get("id"), request.args.get("source"))
    if found is None or not catalogue.may_read(found):
        abort(404)
    return dataset_page(str(found.id))


@blueprint.route("/pages/datasets/<string:dataset>/", methods=["POST"])
@handles_refusal
def answer_dataset(dataset: str) -> Response:
    """Record the viewer's feedback, or change it."""
    found = _readable(dataset)
    typed: Payload = {}

    def act() -> str | Response:
        viewer = current_viewer(request.form)
        typed.update(answer_of_form(request.form))
        check_guard(viewer, without_account=ways(viewer, Action.FEEDBACK, found.id).open)
        return _answer(viewer, found, typed)

    def again(refusal: refusals.Refusal) -> Response:
        # A body that is too long is not read.
        viewer = current_viewer(request.form if typed else None)
        by_email = (bool(typed) and "by_email" in request.form) or needs_another_way(refusal)
        return _again(
            viewer, found, refusal=refusal, payload=typed or None, editing=True, by_email=by_email
        )

    return handle_form(act, again)


def _answer(viewer: Viewer, found: DatasetFacts, payload: Payload) -> str | Response:
    """Record what the form says, or ask for what it still lacks; return what follows it."""
    form = request.form
    mine = actions.own_feedback(viewer, found.id)
    if mine and "reopen" in form:
        return _again(viewer, found, editing=True)
    if "correct" in form:
        return _again(viewer, found, payload=payload, by_email=True)
    must_have_words(payload, mine)
    review_rules.warn({"comment": payload.get("comment")}, read_again="read_again" in form)
    proof = {"proof": form.get("proof"), "dataset": str(found.id)}
    if not viewer.account and not mine:
        avoid_trap(form)
        if "by_email" in form:
            confirmation.ask(Action.FEEDBACK, payload | proof)
            return _done(viewer, found, "sent")
        if not form.get("proof"):
            return _again(viewer, found, payload=payload, by_email=True)
    if mine:
        stored = actions.edit(viewer, mine["_id"], payload)
    else:
        # A bare click publishes no name; with words one chooses how one signs.
        sign = {} if "details" in form else {"signature": "none"}
        stored, _new = actions.submit(viewer, payload | proof | sign)
    if "details" not in form:
        return _done(viewer, found, "answered")
    pending = stored["visibility"] == Visibility.PENDING
    return _done(viewer, found, "waiting" if pending else "detailed")


@form_address("/pages/datasets/<string:dataset>/erase", page="datasets/{dataset}/")
@handles_refusal
def erase_answer(dataset: str) -> Response:
    """Delete the viewer's own feedback."""
    found = _readable(dataset)

    def act() -> str | Response:
        viewer = current_viewer(request.form)
        check_guard(viewer, without_account=viewer.known)
        mine = actions.own_feedback(viewer, found.id)
        if mine:
            actions.erase(viewer, mine["_id"])
        return _done(viewer, found, "erased")

    def again(refusal: refusals.Refusal) -> Response:
        too_long = isinstance(refusal, refusals.TooLong)
        viewer = current_viewer(None if too_long else request.form)
        return _again(viewer, found, refusal=refusal, editing=True)

    return handle_form(act, again)


def _dashboard(dataset: DatasetFacts) -> str:
    """Return the path, after `pages/`, where the producer of a dataset finds what waits."""
    whose = f"organizations/{dataset.organization}" if dataset.organization else "me"
    return f"dashboard/{whose}/inbox/?dataset={dataset.id}&waiting=1"


def _readable(reference: str) -> DatasetFacts:
    try:
        return actions.readable_dataset(reference)
    except refusals.NotFound:
        abort(404)


def _done(viewer: Viewer, dataset: DatasetFacts, done: str) -> str | Response:
    """Return what follows a form: the fragment as it is now, or the address of the whole page. A
    viewer without an account gets the page itself: a redirection would not recognise them."""
    if wants_fragment() or (viewer.known and not viewer.account):
        return _again(viewer, dataset, done=done, editing=done == "answered")
    address = page_address(f"datasets/{dataset.slug or dataset.id}/", done=done)
    return f"{address}#cf-done"


def _gathered(reference: Any, viewer: Viewer) -> Gathered:
    """Read what the page shows; 404 where there is no such dataset or page."""
    page = _asked_page()
    if page.beyond:
        abort(404)
    try:
        return page_query.page_of(reference, viewer, page, _chosen())
    except refusals.NotFound:
        abort(404)


def _again(viewer: Viewer, dataset: DatasetFacts, **said: Any) -> Response:
    """Show the page as it is now, after a form."""
    return _page(viewer, _gathered(dataset.id, viewer), **said)


def _page(
    viewer: Viewer, found: Gathered, *, refusal: refusals.Refusal | None = None, **said: Any
) -> Response:
    context = _context(viewer, found, refusal=refusal, **said)
    return render("dataset.html", viewer=viewer, refusal=refusal, **context)


def _context(
    viewer: Viewer,
    found: Gathered,
    *,
    done: str | None = None,
    editing: bool = False,
    refusal: refusals.Refusal | None = None,
    payload: Payload | None = None,
    by_email: bool = False,
) -> Shown:
    """Make the context of the template. `by_email`: the step in which somebody without an account
    gives an address to confirm."""
    try:
        found.must_be_readable()
    except refusals.NotFound:
        abort(404)
    dataset, summary, mine = found.dataset, found.summary, found.mine
    open_ways = ways(viewer, Action.FEEDBACK, dataset.id)
    by_email = by_email and open_ways.email and not mine
    form = "details" if by_email else _form(mine, editing, refusal, payload, done)
    errors = refusal.errors if refusal else {}
    link = f"datasets/{dataset.slug or dataset.id}/"
    return {
        "dataset": dataset,
        "producer": catalogue.produces(dataset),
        "waiting": (summary.get("totals") or {}).get("waiting", 0),
        **_sections(viewer, found),
        "mine": mine,
        "errors": errors,
        "fields": fields_of_form() if errors else (),
        "form": form,
        **(_details(viewer, mine, payload, errors) if form == "details" else {}),
        "ways": open_ways,
        "by_email": by_email,
        "contributor_token": sent_token(viewer),
        "done": _told(done, mine),
        "to_correct": _to_correct() if done == "sent" else (),
        "submission_id": str(uuid.uuid4()),
        "vocabularies": vocabularies(),
        "here": page_address(link),
        "alternates": [] if wants_fragment() else _alternates(dataset),
        "edit_url": page_address(link, edit=1),
        "dashboard_url": pages_url(_dashboard(dataset)),
        "erase_url": page_address(f"{link}erase"),
        "login": login_url(_back(dataset)),
        "consultation": consultation_link().banner(dataset),
        "discussions": _discussions(dataset),
    }


def _details(
    viewer: Viewer,
    mine: Feedback | None,
    payload: Payload | None,
    errors: Document,
) -> Shown:
    """Make the context of the details form."""
    answer = typed_answer(_without_words(mine) if mine and viewer.by_token else mine, payload)
    return {
        "answer": answer,
        "unfolded": unfolded(answer, errors),
        "signatures": catalogue.spoken_for(),
    }


def _sections(viewer: Viewer, found: Gathered) -> dict[str, Markup]:
    """Render what stands below the viewer's own feedback."""
    page = found.page

    return {
        "figures": _figures(found.summary),
        "comments": _comments(viewer, found, page),
        "missing": _missing(found),
    }


def _figures(summary: Summary) -> Markup:
    shown = summary.get("totals"), summary.get("data_updated_at")
    return part("summary.html", shown, lambda: {"summary": SummaryView(summary)})


def _comments(viewer: Viewer, found: Gathered, page: Page) -> Markup:
    """Render one page of the comments that were chosen, as the API gives them to the viewer."""
    dataset, updated = found.dataset, found.summary.get("data_updated_at")
    more = len(found.feedback) > page.size
    shown = representation.about_dataset(
        viewer, found.feedback[: page.size], dataset, found.summary
    )
    link, chosen = f"datasets/{dataset.slug or dataset.id}/", _chosen()
    mine = str(found.mine["_id"]) if found.mine else None
    own = mine if mine in [one["id"] for one in shown] else None
    about = [one | {"permissions": one["permissions"]["treat"]} for one in shown]
    return part(
        "comments.html",
        (about, page.number, more, link, chosen, own, updated, viewer.account),
        lambda: {
            "viewer": viewer,  # of which only `account` is looked at
            "comments": [Comment.of(feedback) for feedback in shown],
            "updated": updated,
            "page": page,
            "more": more,
            "chosen": chosen,
            "choices": _choices(link, chosen),
            "page_url": lambda number: _list_address(link, chosen, number),
            "own": own,
            "edit_url": page_address(link, edit=1) if wants_fragment() or viewer.account else "",
            "treat_url": lambda id: pages_url(f"dashboard/feedback/{id}"),
            "discussions": _discussions(dataset),
        },
    )


def _told(done: str | None, mine: Feedback | None) -> Any:
    """Say what was just done, with the answer that it counted."""
    if done == "answered":
        answer = vocabularies().label("fitness", mine["fitness"]) if mine else None
        return str(DONE[done]) % {"answer": answer} if answer else None
    if done == "sent" and request.form.get("email"):
        return confirmation.sent_to(request.form["email"])
    return DONE.get(done or "")


def _to_correct() -> list[tuple[str, str]]:
    """List what was sent with an address, to be sent again with another one."""
    sent = request.form.items(multi=True)
    return [(name, value) for name, value in sent if name not in ("proof", "csrf_token")]


def _choices(link: str, chosen: Choice) -> list[tuple[str, str, bool]]:
    """List the links that filter and sort the comments: address, words, whether it is in force."""
    found = [
        (
            _list_address(link, replace(chosen, answer=None)),
            _p("comments", "All"),
            not chosen.answer,
        )
    ]
    for term in vocabularies()["fitness"]:
        address = _list_address(link, replace(chosen, answer=term.id))
        found.append((address, term.label, chosen.answer == term.id))
    words = _("Newest first") if chosen.oldest else _("Oldest first")
    return [*found, (_list_address(link, replace(chosen, oldest=not chosen.oldest)), words, False)]


def _list_address(link: str, chosen: Choice, number: int = 1) -> str:
    asked = {
        "answer": chosen.answer,
        "sort": "oldest" if chosen.oldest else None,
        "page": number if number > 1 else None,
    }
    return page_address(link, **{name: value for name, value in asked.items() if value})


def _missing(found: Gathered) -> Markup:
    missing = requests_beside().missing_data(
        found.dataset, found.document["asked"], found.document["opened"]
    )
    return part("missing.html", missing, lambda: {"missing": missing})


def _alternates(dataset: DatasetFacts) -> list[tuple[str, str]]:
    """List the RDF versions of the feedback: media type and address of each format."""
    return [
        (format.media_type, api_url(f"datasets/{dataset.id}/feedback.{extension}"))
        for extension, format in rdf.FORMATS.items()
    ]


def _discussions(dataset: DatasetFacts) -> str | None:
    found: str | None = cdata_url(f"/datasets/{dataset.slug or dataset.id}/discussions")
    return found


def _without_words(mine: Feedback) -> Shown:
    """Return the viewer's feedback without its words, for a browser: somebody else may be using it
    now."""
    return {name: value for name, value in mine.items() if name != "comment"}


def _form(
    mine: Feedback | None,
    editing: bool,
    refusal: refusals.Refusal | None,
    payload: Payload | None,
    done: str | None,
) -> str | None:
    """Choose the form to show: the one question, the details, or none but the viewer's own
    feedback. Refused details come back as details, also those too long to be read."""
    if done in ("sent", "confirmed"):
        return None  # the rest is done in the mail, or done already
    typed = "comment" in payload if payload else isinstance(refusal, refusals.TooLong)
    if typed or (mine and editing):
        return "details"
    return None if mine else "question"


def _chosen() -> Choice:
    answer = request.args.get("answer")
    return Choice(
        answer if answer in vocabularies().ids("fitness") else None,
        request.args.get("sort") == "oldest",
    )


def _asked_page() -> Page:
    try:
        return listing.asked_page(_page_size())
    except refusals.Invalid:
        return Page(1, _page_size())


def _page_size() -> int:
    found: int = min(current_app.config["CULTURE_FEEDBACK_WIDGET_PAGE_SIZE"], listing.MAX_PAGE_SIZE)
    return found


def _back(dataset: DatasetFacts) -> str:
    """Return where to come back to after logging in: the current page, or the dataset's page for
    the widget. It is a path of this portal, so that nobody is sent elsewhere."""
    if wants_fragment():
        return f"/datasets/{dataset.slug or dataset.id}/"
    return f"{page_address(f'datasets/{dataset.slug or dataset.id}/')}#culture-feedback"
