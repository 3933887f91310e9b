"""Ask authors, after the data have changed, whether they are better. Those who were not satisfied
are asked once; their reply changes their opinion and shows everybody whether the producer's work
helped."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from itsdangerous import BadData
from mongoengine.fields import DateTimeField, StringField
from pymongo.collection import Collection
from udata.core.user.models import User
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from .. import vocabulary
from ..figures.summary_ids import dataset_summary
from ..mail import outbox
from ..people import contacts
from ..people.limits import spend_write
from ..people.models import Kind
from ..people.tokens import LONGEST, timed
from ..people.viewer import Viewer, viewer_of
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import acknowledged, now
from ..web import refusals
from ..web.untyped import Query
from ..web.urls import pages_url
from . import actions, summaries
from .attention import BEFORE
from .models import Feedback, feedbacks, live_totals
from .models import summaries as stored_summaries
from .notifications import reader_of, scope_of
from .signals import on_feedback_changed

#: The replies an author can choose; each but the last is also an opinion on the data as they are.
YES, PARTLY, NO = "yes", "partly", "no"
ANSWERS = (YES, PARTLY, NO)

#: Minimum time between two such mails to one author about one dataset.
PAUSE = timedelta(days=90)
#: Time after a change of the data during which authors are still asked, where they could not be at
#: once.
STILL_NEW = timedelta(days=30)
#: Lifetime of the link in a mail, which works without logging in.
LINK_LIFETIME = timedelta(days=120)

#: Purpose for which the links in these mails are signed.
PURPOSE = "better"


class CultureFeedbackAsked(Document):
    """The fact that an author was asked about a dataset ("<dataset>:<user>"), who is not asked
    again until it expires. Apart from feedback, which no change of the data touches."""

    id = StringField(primary_key=True)
    expires_at = DateTimeField(required=True)

    meta = {"strict": False, "indexes": [{"fields": ["expires_at"], "expireAfterSeconds": 0}]}


def asked() -> Collection[Any]:
    return acknowledged(CultureFeedbackAsked)


def ask_authors(dataset: DatasetFacts) -> int:
    """Ask by mail the authors who were not satisfied with the data before their last change; each
    once, and nobody again within `PAUSE`. Idempotent. Return how many were asked."""
    summary = stored_summaries().find_one(
        {"_id": dataset_summary(dataset.id)},
        {"data_updated_at": 1, f"totals.{BEFORE}total": 1},
    )
    changed_at = (summary or {}).get("data_updated_at")
    if not dataset.listed or changed_at is None or now() - changed_at > STILL_NEW:
        return 0
    if not (summary or {}).get("totals"):
        return 0  # nobody judged the data before their change
    waiting = feedbacks().find(_unsatisfied(dataset.id, changed_at)).sort("_id", 1)
    return sum(_ask(feedback, changed_at) for feedback in waiting)


def ask_everywhere() -> int:
    """Ask the authors of every dataset that has changed lately: for maintenance. Return how many
    were asked."""
    lately = {"data_updated_at": {"$gt": now() - STILL_NEW}, "dataset": {"$exists": True}}
    aged = lately | {f"totals.{BEFORE}total": {"$gt": 0}, "listed": True}
    ids = [summary["dataset"] for summary in stored_summaries().find(aged, {"dataset": 1})]
    told = 0
    for start in range(0, len(ids), outbox.BATCH):
        for dataset in catalogue.datasets_by_id(ids[start : start + outbox.BATCH]).values():
            told += ask_authors(dataset)
    return told


def confirm(feedback_id: Any, user_id: ObjectId | None, answer: Any) -> Feedback:
    """Record what the author of a feedback says of the data as they are now. Return the feedback as
    stored.

    `answer`: "yes" (they meet the need now), "partly" (better, not there yet), "no" (no better: the
    opinion stays what it was, but of the data as they are).

    Raise NotFound for somebody else's feedback, or data the author may not see; ReadOnly, TooMany;
    Invalid.
    """
    feedback, dataset, viewer = own(feedback_id, user_id)
    if current_app.config["READ_ONLY_MODE"]:
        raise refusals.ReadOnly(_("This portal is read-only for the moment. Please come back."))
    spend_write(viewer)
    if answer not in ANSWERS:
        message = _("Choose one answer.")
        raise refusals.Invalid(message, {"answer": message})
    while True:
        moment = now()
        changed = feedback | {
            "judged": actions.judged_at(dataset, moment),
            "confirmed": {"answer": answer, "at": moment},
            "last_modified": moment,
        }
        if answer != NO and answer in vocabulary.vocabularies().ids("fitness"):
            changed["fitness"] = answer
        changed["live"] = live_totals(changed)
        if actions.replace(feedback, changed):
            break
        feedback, dataset, viewer = own(feedback_id, user_id)
    summaries.settle_dataset(dataset.id)
    on_feedback_changed.send(feedback["_id"], dataset=dataset.id)
    return changed


def own(feedback_id: Any, author: ObjectId | None) -> tuple[Feedback, DatasetFacts, Viewer]:
    """Return a feedback, its dataset and its author as viewer. `author`: the account, or the
    contact of somebody without one. Raise NotFound where the feedback is not theirs."""
    missing = refusals.NotFound(_("There is no such feedback."))
    feedback, dataset = actions.readable_feedback(feedback_id)
    if author is None or reader_of(feedback) != author:
        raise missing
    account = User.objects(id=author, deleted=None, active=True).first()
    if account is not None:
        return feedback, dataset, viewer_of(account)
    if feedback.get("contact") != author or contacts.find(author) is None:
        raise missing
    contributor = feedback["contributor"]
    return feedback, dataset, Viewer(key=contributor["key"], kind=Kind(contributor["kind"]))


def link(feedback: Feedback, answer: str | None = None) -> str:
    """Return the address where the author of a feedback says whether the data are better, without
    logging in. Opening it changes nothing. `answer`: the preselected reply."""
    token = timed(PURPOSE).dumps([str(feedback["_id"]), str(reader_of(feedback))])
    chosen = f"&answer={answer}" if answer else ""
    return pages_url(f"better/{feedback['_id']}?token={token!s}{chosen}")


def bearer_of(token: str, feedback_id: str) -> ObjectId | None:
    """Return the account, or the contact, to which a link about this feedback was sent; None for a
    forged or an expired one."""
    if not 0 < len(token) <= LONGEST:
        return None
    try:
        about, user_id = timed(PURPOSE).loads(token, max_age=int(LINK_LIFETIME.total_seconds()))
    except (BadData, UnicodeError, ValueError):
        return None
    return ObjectId(user_id) if about == feedback_id else None


def _unsatisfied(dataset_id: ObjectId, changed_at: datetime) -> Query:
    return {
        "dataset": dataset_id,
        "judged": {"$lt": changed_at},
        "fitness": {"$ne": YES},
        "$or": [{"contributor.user": {"$exists": True}}, {"contact": {"$exists": True}}],
        "agent": {"$ne": True},
        "deleted": {"$exists": False},
        "hidden_reason": {"$ne": "spam"},
    }


def _ask(feedback: Feedback, changed_at: datetime) -> bool:
    """Ask one author by mail, unless they were asked about another file of the same dataset. Return
    whether a mail was posted."""
    dataset_id, author = feedback["dataset"], reader_of(feedback)
    if author is None:
        return False
    mark = f"{dataset_id}:{author}"
    if asked().find_one({"_id": mark, "expires_at": {"$gt": now()}}, {"_id": 1}):
        return False
    # The event is the change: posted again after a crash, it is the same mail.
    event = f"better:{dataset_id}:{changed_at:%Y%m%dT%H%M%S}"
    about = {"feedback": str(feedback["_id"])}
    posted = outbox.post(event, author, "feedback-better", about, scope_of(feedback))
    asked().update_one({"_id": mark}, {"$set": {"expires_at": now() + PAUSE}}, upsert=True)
    return posted
