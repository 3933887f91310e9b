"""What authors hear of a decision about what they wrote, and administrators of an appeal.

A decision is told once it can no longer be undone by a gesture: two hundred mails do not leave for
what was a mistake.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.i18n import lazy_gettext as _
from udata.mail import LabelledContent, MailCTA, MailMessage

from .. import vocabulary
from ..contributions import kinds
from ..contributions.moderated import AGAINST, Decision, Item, Moderated
from ..contributions.review_rules import Visibility
from ..mail import outbox, unsubscribe
from ..mail.mailing import mail
from ..mail.models import insert, new_entry
from ..portal import catalogue
from ..portal.collections import now
from ..portal.queueing import later
from ..web.text_cleaning import excerpt
from ..web.urls import pages_url
from . import appeals
from .models import Outcome

#: What administrators can refuse to hear of.
SCOPE = "moderation:appeals"

#: How much of the words a mail repeats.
BEGINNING = 300


def post_decisions(made: list[tuple[Moderated, Item, Item]]) -> None:
    """Posts what authors hear of decisions, to leave when these can no longer be undone."""
    wait = timedelta(minutes=current_app.config["CULTURE_FEEDBACK_UNDO_MINUTES"])
    entries = []
    for moderated, before, after in made:
        builder = _builder(before, after)
        reader = _reader(after)
        if builder is None or reader is None:
            continue
        id = str(after["moderated"]["id"])
        params = {"class": moderated.kind, "item": str(after["_id"]), "decision": id}
        to, kind = reader
        event = f"moderation:{id}:{kind}:{to}"
        entries.append(new_entry(event, to, builder, params, None, now() + wait))
    if insert(entries):
        later(outbox.deliver, countdown=wait.total_seconds())


@mail("moderation-against", required=True)
def against(reader: Any, item: str, decision: str, **params: str) -> MailMessage | None:
    """Words were refused, hidden or blacked out: why, and how to contest it."""
    found = _standing(params["class"], item, decision)
    if found is None:
        return None
    moderated, contribution = found
    made = contribution["moderated"]
    reason = vocabulary.find(vocabulary.MODERATION_REASONS, made["reason"])
    match made["decision"]:
        case Decision.REDACT:
            subject = _("Words of yours were blacked out")
            told = _("A moderator has blacked out personal data in what you wrote.")
        case Decision.HIDE:
            subject = _("What you wrote was hidden")
            told = _("A moderator has hidden what you wrote.")
        case _:
            subject = _("What you wrote is not published")
            told = _("A moderator has decided not to publish what you wrote.")
    return MailMessage(
        subject=subject,
        paragraphs=[
            told,
            LabelledContent(_("Reason:"), str(reason.label), inline=True),
            *_what(moderated, contribution),
            _("If you think that this is a mistake, the administrators of the portal look again."),
            MailCTA(_("Contest this decision"), appeals.address(ObjectId(decision))),
            MailCTA(_("Read the charter"), charter_url()),
        ],
        footer=[_("You receive this message because it is about something you wrote.")],
    )


@mail("moderation-published", required=True)
def published(reader: Any, item: str, decision: str, **params: str) -> MailMessage | None:
    """What waited for a moderator is published."""
    found = _standing(params["class"], item, decision)
    if found is None or found[1]["visibility"] != Visibility.PUBLIC:
        return None
    moderated, contribution = found
    page = moderated.page(contribution)
    return MailMessage(
        subject=_("What you wrote is published"),
        paragraphs=[
            _("A moderator has read what you wrote, and it is published."),
            *([MailCTA(_("See it on its page"), page)] if page else []),
        ],
        footer=[_("You receive this message because it is about something you wrote.")],
    )


@mail("moderation-appeal")
def appeal(reader: Any, decision: str) -> MailMessage | None:
    """An author contests a decision. To the administrators of the portal."""
    found = appeals.find(ObjectId(decision))
    if found is None or found["outcome"] != Outcome.OPEN:
        return None
    return MailMessage(
        subject=_("A decision of the moderation is contested"),
        paragraphs=[
            _("An author contests a decision of the moderation."),
            MailCTA(_("Look at it"), pages_url("moderation/appeals/")),
        ],
        footer=[_("You receive this message because you administer the portal.")],
    )


@mail("moderation-appeal-answer", required=True)
def appeal_answer(reader: Any, decision: str) -> MailMessage | None:
    """What became of an appeal. To its author."""
    found = appeals.find(ObjectId(decision))
    if found is None or found["outcome"] == Outcome.OPEN:
        return None
    if found["outcome"] == Outcome.UPHELD:
        subject = _("You were right: the decision is taken back")
        told = _("The administrators of the portal have looked again, and agree with you.")
    else:
        subject = _("The decision stands")
        told = _("The administrators of the portal have looked again: the decision stands.")
    answer = found.get("answer")
    return MailMessage(
        subject=subject,
        paragraphs=[
            told,
            *([LabelledContent(_("Their answer:"), answer)] if answer else []),
        ],
        footer=[_("You receive this message because you contested a decision.")],
    )


@unsubscribe.names("moderation")
def name_of_subject(id: str) -> str | None:
    return str(_("Decisions that are contested"))


def tell_administrators(decision: ObjectId) -> None:
    """Tells those who administer the portal of an appeal."""
    outbox.post_to_each(
        f"moderation-appeal:{decision}",
        catalogue.sysadmins(),
        "moderation-appeal",
        {"decision": str(decision)},
        SCOPE,
    )


def tell_appellant(appeal: dict[str, Any]) -> None:
    """Tells who contested a decision what became of it."""
    event, params = f"moderation-appeal:{appeal['_id']}:answer", {"decision": str(appeal["_id"])}
    if appeal.get("user"):
        outbox.post(event, appeal["user"], "moderation-appeal-answer", params)
    elif appeal.get("contact"):
        outbox.post(event, appeal["contact"], "moderation-appeal-answer", params)


def charter_url() -> str:
    """The charter: the portal's own, or ours."""
    return current_app.config["CULTURE_FEEDBACK_CHARTER_URL"] or pages_url("charter/")


def _builder(before: Item, after: Item) -> str | None:
    if after["moderated"]["decision"] in AGAINST:
        return "moderation-against"
    first = before["visibility"] == Visibility.PENDING
    if after["moderated"]["decision"] == Decision.PUBLISH and first:
        return "moderation-published"
    return None


def _reader(item: Item) -> tuple[ObjectId, str] | None:
    """Who wrote it, if they can be written to: an account, or a kept address."""
    if user := item["contributor"].get("user"):
        return user, "user"
    return (item["contact"], "contact") if item.get("contact") else None


def _standing(kind: str, item: str, decision: str) -> tuple[Moderated, Item] | None:
    """A contribution as long as that decision about it stands."""
    moderated = kinds.moderated().get(kind)
    found = moderated.find([ObjectId(item)]).get(ObjectId(item)) if moderated else None
    if moderated is None or found is None:
        return None
    if str((found.get("moderated") or {}).get("id")) != decision:
        return None
    return moderated, found


def _what(moderated: Moderated, item: Item) -> list[LabelledContent]:
    """The words it is about: as they are now, which after blacking out is what everybody reads."""
    words = " — ".join(moderated.texts(item).values())
    if not words:
        return []
    return [LabelledContent(_("What you wrote:"), excerpt(words, BEGINNING))]
