"""Mails to authors about decisions on their contributions, to administrators about appeals, and to
moderators about what waits.

A decision is announced only once moderators can no longer undo it: two hundred mails do not leave
for a mistake.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.i18n import lazy_gettext as _
from udata.i18n import ngettext
from udata.mail import LabelledContent, MailCTA, MailMessage

from .. import vocabulary
from ..contributions import kinds
from ..contributions.moderated import AGAINST, Decision, Item, Moderated
from ..contributions.review_rules import Visibility
from ..mail import outbox, unsubscribe
from ..mail.mailing import mail
from ..mail.models import insert, new_entry
from ..people import roles
from ..people.models import account_key
from ..people.viewer import Viewer, viewer_of
from ..portal import catalogue
from ..portal.collections import now
from ..portal.queueing import later
from ..web.text_cleaning import excerpt
from ..web.urls import pages_url
from . import appeals, queue
from .models import Appeal, Outcome

#: The scopes that administrators and moderators can unsubscribe from.
SCOPE, WAITING = "moderation:appeals", "moderation:waiting"

#: Longest excerpt of the words in a mail, in characters.
BEGINNING = 300


def post_decisions(made: list[tuple[Moderated, Item, Item]]) -> None:
    """Queue the mails to authors about decisions, to leave once these can no longer be undone."""
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
    """Tell an author why their words were refused, hidden or blacked out, and how to contest it."""
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
    """Tell an author that their pending contribution is published."""
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
    """Tell the administrators of the portal that an author contests a decision."""
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
    """Tell an author the outcome of their appeal."""
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


@mail("moderation-waiting")
def waiting(reader: Any) -> MailMessage | None:
    """Tell a moderator how much waits in their queue, and where it is."""
    viewer = viewer_of(reader)
    number = queue.count(viewer, queue.Filters())[0] if viewer.moderator else 0
    if not number:
        return None
    return MailMessage(
        subject=ngettext(
            "%(num)d text waits for a moderator", "%(num)d texts wait for a moderator", number
        ),
        paragraphs=[
            _("The queue has what was written without an account, found by a check or reported."),
            MailCTA(_("Open the queue"), pages_url("moderation/")),
        ],
        footer=[_("You receive this message because you are a moderator.")],
    )


@unsubscribe.names("moderation")
def name_of_subject(id: str) -> str | None:
    named = {
        "appeals": _("Decisions that are contested"),
        "waiting": _("What waits for a moderator"),
    }
    return str(named[id]) if id in named else None


def tell_moderators() -> int:
    """Write once a day to moderators in whose queue something has come since the day before. To
    those who are no administrators: the administration of the front-end shows them nothing. Return
    the number of mails."""
    event = f"moderation-waiting:{now():%Y-%m-%d}"
    busy = [one.user for one in roles.team() if _has_news(one)]
    return outbox.post_to_each(event, busy, "moderation-waiting", {}, WAITING)


def _has_news(moderator: roles.Moderator) -> bool:
    viewer = Viewer(key=account_key(moderator.user), user_id=moderator.user, remit=moderator.remit)
    waits, many = queue.count(viewer, queue.Filters())
    return many or waits > queue.count(viewer, queue.Filters(older=1))[0]


def tell_administrators(decision: ObjectId) -> None:
    """Write to the administrators of the portal about an appeal."""
    outbox.post_to_each(
        f"moderation-appeal:{decision}",
        catalogue.sysadmins(),
        "moderation-appeal",
        {"decision": str(decision)},
        SCOPE,
    )


def tell_appellant(appeal: Appeal) -> None:
    """Write to the author of an appeal about its outcome."""
    event, params = f"moderation-appeal:{appeal['_id']}:answer", {"decision": str(appeal["_id"])}
    if appeal.get("user"):
        outbox.post(event, appeal["user"], "moderation-appeal-answer", params)
    elif appeal.get("contact"):
        outbox.post(event, appeal["contact"], "moderation-appeal-answer", params)


def charter_url() -> str:
    """Return the address of the charter: the portal's own, or ours."""
    return current_app.config["CULTURE_FEEDBACK_CHARTER_URL"] or pages_url("charter/")


def _builder(before: Item, after: Item) -> str | None:
    if after["moderated"]["decision"] in AGAINST:
        return "moderation-against"
    first = before["visibility"] == Visibility.PENDING
    if after["moderated"]["decision"] == Decision.PUBLISH and first:
        return "moderation-published"
    return None


def _reader(item: Item) -> tuple[ObjectId, str] | None:
    """Return the author's account or kept address, with its kind; None when neither is known."""
    if user := item["contributor"].get("user"):
        return user, "user"
    return (item["contact"], "contact") if item.get("contact") else None


def _standing(kind: str, item: str, decision: str) -> tuple[Moderated, Item] | None:
    """Find a contribution while that decision is the latest about it."""
    moderated = kinds.moderated().get(kind)
    found = moderated.find([ObjectId(item)]).get(ObjectId(item)) if moderated else None
    if moderated is None or found is None:
        return None
    if str((found.get("moderated") or {}).get("id")) != decision:
        return None
    return moderated, found


def _what(moderated: Moderated, item: Item) -> list[LabelledContent]:
    """Quote the contribution as it is now: after blacking out, as everybody reads it."""
    words = " — ".join(moderated.texts(item).values())
    if not words:
        return []
    return [LabelledContent(_("What you wrote:"), excerpt(words, BEGINNING))]
