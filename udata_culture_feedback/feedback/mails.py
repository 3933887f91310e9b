"""The text of our mails about feedback. Their recipients are chosen in `notifications`.

A builder runs when its mail leaves, as its reader: what has been hidden, deleted or changed
meanwhile is shown as it is then, or not at all. Names of builders are stored.
"""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from udata.core.user.models import User
from udata.i18n import lazy_gettext as _
from udata.mail import LabelledContent, MailCTA, MailMessage

from .. import vocabulary
from ..contributions.review_rules import Visibility
from ..figures.summary_ids import dataset_summary
from ..mail.mailing import mail
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..vocabulary import TREATMENT_STATUSES, find
from ..web.moments import in_words as day_in_words
from ..web.urls import pages_url
from . import reassessment, summaries
from .models import Feedback, Treatment, feedbacks
from .notifications import is_author
from .representation import is_outdated

#: Characters shown of a text that the page shows in full.
BEGINNING = 1000


@mail("feedback-treated")
def treated(reader: User, feedback: str) -> MailMessage | None:
    """Tell the author what the producer answered."""
    found, dataset = _about(feedback)
    if found is None or dataset is None or not is_author(reader, found):
        return None
    treatment = found["treatment"]
    status = find(TREATMENT_STATUSES, treatment["status"]).label
    answer = None if treatment.get("hidden") else treatment.get("answer")
    handled = treatment["status"] == Treatment.RESOLVED and found["fitness"] != reassessment.YES
    return MailMessage(
        subject=_("Your opinion on “%(title)s”: %(status)s", title=dataset.title, status=status),
        paragraphs=[
            _("The producer of “%(title)s” has looked at your opinion.", title=dataset.title),
            LabelledContent(_("Where it stands:"), str(status), inline=True),
            LabelledContent(_("Their answer:"), answer, truncated_at=BEGINNING) if answer else None,
            MailCTA(_("See my opinion and the answer"), _page(found)),
            MailCTA(_("Say whether it is better"), reassessment.link(found)) if handled else None,
        ],
        footer=[_because_said()],
    )


@mail("feedback-better")
def better(reader: User, feedback: str) -> MailMessage | None:
    """Ask the author, now that the data have changed, whether they are better."""
    found, dataset = _about(feedback)
    if found is None or dataset is None or not is_author(reader, found):
        return None
    summary = summaries.read(dataset_summary(dataset.id))
    if not is_outdated(found, summary):
        return None
    opinion = vocabulary.vocabularies().label("fitness", found["fitness"])
    return MailMessage(
        subject=_("“%(title)s” has changed: is it better?", title=dataset.title),
        paragraphs=[
            _(
                "You said on %(date)s that these data meet your need: %(opinion)s. They have "
                "changed since, on %(changed)s.",
                date=day_in_words(found["created_at"]),
                opinion=opinion,
                changed=day_in_words(summary["data_updated_at"]),
            ),
            _("Do they meet your need now? One answer is enough:"),
            MailCTA(_("Yes, they do now"), reassessment.link(found, reassessment.YES)),
            MailCTA(
                _("It is better, not there yet"), reassessment.link(found, reassessment.PARTLY)
            ),
            MailCTA(_("No, it is no better"), reassessment.link(found, reassessment.NO)),
            MailCTA(_("See what has changed"), dataset.page),
        ],
        footer=[_because_said()],
    )


@mail("feedback-assigned")
def assigned(reader: User, feedback: str) -> MailMessage | None:
    """Tell a member of the producing side that a comment was assigned to them."""
    found, dataset = _about(feedback)
    if found is None or dataset is None or found["treatment"].get("assignee") != reader.id:
        return None
    words = found.get("comment") if found["visibility"] == Visibility.PUBLIC else None
    return MailMessage(
        subject=_("A comment on “%(title)s” is yours to answer", title=dataset.title),
        paragraphs=[
            _("A colleague gave you a comment on “%(title)s” to answer.", title=dataset.title),
            LabelledContent(_("The comment:"), words, truncated_at=BEGINNING) if words else None,
            MailCTA(_("Answer this comment"), pages_url(f"dashboard/feedback/{found['_id']}")),
        ],
        footer=[
            _("You receive this message because you are a member of the producing organization.")
        ],
    )


def _about(feedback_id: str) -> tuple[Feedback | None, DatasetFacts | None]:
    """Find a feedback that still exists on a dataset the reader may read, and that dataset."""
    found = feedbacks().find_one({"_id": ObjectId(feedback_id), "deleted": {"$exists": False}})
    dataset = catalogue.find_dataset(found["dataset"]) if found else None
    if found is None or dataset is None or not catalogue.may_read(dataset):
        return None, None
    return found, dataset


def _page(feedback: Feedback) -> str:
    return pages_url(f"datasets/{feedback['dataset']}/#feedback-{feedback['_id']}")


def _because_said() -> Any:
    return _("You receive this message because you gave your opinion on these data.")
