"""Answer several comments of an inbox at once: which ones, and how the first answers will read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from flask import request
from udata.i18n import lazy_gettext as _

from ..feedback import (
    answer_templates,
    pending_answers,
    representation,
    tasks,
    treatment,
    treatment_views,
)
from ..feedback.models import feedbacks
from ..people.signature import unnamed
from ..people.viewer import Viewer
from ..portal.collections import now
from ..portal.queueing import later
from ..web import refusals
from .filters import WORDED, Filters
from .permissions import Scope

#: Answers shown as they will be read.
PREVIEWED = 3
#: From more than this number on, all of a view are answered only where their number is typed.
TYPED_FROM = 100


class Preview(NamedTuple):
    """An answer as the author of one comment will read it."""

    name: str
    title: str
    text: str


@dataclass(frozen=True)
class Several:
    """The form of many, as it was sent. `scope`: "ticked" or "view", all that the view has."""

    ids: list[str] = field(default_factory=list)
    scope: str = "ticked"
    typed: Mapping[str, str] = field(default_factory=dict)
    previews: list[Preview] = field(default_factory=list)
    refusal: refusals.Refusal | None = None

    @property
    def unfolded(self) -> bool:
        return bool(self.typed) or self.refusal is not None

    @property
    def errors(self) -> Mapping[str, object]:
        return self.refusal.errors if self.refusal else {}


#: No form of many was sent.
UNSENT = Several()


def of_form() -> Several:
    """Read the form of many as it was sent."""
    ids = [id for id in request.form.getlist("ids") if len(id) <= 24][: treatment.MAX_AT_ONCE + 1]
    scope = "view" if request.form.get("scope") == "view" else "ticked"
    return Several(ids, scope, treatment_views.typed_fields())


def chosen(several: Several, filters: Filters) -> list[str]:
    """Return the ids of the comments that the form is about. Raise Invalid where the number of all
    that the view has is needed and is not the one typed."""
    if several.scope != "view":
        return several.ids
    where = {"$and": [filters.where, WORDED]}
    most = treatment.MAX_AT_ONCE + 1
    found = feedbacks().find(where, {"_id": 1}, sort=filters.order).limit(most)
    ids = [str(one["_id"]) for one in found]
    if len(ids) > TYPED_FROM and request.form.get("number", "").strip() != str(len(ids)):
        message = _("Type how many there are: %(n)d.", n=len(ids))
        raise refusals.Invalid(message, {"number": message})
    return ids


def with_template(several: Several, scope: Scope) -> Several:
    """Put the chosen template into the text, as it is kept. Raise Invalid."""
    holder = scope.organization.id if scope.organization else None
    text = answer_templates.text_of(holder, several.typed["template"])
    return replace(several, typed={**several.typed, "answer": text, "template": ""})


def with_previews(viewer: Viewer, several: Several, ids: list[str], scope: Scope) -> Several:
    """Fill in the first answers. Raise Invalid where nothing is chosen, or nothing is said."""
    treatment.read_ids(ids)
    if not several.typed["answer"] and several.typed["template"]:
        several = with_template(several, scope)
    text = several.typed["answer"]
    if not text:
        message = _("Write an answer, or choose one.")
        raise refusals.Invalid(message, {"answer": message})
    found = treatment.treatable_among(viewer, ids[:PREVIEWED])
    shown = representation.as_json(viewer, [feedback for feedback, _dataset in found.values()])
    previews = [
        Preview(
            name=one["contributor"]["name"] or unnamed(one["contributor"]),
            title=found[one["id"]][1].title,
            text=answer_templates.filled_in(text, found[one["id"]][1], found[one["id"]][0]),
        )
        for one in shown
    ]
    return replace(several, ids=ids, previews=previews)


class Leaving(NamedTuple):
    """Answers that have not left yet, or were refused in part, as their notice shows them."""

    id: str
    ids: list[str]
    number: int
    seconds: int
    refused: Mapping[str, str]


def leaving(viewer: Viewer) -> list[Leaving]:
    """Give the answers of an account that are due, and list those that are not."""
    found = pending_answers.of_viewer(viewer)
    if any("done_at" not in one and one["due_at"] <= now() for one in found):
        pending_answers.apply_due(by=viewer.user_id)
        found = pending_answers.of_viewer(viewer)
    return [
        Leaving(
            id=str(one["_id"]),
            ids=[] if "done_at" in one else one["ids"],
            number=len(one["ids"]),
            seconds=max(1, round((one["due_at"] - now()).total_seconds())),
            refused=one.get("refused") or {},
        )
        for one in found
    ]


def schedule(viewer: Viewer, ids: list[str], several: Several) -> None:
    """Store the answers, and have them given once they have waited."""
    pending_answers.schedule(viewer, ids, treatment_views.payload_of(dict(several.typed)))
    later(tasks.give_answers, countdown=pending_answers.DELAY.total_seconds() + 1)


def act_on_leaving(viewer: Viewer) -> str:
    """Do what a button of a notice says. Return the name of what was done, for `SAID`. Raise
    Conflict once the answers have left."""
    form = request.form
    if "undo" in form:
        pending_answers.undo(viewer, form["undo"])
        return "undone"
    if "prolong" in form:
        pending_answers.prolong(viewer, form["prolong"])
        later(tasks.give_answers, countdown=pending_answers.LONGER.total_seconds() + 1)
        return "prolonged"
    pending_answers.forget(viewer, form["forget"])
    return ""


#: Message for what was just done with many.
SAID = {
    "undone": _("Nothing has been sent: these comments still wait."),
    "prolonged": _("The answers wait two minutes more."),
}
