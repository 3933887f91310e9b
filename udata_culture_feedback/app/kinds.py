"""List the kinds of contributions, in the order in which pages and the API show them."""

from __future__ import annotations

from ..consultations import kind as consultations
from ..contributions import owned
from ..contributions.kinds import register, register_trace, rename_person
from ..dashboard import saved_views, subscriptions
from ..data_requests import kind as data_requests
from ..email_confirmation import confirmation
from ..feedback import kind as feedback
from ..moderation import appeals, flags
from ..my_data import unconfirmed

KINDS = (
    feedback.FEEDBACK,
    data_requests.REQUEST,
    data_requests.SUPPORT,
    data_requests.FOLLOW,
    data_requests.MESSAGE,
    consultations.RESPONSE,
    feedback.ANSWER_OF_PRODUCER,
    data_requests.MOVE_OF_REQUEST,
    consultations.TEXT,
    unconfirmed.UNCONFIRMED,
)
TRACES = (subscriptions.SUBSCRIBED, saved_views.SAVED, consultations.FOLLOWS, flags.GIVEN)


def register_all() -> None:
    """Fill the registry. Idempotent."""
    for kind in KINDS:
        register(kind)
    for trace in TRACES:
        register_trace(trace)
    owned.contest_with(appeals.shown_to_author)
    confirmation.on_key_changed.connect(rename_person)
