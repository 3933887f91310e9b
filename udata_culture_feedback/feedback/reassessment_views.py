"""The page where authors say whether the data are better now. The link of a mail or the session
identifies them. Opening it changes nothing; the button does."""

from __future__ import annotations

from bson import ObjectId
from flask import Response, abort, request
from udata.i18n import lazy_gettext as _

from ..figures.summary_ids import dataset_summary
from ..people.viewer import current_viewer
from ..vocabulary import vocabularies
from ..web import refusals
from ..web.api import only_for_its_holder
from ..web.pages import blueprint, check_guard, handle_form, handles_refusal, page_address, render
from ..web.untyped import Shown
from ..web.urls import login_url
from . import reassessment, summaries

#: The replies in words.
CHOICES = (
    (reassessment.YES, _("Yes: these data meet my need now")),
    (reassessment.PARTLY, _("It is better, but not there yet")),
    (reassessment.NO, _("No, it is no better for me")),
)


@blueprint.route("/pages/better/<string:id>")
def better_page(id: str) -> Response:
    """Show the question, with a reply preselected."""
    return _page(id, request.args.get("answer"), done="done" in request.args)


@blueprint.route("/pages/better/<string:id>", methods=["POST"])
@handles_refusal
def say_whether_better(id: str) -> Response:
    """Record the reply. The token of the mail is proof enough; without it, the form needs the CSRF
    guard of any other form."""

    def act() -> str:
        answer = request.form.get("answer")
        who = reassessment.bearer_of(_token(), id)
        if who is None:
            viewer = current_viewer()
            check_guard(viewer)
            who = viewer.user_id
        reassessment.confirm(id, who, answer)
        kept = {"token": _token()} if _token() else {}
        return f"{page_address(f'better/{id}', **kept, answer=answer, done=1)}#cf-done"

    def again(refusal: refusals.Refusal) -> Response:
        if isinstance(refusal, refusals.NotFound):
            abort(404)
        too_long = isinstance(refusal, refusals.TooLong)
        return _page(id, None if too_long else request.form.get("answer"), refusal=refusal)

    return only_for_its_holder(handle_form(act, again))


def _page(
    id: str,
    answer: str | None,
    *,
    done: bool = False,
    refusal: refusals.Refusal | None = None,
) -> Response:
    viewer = current_viewer()
    who = reassessment.bearer_of(_token(), id) or viewer.user_id
    context: Shown = {"feedback": None, "dataset": None}
    if who is None and not refusal:
        refusal = refusals.Unauthenticated(
            _("This link has expired. Log in to say whether these data are better.")
        )
    if who is not None:
        context = _about(id, who)
    kept = {"token": _token()} if _token() else {}
    return only_for_its_holder(
        render(
            "better.html",
            viewer=viewer,
            refusal=refusal,
            errors=refusal.errors if refusal else {},
            fields=("answer",),
            choices=CHOICES,
            chosen=answer if answer in reassessment.ANSWERS else None,
            done=done,
            here=page_address(f"better/{id}", **kept),
            login=login_url(page_address(f"better/{id}")),
            **context,
        )
    )


def _about(id: str, who: ObjectId) -> Shown:
    try:
        feedback, dataset, _author = reassessment.own(id, who)
    except refusals.NotFound:
        abort(404)
    summary = summaries.read(dataset_summary(dataset.id))
    return {
        "feedback": feedback,
        "dataset": dataset,
        "opinion": vocabularies().label("fitness", feedback["fitness"]),
        "changed_at": summary.get("data_updated_at"),
        "dataset_url": page_address(f"datasets/{dataset.slug or dataset.id}/"),
    }


def _token() -> str:
    return request.args.get("token", "")
