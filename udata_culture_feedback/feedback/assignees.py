"""The people of the producing side of a dataset, where no viewer is asking: in a task, or to choose
one of them from a list."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from udata.core.organization.assignment import Assignment
from udata.core.organization.models import Organization

from ..portal import catalogue
from ..portal.catalogue import DatasetFacts, UserFacts
from ..web.untyped import Shown

#: Roles that may edit every dataset of an organization.
EVERYWHERE = ("admin", "editor")


def who_answers(dataset: DatasetFacts) -> set[ObjectId]:
    """Return the accounts whose words in a discussion count as the producer's answer: those that
    may edit the dataset, without the administrators of the portal, who may edit everything but do
    not speak for the producer."""
    if dataset.organization is None:
        return {dataset.owner} if dataset.owner else set()
    found, partial = set(), []
    for member in _members(dataset.organization):
        if member["role"] in EVERYWHERE:
            found.add(member["user"])
        else:
            partial.append(member["user"])
    return found | _assigned(dataset, partial)


def colleagues(dataset: DatasetFacts) -> list[UserFacts]:
    """List the accounts to whom feedback may be assigned, by name: the members of the organization,
    or the owner of a dataset that belongs to none."""
    if dataset.organization:
        ids = [member["user"] for member in _members(dataset.organization)]
    else:
        ids = [dataset.owner] if dataset.owner else []
    found = catalogue.users_by_id(ids).values()
    return sorted((user for user in found if not user.deleted), key=lambda user: user.name or "")


def _members(organization: ObjectId) -> list[Shown]:
    raw = Organization._get_collection().find_one({"_id": organization}, {"members": 1}) or {}
    return [
        {"user": _id(member["user"]), "role": member.get("role")}
        for member in raw.get("members") or ()
    ]


def _assigned(dataset: DatasetFacts, members: list[ObjectId]) -> set[ObjectId]:
    """Return those of some members to whom the dataset is assigned."""
    if not members:
        return set()
    found = Assignment._get_collection().find(
        {"user": {"$in": members}, "organization": dataset.organization}, {"user": 1, "subject": 1}
    )
    return {
        _id(one["user"])
        for one in found
        if one["subject"]["_cls"] == "Dataset" and one["subject"]["_ref"].id == dataset.id
    }


def _id(reference: Any) -> ObjectId:
    """Read the id of a reference: stored as an id, or as a DBRef by old versions of udata."""
    found: ObjectId = getattr(reference, "id", reference)
    return found
