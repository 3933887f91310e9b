"""What happens to answers when an account is deleted. Idempotent: a second run completes an
interrupted one."""

from __future__ import annotations

from bson import ObjectId
from udata.core.user.models import User

from ..mail import account_deletion
from ..people.models import account_key, gone_key
from .models import followers, responses
from .response_repository import tombstone
from .signals import on_response_changed


def forget_account(user_id: ObjectId) -> int:
    """Anonymize the answers of a deleted account, and delete its drafts. What was sent stays
    counted, and its texts stay without an author, unless the person chose to have their words
    deleted too. Return how many responses changed."""
    raw = User._get_collection().find_one({"_id": user_id}, {"deleted": 1})
    if raw is not None and not raw.get("deleted"):
        return 0
    followers().delete_many({"user": user_id})
    mine = {"contributor.user": user_id, "contributor.key": account_key(user_id)}
    begun = mine | {"sent_at": {"$exists": False}, "deleted": {"$exists": False}}
    changed = responses().delete_many(begun).deleted_count
    if account_deletion.takes_words_along(user_id):
        for response in list(responses().find(mine)):
            tombstone(response, keep_figures=True)
            on_response_changed.send(response["consultation"], response=response["_id"])
            changed += 1
    for response in list(responses().find(mine, {"consultation": 1})):
        changed += (
            responses()
            .update_one(
                {"_id": response["_id"], **mine},
                {
                    "$set": {"contributor.key": gone_key()},
                    "$unset": {
                        "contributor.user": "",
                        "contributor.name": "",
                        "submission_id": "",
                        "draft": "",
                        "requests": "",
                    },
                    "$inc": {"v": 1},
                },
            )
            .modified_count
        )
        on_response_changed.send(response["consultation"], response=response["_id"])
    return changed
