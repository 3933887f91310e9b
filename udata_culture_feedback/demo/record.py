"""Records the sample opinions as their authors would: through the very action that the API calls,
only dated back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from udata.core.user.models import User

from ..contributors.viewer import viewer_of
from ..contributors.voice import acting_as
from ..feedback.actions import own_feedback, submit
from ..storage import now
from .catalogue import find_datasets
from .opinions import sample_opinions


def record_opinions(progress: Callable[[int, int], None] = lambda done, of: None) -> int:
    """Submits every sample opinion that is not there yet, and answers how many were. Needs an
    application context. `progress` hears how many are done, of how many."""
    opinions = sample_opinions()
    datasets = find_datasets()
    emails = {opinion.author_email for opinion in opinions}
    authors = {user.email: user for user in User.objects(email__in=list(emails))}
    recorded = 0
    for done, opinion in enumerate(opinions, start=1):
        dataset, author = datasets[opinion.dataset_remote_id], authors[opinion.author_email]
        viewer = viewer_of(author)
        if own_feedback(viewer, dataset.id) is None:
            payload = {
                "dataset": str(dataset.id),
                "fitness": opinion.fitness,
                "ratings": dict(opinion.ratings),
                "comment": opinion.comment,
                "wants_answer": opinion.wants_answer,
                "usages": list(opinion.usages),
                "profile": opinion.profile,
                "signature": opinion.signature,
            }
            with acting_as(author):
                submit(viewer, payload, at=now() - timedelta(days=opinion.days_ago))
            recorded += 1
        progress(done, len(opinions))
    return recorded
