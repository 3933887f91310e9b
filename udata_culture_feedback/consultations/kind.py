"""What the registry of kinds needs to know about answers to consultations, and their free texts."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from udata.i18n import gettext
from udata.i18n import lazy_gettext as _

from ..contributions import embedded_texts, owned, review_rules, text_checks
from ..contributions.embedded_texts import BATCH, EmbeddedText, Hidden
from ..contributions.kinds import SUBSCRIPTIONS, Kind, Trace
from ..contributions.moderated import Decision, Item
from ..contributions.owned import Contested, Entry, Owned, Person, Row, Shown, Way
from ..contributions.review_rules import CONSULTATION, Visibility
from ..contributions.signals import on_decided_in_place
from ..people.viewer import Viewer
from ..portal.collections import now
from ..web import privacy
from ..web.privacy import Facts
from ..web.untyped import Payload, Query
from ..web.urls import pages_url
from . import answering, form_tokens, lifecycle, permissions, text_review, upkeep, wording
from .by_email import ResponseByEmail
from .import_form import ImportOfAnswers
from .models import Consultation, Response, Text, TextState, consultations, followers, responses
from .repository import find

#: Texts of an open consultation are queued from this number on, and up to that one in a night.
TOGETHER, MOST_UNDER_SEAL = 10, 5000
#: Most followed consultations that are shown.
FOLLOWED = 200


class Texts(EmbeddedText):
    """Free texts of answers. A mark has the id of its text; a hidden text stays in the answer,
    where only its author sees it. While their consultation is open a decision changes nothing that
    others see."""

    kind = "text"
    label = _("Text of an answer to a consultation")
    replaced = False
    nameless = True

    def said(self, items: list[Item]) -> dict[ObjectId, str]:
        found = _responses_of(items)
        there = {text["id"]: text["text"] for one in found for text in one.get("texts") or ()}
        return {item["_id"]: there[item["_id"]] for item in items if item["_id"] in there}

    def loaded(self, items: list[Item]) -> list[Item]:
        """Load the texts, with the slug of the consultation of each once its seal is broken."""
        of: dict[Any, Any] = (
            {one["_id"]: one["consultation"] for one in _responses_of(items)} if items else {}
        )
        asked = {"_id": {"$in": list(set(of.values()))}}
        shown = {"slug": 1, "opens_at": 1, "closes_at": 1, "published": 1}
        slugs: dict[Any, str] = {
            one["_id"]: one["slug"]
            for one in (consultations().find(asked, shown) if of else ())
            if permissions.may_see_results(one)
        }
        return [
            item | {"page": slugs.get(of.get(item["parent"]))} for item in super().loaded(items)
        ]

    def show(self, item: Item, text: str, hidden: Hidden | None) -> bool:
        return text_review.put(item["_id"], TextState(item["visibility"]), text, hidden)

    def page(self, item: Item) -> str | None:
        slug = item.get("page")
        return pages_url(f"consultations/{slug}/results/texts") if slug else None

    def queue(self, consultation_id: ObjectId) -> int:
        """Put the texts of a closed consultation in the moderators' queue; return how many.
        Idempotent."""
        consultation = consultations().find_one({"_id": consultation_id}, {"organization": 1})
        if consultation is None:
            return 0
        waiting = self._pending(consultation)
        queued = 0
        while some := list(islice(waiting, BATCH)):
            queued += embedded_texts.insert(some)
        return queued

    def queue_all(self) -> int:
        """Queue the texts of closed consultations that a lost task left out, and those of open ones
        that have come together; return how many."""
        closed = consultations().find({"collected": {"$ne": None}}, {"_id": 1})
        queued = sum(self.queue(one["_id"]) for one in list(closed))
        moment = {"opens_at": {"$lte": now()}, "collected": None, "published": {"$ne": None}}
        still = consultations().find(moment, {"organization": 1})
        return queued + sum(self._queue_under_seal(one) for one in list(still))

    def _queue_under_seal(self, consultation: Consultation) -> int:
        """Queue the texts of an open consultation, so that insults and personal data do not wait
        for its closing. Once a night and ten at least together: alone, a text would say when its
        author answered."""
        found: list[Item] = []
        waiting = self._pending(consultation)
        while len(found) < MOST_UNDER_SEAL and (some := list(islice(waiting, BATCH))):
            ids = {"_id": {"$in": [one["_id"] for one in some]}}
            known = {one["_id"] for one in embedded_texts.words().find(ids, {"_id": 1})}
            found += [one for one in some if one["_id"] not in known]
        return embedded_texts.insert(found) if len(found) >= TOGETHER else 0

    def _pending(self, consultation: Consultation) -> Iterator[Item]:
        """Yield the texts of a consultation about which nothing is decided, as items."""
        waiting = {
            "consultation": consultation["_id"],
            "sent_at": {"$exists": True},
            "texts.state": TextState.PENDING.value,
        }
        for response in responses().find(waiting, {"texts": 1, "contributor": 1, "created_at": 1}):
            for text in response["texts"]:
                if text["state"] == TextState.PENDING:
                    yield self._waiting(response, text, consultation["organization"])

    def decided_in_place(
        self, id: ObjectId, before: TextState, after: TextState, by: Viewer, reason: str | None
    ) -> None:
        """Record, in the journal too, a decision made about a text on the page of results."""
        response = text_review.find_text(id)
        if response is None:
            return
        about = consultations().find_one({"_id": response["consultation"]})
        if about is None:
            return
        text = text_review.text_of(response, id)
        embedded_texts.insert([self._waiting(response, text, about["organization"])])
        decision = {
            TextState.PUBLIC: Decision.PUBLISH,
            TextState.PENDING: Decision.RESTORE,
            TextState.HIDDEN: Decision.HIDE if before is TextState.PUBLIC else Decision.REJECT,
        }[after]

        def how(item: Item) -> Item:
            gone = ("review", "hidden_reason", "hidden_at", "words_until")
            changed = {key: value for key, value in item.items() if key not in gone}
            changed["visibility"] = after.value
            moment = now()
            if after is TextState.HIDDEN:
                changed |= {"hidden_reason": reason, "words_until": review_rules.erased_at(moment)}
                if before is TextState.PUBLIC:
                    changed["hidden_at"] = moment
            elif after is TextState.PENDING:
                changed["review"] = {"why": [CONSULTATION], "since": _some_time()}
            return changed

        on_decided_in_place.send(self, id=id, how=how, decision=decision, reason=reason, by=by)

    def _waiting(self, response: Response, text: Text, organization: ObjectId) -> Item:
        found = dict.fromkeys(finding.check for finding in text_checks.inspect(text["text"]))
        made = self.new(
            response["_id"],
            str(text["id"]),
            organization=organization,
            contributor=response["contributor"],
            created_at=response["created_at"],
        )
        return made | {
            "_id": text["id"],
            "visibility": Visibility.PENDING.value,
            "review": {"why": [CONSULTATION, *found], "since": _some_time()},
        }


class OwnResponse(Owned):
    kind = "response"
    section = "responses"
    label = _("Answer to a consultation")
    many = _("Answers to consultations")

    def collection(self) -> Collection[Row]:
        return responses()

    def where(self, person: Person) -> Query:
        return super().where(person) | {"deleted": {"$exists": False}}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        ids = [row["consultation"] for row in rows]
        found = consultations().find(
            {"_id": {"$in": ids}}, {"title": 1, "slug": 1, "questions": 1, "closes_at": 1}
        )
        about = {one["_id"]: one for one in found}
        texts = [text["id"] for row in rows for text in row.get("texts") or ()]
        marks = list(embedded_texts.words().find({"_id": {"$in": texts}}, {"moderated": 1}))
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
            **owned.dates(row),
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

    def entries(self, person: Person, items: list[Shown]) -> list[Entry]:
        keys = {} if person.user_id else owned.keys_of(responses(), items)
        return [self._entry(person, item, keys.get(item["id"])) for item in items]

    def _entry(self, person: Person, item: Shown, key: str | None) -> Entry:
        about = item["consultation"]
        path = owned.local(about["page"]) if about else None
        way = None
        if path and person.user_id:
            way = Way(f"{path}?edit=1")
        elif path and key and not person.by_token:
            token = form_tokens.resume_token(ObjectId(item["id"]), key)
            way = Way(f"{path}resume", {"token": token})
        texts = item.get("texts") or []
        gone = gettext("A consultation that no longer exists")
        return owned.entry(
            item,
            title=about["title"] if about else gone,
            page=path,
            tags=[] if item["sent"] else [gettext("begun, not sent")],
            words=[(_standing(text), text["text"]) for text in texts],
            decisions=[text["decision"] for text in texts if text["decision"]],
            correct=way,
        )

    def erase(self, person: Person, row: Row) -> None:
        consultation = consultations().find_one({"_id": row["consultation"]})
        published = consultation is not None and permissions.may_see_results(consultation)
        answering.take_back(person.author_of(row), row, keep_figures=published)

    def correct(self, person: Person, row: Row, payload: Payload) -> None:
        answering.edit(person.author_of(row), row["consultation"], payload)


TEXTS = Texts()


def followed(person: Person) -> list[Shown]:
    """Show the consultations about which an account receives mails."""
    if person.user_id is None:
        return []
    rows = list(followers().find({"user": person.user_id}).limit(FOLLOWED))
    ids = {"_id": {"$in": [row["consultation"] for row in rows]}}
    titles = {
        one["_id"]: wording.said(one["title"]) for one in consultations().find(ids, {"title": 1})
    }
    return [
        {
            "id": str(row["consultation"]),
            "title": titles.get(row["consultation"]),
            "reminder": row.get("reminder", False),
            "synthesis": row.get("synthesis", False),
        }
        for row in rows
    ]


def privacy_of(reference: str) -> tuple[Facts, str, str] | None:
    """Return who is responsible for the data given to a consultation, its title and slug; None for
    an unknown one."""
    found = find(reference)
    if found is None or not found.get("published"):
        return None
    return privacy.facts(found), str(wording.said(found["title"])), found["slug"]


def _some_time() -> datetime:
    """Return a moment of the last hour, chosen at random: since it is where a text stands in the
    queue, that says nothing of when it was written, or of what else its author said."""
    return now() - timedelta(milliseconds=secrets.randbelow(3_600_000))


def _responses_of(items: list[Item]) -> list[Response]:
    ids = {"_id": {"$in": [item["parent"] for item in items]}, "deleted": {"$exists": False}}
    return list(responses().find(ids, {"texts": 1, "consultation": 1}))


def _standing(text: Shown) -> str:
    """Return the question that a text answers, and the state of the text."""
    standing = owned.STANDINGS.get(text["state"])
    return " — ".join(str(part) for part in (text["question"], standing) if part)


def _plain(answers: Row, asked: dict[str, str]) -> list[Shown]:
    """Show answers with their questions in words."""
    return [
        {
            "id": id,
            "question": asked.get(id),
            "answer": str(answer) if isinstance(answer, (ObjectId, datetime)) else answer,
        }
        for id, answer in answers.items()
    ]


RESPONSE = Kind(
    "response",
    owned=OwnResponse(),
    by_email=ResponseByEmail(),
    forget_account=lifecycle.forget_account,
    imports=ImportOfAnswers(),
    privacy=privacy_of,
    upkeep=upkeep.STEPS,
)
TEXT = Kind("text", moderated=TEXTS, upkeep={"texts_queued": TEXTS.queue_all})
FOLLOWS = Trace("consultations", followed, section=SUBSCRIPTIONS)
