"""Feedback as the API shows it: one function, for lists and for single ones.

Names of users and organizations are looked up when shown, in one query each, so that an account or
an organization that has left is no longer named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .. import vocabulary
from ..contributions.neighbours import consultation_link
from ..contributions.review_rules import Visibility
from ..people.models import Kind
from ..people.signature import signature, signing_users
from ..people.viewer import NOBODY, Viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..web import render_cache
from ..web.api import Shown
from ..web.broken_documents import left_out
from ..web.moments import iso
from ..web.urls import api_url, pages_url
from . import permissions, summaries
from .models import Feedback, Summary
from .treatment_history import own_answer

#: Kinds of contributors whose name is the one they declare.
DECLARED = (Kind.CONFIRMED, Kind.UNVERIFIED)


@left_out
def as_json(viewer: Viewer, feedbacks: Iterable[Feedback]) -> list[Shown]:
    """Show feedback, leaving out what is on datasets the viewer may not read, or hidden whole."""
    feedbacks = list(feedbacks)
    datasets = catalogue.datasets_by_id(f["dataset"] for f in feedbacks)
    thresholds = summaries.read_many(list(datasets))
    names = Names.of(feedbacks)
    about = {
        id: About(viewer, dataset, thresholds.get(id, {}), names)
        for id, dataset in datasets.items()
        if catalogue.may_read(dataset)
    }
    return [
        about[feedback["dataset"]].as_json(feedback)
        for feedback in feedbacks
        if feedback["dataset"] in about and permissions.may_see(viewer, feedback)
    ]


def about_dataset(
    viewer: Viewer, feedbacks: Iterable[Feedback], dataset: DatasetFacts, summary: Summary
) -> list[Shown]:
    """Show feedback on one dataset, known to be readable, whose summary is at hand."""
    feedbacks = list(feedbacks)
    shown = render_cache.fingerprint(feedbacks, dataset, summary.get("data_updated_at"))
    for_all = render_cache.kept(
        ("feedback", shown), lambda: _about(NOBODY, feedbacks, dataset, summary)
    )
    if not viewer.known:
        return for_all
    if viewer.moderator or any(permissions.is_author(viewer, one) for one in feedbacks):
        return _about(viewer, feedbacks, dataset, summary)
    if any(permissions.common(viewer, dataset).values()):
        return _about(viewer, feedbacks, dataset, summary)
    return for_all


def just_given(
    viewer: Viewer,
    feedback: Feedback,
    dataset: DatasetFacts,
    organization: catalogue.OrganizationFacts | None,
    summary: Summary,
) -> Shown:
    """Show a feedback to its author, who has just given it. `organization`: that of the dataset,
    where it has been read."""
    known = {organization.id: organization} if organization else {}
    names = Names.of([feedback], users=catalogue.myself(), organizations=known)
    return About(viewer, dataset, summary, names).as_json(feedback)


@left_out
def _about(
    viewer: Viewer, feedbacks: Iterable[Feedback], dataset: DatasetFacts, summary: Summary
) -> list[Shown]:
    found = list(feedbacks)
    about = About(viewer, dataset, summary, Names.of(found))
    return [about.as_json(feedback) for feedback in found]


class Names:
    """The users and organizations that some feedback names, looked up once."""

    def __init__(
        self,
        users: dict[Any, Any],
        organizations: dict[Any, Any],
        consultations: set[Any] | None = None,
        large: set[Any] | None = None,
    ):
        self.users = users
        self.organizations = organizations
        #: Consultations that may be named: their seal is broken.
        self.consultations = consultations or set()
        #: Those of them during which ten or more spoke.
        self.large = large or set()

    @classmethod
    def of(
        cls,
        feedbacks: list[Feedback],
        users: dict[Any, catalogue.UserFacts] | None = None,
        organizations: dict[Any, catalogue.OrganizationFacts] | None = None,
    ) -> Names:
        """Look up the names for some feedback. `users`: all there can be, where they are known;
        `organizations`: those that are known."""
        contributors = [feedback["contributor"] for feedback in feedbacks]
        known = organizations or {}
        treatments = [feedback["treatment"] for feedback in feedbacks]
        named = {
            organization
            for one in (*contributors, *feedbacks, *treatments)
            if (organization := one.get("organization"))
        }
        stamps = (feedback.get("consultation") for feedback in feedbacks)
        disclosed = consultation_link().disclosed(stamps)
        return cls(
            signing_users(contributors) if users is None else users,
            known | catalogue.organizations_by_id(named - known.keys()),
            disclosed,
            consultation_link().large(disclosed),
        )

    def organization(self, id: Any) -> Shown | None:
        """Show the organization of the dataset."""
        organization = self.organizations.get(id)
        return organization.as_json() if organization else None

    def consultation(self, feedback: Feedback) -> str | None:
        """Return the id of the consultation during which it was given, once that has closed."""
        stamp = feedback.get("consultation")
        return str(stamp) if stamp in self.consultations else None

    def contributor(self, feedback: Feedback) -> Shown:
        """Show the signature, with `producer` where it is an agent of the dataset's producer."""
        shown = signature(feedback["contributor"], self.users, self.organizations)
        if feedback.get("agent"):
            shown["producer"] = True
        return shown


def addresses(feedback: Feedback) -> dict[str, str]:
    return {
        "self_api_url": api_url(f"feedback/{feedback['_id']}/"),
        "self_web_url": pages_url(f"datasets/{feedback['dataset']}/#feedback-{feedback['_id']}"),
    }


