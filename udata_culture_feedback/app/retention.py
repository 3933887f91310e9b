"""Erase what has expired. MongoDB removes documents with an expiry date by itself, when it comes to
it; the nightly maintenance does not rely on that, and does the rest.

How long each thing is kept is in `privacy.RETENTION`; hidden words are erased by `moderation`,
addresses that are still needed are kept by their domains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..contributions.imports import CultureFeedbackImport, CultureFeedbackImportPart
from ..contributions.review_rules import CultureFeedbackRepeated
from ..email_confirmation.confirmation import CultureFeedbackUnconfirmed
from ..feedback.reassessment import CultureFeedbackAsked
from ..mail.models import CultureFeedbackOutbox
from ..moderation.models import CultureFeedbackFlag
from ..my_data.access_link import visits
from ..people.contacts import CultureFeedbackContact
from ..people.proof import CultureFeedbackSpent
from ..people.submissions import CultureFeedbackDeleted
from ..portal.collections import acknowledged, now

#: The documents with an expiry date (`expires_at`).
EXPIRING: tuple[Any, ...] = (
    CultureFeedbackUnconfirmed,
    CultureFeedbackContact,
    CultureFeedbackOutbox,
    CultureFeedbackSpent,
    CultureFeedbackDeleted,
    CultureFeedbackAsked,
    CultureFeedbackFlag,
    CultureFeedbackRepeated,
    CultureFeedbackImport,
    CultureFeedbackImportPart,
)


def erase_expired() -> int:
    """Erase what has expired, whether MongoDB has come to it or not; return how much."""
    over = {"expires_at": {"$lt": now()}}
    erased = visits().delete_many(over).deleted_count
    return erased + sum(acknowledged(one).delete_many(over).deleted_count for one in EXPIRING)


#: Steps of `maintenance`, after those that keep what is needed for longer.
STEPS: dict[str, Callable[[], int]] = {"expired_erased": erase_expired}
