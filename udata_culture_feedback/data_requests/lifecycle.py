"""What happens to requests when an account, an organization or a dataset of udata goes away.
Everything here may run twice and catches up on what an earlier run left."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from udata.core.user.models import User

from ..contributors.models import account_key, gone_key
from ..feedback.models import dataset_summary, organization_summary
from ..storage import now
from ..summaries import settle
from . import merging
from .figures import REQUESTS
from .models import PEOPLE, figures, messages, requests, supports
from .records import change
from .supports import rename

Request = dict[str, Any]


def forget_account(user_id: ObjectId) -> int:
    """An account was deleted: nobody is recognised in what it asked for, supported and said. It
    still counts as one person, under one key that says nobody, the same everywhere. What it asked
    for stays: it is about data, and others may carry it. Answers how much changed."""
    raw = User._get_collection().find_one({"_id": user_id}, {"deleted": 1})
    if raw is not None and not raw.get("deleted"):
        return 0
    key = account_key(user_id)
    gone = _chosen_key(user_id, key)
    changed = 0
    if gone:
        # Supports first: whoever looks at a merge meanwhile still finds the old key in requests,
        # and what they add under it goes with the requests.
        changed += rename(key, gone)
    for request in list(requests().find({"contributor.user": user_id, "contributor.key": key})):
        changed += _forget_requester(request, gone)
        merging.straighten(request["_id"])
    changed += (
        messages()
        .update_many(
            {"contributor.user": user_id, "contributor.key": key},
            {
                "$set": {"contributor.key": gone or gone_key()},
                "$unset": {"contributor.name": "", "contributor.user": "", "submission_id": ""},
            },
        )
        .modified_count
    )
    return changed


def purge_dataset(dataset_id: ObjectId) -> int:
    """The dataset is gone for good: requests asked from it stay, without that context. A dataset
    that turns private or is deleted needs nothing: it is looked at when a request is shown."""
    freed = 0
    for request in list(requests().find({"dataset": dataset_id})):
        freed += change(request, lambda one: _without(one, "dataset", dataset_id)) is not None
    requests().update_many(
        {"fulfilled_by": {"$exists": True}, "fulfilled_by.datasets": dataset_id},
        {"$pull": {"fulfilled_by.datasets": dataset_id}, "$inc": {"v": 1, "version": 1}},
    )
    _close(dataset_summary(dataset_id))
    return freed


def purge_organization(organization_id: ObjectId) -> int:
    """The organization is gone for good: its requests have no known holder any more, so they are
    the desk's; signatures lose it."""
    freed = 0
    for request in list(requests().find({"organization": organization_id})):
        freed += (
            change(request, lambda one: _without(one, "organization", organization_id)) is not None
        )
    for collection, versions in ((requests(), {"$inc": {"v": 1, "version": 1}}), (messages(), {})):
        collection.update_many(
            {"contributor.organization": organization_id},
            {"$unset": {"contributor.organization": ""}} | versions,
        )
    _close(organization_summary(organization_id))
    return freed


def _chosen_key(user_id: ObjectId, key: str) -> str | None:
    """The key that says nobody, chosen once: it is written beside the old one everywhere before it
    replaces it anywhere, so that a run after a crash goes on with the same. None where there is
    nothing to forget."""
    mine = {"contributor.user": user_id, "contributor.key": key}
    asked = requests().find_one(mine | {"next_key": {"$exists": True}}, {"next_key": 1})
    backed = supports().find_one({"key": key, "next": {"$exists": True}}, {"next": 1})
    gone = (asked or {}).get("next_key") or (backed or {}).get("next")
    if gone is None:
        if not (requests().find_one(mine, {"_id": 1}) or supports().find_one({"key": key})):
            return None
        gone = gone_key()
    requests().update_many(mine, {"$set": {"next_key": gone}})
    supports().update_many({"key": key}, {"$set": {"next": gone}})
    return gone


def _forget_requester(request: Request, gone: str | None) -> bool:
    def forgotten(one: Request) -> Request | None:
        contributor = one["contributor"]
        if contributor["key"] != request["contributor"]["key"]:
            return None
        kept = {k: x for k, x in contributor.items() if k not in ("name", "user", "organization")}
        changed = one | {"contributor": kept | {"key": gone}, "last_modified": now()}
        for field in ("submission_id", "next_key"):
            changed.pop(field, None)
        return changed

    return change(request, forgotten, due=[PEOPLE]) is not None


def _without(request: Request, field: str, value: ObjectId) -> Request | None:
    if request.get(field) != value:
        return None
    return {key: kept for key, kept in request.items() if key != field}


def _close(figures_id: str) -> None:
    """The figures of what is gone go too, once they count nothing."""
    settle(REQUESTS, figures_id)
    if not requests().find_one({"due": figures_id}, {"_id": 1}):
        figures().delete_one({"_id": figures_id})
