"""Documents exactly as our models and udata's store them once all tasks have run (a test compares
them with what the actions leave), made in bulk. Dates are naive UTC."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from bson import DBRef, ObjectId
from udata.core.dataset.models import Dataset, Resource
from udata.core.organization.models import Member, Organization
from udata.core.user.models import User

from udata_culture_feedback.contributions import review_rules
from udata_culture_feedback.data_requests.clock import Clock
from udata_culture_feedback.data_requests.models import live_totals as request_totals
from udata_culture_feedback.feedback.discussion import fingerprint
from udata_culture_feedback.feedback.models import live_totals
from udata_culture_feedback.figures.summary_ids import dataset_summary
from udata_culture_feedback.people.models import Kind, account_key
from udata_culture_feedback.search.terms import terms
from udata_culture_feedback.web.moments import portal_zone

from .sizes import (
    DATASET,
    DISCUSSION,
    FEEDBACK,
    ORGANIZATION,
    PERSON,
    REQUEST,
    SUPPORT,
    id_of,
)
from .words import Text, title

#: Counters of a request that the support of somebody with an account goes into.
SUPPORTED = ("supports", "supports_known", "supports_account")

Document = dict[str, Any]

AXES = ("update_frequency", "completeness", "contextualisation", "georeferencing")
PROFILES = ("researcher", "journalist", "individual", "student", "developer", "tourism")
REPLY = "Merci pour ce signalement : la prochaine mise à jour les ajoutera."
FILES = 5
#: Period over which feedback and requests are spread, in seconds.
A_YEAR = 365 * 86_400


def people(number: int, moment: datetime) -> Iterator[Document]:
    template = User(
        email="person@benchmark.test",
        first_name="Camille",
        slug="camille",
        password="unusable",
        active=True,
        confirmed_at=moment,
        created_at=moment,
    ).to_mongo()
    for n in range(number):
        yield template | {
            "_id": id_of(PERSON, n),
            "email": f"person-{n}@benchmark.test",
            "last_name": f"Martin {n}",
            "slug": f"camille-martin-{n}",
            "fs_uniquifier": uuid.UUID(int=n).hex,
        }


def organization(n: int, admin: ObjectId) -> Document:
    made = Organization(
        name=f"Producteur {n}", slug=f"producteur-{n}", description="Un établissement culturel."
    )
    made.members = [Member(user=User(id=admin), role="admin")]
    return made.to_mongo() | {"_id": id_of(ORGANIZATION, n)}


def datasets(
    owners: list[ObjectId], updated: list[datetime], chance: random.Random
) -> Iterator[Document]:
    """Yield a dataset for each date, of the organization of the same rank."""
    resources = [
        Resource(title=f"Fichier {f}", url=f"https://example.org/{f}.csv", filetype="remote")
        for f in range(FILES)
    ]
    template = Dataset(
        title="T", slug="t", description="Une ligne par lieu et par année.", resources=resources
    ).to_mongo()
    for n, (owner, moment) in enumerate(zip(owners, updated, strict=True)):
        name = title(chance)
        files = [
            one | {"_id": str(uuid.UUID(int=n * FILES + f))}
            for f, one in enumerate(template["resources"])
        ]
        dates = ("created_at_internal", "last_modified_internal", "last_update")
        yield template | {
            "_id": id_of(DATASET, n),
            "title": f"{name} ({n})",
            "slug": f"jeu-{n}",
            "organization": owner,
            "resources": files,
            "tags": [word for word in terms(name) if word.isalpha()][:4],
            **dict.fromkeys(dates, moment),
        }


class Opinions:
    """The feedback on datasets, and the discussions of the texts."""

    def __init__(self, said: list[Text], until: datetime, chance: random.Random) -> None:
        self.said, self.until, self.chance = said, until, chance
        self.made = 0

    def about(
        self, dataset: Document, number: int, people: int
    ) -> Iterator[tuple[Document, Document | None]]:
        """Yield `number` opinions on one dataset, by as many of the `people` there are, each with
        its discussion."""
        first = self.chance.randrange(people)
        for n in range(number):
            person = (first + n) % people
            yield self._opinion(dataset, id_of(PERSON, person), f"Camille Martin {person}")

    def _opinion(
        self, dataset: Document, person: ObjectId, name: str
    ) -> tuple[Document, Document | None]:
        chance, self.made = self.chance, self.made + 1
        moment = self.until - timedelta(milliseconds=chance.randrange(A_YEAR * 1000))
        feedback: Document = {
            "_id": id_of(FEEDBACK, self.made),
            "dataset": dataset["_id"],
            "organization": dataset["organization"],
            "listed": True,
            "resource": None,
            "fitness": chance.choice(("yes", "partly", "partly", "no")),
            "ratings": {axis: chance.randint(1, 5) for axis in AXES if chance.random() < 0.5},
            "wants_answer": False,
            "usages": ["research"],
            "contributor": {
                "kind": Kind.USER.value,
                "key": account_key(person),
                "user": person,
                "name": name,
            },
            "agent": False,
            "judged": min(moment, dataset["last_update"]),
            "visibility": "public",
            "treatment": {"status": "new", "history": []},
            "created_at": moment,
            "last_modified": moment,
            "v": 1,
            "profile": chance.choice(PROFILES),
        }
        discussion = self._words(feedback) if chance.random() < 0.3 else None
        live = live_totals(feedback)
        feedback["live"] = live
        heard = {"totals": live, "judged": feedback["judged"], "at": moment, "step": 1}
        feedback["counted"] = {dataset_summary(dataset["_id"]): heard}
        return feedback, discussion

    def _words(self, feedback: Document) -> Document | None:
        text, chance = self.chance.choice(self.said), self.chance
        feedback |= {"comment": text.words, "terms": text.terms}
        feedback["wants_answer"] = chance.random() < 0.6
        moment = feedback["created_at"]
        if chance.random() < 0.01:
            review_rules.await_moderation(feedback, ["email"], moment)
            return None
        feedback["discussion"] = id_of(DISCUSSION, 2 * self.made)
        message = str(uuid.UUID(int=2 * self.made))
        feedback["messages"] = [{"id": message, "words": fingerprint(text.words)}]
        feedback |= {"discussed": True, "announced": moment}
        discussion = thread(
            feedback,
            f"[Feedback] {text.words[:70]}",
            text.words,
            message,
            {"id": str(feedback["_id"])},
        )
        if chance.random() < 0.5:
            self._answer(feedback, discussion)
        return discussion

    def _answer(self, feedback: Document, discussion: Document) -> None:
        message = str(uuid.UUID(int=2 * self.made + 1))
        at = feedback["created_at"] + timedelta(days=self.chance.randrange(60), minutes=5)
        at = min(at, self.until)
        producer, owner = id_of(PERSON, 0), feedback["organization"]
        said = {"answer": REPLY, "organization": owner, "message": message}
        status = self.chance.choice(("acknowledged", "planned", "resolved"))
        step = {"to": status, "at": at, "by": producer, **said, "from": "new"}
        feedback["treatment"] = {
            "status": status,
            "history": [step],
            **said,
            "answered_at": at,
            "answered_by": producer,
            "first_answered_at": at,
            "v": 1,
        }
        feedback |= {"v": 2, "told": {"status": status, "answered_at": at}}
        discussion["discussion"].append(
            {
                "id": message,
                "content": REPLY,
                "posted_on": at,
                "posted_by": producer,
                "posted_by_organization": owner,
            }
        )


def thread(said: Document, name: str, content: str, message: str, extras: Document) -> Document:
    """Make the native discussion of a contribution on its dataset."""
    author, moment = said["contributor"]["user"], said["created_at"]
    return {
        "_id": said["discussion"],
        "user": author,
        "subject": {"_cls": "Dataset", "_ref": DBRef("dataset", said["dataset"])},
        "title": name,
        "discussion": [
            {"id": message, "content": content, "posted_on": moment, "posted_by": author}
        ],
        "created": moment,
        "extras": {"culture-feedback": extras},
    }


class Requests:
    """The requests for data, and their supports."""

    STATUSES = ("submitted",) * 5 + ("acknowledged",) * 2 + ("accepted", "published", "declined")

    def __init__(self, said: list[Text], until: datetime, chance: random.Random) -> None:
        self.said, self.until, self.chance = said, until, chance
        self.zone = portal_zone()

    def request(
        self, n: int, catalogue: list[Document], person: ObjectId, supports: int
    ) -> tuple[Document, Document | None]:
        """Make the n-th request, supported by that many people, and its discussion where it was
        made from a dataset."""
        chance = self.chance
        moment = self.until - timedelta(milliseconds=chance.randrange(A_YEAR * 1000))
        dataset, text = chance.choice(catalogue), chance.choice(self.said)
        name = title(chance)
        request: Document = {
            "_id": id_of(REQUEST, n),
            "contributor": {
                "kind": Kind.USER.value,
                "key": account_key(person),
                "user": person,
                "name": f"Camille Martin {n}",
            },
            "formats": [],
            "visibility": "public",
            "status": chance.choice(self.STATUSES),
            "version": 1,
            "history": [],
            "totals": dict.fromkeys(SUPPORTED, supports) if supports else {},
            "created_at": moment,
            "last_modified": moment,
            "v": 1 + supports,
            "title": name,
            "description": text.words,
            "kind": "new",
            "themes": [chance.choice(("musee", "archives", "livre", "cinema", "festivals"))],
            "usages": ["research"],
            "profile": chance.choice(PROFILES),
            "terms": terms(f"{name} {text.words}"),
            "organization": dataset["organization"],
            "slug": f"demande-{n}",
            "received_at": moment,
        }
        clock = Clock.start(moment, 1, self.zone)
        if request["status"] != "submitted":
            clock = self._moved(request, clock, dataset)
        request["clock"] = clock.to_mongo()
        discussion = self._discussion(request, n, dataset) if n % 3 == 0 else None
        request["live"] = request_totals(request)
        return request, discussion

    def _moved(self, request: Document, clock: Clock, dataset: Document) -> Clock:
        at = min(request["created_at"] + timedelta(days=self.chance.randrange(40)), self.until)
        by = {"role": "P", "user": id_of(PERSON, 0), "organization": request["organization"]}
        entry: Document = {"from": "submitted", "to": request["status"], "by": by, "at": at}
        request |= {"version": 2, "v": request["v"] + 1, "last_modified": at, "told": 1}
        request["history"] = [entry]
        if request["status"] == "declined":
            entry |= {"reason": "not_held", "message": "Nous ne les avons pas."}
        elif request["status"] == "published":
            found = {"datasets": [dataset["_id"]], "urls": []}
            entry |= found | {"partial": False}
            request |= {"fulfilled_by": found, "partial": False}
        else:
            return clock
        return clock.answer(at, self.zone)

    def _discussion(self, request: Document, n: int, dataset: Document) -> Document:
        request |= {"dataset": dataset["_id"], "discussion": id_of(DISCUSSION, 2 * n + 1)}
        request["holder_derived"] = True
        message, words = str(uuid.UUID(int=2**64 + n)), request["description"]
        request["messages"] = [{"id": message, "words": fingerprint(words)}]
        request |= {"discussed": True, "announced": request["created_at"]}
        extras = {"request": str(request["_id"])}
        return thread(request, f"[Request] {request['title']}", words, message, extras)


def support(n: int, request: ObjectId, person: ObjectId, moment: datetime) -> Document:
    return {
        "_id": id_of(SUPPORT, n),
        "key": account_key(person),
        "target": request,
        "created_at": moment,
        "direct": True,
        "own": False,
        "user": person,
        "v": 1,
        "via": [],
        "counted": {str(request): {"totals": dict.fromkeys(SUPPORTED, 1), "step": 1}},
    }
