"""Record the sample opinions through the very action that the API calls, only dated back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from udata.core.user.models import User

from udata_culture_feedback.feedback.actions import own_feedback, submit
from udata_culture_feedback.feedback.models import Feedback
from udata_culture_feedback.feedback.notifications import reader_of
from udata_culture_feedback.feedback.reassessment import confirm
from udata_culture_feedback.feedback.treatment import treat
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.people.viewer import viewer_of
from udata_culture_feedback.portal.collections import now

from .accounts import PRODUCER
from .catalogue import find_datasets
from .opinions import SampleOpinion, sample_opinions


def record_opinions(progress: Callable[[int, int], None] = lambda done, of: None) -> int:
    """Submit every missing sample opinion. Return how many were submitted. Needs an application
    context. `progress` is called with the number done, and their total."""
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
                given, _new = submit(viewer, payload, at=now() - timedelta(days=opinion.days_ago))
            if opinion.handled:
                _handle(given, opinion)
            recorded += 1
        progress(done, len(opinions))
    return recorded


def _handle(feedback: Feedback, opinion: SampleOpinion) -> None:
    """Record what the producer did about a comment, a third of the way to now, and its author's
    reply."""
    producer: User = User.objects.get(email=PRODUCER.email)
    with acting_as(producer):
        answered = now() - timedelta(days=opinion.days_ago * 2 / 3)
        treat(viewer_of(producer), feedback["_id"], opinion.handled or {}, at=answered)
    if opinion.better:
        confirm(feedback["_id"], reader_of(feedback), opinion.better)
