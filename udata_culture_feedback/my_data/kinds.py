"""The kinds of things that one person may have said: where each is kept, how its author sees it,
how it is corrected and erased.

The one module of `contributors` that knows every domain; none of them knows it. Rules stay theirs:
what changes something here calls one of their actions.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from bson import ObjectId
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..consultations import answering, permissions, wording
from ..consultations.models import Consultation, Response, consultations, responses
from ..data_requests import actions as request_actions
from ..data_requests import messages as request_messages
from ..data_requests.models import messages, requests, supports
from ..data_requests.workflow import Role
from ..email_confirmation import confirmation
from ..feedback import actions as feedback_actions
from ..feedback.models import feedbacks
from ..moderation import appeals
from ..moderation.models import AGAINST, words
from ..moderation.models import appeals as stored_appeals
from ..people import contacts
from ..people.models import Kind as ContributorKind
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.collections import now
from ..web import refusals
from ..web.moments import iso
from ..web.urls import api_url, pages_url

#: A contribution of any class: each domain has the type of its own.
Row = Any
Shown = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody, as far as they have shown who they are. `viewers`: under which keys they have
    spoken; `user_id`: their account; `mailbox`: the fingerprint of their address among contacts.
    """

    viewers: dict[str, Viewer] = field(default_factory=dict)
    user_id: ObjectId | None = None
    mailbox: str | None = None

    @property
    def known(self) -> bool:
        return bool(self.viewers)

    @property
    def keys(self) -> list[str]:
        return sorted(self.viewers)

    @property
    def by_token(self) -> bool:
        """Only a browser is recognised: it is never shown words again."""
        return any(viewer.by_token for viewer in self.viewers.values())

    @property
    def viewer(self) -> Viewer:
        """One of those that they are, where it does not matter which."""
        return self.viewers[self.keys[0]] if self.viewers else Viewer(key=None)

    def author_of(self, row: Row) -> Viewer:
        """As whom they have said something."""
        return self.viewers[row["contributor"]["key"]]


class Said(ABC):
    """One kind. `kind` is its id in the API; `section` how the API names the list of them."""

    kind: str
    section: str
    label: Any
    #: What several of them are called.
    many: Any

    @abstractmethod
    def collection(self) -> Collection: ...

    def where(self, person: Person) -> dict[str, Any]:
        """What of the collection is this person's."""
        return {"contributor.key": {"$in": person.keys}}

    @abstractmethod
    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        """As its author sees it, in a constant number of queries. Nobody else's data, no key."""

    @abstractmethod
    def erase(self, person: Person, row: Row) -> None:
        """Erases it; raises what the action of the domain raises."""

    def is_left(self, row: Row) -> bool:
        """Whether what was just erased stays, without its author: others carry it."""
        return False

    def correct(self, person: Person, row: Row, payload: dict[str, Any]) -> None:
        """Changes the fields that the payload has. Raises Conflict for what cannot be corrected,
        only erased; and what the action of the domain raises."""
        raise refusals.Conflict(_("This cannot be corrected. You can erase it."))

    def read(
        self, person: Person, *, skip: int = 0, limit: int = 0, ids: Iterable[ObjectId] = ()
    ) -> list[Row]:
        """What this person has said, the latest first; of these `ids` if there are any."""
        where = self.where(person)
        if ids := list(ids):
            where = {"$and": [where, {"_id": {"$in": ids}}]}
        order = [("created_at", -1), ("_id", -1)]
        return list(self.collection().find(where, sort=order, skip=skip, limit=limit))


