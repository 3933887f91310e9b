"""What tests of the dashboard build upon: people who say many things at once, and producers who
look at them."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Organization
from udata.core.user.models import User

from udata_culture_feedback.feedback import summaries
from udata_culture_feedback.feedback.models import feedbacks, live_totals
from udata_culture_feedback.feedback.summaries import INTO_ALL, open_summary, settle_dataset
from udata_culture_feedback.figures.settle import settle
from udata_culture_feedback.figures.summary_ids import organization_summary
from udata_culture_feedback.portal import catalogue
from udata_culture_feedback.portal.collections import now
from udata_culture_feedback.search.terms import terms

from ..cases import P, PluginTestCase

PAGES = f"{P}/pages"

_seconds = itertools.count()


class DashboardCase(PluginTestCase):
    def browser_of(self, user: User | None) -> Any:
        """A browser, with the session of somebody who has logged in."""
        client = self.app.test_client()
        if user:
            with client.session_transaction() as session:
                session |= {"_user_id": user.fs_uniquifier, "_fresh": True}
        return client

    def see(self, path: str, user: User | None = None, status: int = 200) -> str:
        """A page of ours under `pages/`, as somebody sees it."""
        client = self.browser_of(user)
        # Files are streamed: read in the context of the request.
        answer = self.visit("GET", f"{PAGES}/{path}", client=client, buffered=True)
        assert answer.status_code == status, answer.text
        return answer.text


def of(organization: Organization, part: str = "") -> str:
    return f"dashboard/organizations/{organization.slug}/{part}"


def say(dataset: Dataset, times: int = 1, **fields: Any) -> list[ObjectId]:
    """As if some people had said the same of a dataset, and everything had been counted. Fields are
    those of the stored feedback; `days_ago`: when it was said."""
    facts = catalogue.find_dataset(dataset.id)
    assert facts is not None
    open_summary(facts)
    documents = [_said(facts, fields) for _ in range(times)]
    feedbacks().insert_many(documents)
    while feedbacks().find_one({"due": f"dataset:{dataset.id}"}):
        settle_dataset(dataset.id)
    count_above(facts)
    return [document["_id"] for document in documents]


def count_above(facts: Any) -> None:
    """What a task does."""
    if facts.organization:
        settle(INTO_ALL, organization_summary(facts.organization))
    settle(INTO_ALL, summaries.SITE)


def _said(facts: Any, fields: dict[str, Any]) -> dict[str, Any]:
    fields = dict(fields)
    # No two at the same moment: lists have one order.
    moment = now() - timedelta(days=fields.pop("days_ago", 1), seconds=next(_seconds))
    user = ObjectId()
    document: dict[str, Any] = {
        "_id": ObjectId(),
        "dataset": facts.id,
        "organization": facts.organization,
        "listed": facts.listed,
        "resource": None,
        "fitness": "partly",
        "ratings": {},
        "wants_answer": False,
        "contributor": {"kind": "user", "key": f"user:{user}", "user": user, "name": "Camille"},
        "agent": False,
        "judged": moment,
        "visibility": "public",
        "treatment": {"status": "new", "history": []},
        "created_at": moment,
        "last_modified": moment,
        "v": 1,
        "due": [f"dataset:{facts.id}"],
        **fields,
    }
    if document["visibility"] == "hidden":
        document = {"hidden_at": moment, "hidden_reason": "abuse"} | document
    if document.get("comment"):
        document["terms"] = terms(document["comment"])
    document["live"] = live_totals(document)
    return document


def answered(days: int, since: datetime) -> dict[str, Any]:
    """A treatment whose first answer came so many days after."""
    at = since + timedelta(days=days)
    return {
        "status": "resolved",
        "answer": "C’est corrigé.",
        "answered_at": at,
        "first_answered_at": at,
        "history": [],
    }
