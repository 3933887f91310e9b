"""What happens to answers when an account goes away. May run twice, and catches up on what an
earlier run left."""

from __future__ import annotations

from bson import ObjectId
from udata.core.user.models import User

from ..mail import account_deletion
from ..people.models import account_key, gone_key
from .models import followers, responses
from .response_repository import tombstone
from .signals import on_response_changed


def forget_account(user_id: ObjectId) -> int:
    """Forget whose answers those of a deleted account were: nobody is recognised in what it
    answered, and nothing is left of what it had begun. What was sent stays counted; its texts stay,
    since nobody is named with them, unless its words were to go with it. Answers how much changed.
    """
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