class SaidOfDataset(Said):
    kind = "feedback"
    section = "feedback"
    label = _("Feedback on a dataset")
    many = _("Feedback on datasets")

    def collection(self) -> Collection:
        return feedbacks()

    def where(self, person: Person) -> dict[str, Any]:
        return super().where(person) | {"deleted": {"$exists": False}}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        about = datasets(row["dataset"] for row in rows)
        signatures, contested = organizations(rows), Contested.of(person, rows)
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "dataset": about.get(row["dataset"]),
                "resource": row.get("resource"),
                "fitness": row["fitness"],
                "ratings": row.get("ratings") or {},
                "comment": None if person.by_token else row.get("comment"),
                "wants_answer": row.get("wants_answer", False),
                "open_data": bool(row.get("open_data")),
                "usages": row.get("usages") or [],
                "profile": row.get("profile"),
                "signature": signature(person, row, signatures),
                "treatment": row["treatment"]["status"],
                **moderation(row, contested),
                **dates(row),
                "self_api_url": api_url(f"feedback/{row['_id']}/"),
                "self_web_url": pages_url(f"datasets/{row['dataset']}/#feedback-{row['_id']}"),
            }
            for row in rows
        ]

    def erase(self, person: Person, row: Row) -> None:
        feedback_actions.take_back(person.author_of(row), row)

    def correct(self, person: Person, row: Row, payload: dict[str, Any]) -> None:
        feedback_actions.edit(person.author_of(row), str(row["_id"]), payload)


class Asked(Said):
    kind = "request"
    section = "requests"
    label = _("Request for data")
    many = _("Requests for data")

    def collection(self) -> Collection:
        return requests()

    def where(self, person: Person) -> dict[str, Any]:
        return super().where(person) | {"removed": {"$exists": False}}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        about = datasets(row["dataset"] for row in rows if row.get("dataset"))
        signatures, contested = organizations(rows), Contested.of(person, rows)
        fields = ("themes", "usages", "profile", "evidence_url", "formats", "frequency", "spatial")
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "title": row["title"],
                "description": row["description"],
                "request_kind": row["kind"],
                "dataset": about.get(row.get("dataset")),
                **{name: row.get(name) for name in fields},
                "signature": signature(person, row, signatures),
                "status": row["status"],
                "open_data": bool(row.get("open_data")),
                "supports": (row.get("totals") or {}).get("supports", 0),
                "moves": _own_moves(row),
                **moderation(row, contested),
                **dates(row),
                "self_api_url": api_url(f"requests/{row['_id']}/"),
                "self_web_url": pages_url(f"requests/{row['slug']}/"),
            }
            for row in rows
        ]

    def erase(self, person: Person, row: Row) -> None:
        request_actions.take_back(person.author_of(row), row)

    def is_left(self, row: Row) -> bool:
        standing = {"_id": row["_id"], "removed": {"$exists": False}}
        return requests().find_one(standing, {"_id": 1}) is not None

    def correct(self, person: Person, row: Row, payload: dict[str, Any]) -> None:
        request_actions.edit(person.author_of(row), str(row["_id"]), payload)


class Supported(Said):
    kind = "support"
    section = "supports"
    label = _("Support for a request")
    many = _("Supports for requests")

    def collection(self) -> Collection:
        return supports()

    def where(self, person: Person) -> dict[str, Any]:
        return {"key": {"$in": person.keys}, "direct": True}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        about = titled_requests(row["target"] for row in rows)
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "request": about.get(row["target"]),
                "created_at": iso(row["created_at"]),
            }
            for row in rows
        ]

    def erase(self, person: Person, row: Row) -> None:
        request_actions.take_support_back(person.viewers[row["key"]], row["target"])


class Written(Said):
    kind = "message"
    section = "messages"
    label = _("Message about a request")
    many = _("Messages about requests")

    def collection(self) -> Collection:
        return messages()

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        about = titled_requests(row["request"] for row in rows)
        contested = Contested.of(person, rows)
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "request": about.get(row["request"]),
                "text": None if person.by_token else row["text"],
                **moderation(row, contested),
                "created_at": iso(row["created_at"]),
            }
            for row in rows
        ]

    def erase(self, person: Person, row: Row) -> None:
        request_messages.erase(row)


