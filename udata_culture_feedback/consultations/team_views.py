"""The pages of the team besides the editor: answers received by phone or post, a trial,
participation."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Response, request
from flask_babel import format_date
from udata.i18n import lazy_gettext as _
from udata.i18n import ngettext

from ..people.viewer import Viewer
from ..portal.collections import now
from ..vocabulary import vocabularies
from ..web import charts, refusals
from ..web.api import never_stored
from ..web.pages import blueprint, check_guard, handle_form, handles_refusal, page_address, render
from ..web.refusals import Errors
from ..web.untyped import Payload
from . import (
    answering,
    editor_forms,
    form_tokens,
    participation,
    presentation,
)
from .answers import missing, read_answers
from .figures import Way
from .models import Answers, Channel, Consultation
from .participation import Day, Participation
from .questions import condition_in_words, depends_on_profile
from .response_content import warn_of_personal_data
from .team_pages import after, asked, common, readable_page, team
from .window import Window
from .wording import said

#: Labels of the ways of answering.
WAYS = {
    Way.ACCOUNT: _("With an account"),
    Way.VERIFIED: _("With a confirmed e-mail address"),
    Way.UNVERIFIED: _("Without an account, not verified"),
    Way.ENTERED: _("Entered by the team"),
    Way.IMPORTED: _("Imported from a file"),
}


@blueprint.route("/pages/consultations/<string:reference>/entry")
def entry_page(reference: str) -> Response:
    """Show the form in which the team enters answers received by phone or post."""
    viewer = team()
    return _entry(viewer, readable_page(viewer, reference), {})


@blueprint.route("/pages/consultations/<string:reference>/entry", methods=["POST"])
@handles_refusal
def enter_answer(reference: str) -> Response:
    viewer, consultation = asked(reference)
    answers: Payload = {}

    def act() -> str:
        form = request.form
        given, picked = presentation.answers_of_form(consultation["questions"], form)
        answers.update(given)
        for id, one in picked.items():
            one.must_be_clear(f"answers.{id}")
        payload = {
            "answers": answers,
            "profile": form.get("profile") or None,
            "open_data": "open_data" in form,
            "channel": form.get("channel"),
            "reference": form.get("reference"),
            "replace": "replace" in form,
            "opening": form.get("opening"),
        }
        warn_of_personal_data(consultation["questions"], answers, read_again="read_again" in form)
        answering.enter(viewer, consultation["_id"], payload)
        return after(consultation, "entry", done="entered")

    return handle_form(
        act,
        lambda refusal: _entry(viewer, consultation, answers, refusal=refusal),
        guard=lambda: check_guard(viewer),
    )


@blueprint.route("/pages/consultations/<string:reference>/try")
def trial_page(reference: str) -> Response:
    """Let the team try the questionnaire as respondents will see it; nothing is stored."""
    viewer = team()
    return _trial(viewer, readable_page(viewer, reference), {}, None, 1)


@blueprint.route("/pages/consultations/<string:reference>/try", methods=["POST"])
@handles_refusal
def go_on_trying(reference: str) -> Response:
    """Move to the next or the previous step of a trial; conditions apply, and nothing is stored."""
    viewer = team()
    consultation = readable_page(viewer, reference)
    questions = consultation["questions"]
    sent = request.form
    carried = read_answers(questions, presentation.uncarried(sent.get("carried")), {})[0]
    profile = sent.get("profile") or None
    index = editor_forms.whole_number(sent.get("step")) or 1
    answers: Answers = dict(carried)

    def act() -> Response:
        step = presentation.step_of(consultation, answers, index, profile)
        given, _picked = presentation.answers_of_form(step.questions, sent)
        answers.update(given)
        for id in [id for id, one in answers.items() if one is None]:
            del answers[id]
        following = _next_of_trial(consultation, answers, step, profile)
        return _trial(viewer, consultation, answers, profile, following)

    return handle_form(
        act,
        lambda refusal: _trial(viewer, consultation, answers, profile, index, refusal),
        guard=lambda: check_guard(viewer),
    )


def _next_of_trial(
    consultation: Consultation, answers: Answers, step: presentation.Step, profile: str | None
) -> int:
    """Return the next or the previous step of a trial. Raise Invalid for wrong answers of this
    step."""
    errors: Errors = {}
    read_answers(step.questions, answers, errors)
    asked_now = presentation.step_of(consultation, answers, step.index, profile)
    if request.form.get("go") == "previous":
        return asked_now.previous or 1
    missing(asked_now.questions, answers, errors)
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    return asked_now.following or step.index


@blueprint.route("/pages/consultations/<string:reference>/participation")
def participation_page(reference: str) -> Response:
    """Show the team how many people answer, by day and by way; no answer is shown."""
    viewer = team()
    consultation = readable_page(viewer, reference)
    found = participation.read(viewer, consultation)
    return never_stored(
        render(
            "consultations/participation.html",
            **common(viewer, consultation),
            title=said(consultation["title"]),
            found=found,
            sentence=_sentence(found),
            chart=_chart_of_days(found["days"]),
            ways=[(WAYS[Way(way)], n) for way, n in found["ways"].items() if n],
            sealed=Window.of(consultation).sealed(now()),
            here=page_address(f"consultations/{consultation['slug']}/participation"),
        )
    )


def _entry(
    viewer: Viewer,
    consultation: Consultation,
    answers: Payload,
    *,
    refusal: refusals.Refusal | None = None,
) -> Response:
    questions = consultation["questions"]
    fields = {f"answers.{question['id']}" for question in questions}
    return never_stored(
        render(
            "consultations/entry.html",
            **common(viewer, consultation, refusal, fields | {"channel", "reference"}),
            title=said(consultation["title"]),
            questions=[
                (question, condition_in_words(question, questions)) for question in questions
            ],
            answers=answers,
            picked=presentation.picked_of(questions, answers),
            typed=request.form,
            channels=[
                (Channel.POST.value, _("by post")),
                (Channel.PHONE.value, _("on the phone")),
            ],
            vocabularies=vocabularies(),
            opening=request.form.get("opening")
            or form_tokens.token_for(viewer, consultation["_id"]),
            here=page_address(f"consultations/{consultation['slug']}/entry"),
        )
    )


def _sentence(found: Participation) -> str:
    """Describe in a sentence how many people answered, and on which day most did."""
    total, days = found["total"], found["days"]
    if not days:
        return str(_("Nobody has answered yet."))
    most = max(days, key=lambda one: int(one["count"]))
    many = ngettext("%(num)d answer", "%(num)d answers", total)
    return str(
        _(
            "%(answers)s, of which %(most)d on %(day)s.",
            answers=many,
            most=most["count"],
            day=_day(most["day"]),
        )
    )


def _chart_of_days(days: list[Day]) -> charts.Chart | None:
    if not days:
        return None
    counted = {one["day"]: one["count"] for one in days}
    first, last = (date.fromisoformat(days[at]["day"]) for at in (0, -1))
    span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return charts.bars(
        "cf-days",
        str(_("Answers by day")),
        [_day(one.isoformat()) for one in span],
        [counted.get(one.isoformat(), 0) for one in span],
        str(_("Answers")),
    )


def _day(day: str) -> str:
    return str(format_date(date.fromisoformat(day), "medium"))


def _trial(
    viewer: Viewer,
    consultation: Consultation,
    answers: Answers,
    profile: str | None,
    index: int,
    refusal: refusals.Refusal | None = None,
) -> Response:
    step = presentation.step_of(consultation, answers, index, profile)
    fields = {f"answers.{question['id']}" for question in step.questions}
    return never_stored(
        render(
            "consultations/try.html",
            **common(viewer, consultation, refusal, fields),
            title=said(consultation["title"]),
            step=step,
            answers=answers,
            profile=profile,
            profile_first=depends_on_profile(consultation["questions"]),
            carried=presentation.carried(answers),
            picked=presentation.picked_of(step.questions, answers),
            review=presentation.in_words(consultation, answers, profile) if step.last else [],
            vocabularies=vocabularies(),
            here=page_address(f"consultations/{consultation['slug']}/try"),
        )
    )
