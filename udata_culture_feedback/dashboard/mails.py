"""The text of our mails to producers. Their recipients are chosen in `producer_alerts`.

A builder runs when its mail leaves, as its reader. Names of builders are stored.
"""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId
from udata.core.user.models import User
from udata.i18n import lazy_gettext as _
from udata.i18n import ngettext
from udata.mail import LabelledContent, MailCTA, MailMessage

from .. import vocabulary
from ..contributions.discussions import members_of
from ..contributions.review_rules import Visibility
from ..data_requests.models import Request
from ..data_requests.recipients import admins_dealing_with
from ..data_requests.repository import find as find_request
from ..data_requests.workflow import OPEN, Status
from ..feedback.models import feedbacks
from ..mail import unsubscribe
from ..mail.mailing import Correspondent, mail
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts, OrganizationFacts
from ..web.moments import in_words, local_day, portal_zone
from ..web.text_cleaning import excerpt
from ..web.untyped import Document
from ..web.urls import pages_url
from . import producer_alerts
from .subscriptions import subscribers

#: Characters shown of a text that the page shows in full.
BEGINNING = 1000
#: Texts that one mail spells out, and characters of each.
LISTED = 20
LINE = 120


@mail("subscribed-request")
def request(reader: User, request: str) -> MailMessage | None:
    """Tell subscribers of a holder or a dataset that a request came in."""
    found = _open_request(request)
    if found is None:
        return None
    targets = [f"organization:{found['organization']}", f"dataset:{found.get('dataset')}"]
    if reader.id not in set(subscribers(*targets)):
        return None
    return MailMessage(
        subject=_("A request for data: “%(title)s”", title=found["title"]),
        paragraphs=[
            LabelledContent(_("Need:"), found["description"], truncated_at=BEGINNING),
            MailCTA(_("Answer this request"), pages_url(f"requests/{found['slug']}/")),
        ],
        footer=[_because_subscribed()],
    )


@mail("contact-point-feedback")
def feedback_to_contact(reader: Correspondent, feedback: str) -> MailMessage | None:
    """Tell the contact point of a dataset that somebody commented on it."""
    found = feedbacks().find_one({"_id": ObjectId(feedback), "deleted": {"$exists": False}})
    dataset = catalogue.find_dataset(found["dataset"]) if found else None
    if found is None or dataset is None or not _is_contact(reader, dataset):
        return None
    if not found.get("comment") or found["visibility"] != Visibility.PUBLIC:
        return None
    opinion = vocabulary.vocabularies().label("fitness", found["fitness"])
    return MailMessage(
        subject=_("A comment on “%(title)s”", title=dataset.title),
        paragraphs=[
            LabelledContent(_("Do these data meet their need?"), opinion, inline=True),
            LabelledContent(_("The comment:"), found["comment"], truncated_at=BEGINNING),
            MailCTA(_("Read it in its place"), _public_page(found)),
        ],
        footer=[_because_contact(dataset)],
    )


@mail("contact-point-request")
def request_to_contact(reader: Correspondent, request: str) -> MailMessage | None:
    """Tell the contact point of a dataset that a request was made from it."""
    found = _open_request(request)
    dataset = catalogue.find_dataset(found.get("dataset")) if found else None
    if found is None or dataset is None or not _is_contact(reader, dataset):
        return None
    return MailMessage(
        subject=_("A request for data: “%(title)s”", title=found["title"]),
        paragraphs=[
            LabelledContent(_("Need:"), found["description"], truncated_at=BEGINNING),
            MailCTA(_("Read this request"), pages_url(f"requests/{found['slug']}/")),
        ],
        footer=[_because_contact(dataset)],
    )


@mail("producer-digest", at_once=True)
def digest(reader: User, organization: str, since: str, until: str) -> MailMessage | None:
    """Tell the producing side what came in during a week, and what waits."""
    holder = _organization(organization)
    if holder is None or not _hears(reader, holder):
        return None
    start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    figures = producer_alerts.organization_figures(holder.id, start, end)
    if not any(figures.values()):
        return None
    link = holder.slug or holder.id
    administers = reader.id in catalogue.admins_of(holder.id)
    return MailMessage(
        subject=_("“%(name)s”: what users said this week", name=holder.name),
        paragraphs=[
            _("The week from %(date)s, and what waits now:", date=_on(start)),
            *_in_words(figures),
            MailCTA(_("Open the dashboard"), pages_url(f"dashboard/organizations/{link}/")),
        ],
        footer=[_because_producer(holder) if administers else _because_subscribed()],
    )


@mail("owner-digest", at_once=True)
def owner_digest(reader: User, since: str, until: str) -> MailMessage | None:
    """Tell a person whose datasets belong to no organization what came in during a week, and what
    waits."""
    start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    figures = producer_alerts.owner_figures(reader.id, start, end)
    if not any(figures.values()):
        return None
    return MailMessage(
        subject=_("Your datasets: what users said this week"),
        paragraphs=[
            _("The week from %(date)s, and what waits now:", date=_on(start)),
            *_in_words(figures),
            MailCTA(_("Open the dashboard"), pages_url("dashboard/me/")),
        ],
        footer=[_("You receive this message because you publish data on this portal.")],
    )


