"""Feedback given by confirming an e-mail address: new, or a change of what was given before."""

from __future__ import annotations

from datetime import timedelta

from bson import ObjectId
from flask import current_app
from udata.i18n import lazy_gettext as _

from ..email_confirmation.confirmation import Outcome, Preview
from ..people.access_modes import Action
from ..people.contacts import Contact
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..vocabulary import vocabularies
from ..web import refusals
from ..web.payload import Payload
from . import actions, representation


class FeedbackByEmail:
    """Feedback as a kind of contribution that `email_confirmation` can receive."""

    action = Action.FEEDBACK
    scope = "feedback"
    of: str | None = None

    def target(self, reference: str) -> str:
        return str(actions.readable_dataset(reference).id)

    def check(self, payload: Payload) -> Payload:
        dataset, answer = actions.checked(payload)
        return answer | {"dataset": str(dataset.id), "tell_me": payload.get("tell_me") is True}

    def preview(self, payload: Payload) -> Preview | None:
        dataset = catalogue.find_dataset(ObjectId(payload["dataset"]))
        if dataset is None or not catalogue.may_read(dataset):
            return None
        lists = vocabularies()
        rated = payload.get("ratings") or {}
        return Preview(
            subject=str(_("your feedback on “%(title)s”", title=dataset.title)),
            page=f"datasets/{dataset.slug or dataset.id}/",
            words=payload.get("comment"),
            name=payload.get("name"),
            then=str(
                _("Your answer is counted as soon as you confirm; words wait for a moderator.")
            ),
            address=str(
                _(
                    "Your address serves to tell you what the producer answers, and to ask you "
                    "whether it is better once the data have changed. It is encrypted, never "
                    "shown, and erased after %(days)d days, or when you ask for it.",
                    days=_kept_for(),
                )
            )
            if payload.get("tell_me")
            else None,
            facts=(
                (
                    str(_("Do these data meet your need?")),
                    lists.label("fitness", payload["fitness"]),
                ),
                *(axis.in_short(rated[axis.id]) for axis in lists["axes"] if axis.id in rated),
            ),
        )

    def carry_out(self, viewer: Viewer, payload: Payload, contact: Contact) -> Outcome:
        """Record the confirmed feedback. Where this address has already given some, change it:
        confirming again is how it is edited."""
        dataset = actions.readable_dataset(payload["dataset"])
        try:
            feedback, created = actions.submit(viewer, payload)
        except refusals.Conflict:
            mine = actions.own_feedback(viewer, dataset.id, payload.get("resource"))
            if mine is None:
                raise
            feedback, created = actions.edit(viewer, mine["_id"], payload), False
        told = bool(payload.get("tell_me"))
        actions.keep_contact(feedback["_id"], contact.id if told else None)
        shown = representation.as_json(viewer, [feedback])
        page = f"datasets/{dataset.slug or dataset.id}/"
        until = now() + timedelta(days=_kept_for()) if told else None
        return Outcome(shown[0] if shown else {}, page, created, write_until=until)


def _kept_for() -> int:
    found: int = current_app.config["CULTURE_FEEDBACK_FEEDBACK_EMAIL_DAYS"]
    return found