class Answered(Said):
    kind = "response"
    section = "responses"
    label = _("Answer to a consultation")
    many = _("Answers to consultations")

    def collection(self) -> Collection:
        return responses()

    def where(self, person: Person) -> dict[str, Any]:
        return super().where(person) | {"deleted": {"$exists": False}}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        ids = [row["consultation"] for row in rows]
        found = consultations().find(
            {"_id": {"$in": ids}}, {"title": 1, "slug": 1, "questions": 1, "closes_at": 1}
        )
        about = {one["_id"]: one for one in found}
        texts = [text["id"] for row in rows for text in row.get("texts") or ()]
        marks = list(words().find({"_id": {"$in": texts}}, {"moderated": 1}))
        contested = Contested.of(person, marks)
        decided = {one["_id"]: contested.against(one) for one in marks}
        return [self._shown(person, row, about.get(row["consultation"]), decided) for row in rows]

    def _shown(
        self,
        person: Person,
        row: Row,
        consultation: Consultation | None,
        decided: dict[Any, Shown | None],
    ) -> Shown:
        asked = {
            q["id"]: str(wording.said(q["text"]))
            for q in (consultation["questions"] if consultation else ())
        }
        shown: Shown = {
            "kind": self.kind,
            "id": str(row["_id"]),
            "consultation": None,
            "sent": bool(row.get("sent_at")),
            "open_data": bool(row.get("open_data")),
            **dates(row),
        }
        if consultation:
            shown["consultation"] = {
                "id": str(consultation["_id"]),
                "title": wording.said(consultation["title"]),
                "page": pages_url(f"consultations/{consultation['slug']}/"),
            }
        if person.by_token:
            return shown
        draft = row.get("draft") or {}
        return shown | {
            "profile": row.get("profile"),
            "answers": _plain(row.get("answers") or {}, asked),
            "draft": _plain(draft["answers"], asked) if draft.get("answers") else None,
            "texts": [
                {
                    "question": asked.get(text["question"]),
                    "text": text["text"],
                    "state": text["state"],
                    "decision": decided.get(text["id"]),
                }
                for text in row.get("texts") or ()
            ],
        }

    def erase(self, person: Person, row: Row) -> None:
        consultation = consultations().find_one({"_id": row["consultation"]})
        published = consultation is not None and permissions.may_see_results(consultation)
        answering.take_back(person.author_of(row), cast(Response, row), keep_figures=published)

    def correct(self, person: Person, row: Row, payload: dict[str, Any]) -> None:
        answering.edit(person.author_of(row), row["consultation"], payload)


class Waiting(Said):
    """What was sent with an address and is not confirmed yet. It is perhaps not who owns the
    address who typed it, but they may erase it."""

    kind = "unconfirmed"
    section = "unconfirmed"
    label = many = _("Waiting to be confirmed by e-mail")

    def collection(self) -> Collection:
        return confirmation.unconfirmed()

    def where(self, person: Person) -> dict[str, Any]:
        return {"contact": {"$in": contact_ids(person)}, "expires_at": {"$gt": now()}}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "action": row["action"],
                "sent": json.loads(row["payload"]),
                "created_at": iso(row["created_at"]),
                "expires_at": iso(row["expires_at"]),
            }
            for row in rows
        ]

    def erase(self, person: Person, row: Row) -> None:
        confirmation.unconfirmed().delete_one({"_id": row["_id"]})
        contacts.erase(row["contact"])


#: In the order in which they are shown.
KINDS: dict[str, Said] = {
    one.kind: one
    for one in (SaidOfDataset(), Asked(), Supported(), Written(), Answered(), Waiting())
}


