"""The public answer that the producing side gives here, as a comment in the native discussion: in
the organization's name, exactly once, rewritten when it changes.

The id of the comment is allocated with the answer (`treatment_history.decided`), before the comment
exists.
"""

from __future__ import annotations

from datetime import datetime

from bson import ObjectId
from udata.core.discussions.models import Discussion, Message
from udata.core.organization.models import Organization
from udata.core.user.models import User

from ..contributions.discussions import add_message, rewrite_message, withdrawn
from ..web.untyped import Document
from .models import Feedback, feedbacks
from .treatment_history import has_said, withdrawn_messages, written


def carry(feedback: Feedback) -> bool:
    """Bring the comment in line with the answer. Return whether it had to be changed. A comment
    that was deleted in the discussion, or rewritten there by the producer since, stays as they left
    it."""
    treatment = feedback["treatment"]
    changed = take_back(feedback)
    step = written(treatment)
    if step is None or step["message"] in feedback.get("silenced", ()):
        return changed
    thread = feedbacks().find_one({"_id": feedback["_id"]}, {"discussion": 1}) or {}
    discussion = Discussion.objects(id=thread.get("discussion")).first()
    if discussion is None:
        return False
    ours = (m for m in discussion.discussion if str(m.id) == step["message"])
    comment = next(ours, None)
    if comment is None:
        return _add(discussion.id, step)
    if has_said(treatment, comment.content) or _changed_at(comment) < step["at"]:
        return rewrite_message(discussion.id, step["message"], step["answer"])
    return False


def take_back(feedback: Feedback) -> bool:
    """Make each comment whose answer was withdrawn here say so. Return whether one had to be
    changed."""
    gone = set(withdrawn_messages(feedback["treatment"])) - set(feedback.get("silenced", ()))
    if not gone:
        return False
    thread = feedbacks().find_one({"_id": feedback["_id"]}, {"discussion": 1}) or {}
    discussion = thread.get("discussion")
    if discussion is None:
        return False
    return any([rewrite_message(discussion, one, withdrawn()) for one in gone])


def _add(discussion_id: ObjectId, step: Document) -> bool:
    author = User.objects(id=step["by"], deleted=None).first()
    if author is None:
        return False
    organization = Organization.objects(id=step.get("organization"), deleted=None).first()
    return add_message(
        discussion_id, step["message"], step["answer"], author, organization, into_closed=True
    )


def _changed_at(comment: Message) -> datetime:
    """Return when a native message was last changed, as naive UTC."""
    found: datetime = (comment.last_modified_at or comment.posted_on).replace(tzinfo=None)
    return found
