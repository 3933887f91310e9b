"""Follow the deletion of an account, an organization, a dataset or a discussion of udata in the
requests that name it. Every function is idempotent and completes an interrupted run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bson import ObjectId
from udata.core.discussions.models import Discussion
from udata.core.user.models import User

from ..contributions import review_rules
from ..contributions.review_rules import REMOVED, Visibility
from ..figures.settle import DISCUSSION, becomes_due, settle
from ..figures.summary_ids import dataset_summary, organization_summary
from ..mail import account_deletion as leaving
from ..people.models import Contributor, Kind, account_key, gone_key
from ..portal import catalogue
from ..portal.collections import now
from ..web.untyped import Query
from . import actions, following, merging
from .discussion import THREAD
from .figures import REQUESTS
from .messages import ERASED, deleted_natively
from .messages import erase as erase_message
from .models import PEOPLE, TOLD, Request, figures, messages, requests, supports
from .repository import change, is_carried, system_entry, without, without_requester, written
from .supports import rename
from .workflow import OPEN, Role

#: How long udata takes to delete an account and its comments.
LEAVING = timedelta(minutes=10)
#: How long after an account was deleted udata may still be deleting its comments.
LATE = timedelta(days=40)


def forget_account(user_id: ObjectId) -> int:
    """Anonymise the requests, supports and messages of a deleted account, and return how many
    changed.

    The account counts on as one person, under one anonymous key everywhere. Its requests stay: they
    are about data, and others may support them. Where its comments are known to be deleted with it,
    its messages go, and those of its requests that nobody else supports.
    """
    raw = User._get_collection().find_one({"_id": user_id}, {"deleted": 1})
    if raw is not None and not raw.get("deleted"):
        return 0
    key = account_key(user_id)
    changed = _take_words_along(user_id, key) if leaving.takes_words_along(user_id) else 0
    gone = _chosen_key(user_id, key)
    if gone:
        # Supports first: whoever looks at a merge meanwhile still finds the old key in requests,
        # and what they add under it goes with the requests.
        changed += rename(key, gone)
    for request in list(requests().find({"contributor.user": user_id, "contributor.key": key})):
        changed += _forget_requester(request, gone)
        merging.reconcile_merge(request["_id"])
    changed += (
        messages()
        .update_many(
            {"contributor.user": user_id, "contributor.key": key},
            {
                "$set": {"contributor.key": gone or gone_key(), "left": now()},
                "$unset": {"contributor.name": "", "contributor.user": "", "submission_id": ""},
            },
        )
        .modified_count
    )
    changed += (
        requests().update_many({"assignee": user_id}, {"$unset": {"assignee": ""}}).modified_count
    )
    return changed + following.forget_account(user_id) + erase_words()


def _take_words_along(user_id: ObjectId, key: str) -> int:
    """Delete the requests and messages of a leaving account as if each had been deleted by its
    author."""
    mine = {"contributor.user": user_id, "contributor.key": key}
    asked = list(requests().find(mine | {"removed": {"$exists": False}}))
    for request in asked:
        if is_carried(request):
            actions.leave(request)
        else:
            actions.remove(request)
    said = list(messages().find({"contributor.user": user_id}))
    for row in said:
        erase_message(row)
    return len(asked) + len(said)


def erase_words() -> int:
    """Erase the messages whose native copies udata erased with an account (`delete_comments`), and
    return how many. udata sends no signal for that and does it late: so we compare with the
    discussions."""
    erased = 0
    for row in messages().find({"left": {"$exists": True}, "discussion": {"$exists": True}}):
        gone = {"id": row["message_id"], "content": ERASED}
        there = {"_id": row["discussion"], "discussion": {"$elemMatch": gone}}
        if Discussion._get_collection().find_one(there, {"_id": 1}):
            erased += 1
            messages().update_one(
                {"_id": row["_id"]}, {"$set": {"text": ERASED}, "$unset": {"left": ""}}
            )
            deleted_natively(row["message_id"])
    messages().update_many({"left": {"$lt": now() - LATE}}, {"$unset": {"left": ""}})
    return erased


def discussion_deleted(discussion: Discussion, by: ObjectId | None = None) -> None:
    """Follow the deletion of a request's native discussion (`by`: the account, if known).

    Deleted with its dataset or with the organization that signed it: the request stays, as it would
    without them. Deleted by the requester, or with their account, while others support the request:
    it stays without its author, in a new discussion. Otherwise the request is hidden, as feedback
    is.
    """
    request = requests().find_one({"discussion": discussion.pk, "removed": {"$exists": False}})
    if request is None:
        return
    dataset = catalogue.find_dataset(request.get("dataset"))
    signed = discussion.organization
    going = not (dataset and dataset.listed) or (signed and getattr(signed, "deleted", True))
    leaving, left = _is_leaving(discussion.user), _asks(request, by)
    if going or (is_carried(request) and (leaving or left)):
        _discuss_anew(request)
        if left and not going and not leaving:
            merging.detach(request)
    else:
        hide(request, REMOVED)


def message_deleted(discussion: Discussion, message_id: str, by: ObjectId | None = None) -> None:
    """Remove here a message that was deleted in udata, and never add it there again. Where it held
    the words of a request, and its author did not delete it, the request is hidden."""
    deleted_natively(message_id)
    request = THREAD.silence(discussion.pk, message_id)
    words = [message["id"] for message in (request or {}).get("messages") or ()]
    if request and words[-1:] == [message_id] and not _asks(request, by):
        hide(request, REMOVED)


def hide(request: Request, reason: str) -> Request | None:
    """Hide a request from everybody but its author and moderators."""

    def hidden(one: Request) -> Request | None:
        if one["visibility"] == Visibility.HIDDEN:
            return None
        changed = one | {"visibility": Visibility.HIDDEN, "hidden_reason": reason}
        changed["hidden_at"] = now()
        changed["words_until"] = review_rules.erased_at(changed["hidden_at"])
        changed.pop("review", None)
        return changed

    return change(request, hidden)


def purge_dataset(dataset_id: ObjectId) -> int:
    """Remove a purged dataset from the requests that name it, and return how many were asked from
    it. One that turns private or is deleted needs nothing: its state is read when a request is
    shown."""
    freed = 0
    # udata deletes the discussions of a dataset with it.
    requests().update_many(
        {"dataset": dataset_id, "discussion": {"$exists": True}},
        {"$unset": _LINK, "$set": {"messages": []}},
    )
    for request in list(requests().find({"dataset": dataset_id})):
        freed += change(request, lambda one: _purged(one, dataset_id)) is not None
    requests().update_many(
        {"fulfilled_by": {"$exists": True}, "fulfilled_by.datasets": dataset_id},
        {
            "$pull": {"fulfilled_by.datasets": dataset_id},
            "$addToSet": {"purged_answers": dataset_id},
            "$inc": {"v": 1, "version": 1},
        },
    )
    _close(dataset_summary(dataset_id))
    return freed


def _purged(request: Request, dataset_id: ObjectId) -> Request | None:
    """Remove a purged dataset from a request that remembers it: it may come back."""
    freed = _without(request, "dataset", dataset_id)
    return freed and freed | {"purged_dataset": dataset_id}


def purge_organization(organization_id: ObjectId) -> int:
    """Remove a purged organization from signatures and from the requests it held, which go to the
    desk; return how many it held."""
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


def free_open_requests(organization_id: ObjectId) -> int:
    """Give the open requests of a deleted organization to the desk, without waiting for udata's
    purge. Return how many."""
    theirs = {"organization": organization_id, "status": {"$in": sorted(OPEN)}}
    freed = 0
    for request in list(requests().find(theirs)):
        freed += change(request, lambda one: _freed(one, organization_id), due=[TOLD]) is not None
    return freed


def _freed(request: Request, organization_id: ObjectId) -> Request | None:
    if request["status"] not in OPEN:
        return None
    return _without(request, "organization", organization_id)


def follow_dataset(dataset_id: ObjectId) -> int:
    """Send the open requests whose holder was derived from a dataset to the organization that has
    it now. A holder that somebody has named stays. Return how many moved."""
    dataset = catalogue.find_dataset(dataset_id)
    if dataset is None or dataset.organization is None:
        return 0
    holder, moved = dataset.organization, 0

    def along(request: Request) -> Request | None:
        if request.get("organization") == holder or not request.get("holder_derived"):
            return None
        status = request["status"]
        entry = system_entry(request, status, Role.PRODUCER, transferred_to=holder)
        return request | {
            "organization": holder,
            "history": [*request["history"], entry],
            "last_modified": now(),
        }

    for request in list(requests().find(elsewhere(dataset_id, holder))):
        moved += change(request, along, due=[TOLD]) is not None
    return moved


def elsewhere(dataset_id: ObjectId, holder: ObjectId) -> Query:
    """Select the open requests whose holder was derived from a dataset that is another
    organization's now."""
    return {
        "dataset": dataset_id,
        "holder_derived": True,
        "organization": {"$ne": holder},
        "status": {"$in": sorted(OPEN)},
    }