def is_outdated(feedback: Feedback, summary: Summary) -> bool:
    """Return whether a feedback was given before the last change of the data."""
    threshold = summary.get("data_updated_at")
    return bool(threshold and feedback["judged"] < threshold)


class About:
    """The parts that all feedback on one dataset shares for one viewer: computed once."""

    def __init__(self, viewer: Viewer, dataset: DatasetFacts, summary: Summary, names: Names):
        self.viewer = viewer
        self.dataset = dataset.as_json()
        self.summary = summary
        self.names = names
        self.permissions = permissions.common(viewer, dataset)
        #: Whether the viewer produces or moderates these data.
        self.insider = any(self.permissions.values())
        self.api = api_url("feedback/")
        self.page = pages_url(f"datasets/{dataset.id}/#feedback-")

    def as_json(self, feedback: Feedback) -> Shown:
        """Show a feedback.

        To anybody but its author, its producer and moderators it has days instead of moments, no
        uses, and its consultation only where ten or more people took part: together these could
        identify its author.
        """
        id = str(feedback["_id"])
        shown: Shown = {
            "id": id,
            "dataset": self.dataset,
            "organization": self.names.organization(feedback.get("organization")),
            "resource": feedback.get("resource"),
            "consultation": self.names.consultation(feedback),
            "fitness": feedback["fitness"],
            "ratings": feedback.get("ratings") or {},
            "comment": feedback.get("comment"),
            "wants_answer": feedback.get("wants_answer", False),
            "usages": feedback.get("usages") or [],
            "profile": feedback.get("profile"),
            "contributor": self.names.contributor(feedback),
            "visibility": feedback["visibility"],
            "treatment": treatment_as_json(feedback, self.names),
            "outdated": is_outdated(feedback, self.summary),
            "discussion": _text(feedback.get("discussion")) if feedback.get("discussed") else None,
            "created_at": iso(feedback["created_at"]),
            "last_modified": iso(feedback["last_modified"]),
            "permissions": permissions.own(self.viewer, feedback) | self.permissions,
            "self_api_url": f"{self.api}{id}/",
            "self_web_url": f"{self.page}{id}",
        }
        if not (self.insider or permissions.is_author(self.viewer, feedback)):
            shown["usages"] = []
            shown["created_at"] = f"{feedback['created_at']:%Y-%m-%d}"
            shown["last_modified"] = f"{feedback['last_modified']:%Y-%m-%d}"
            if feedback.get("consultation") not in self.names.large:
                shown["consultation"] = None
        if not permissions.may_read_words(self.viewer, feedback):
            # Nor the answer, which may quote them.
            shown["comment"] = shown["treatment"]["answer"] = None
            if feedback["contributor"]["kind"] in DECLARED:
                shown["contributor"]["name"] = None  # it is text of theirs too
        if feedback["visibility"] == Visibility.HIDDEN:
            shown["hidden_reason"] = feedback.get("hidden_reason")
            shown["hidden_at"] = iso(feedback.get("hidden_at"))
        return shown


def treatment_as_json(feedback: Feedback, names: Names) -> Shown:
    """Show the producer's response as everybody sees it; nothing internal."""
    treatment = feedback["treatment"]
    status = treatment["status"]
    shown: Shown = {
        "status": status,
        "label": str(vocabulary.find(vocabulary.TREATMENT_STATUSES, status).label),
        "answer": treatment.get("answer"),
        "answered_at": iso(treatment.get("answered_at")),
    }
    if hidden := treatment.get("hidden"):
        shown |= {"answer": None, "hidden_reason": hidden["reason"], "hidden_at": iso(hidden["at"])}
    if organization := names.organization(treatment.get("organization")):
        shown["organization"] = organization
    if treatment.get("closed_by_author"):
        shown["closed_by_author"] = True
    if feedback.get("confirmed"):
        shown["confirmed"] = feedback["confirmed"]["answer"]
    return shown


def working_file(feedback: Feedback, dataset: DatasetFacts) -> Shown:
    """Show a treatment to those who may treat it: with its history, and internal fields."""
    treatment = feedback["treatment"]
    history = treatment.get("history") or []
    people = [step.get("by") for step in history] + [treatment.get("assignee")]
    users: Mapping[Any, catalogue.UserFacts] = catalogue.users_by_id(filter(None, people))
    organizations = filter(None, [treatment.get("organization")])
    names = Names({}, catalogue.organizations_by_id(organizations))
    return treatment_as_json(feedback, names) | {
        "first_answered_at": iso(treatment.get("first_answered_at")),
        "own_answer": own_answer(treatment),
        "assignee": _named(users.get(treatment.get("assignee"))),
        "note": treatment.get("note"),
        "pointed_out": {
            step: iso(one["at"]) for step, one in (feedback.get("escalated") or {}).items()
        },
        "history": [
            {
                "from": step["from"],
                "to": step["to"],
                "at": iso(step["at"]),
                "by": _named(users.get(step.get("by"))),
                "answer": step.get("answer"),
                "event": step.get("event"),
            }
            for step in history
        ],
    }


def _named(user: catalogue.UserFacts | None) -> Shown | None:
    return {"id": str(user.id), "name": user.name} if user else None


def _text(id: Any) -> str | None:
    return str(id) if id else None
