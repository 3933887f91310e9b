"""The words of mails about requests; their recipients are chosen in `notifications`.

A builder runs when its mail leaves, as its reader: what has been hidden, withdrawn or settled
meanwhile is no longer told. Names of builders are stored: never rename one.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.core.user.models import User
from udata.i18n import lazy_gettext as _
from udata.i18n import ngettext
from udata.mail import LabelledContent, MailCTA, MailMessage

from ..contributions.review_rules import Visibility
from ..mail.mailing import mail
from ..people.models import Contributor, account_key
from ..people.signature import signature, signing_users, unnamed
from ..portal import catalogue
from ..portal.collections import now
from ..web.moments import in_words, local_day, portal_zone
from ..web.urls import pages_url
from . import by_email, clarification, dataset_matches, deadlines_shown, following, messages
from .appeal import Law
from .clock import Clock
from .models import Entry, Request, supports
from .permissions import desk
from .recipients import admins_dealing_with
from .repository import find
from .representation import people, supports_told
from .workflow import DECISIONS, OPEN, Role, Status

#: Characters shown of a text that the page shows in full. A refusal and a question are never cut.
BEGINNING = 1000
WHOLE = 10**6
#: Requests listed in one mail.
LISTED = 20


class Step(StrEnum):
    """The kind of step that an entry of a history is to the followers of the request."""

    ACKNOWLEDGED = "acknowledged"
    ASKED = "needs_clarification"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    PUBLISHED = "published"
    DECLINED = "declined"
    MERGED = "duplicate"
    SEPARATED = "separated"
    TRANSFERRED = "transferred"
    EXTENDED = "extended"
    DATED = "dated"
    REOPENED = "reopened"
    RESUBMITTED = "resubmitted"  # withdrawn, then asked again: its supporters had left


def step_of(entry: Entry) -> Step | None:
    """Return the step that an entry is; None for an edit, a withdrawal and an answered question,
    which are told otherwise or not at all."""
    before, after = entry["from"], entry["to"]
    if entry.get("extended"):
        return Step.EXTENDED
    if entry.get("transferred_to"):
        return Step.TRANSFERRED
    if before == after and entry.get("expected_on"):
        return Step.DATED
    if before == after or after == Status.WITHDRAWN:
        return None
    if before == Status.DUPLICATE:
        return Step.SEPARATED
    if before in DECISIONS:
        return Step.REOPENED
    if before == Status.WITHDRAWN:
        return Step.RESUBMITTED
    if before == Status.NEEDS_CLARIFICATION and after == Status.ACKNOWLEDGED:
        return None
    return Step(after)


# --- To requesters and supporters -----------------------------------------------------------------


def _tells_of_appeal(reader: User, request: str, number: int = 0) -> None:
    """Record that the requester has read how to appeal."""
    found = find(request)
    if found is not None and _asked(reader, found):
        deadlines_shown.mark_told(found)


@mail("request-receipt", required=True, left=_tells_of_appeal)
def receipt(reader: User, request: str) -> MailMessage | None:
    """Tell the requester when the request was received, by whom, and both dates with their
    computation."""
    found = _public(request)
    if found is None or not _asked(reader, found):
        return None
    return MailMessage(
        subject=_("Your request “%(title)s” is recorded", title=found["title"]),
        paragraphs=[
            _reception(found),
            deadlines_shown.service_in_words(found),
            _expected(found),
            *_computed(found),
            _see(found),
        ],
        footer=[_("You receive this message because you have just made this request.")],
    )


@mail("request-waits", required=True)
def waits(reader: User, request: str) -> MailMessage | None:
    """Tell the requester that their request waits for a moderator, and what comes next. None once
    it is published: the receipt says more."""
    found = find(request)
    if found is None or found["visibility"] != Visibility.PENDING or not _asked(reader, found):
        return None
    day = in_words(local_day(found["created_at"], portal_zone()))
    page = _page(found)
    if found.get("contact") == reader.id:
        page = pages_url(f"requests/recorded?token={by_email.own_link(found)}")
    return MailMessage(
        subject=_("Your request “%(title)s” waits for a moderator", title=found["title"]),
        paragraphs=[
            _("Your request was recorded on %(date)s.", date=day),
            _("A moderator reads this request before it is published."),
            _(
                "Until then nobody else sees it. Once it is published it is sent to its holder, "
                "and you are told of each step."
            ),
            MailCTA(_("See my request"), page),
        ],
        footer=[_("You receive this message because you have just made this request.")],
    )


@mail("request-step")
def step(reader: User, request: str, number: int) -> MailMessage | None:
    """Tell a follower of a request about a public step."""
    found = _public(request)
    footer = _why(reader, found)
    entry = _entry(found, number)
    if found is None or footer is None or entry is None:
        return None
    title, by = found["title"], _said(found, entry)
    match step_of(entry):
        case Step.ACKNOWLEDGED:
            subject = _("“%(title)s”: taken into account", title=title)
            told = [_("The request is taken into account."), by]
        case Step.ACCEPTED:
            subject = _("“%(title)s”: accepted", title=title)
            told = [_("The request is accepted: these data will be published."), _day(entry), by]
        case Step.IN_PROGRESS:
            subject = _("“%(title)s”: in preparation", title=title)
            told = [_("These data are being prepared."), _day(entry), by]
        case Step.DATED:
            subject = _("“%(title)s”: the date of publication changes", title=title)
            told = [_day(entry), by]
        case Step.PUBLISHED:
            return _published(reader, found, entry, footer)
        case Step.MERGED:
            return _merged(found, entry, footer)
        case Step.SEPARATED:
            subject = _("“%(title)s”: followed on its own again", title=title)
            told = [_("This request was merged with another; it is followed on its own again."), by]
        case Step.TRANSFERRED:
            return _transferred(reader, found, entry, footer)
        case Step.EXTENDED:
            subject = _("“%(title)s”: more time to answer", title=title)
            # Its reason is in the computation.
            told = [
                _("The time to answer has been extended."),
                _expected(found),
                _computed(found)[0],
            ]
        case Step.REOPENED:
            subject = _("“%(title)s”: open again", title=title)
            told = [_("The request is open again."), by, _expected(found), _computed(found)[0]]
        case _:
            return None
    return MailMessage(subject=subject, paragraphs=[*told, _see(found)], footer=[footer])


@mail("request-question", at_once=True)
def question(reader: User, request: str, number: int) -> MailMessage | None:
    """Ask the requester for the details that the holder needs, with the deadline."""
    found = _public(request)
    entry = _entry(found, number)
    if found is None or entry is None or not _asked(reader, found) or not _is_awaited(found):
        return None
    return MailMessage(
        subject=_("A question about your request “%(title)s”", title=found["title"]),
        paragraphs=[
            _("Details are needed to go on with your request."),
            _said(found, entry),
            _awaited_until(found),
            MailCTA(_("Give these details"), _where_to_answer(reader, found)),
        ],
        footer=[_because_asked()],
    )


@mail("request-reminder", at_once=True)
def reminder(reader: User, request: str, number: int) -> MailMessage | None:
    """Remind the requester of an open question whose deadline is near."""
    found = _public(request)
    if found is None or not _asked(reader, found) or not _is_awaited(found):
        return None
    asked = [
        entry
        for entry in found["history"][:number]
        if entry["to"] == Status.NEEDS_CLARIFICATION != entry["from"]
    ]
    return MailMessage(
        subject=_("Reminder: a question about your request “%(title)s”", title=found["title"]),
        paragraphs=[
            _("Your request still waits for these details."),
            _said(found, asked[-1]) if asked else None,
            _awaited_until(found),
            MailCTA(_("Give these details"), _where_to_answer(reader, found)),
        ],
        footer=[_because_asked()],
    )


@mail("request-declined", at_once=True, left=_tells_of_appeal)
def declined(reader: User, request: str, number: int) -> MailMessage | None:
    """Tell a follower of a refusal: reason, message and, to the requester, how to appeal."""
    found = _public(request)
    footer = _why(reader, found)
    entry = _entry(found, number)
    if found is None or footer is None or entry is None:
        return None
    review = entry.get("review_at")
    told = [
        _("The request is declined."),
        _reason(entry),
        _said(found, entry),
        *(MailCTA(_("See the data"), url) for url in entry.get("urls") or ()),
        _("It will be looked at again on %(date)s.", date=in_words(date.fromisoformat(review)))
        if review
        else None,
    ]
    if _asked(reader, found) and found["status"] == Status.DECLINED:
        told += [
            deadlines_shown.appeal_in_words(found),
            deadlines_shown.service_in_words(found),
            _appeal(found),
        ]
        if not (found.get("reopened") or {}).get(Status.DECLINED):
            told.append(_("If you disagree, you can reopen the request once, from its page."))
    return MailMessage(
        subject=_("“%(title)s”: declined", title=found["title"]),
        paragraphs=[*told, _see(found)],
        footer=[footer],
    )


@mail("request-overdue", at_once=True)
def overdue(reader: User, request: str) -> MailMessage | None:
    """Tell the requester and the holder that the answer is late."""
    found = _public(request)
    if found is None or Status(found["status"]) not in OPEN:
        return None
    clock = Clock.of(found["clock"])
    footer = _because_asked() if _asked(reader, found) else _why_holder(reader, found)
    if footer is None or not clock.is_overdue(now()):
        return None
    day = in_words(clock.due_day(portal_zone()))
    told: list[Any] = [_("An answer was expected until the end of %(date)s.", date=day)]
    if _asked(reader, found):
        told += [*_computed(found), _appeal(found)]
        link = _see(found)
    else:
        link = MailCTA(_("Answer this request"), _page(found))
    return MailMessage(
        subject=_("“%(title)s”: the answer is late", title=found["title"]),
        paragraphs=[*told, link],
        footer=[footer],
    )


@mail("request-message")
def message(reader: User, message: str, request: str | None = None) -> MailMessage | None:
    """Tell the requester and the holder what somebody wrote about a request. `request`: given for a
    message written in the native discussion."""
    written = messages.find(message, request)
    if written is None:
        return None
    found = _public(str(written["request"]))
    footer = _why(reader, found) or _why_holder(reader, found)
    if found is None or footer is None:
        return None
    return MailMessage(
        subject=_("A message about the request “%(title)s”", title=found["title"]),
        paragraphs=[
            LabelledContent(
                _("Message from %(name)s:", name=_signed(written["contributor"])),
                written["text"],
                truncated_at=BEGINNING,
            ),
            MailCTA(_("Answer this message"), _page(found)),
        ],
        footer=[footer],
    )


# --- To the holder --------------------------------------------------------------------------------


@mail("request-arrived")
def arrived(reader: User, request: str, number: int = 0) -> MailMessage | None:
    """Tell the holder of a request that came to it: new, sent there (`number`: the entry that did),
    asked again or reopened by its requester."""
    found = _public(request)
    footer = _why_holder(reader, found)
    if found is None or footer is None or Status(found["status"]) not in OPEN:
        return None
    entry = _entry(found, number)
    again = entry is not None and step_of(entry) is Step.REOPENED
    holder = _holder(found)
    return MailMessage(
        subject=(
            _("“%(title)s”: open again", title=found["title"])
            if again
            else _("A request for data: “%(title)s”", title=found["title"])
        ),
        paragraphs=[
            _("The requester has reopened this request.") if again else None,
            (
                _("These data are asked of %(holder)s.", holder=holder)
                if holder
                else _("These data are asked for, and who holds them is not known.")
            ),
            LabelledContent(_("Need:"), found["description"], truncated_at=BEGINNING),
            _said(found, entry) if entry else None,
            _expected(found),
            MailCTA(_("Answer this request"), _page(found)),
        ],
        footer=[footer],
    )


@mail("request-assigned")
def assigned(reader: User, request: str) -> MailMessage | None:
    """Tell a member of the holder that a request was given to them."""
    found = find(request)
    if found is None or found.get("assignee") != reader.id or Status(found["status"]) not in OPEN:
        return None
    return MailMessage(
        subject=_("A request for data is yours to deal with: %(title)s", title=found["title"]),
        paragraphs=[
            _(
                "A colleague gave you this request for data to deal with: “%(title)s”.",
                title=found["title"],
            ),
            _see(found),
        ],
        footer=[
            _("You receive this message because you are a member of the organization that answers.")
        ],
    )


@mail("request-matches")
def resembling(reader: User, dataset: str) -> MailMessage | None:
    """Propose a dataset that has just become public as the answer to open requests, to their
    holders and to its producer."""
    found = catalogue.find_dataset(ObjectId(dataset))
    if found is None or not found.listed:
        return None
    footer = _why_producer(reader, found)
    proposed = dataset_matches.proposed_requests(found.id)
    if footer is None:
        footer = next((why for one in proposed if (why := _why_holder(reader, one))), None)
    if footer is None or not proposed:
        return None
    told: list[Any] = [
        ngettext(
            "“%(title)s” is public now. A request that waits for an answer resembles it:",
            "“%(title)s” is public now. %(num)d requests that wait for an answer resemble it:",
            len(proposed),
            title=found.title,
        )
    ]
    for one in proposed[:LISTED]:
        told.append(MailCTA(f"{one['title']} ({supports_told(one)})", _page(one)))
    told.append(
        _(
            "If it answers a request, say so on its page: "
            "whoever asked for these data is told at once."
        )
    )
    return MailMessage(
        subject=ngettext(
            "Does “%(title)s” answer this request?",
            "Does “%(title)s” answer these requests?",
            len(proposed),
            title=found.title,
        ),
        paragraphs=told,
        footer=[footer],
    )


# --- Parts ----------------------------------------------------------------------------------------


def _published(reader: User, found: Request, entry: Entry, footer: Any) -> MailMessage:
    datasets = catalogue.datasets_by_id(entry.get("datasets") or ())
    links = [MailCTA(d.title, d.page) for d in datasets.values() if catalogue.may_read(d)]
    links += [MailCTA(_("See the data"), url) for url in entry.get("urls") or ()]
    ask = None
    if _asked(reader, found) and found["status"] == Status.PUBLISHED:
        ask = _("Is it what you asked for? On its page you can say so, or reopen the request.")
    told: list[Any] = [
        ngettext(
            "%(num)d person asked for it: you.", "%(num)d of you asked for it.", people(found)
        ),
        _("A part of these data is published:")
        if entry.get("partial")
        else _("These data are published:"),
        *links,
        _said(found, entry),
        ask,
        _see(found),
    ]
    subject = (
        _("“%(title)s”: a part of the data is there", title=found["title"])
        if entry.get("partial")
        else _("“%(title)s”: the data are there", title=found["title"])
    )
    return MailMessage(
        subject=subject,
        paragraphs=told,
        footer=[footer],
    )


def _merged(found: Request, entry: Entry, footer: Any) -> MailMessage | None:
    target = _public(found.get("duplicate_of"))  # where it leads now
    if target is None:
        return None
    return MailMessage(
        subject=_("“%(title)s”: merged with another request", title=found["title"]),
        paragraphs=[
            _("This request asks for the same data as “%(other)s”.", other=target["title"]),
            _("It is followed there, and you count among those who ask for them."),
            _said(found, entry),
            _see(target),
        ],
        footer=[footer],
    )


def _transferred(reader: User, found: Request, entry: Entry, footer: Any) -> MailMessage | None:
    holder = catalogue.find_organization(entry["transferred_to"])
    if holder is None or holder.deleted:
        return None
    dates: list[Any] = []
    if _asked(reader, found) and found.get("organization") == holder.id:
        service = deadlines_shown.service_in_words(found)
        dates = [_reception(found), service, _expected(found), *_computed(found)]
    return MailMessage(
        subject=_(
            "“%(title)s”: sent to %(organization)s", title=found["title"], organization=holder.name
        ),
        paragraphs=[
            _(
                "%(organization)s holds these data, and answers from now on.",
                organization=holder.name,
            ),
            _said(found, entry),
            *dates,
            _see(found),
        ],
        footer=[footer],
    )


def _reception(found: Request) -> Any:
    """Return when a request was received, and by whom."""
    received = found.get("received_at")
    if received and (holder := _holder(found)):
        day = in_words(local_day(received, portal_zone()))
        return _("Your request was received on %(date)s by %(holder)s.", date=day, holder=holder)
    day = in_words(local_day(found["created_at"], portal_zone()))
    return _(
        "Your request was recorded on %(date)s. Who holds these data is not known: it will be sent "
        "to them once they are found.",
        date=day,
    )


def _expected(found: Request) -> Any:
    """Return the service date in words; None while it does not run."""
    clock = Clock.of(found["clock"])
    if clock.due_at is None:
        return None
    day = in_words(clock.due_day(portal_zone()))
    return _("An answer is expected until the end of %(date)s.", date=day)


def _day(entry: Entry) -> Any:
    """Return in words the day on which the holder expects to publish; None where the entry has
    none."""
    if not entry.get("expected_on"):
        return None
    day = in_words(date.fromisoformat(entry["expected_on"]))
    return _("These data are expected on %(date)s.", date=day)


def _computed(found: Request) -> list[LabelledContent]:
    """Return how the service date is computed, and where the law gives an appeal, how its dates
    are."""
    labels = (_("How this date is found:"), _("Your right to appeal:"))
    return [
        LabelledContent(label, words, inline=True, truncated_at=WHOLE)
        for label, words in zip(labels, deadlines_shown.in_words(found), strict=False)
    ]


def _awaited_until(found: Request) -> Any:
    deadline = Clock.of(found["clock"]).clarify_by
    if deadline is None:
        return None
    day = in_words(local_day(deadline, portal_zone()))
    return _(
        "These details are awaited until the end of %(date)s; the time to answer you is suspended "
        "meanwhile.",
        date=day,
    )


def _is_awaited(found: Request) -> bool:
    return found["status"] == Status.NEEDS_CLARIFICATION


def _said(found: Request, entry: Entry) -> LabelledContent | None:
    """Return the message of an entry, in full and with its author; None without one."""
    if not entry.get("message"):
        return None
    by, name = entry["by"], None
    if by.get("organization"):
        organization = catalogue.find_organization(by["organization"])
        name = organization.name if organization and not organization.deleted else None
    elif by["role"] == Role.REQUESTER:
        name = _signed(found["contributor"])
    label: Any = _("Their message:")
    if name:
        label = _("Message from %(name)s:", name=name)
    elif by["role"] == Role.MODERATOR:
        label = _("Message from the moderation:")
    return LabelledContent(label, entry["message"], truncated_at=WHOLE)


def _signed(contributor: Contributor) -> str:
    """Return the name that a contributor signs with."""
    signs = contributor.get("organization")
    organizations = catalogue.organizations_by_id([signs] if signs else [])
    shown = signature(contributor, signing_users([contributor]), organizations)
    return shown["name"] or unnamed(contributor)


def _reason(entry: Entry) -> LabelledContent | None:
    """Return why a request is refused, with the article of law where the reason has one."""
    if not entry.get("reason"):
        return None
    return LabelledContent(
        _("Reason:"), deadlines_shown.ground_in_words(entry["reason"]), inline=True
    )


def _entry(found: Request | None, number: int) -> Entry | None:
    """Return an entry of the history by its number, from 1; None where there is none."""
    history = found["history"] if found else []
    return history[number - 1] if 0 < number <= len(history) else None


def _public(request: Any) -> Request | None:
    found = find(str(request)) if request else None
    return found if found and found["visibility"] == Visibility.PUBLIC else None


def _page(found: Request) -> str:
    return pages_url(f"requests/{found['slug']}/")


def _where_to_answer(reader: User, found: Request) -> str:
    """Return where a requester answers: without an account, their own signed link."""
    if found.get("contact") == reader.id:
        return pages_url(f"requests/answer?token={clarification.link(found)}")
    return _page(found)


def _see(found: Request) -> MailCTA:
    return MailCTA(_("See the request"), _page(found))


def _appeal(found: Request) -> MailCTA | None:
    """Return the link to prepare the appeal, while one is possible."""
    if not deadlines_shown.may_appeal(found):
        return None
    title = Law.of(current_app.config).sentence("page_title")
    return MailCTA(title, f"{_page(found)}appeal")


def _holder(found: Request) -> str | None:
    """Return the name of the request's holder; None while it is unknown."""
    organization = catalogue.find_organization(found.get("organization"))
    return organization.name if organization and not organization.deleted else None


