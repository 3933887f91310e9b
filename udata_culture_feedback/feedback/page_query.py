"""The reads of one dataset, each in one command: the dataset and its figures, with a page of its
feedback, the viewer's own feedback and the requests about it.

Each command costs the calling process more CPU than it costs MongoDB, so the most read pages send
one. The result stays undecoded until something of it is needed: what is rendered for all is found
in the cache by its `fingerprint` (see `web.render_cache`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import bson
from udata.i18n import lazy_gettext as _

from ..contributions.neighbours import requests_beside
from ..contributions.review_rules import Visibility
from ..figures.summary_ids import DATASET_SUMMARY
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import Document, Query, lookup
from ..web import listing, refusals
from ..web.listing import Page
from . import summaries
from .models import STANDING, Feedback, Summary, feedbacks
from .models import summaries as all_summaries

Stages = list[Query]

#: Fields read of a feedback to show it.
SHOWN = {
    field: 1
    for field in (
        "dataset",
        "organization",
        "resource",
        "consultation",
        "fitness",
        "ratings",
        "comment",
        "wants_answer",
        "usages",
        "profile",
        "open_data",
        "contributor",
        "agent",
        "judged",
        "visibility",
        "hidden_reason",
        "hidden_at",
        "treatment.status",
        "treatment.answer",
        "treatment.hidden",
        "treatment.answered_at",
        "treatment.organization",
        "treatment.closed_by_author",
        "confirmed",
        "discussion",
        "discussed",
        "created_at",
        "last_modified",
    )
}

#: Feedback with words; of what was public before it was hidden a notice stays.
WORDED: Query = {
    "comment": {"$exists": True},
    "visibility": {"$in": [Visibility.PUBLIC, Visibility.HIDDEN]},
    "$nor": [{"visibility": Visibility.HIDDEN, "hidden_at": {"$exists": False}}],
}


#: With public words: what lists show to others than producers and moderators.
SAID: Query = {"comment": {"$exists": True}, "visibility": Visibility.PUBLIC}


@dataclass(frozen=True)
class Choice:
    """The comments that somebody wants to read: those of one `answer` (id of the vocabulary), the
    `oldest` first."""

    answer: str | None = None
    oldest: bool = False


@dataclass(frozen=True)
class Gathered:
    """The result of one command, with a `page` of feedback where there is one."""

    raw: bytes
    page: Page

    @cached_property
    def _shared(self) -> bytes:
        """The result without the viewer's own feedback, which comes last. No text contains this
        byte sequence."""
        return self.raw.rpartition(b"\x04mine\0")[0] or self.raw

    @cached_property
    def fingerprint(self) -> bytes:
        """A fingerprint of everything that was read but the viewer's own feedback."""
        return hashlib.blake2b(self._shared, digest_size=16).digest()

    @cached_property
    def document(self) -> Document:
        return bson.decode(self.raw)

    @cached_property
    def dataset(self) -> DatasetFacts:
        return DatasetFacts.of(self.document)

    @property
    def summary(self) -> Summary:
        """The summary of the dataset; empty when nothing was ever said."""
        found: list[Summary] = self.document["summary"]
        return found[0] if found else {}

    @property
    def feedback(self) -> list[Feedback]:
        """One page of feedback, and one more where there is a next page."""
        found: list[Feedback] = self.document["feedback"]
        return found

    @property
    def mine(self) -> Feedback | None:
        return next(iter(self.document.get("mine", ())), None)

    @property
    def totals_of_requests(self) -> dict[str, int] | None:
        """The totals of requests; None where some have to be settled first."""
        if self.document["due"]:
            return None
        return next((one["totals"] for one in self.document["requests"]), {})

    def must_be_readable(self) -> None:
        """Raise NotFound for a dataset that the current user may not read."""
        if not catalogue.may_read(self.dataset):
            raise refusals.NotFound(_("There is no such dataset."))


def page_of(reference: Any, viewer: Viewer, page: Page, chosen: Choice) -> Gathered:
    """Read what the page of a dataset shows, with the feedback that has words. `reference`: id,
    slug or old slug. Raise NotFound, also for a page beyond the end of offsets."""
    said = {"fitness": chosen.answer} if chosen.answer else {}
    comments = _feedback(STANDING | WORDED | said, page, oldest=chosen.oldest)
    stages = [_figures(), comments, *requests_beside().stages()]
    if viewer.known:
        mine = {"contributor.key": viewer.key, "resource": None}
        found: Stages = [{"$match": mine}, {"$limit": 1}]
        stages.append(lookup("mine", feedbacks(), "_id", "dataset", found))
    return _gather(reference, stages, page)


def listed(reference: Any, page: Page) -> Gathered:
    """Read a page of the feedback on a dataset that has public words. Raise NotFound."""
    return _gather(reference, [_figures(), _feedback(STANDING | SAID, page)], page)


def figures_of(reference: Any) -> Gathered:
    """Read the figures of a dataset: of feedback and of requests. Raise NotFound."""
    return _gather(
        reference,
        [_figures(), {"$set": {"key": DATASET_SUMMARY}}, *requests_beside().figure_stages()],
        Page(),
    )


def _figures() -> Query:
    project = {"$project": summaries.PUBLIC}
    return lookup("summary", all_summaries(), "_id", "dataset", [project])


def _feedback(where: Query, page: Page, *, oldest: bool = False) -> Query:
    stages = listing.newest_first_stages(where, page, SHOWN, oldest=oldest)
    return lookup("feedback", feedbacks(), "_id", "dataset", stages)


def _gather(reference: Any, stages: Stages, page: Page) -> Gathered:
    raw = catalogue.find_with(reference, stages)
    if raw is None:
        raise refusals.NotFound(_("There is no such dataset."))
    return Gathered(raw, page)