@mail("producer-escalation")
def escalation(reader: User, step: str, batch: str) -> MailMessage | None:
    """Tell the administrators, or the desk, which texts have waited too long."""
    holder = _organization(batch.partition(":")[0])
    if holder is None or reader.id not in _addressees(step, holder):
        return None
    texts = list(islice(producer_alerts.escalated_in(batch, step), LISTED + 1))
    if not texts:
        return None
    titles = catalogue.datasets_by_id(text["dataset"] for text in texts)
    told: list[Any] = [
        _("These comments on data of “%(name)s” still wait for an answer:", name=holder.name)
    ]
    for text in texts[:LISTED]:
        dataset = titles.get(text["dataset"])
        date = _on(text["created_at"])
        label = f"{dataset.title if dataset else ''} ({date}) — {excerpt(text['comment'], LINE)}"
        told.append(MailCTA(label, pages_url(f"dashboard/feedback/{text['_id']}")))
    if len(texts) > LISTED:
        told.append(_("There are more on the dashboard."))
    link = holder.slug or holder.id
    told.append(MailCTA(_("Open the dashboard"), pages_url(f"dashboard/organizations/{link}/")))
    return MailMessage(
        subject=_("“%(name)s”: comments wait for an answer", name=holder.name),
        paragraphs=told,
        footer=[_because_producer(holder) if step == producer_alerts.ADMINS else _because_desk()],
    )


def _in_words(figures: dict[str, int]) -> list[str]:
    """Make a sentence of each figure that is not zero."""
    opinions, comments, waiting = (figures[k] for k in ("opinions", "comments", "waiting"))
    requests, overdue = figures.get("requests", 0), figures.get("overdue", 0)
    sentences = {
        ngettext("%(num)d opinion came in.", "%(num)d opinions came in.", opinions): opinions,
        ngettext("%(num)d with a comment.", "%(num)d with a comment.", comments): comments,
        ngettext(
            "%(num)d comment waits for your answer.",
            "%(num)d comments wait for your answer.",
            waiting,
        ): waiting,
        ngettext(
            "%(num)d request for data came in.", "%(num)d requests for data came in.", requests
        ): requests,
        ngettext(
            "The answer to %(num)d request is late.",
            "The answers to %(num)d requests are late.",
            overdue,
        ): overdue,
    }
    return [sentence for sentence, count in sentences.items() if count]


def _on(moment: datetime) -> str:
    return in_words(local_day(moment, portal_zone()))


def _open_request(reference: str) -> Request | None:
    found = find_request(ObjectId(reference))
    if found is None or found["visibility"] != Visibility.PUBLIC:
        return None
    return found if Status(found["status"]) in OPEN else None


def _is_contact(reader: Any, dataset: DatasetFacts) -> bool:
    """Return whether the reader is still a contact point of the dataset, and the dataset still
    public."""
    return dataset.listed and reader.id in producer_alerts.contact_points(dataset.id)


def _organization(reference: str) -> OrganizationFacts | None:
    found = catalogue.find_organization(ObjectId(reference))
    return found if found and not found.deleted else None


def _hears(reader: User, holder: OrganizationFacts) -> bool:
    members = members_of(holder.id, "admin", "editor")
    subscribed = reader.id in set(subscribers(f"organization:{holder.id}"))
    return reader.id in catalogue.admins_of(holder.id) or (
        subscribed and (reader.id in members or reader.sysadmin)
    )


def _addressees(step: str, holder: OrganizationFacts) -> list[ObjectId]:
    return (
        catalogue.admins_of(holder.id)
        if step == producer_alerts.ADMINS
        else admins_dealing_with(None)
    )


def _public_page(feedback: Document) -> str:
    return pages_url(f"datasets/{feedback['dataset']}/#feedback-{feedback['_id']}")


def _because_subscribed() -> Any:
    return _("You receive this message because you asked to be told about these data.")


def _because_producer(holder: OrganizationFacts) -> Any:
    return _("You receive this message because you answer for “%(name)s”.", name=holder.name)


def _because_desk() -> Any:
    return _("You receive this message because you look after this portal.")


def _because_contact(dataset: DatasetFacts) -> Any:
    return _(
        "You receive this message because this address is the contact point of “%(title)s”.",
        title=dataset.title,
    )


# Scopes that can be unsubscribed from, in words.


@unsubscribe.names("digest-of")
def _name_of_digest(id: str) -> str | None:
    return _named(id, _("The weekly summary of %(name)s"))


@unsubscribe.names("own-digest")
def _name_of_own_digest(id: str) -> str | None:
    return str(_("The weekly summary of your datasets"))


@unsubscribe.names("answers-of")
def _name_of_escalation(id: str) -> str | None:
    return _named(id, _("Comments to %(name)s that wait too long"))


@unsubscribe.names("contact-point")
def _name_of_contact(id: str) -> str | None:
    return str(_("Comments and requests about data of which you are the contact point"))


def _named(id: str, sentence: Any) -> str | None:
    holder = _organization(id) if ObjectId.is_valid(id) else None
    return str(sentence) % {"name": holder.name} if holder else None