def _asked(reader: User, found: Request) -> bool:
    asks = found["contributor"]["key"] == account_key(reader.id)
    return not found.get("detached") and (asks or found.get("contact") == reader.id)


def _because_asked() -> Any:
    return _("You receive this message because you asked for these data.")


def _why(reader: User, found: Request | None) -> Any:
    """Return why a follower of a request receives a mail; None for somebody who no longer follows
    it."""
    if found is None:
        return None
    if _asked(reader, found):
        return _because_asked()
    if supports().find_one({"key": account_key(reader.id), "target": found["_id"]}, {"_id": 1}):
        return _("You receive this message because you support this request.")
    if following.is_told(reader.id, found):
        return _("You receive this message because you follow this request.")
    return None


def _why_producer(reader: User, dataset: catalogue.DatasetFacts) -> Any:
    organization = dataset.organization
    if organization is None or reader.id not in catalogue.admins_of(organization):
        return None
    return _because_admin(organization)


def _because_admin(organization: ObjectId | None) -> Any:
    found = catalogue.find_organization(organization)
    if found is None:
        return _("You receive this message because you administer this portal.")
    return _(
        "You receive this message because you are an administrator of %(organization)s.",
        organization=found.name,
    )


def _why_holder(reader: User, found: Request | None) -> Any:
    """Return why an admin of the request's holder receives a mail; None for anybody else."""
    if found is None or reader.id not in admins_dealing_with(found.get("organization")):
        return None
    return _because_admin(found.get("organization") or desk())
