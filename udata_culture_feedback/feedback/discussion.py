"""The words of a feedback as a native discussion on its dataset (see `threads`)."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from udata.i18n import gettext as _

from .. import vocabulary
from ..contributions.discussions import TITLE_WORDS, Thread, fingerprint
from ..contributions.review_rules import Visibility
from ..web.text_cleaning import excerpt
from . import actions, discussion_answer
from .models import Feedback, feedbacks

__all__ = ["THREAD", "fingerprint", "tell"]


class FeedbackThread(Thread):
    """The thread of a feedback: the comment is its message, the answer to the first question its
    title."""

    def collection(self) -> Collection[Any]:
        return feedbacks()

    def words(self, one: Feedback) -> str:
        return one["comment"]

    def title(self, one: Feedback) -> str:
        """Word the title: « [Retour] En partie · « il manque les musées d'outre-mer… » »."""
        fitness = vocabulary.vocabularies().label("fitness", one["fitness"])
        words = excerpt(one["comment"], TITLE_WORDS)
        found: str = _("[Feedback] %(fitness)s · “%(words)s”", fitness=fitness, words=words)
        return found

    def speaks(self, one: Feedback) -> bool:
        return (
            not one.get("deleted")
            and bool(one.get("comment"))
            and one["visibility"] == Visibility.PUBLIC
        )

    def is_hidden(self, one: Feedback) -> bool:
        return one["visibility"] == Visibility.HIDDEN and not one.get("deleted")

    def add_others(self, one: Feedback) -> bool:
        """Add the answer that the producing side gave here."""
        discussion_answer.carry(one)
        return True

    def told(self, id: ObjectId) -> None:
        actions.bury(id)  # if it was a tombstone that waited only for this


THREAD = FeedbackThread()

#: Bring the discussion of a feedback in line with it.
tell = THREAD.tell