@dataclass(frozen=True)
class Contested:
    """What may be contested of some contributions, and what was: by the id of the decision."""

    person: Person
    appeals: dict[ObjectId, Row]

    @classmethod
    def of(cls, person: Person, rows: list[Row]) -> Contested:
        ids = [row["moderated"]["id"] for row in rows if row.get("moderated")]
        found = stored_appeals().find({"_id": {"$in": ids}})
        return cls(person, {appeal["_id"]: appeal for appeal in found})

    def against(self, row: Row) -> Shown | None:
        """The latest decision about something, where it took words away."""
        made = row.get("moderated")
        return self.shown(made) if made and made["decision"] in AGAINST else None

    def shown(self, made: Row) -> Shown:
        """A decision, with the address where it is contested as long as it can be."""
        appeal = self.appeals.get(made["id"])
        open_to_them = not appeal and made["at"] + appeals.WITHIN > now()
        shown = {
            "decision": str(made["decision"]),
            "reason": made["reason"],
            "label": str(vocabulary.find(vocabulary.MODERATION_REASONS, made["reason"]).label),
            "at": iso(made["at"]),
            "contest_url": None,
            "appeal": None,
        }
        if open_to_them and not self.person.by_token:
            shown["contest_url"] = appeals.address(made["id"])
        if appeal:
            shown["appeal"] = {
                "text": None if self.person.by_token else appeal.get("text"),
                "outcome": str(appeal["outcome"]),
                "created_at": iso(appeal["created_at"]),
            }
        return shown


def moderation(row: Row, contested: Contested) -> Shown:
    """Where the words of something stand, and why."""
    shown: Shown = {"visibility": str(row["visibility"]), "hidden_reason": None, "decision": None}
    if row["visibility"] == "hidden":
        shown["hidden_reason"] = row.get("hidden_reason")
    shown["decision"] = contested.against(row)
    return shown


def signature(person: Person, row: Row, names: dict[Any, str]) -> Shown:
    """Under which name somebody has said something; what they call themselves are words too."""
    contributor = row["contributor"]
    name = None if person.by_token else contributor.get("name")
    if contributor["kind"] == ContributorKind.ORGANIZATION:
        name = names.get(contributor.get("organization"))
    return {"kind": str(contributor["kind"]), "name": name}


def organizations(rows: list[Row]) -> dict[Any, str]:
    """The names of those that sign."""
    ids = {
        row["contributor"]["organization"] for row in rows if row["contributor"].get("organization")
    }
    return {id: one.name for id, one in catalogue.organizations_by_id(ids).items()}


def datasets(ids: Iterable[ObjectId]) -> dict[Any, Shown]:
    """Those that this person may read now: of others nothing is said, not even their title."""
    found = catalogue.datasets_by_id(set(ids))
    return {id: one.as_json() for id, one in found.items() if catalogue.may_read(one)}


def titled_requests(ids: Iterable[ObjectId]) -> dict[Any, Shown]:
    """Public ones, as they are named."""
    public = {"_id": {"$in": list(set(ids))}, "visibility": "public"}
    return {
        one["_id"]: {
            "id": str(one["_id"]),
            "title": one["title"],
            "page": pages_url(f"requests/{one['slug']}/"),
        }
        for one in requests().find(public, {"title": 1, "slug": 1})
    }


def dates(row: Row) -> Shown:
    return {"created_at": iso(row["created_at"]), "last_modified": iso(row["last_modified"])}


def contact_ids(person: Person) -> list[ObjectId]:
    """Where the address of this person is kept, for now."""
    if person.mailbox is None:
        return []
    return [one["_id"] for one in contacts.contacts().find({"person": person.mailbox}, {"_id": 1})]


def must_leave(person: Person) -> None:
    """Raises Unauthenticated for nobody, ReadOnly."""
    must_be_known(person.viewer, leaving=True)


def _own_moves(row: Row) -> list[Shown]:
    return [
        {
            "from": str(entry["from"]),
            "to": str(entry["to"]),
            "at": iso(entry["at"]),
            "message": entry.get("message"),
        }
        for entry in row["history"]
        if entry["by"]["role"] == Role.REQUESTER
    ]


def _plain(answers: Row, asked: dict[str, str]) -> list[Shown]:
    """Answers with the questions in words."""
    return [
        {
            "id": id,
            "question": asked.get(id),
            "answer": str(answer) if isinstance(answer, (ObjectId, datetime)) else answer,
        }
        for id, answer in answers.items()
    ]
