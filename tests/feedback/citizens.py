"""What worker processes do with feedback (see `tests.processes`): the real actions, in an
application with the plugin on, as the people they are told to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson import ObjectId
from flask import Flask
from udata import settings
from udata.app import create_app, standalone
from udata.core.user.models import User
from udata.mongo.document import UDataDocument
from udata.tasks import celery

from udata_culture_feedback.feedback import actions, summaries, tasks
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.people.viewer import viewer_of
from udata_culture_feedback.web import refusals

COLLECTIONS = "culture_feedback_"


def prepare(uri: str) -> Flask:
    settings.Testing.MONGODB_HOST_TEST = uri
    app = standalone(create_app(settings.Defaults, override=settings.Testing))
    app.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = None
    with app.app_context():
        celery.producer_pool, celery.backend  # noqa: B018 (loaded once, instead of by each worker)
    for model in subclasses(UDataDocument):
        if not model.__name__.startswith("CultureFeedback"):
            # Each worker would look at some hundred indexes of udata's, which the test has built.
            model._meta["auto_create_index"] = False
    return app


def subclasses(model: type) -> Iterator[Any]:
    for subclass in model.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def submit(app: Flask, user: str, dataset: str, **answer: Any) -> dict[str, Any]:
    """One person's answer, as for a POST of the API: `id` and `created`, or `refused`."""
    with app.app_context():
        person = User.objects.get(id=user)
        with acting_as(person):
            payload = {"dataset": dataset, "fitness": "yes"} | answer
            try:
                feedback, created = actions.submit(viewer_of(person), payload)
            except refusals.Refusal as refusal:
                return {"refused": type(refusal).__name__}
            return {"id": str(feedback["_id"]), "created": created}


def submit_all(app: Flask, answers: list[dict[str, Any]], told: str | None = None) -> list[Any]:
    """Several answers in turn; the id of each one that was accepted is written to the file `told`,
    as a client would hear of it."""
    heard = []
    for answer in answers:
        heard.append(submit(app, **answer))
        if told:
            with open(told, "a", encoding="utf-8") as file:
                file.write(heard[-1]["id"] + "\n")
    return heard


def edit(app: Flask, user: str, feedback: str, **answer: Any) -> None:
    with app.app_context():
        person = User.objects.get(id=user)
        with acting_as(person):
            actions.edit(viewer_of(person), feedback, answer)


def erase(app: Flask, user: str, feedback: str) -> None:
    with app.app_context():
        person = User.objects.get(id=user)
        with acting_as(person):
            actions.erase(viewer_of(person), feedback)


def follow(app: Flask, dataset: str) -> None:
    """What a worker does when a dataset has changed."""
    with app.app_context():
        tasks.follow_dataset(dataset)


def settle(app: Flask, dataset: str) -> None:
    with app.app_context():
        summaries.settle_dataset(ObjectId(dataset))