def _chosen_key(user_id: ObjectId, key: str) -> str | None:
    """Return the anonymous key of a deleted account, chosen once; None where there is nothing to
    forget. It is stored beside the old key everywhere before it replaces it anywhere, so that a run
    after a crash uses it again."""
    mine = {"contributor.user": user_id, "contributor.key": key}
    asked = requests().find_one(mine | {"next_key": {"$exists": True}}, {"next_key": 1})
    backed = supports().find_one({"key": key, "next": {"$exists": True}}, {"next": 1})
    gone = (asked and asked.get("next_key")) or (backed and backed.get("next"))
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
        nobody: Contributor = {"kind": contributor["kind"], "key": gone or gone_key()}
        return without(one, "submission_id", "next_key") | {
            "contributor": nobody,
            "history": without_requester(one["history"]),
            "last_modified": now(),
        }

    return change(request, forgotten, due=[PEOPLE]) is not None


def _without(request: Request, field: str, value: ObjectId) -> Request | None:
    if request.get(field) != value:
        return None
    return without(request, field)


def _discuss_anew(request: Request) -> None:
    """Let a request have a new discussion, where it still has one. Nobody is notified of it
    twice."""
    update: Any = becomes_due([DISCUSSION])
    update |= {"$unset": _LINK, "$set": {"messages": []}}
    linked = {"_id": request["_id"], "discussion": request["discussion"]}
    if requests().update_one(linked, update).modified_count:
        written(request)


def _is_leaving(user: User | None) -> bool:
    """Return whether udata is deleting an account, and its comments, at this moment."""
    raw = User._get_collection().find_one({"_id": user.id}, {"deleted": 1}) if user else None
    deleted = (raw or {}).get("deleted")
    return deleted is not None and now() - deleted < LEAVING


def _asks(request: Request, user: ObjectId | None) -> bool:
    """Return whether an account is the requester, or may speak for the organization that is."""
    contributor = request["contributor"]
    if user is None:
        return False
    organization = contributor.get("organization")
    if contributor["kind"] == Kind.ORGANIZATION and organization:
        return user == contributor.get("user") or catalogue.may_speak_for(organization)
    return user == contributor.get("user")


#: The fields that link a request to its discussion, besides `announced`.
_LINK = {"discussion": "", "discussed": ""}


def _close(figures_id: str) -> None:
    """Delete the figures of an object that is gone, once they count nothing."""
    settle(REQUESTS, figures_id)
    if not requests().find_one({"due": figures_id}, {"_id": 1}):
        figures().delete_one({"_id": figures_id})
