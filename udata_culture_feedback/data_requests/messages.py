"""What people say about a request.

The seam between two homes: requests asked from a dataset belong in a native discussion on it (to be
bridged here, behind these three functions); the messages of the others live in a collection of
ours. Nobody else reads or writes them. What a message does to the request (a question that it
answers) is the action's, whatever the home: see `actions.answer`.
"""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from .. import listing, refusals
from ..feedback.models import Visibility
from ..listing import Page
from ..storage import now
from .models import messages

Request = dict[str, Any]
Message = dict[str, Any]


def write(
    request: Request,
    contributor: dict[str, Any],
    role: str,
    text: str,
    submission: str | None = None,
) -> tuple[Message, bool]:
    """Stores a message. Answers it, and whether it is new (False: a retry)."""
    message: Message = {
        "_id": ObjectId(),
        "request": request["_id"],
        "contributor": contributor,
        "role": role,
        "text": text,
        "visibility": Visibility.PUBLIC,
        "created_at": now(),
    }
    if submission:
        message["submission_id"] = submission
    try:
        messages().insert_one(message)
    except DuplicateKeyError:
        earlier = messages().find_one(
            {"contributor.key": contributor["key"], "submission_id": submission}
        )
        if earlier is None:
            raise
        return earlier, False
    return message, True


def read(request: Request, page: Page) -> tuple[list[Message], int, bool]:
    """A page of the public messages, the oldest first, and one more where there is one; how many
    there are, and whether that is capped. Raises Invalid for a page beyond the end of offsets."""
    where = {"request": request["_id"], "visibility": Visibility.PUBLIC}
    if page.offset + page.size > listing.MAX_OFFSET:
        message = _("Pages of this order end at %(offset)d.", offset=listing.MAX_OFFSET)
        raise refusals.Invalid(message, {"page": message})
    found = messages().find(where, sort=[("created_at", 1), ("_id", 1)])
    return (
        list(found.skip(page.offset).limit(page.size + 1)),
        *listing.count(messages(), where),
    )


def remove_all(request_id: ObjectId) -> None:
    """The request is gone."""
    messages().delete_many({"request": request_id})
