"""Permissions on feedback: the one place where they are decided.

| action | who |
|---|---|
| read | readers of the dataset; spam and held feedback: its author, moderators |
| read words that are not public | its author (but not on the token of a browser), moderators |
| edit, delete | its author |
| words as open data | everybody, once its author and a moderator have agreed |
| treat | editors of the dataset |
| moderate | moderators, within their remit; sysadmins (see `moderation.permissions`) |

Nobody of the producing side may edit, hide or delete what users said.
"""

from __future__ import annotations

from bson import ObjectId

from ..contributions import review_rules
from ..contributions.review_rules import Visibility
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from .models import Feedback


def is_author(viewer: Viewer, feedback: Feedback) -> bool:
    return viewer.known and feedback["contributor"]["key"] == viewer.key


def may_edit(viewer: Viewer, feedback: Feedback) -> bool:
    return is_author(viewer, feedback)


def may_delete(viewer: Viewer, feedback: Feedback) -> bool:
    return is_author(viewer, feedback)


def may_treat(viewer: Viewer, dataset: DatasetFacts) -> bool:
    return viewer.known and catalogue.may_edit(dataset)


def may_moderate(viewer: Viewer, about: ObjectId | None) -> bool:
    """Return whether the viewer may moderate feedback. `about`: the organization of the dataset."""
    return viewer.moderates(about)


def may_see(viewer: Viewer, feedback: Feedback) -> bool:
    """Return whether the viewer may see a feedback at all. Spam, and feedback held as possible
    abuse, is seen only by its author and moderators."""
    return (
        not (feedback.get("hidden_reason") == "spam" or feedback.get("held"))
        or is_author(viewer, feedback)
        or may_moderate(viewer, feedback.get("organization"))
    )


def may_read_words(viewer: Viewer, feedback: Feedback) -> bool:
    """Return whether the viewer may read the words of a feedback: public ones; pending or hidden
    ones only for their author and moderators. The token of a browser is not enough: on a shared
    computer it may be somebody else's."""
    return (
        feedback["visibility"] == Visibility.PUBLIC
        or (is_author(viewer, feedback) and not viewer.by_token)
        or may_moderate(viewer, feedback.get("organization"))
    )


def texts(feedback: Feedback) -> dict[str, str]:
    """Return the words of a feedback, by field; none without a comment."""
    comment = feedback.get("comment")
    return review_rules.with_name(feedback, {"comment": comment}) if comment else {}


def open_words(feedback: Feedback) -> str | None:
    """Return the comment where it may be published as open data, without a name: its author agreed,
    and a moderator has read it as it is."""
    if not feedback.get("open_data") or not review_rules.was_read(feedback, texts(feedback)):
        return None
    return feedback.get("comment")


def own(viewer: Viewer, feedback: Feedback) -> dict[str, bool]:
    """Compute the permissions that depend on the feedback, as the API shows them."""
    return {"edit": may_edit(viewer, feedback), "delete": may_delete(viewer, feedback)}


def common(viewer: Viewer, dataset: DatasetFacts) -> dict[str, bool]:
    """Compute the permissions that are the same for all feedback on a dataset."""
    return {
        "treat": may_treat(viewer, dataset),
        "moderate": may_moderate(viewer, dataset.organization),
    }
