"""The portal that is measured: udata with the plugin, and on one dataset as many discussions as
feedback with words, by the same people."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bson import ObjectId
from flask import Flask, Response, json
from udata.app import create_app, standalone
from udata.core.dataset.models import Dataset, Resource
from udata.core.discussions.models import Discussion, Message
from udata.core.organization.models import Member, Organization
from udata.core.user.models import User
from udata.settings import Defaults

from udata_culture_feedback.contributors.viewer import viewer_of
from udata_culture_feedback.contributors.voice import acting_as
from udata_culture_feedback.feedback import summaries
from udata_culture_feedback.feedback.actions import submit
from udata_culture_feedback.feedback.models import SITE, organization_summary
from udata_culture_feedback.storage import now
from udata_culture_feedback.summaries import settle

#: Feedback with words, and native discussions, on the dataset that is asked about.
TALKS = 100
#: Datasets whose summaries are asked for at once.
DATASETS = 50
FILES = 5
WORDS = (
    "Il manque les musées d'outre-mer, et la colonne « région » n'a plus de valeur depuis 2019. "
    "J'en ai besoin pour comparer la fréquentation par habitant d'une année sur l'autre."
)
REPLY = "Merci pour ce signalement : la prochaine mise à jour les ajoutera."

#: A Flask view that reads one document of MongoDB by its id: the least a dynamic answer can cost.
BARE_VIEW = "/benchmark/<dataset>"


@dataclass(frozen=True)
class Portal:
    """The application, and what requests name."""

    app: Flask
    dataset: ObjectId
    datasets: list[ObjectId]
    feedback: ObjectId
    readers: list[str]
    """Session cookies: of somebody who has said nothing, each."""


def create_portal(mongodb: str, folder: Path, writers: int) -> Portal:
    """An application on an empty database, filled. `writers`: how many people are there to POST."""

    class Settings(Defaults):
        MONGODB_HOST = f"{mongodb}/culture-feedback-benchmark"
        SECRET_KEY = API_TOKEN_SECRET = "not a secret"
        SESSION_COOKIE_SECURE = False
        CDATA_BASE_URL = "http://localhost"
        CACHE_TYPE = "flask_caching.backends.NullCache"
        CACHE_NO_NULL_WARNING = True
        FS_ROOT = str(folder)
        SEND_MAIL = False
        # Tasks are queued, as with a worker elsewhere, and nobody runs them.
        CELERY_BROKER_URL = "memory://"
        CELERY_RESULT_BACKEND = "cache+memory://"
        # In udata's favour: its saving of a dataset would look each file's host up in the DNS.
        URLS_RESOLVE_HOSTNAME = False

    app = standalone(create_app(override=Settings))

    @app.route(BARE_VIEW)
    def bare(dataset: str) -> Response:
        found = Dataset._get_collection().find_one({"_id": ObjectId(dataset)}, {"title": 1})
        return Response(json.dumps({"title": found["title"]}), mimetype="application/json")

    with app.app_context():
        people = [_person(n) for n in range(TALKS)]
        producer = _person(TALKS)
        organization = Organization(
            name="Producteur",
            description="D",
            members=[Member(user=producer, role="admin")],
        ).save()
        datasets = [_dataset(n, organization) for n in range(DATASETS)]
        feedback = [_feedback(person, datasets[0]) for person in people]
        for dataset in datasets[1:]:
            _feedback(people[0], dataset)
        for summary in (organization_summary(organization.id), SITE):
            settle(summaries.INTO_ALL, summary)
        for person in people:
            _discussion(person, producer, datasets[0])
        return Portal(
            app=app,
            dataset=datasets[0].id,
            datasets=[dataset.id for dataset in datasets],
            feedback=feedback[0],
            readers=[_session(app, _person(TALKS + 1 + n)) for n in range(writers)],
        )


def _person(n: int) -> User:
    return User(
        email=f"person-{n}@benchmark.test",
        first_name="Camille",
        last_name=f"Martin {n}",
        password="unusable",
        active=True,
        confirmed_at=now(),
        fs_uniquifier=uuid.uuid4().hex,
    ).save()


def _dataset(n: int, organization: Organization) -> Dataset:
    resources = [
        Resource(title=f"Fichier {f}", url=f"https://example.org/{n}/{f}.csv", filetype="remote")
        for f in range(FILES)
    ]
    return Dataset(
        title=f"Fréquentation des musées {n}",
        description="Une ligne par musée et par année.",
        organization=organization,
        resources=resources,
    ).save()


def _feedback(person: User, dataset: Dataset) -> ObjectId:
    answer = {
        "dataset": str(dataset.id),
        "fitness": "partly",
        "ratings": {"completeness": 2, "update_frequency": 4, "contextualisation": 3},
        "comment": WORDS,
        "wants_answer": True,
        "usages": ["research"],
        "profile": "researcher",
    }
    with acting_as(person):
        feedback, _new = submit(viewer_of(person), answer, at=now() - timedelta(minutes=1))
    return feedback["_id"]


def _discussion(person: User, producer: User, dataset: Dataset) -> None:
    Discussion(
        user=person,
        subject=dataset,
        title="Il manque les musées d'outre-mer",
        discussion=[
            Message(content=WORDS, posted_by=person),
            Message(content=REPLY, posted_by=producer),
        ],
    ).save()


def _session(app: Flask, person: User) -> str:
    """The session cookie of somebody who has logged in."""
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = person.fs_uniquifier
        session["_fresh"] = True
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    assert cookie is not None
    return f"{name}={cookie.value}"
