"""Words that are part of something else, moderated one by one: answers of producers, messages of
the moves of a request, texts of the answers to a consultation.

Where each stands with moderation is in `CultureFeedbackWords`. A decision is written there first,
then done where the words were said (`_apply`), which may be repeated: what a crash leaves between
both, the nightly maintenance does. Hidden, they are kept here alone until they are erased: a fixed
sentence stands for them in what they were part of, and so in everything that is made of it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..consultations import text_review as texts
from ..consultations.models import Response, Text, TextState, consultations, responses
from ..contributions import discussions, review_rules, text_checks
from ..contributions.review_rules import CONSULTATION, HIDDEN_BEFORE, Visibility
from ..data_requests import discussion as request_discussion
from ..data_requests import move_messages as said
from ..data_requests.models import requests
from ..data_requests.workflow import Role
from ..feedback import treatment
from ..feedback.models import feedbacks
from ..feedback.treatment_history import answer_given, is_ours
from ..mail.models import DUPLICATE_KEY
from ..people.models import Kind, account_key, gone_key
from ..people.viewer import Viewer
from ..portal.collections import now
from ..web.moments import iso
from ..web.urls import pages_url
from . import actions, journal
from .classes import How, Item, Moderated, register, write_again
from .models import Decision, appeals, flags, words
from .permissions import OK

#: What is professional, and not looked for in what producers say: they give addresses on purpose.
PROFESSIONAL = frozenset(("email", "phone", "postal_address", "links"))

#: Fields of an item that are not stored with it.
LOADED = ("words", "page")

#: Texts put in the queue at once.
BATCH = 500


class PartClass(Moderated):
    """Words that are part of something else."""

    #: Whether a fixed sentence takes the place of hidden words where they were said.
    replaced = True

    @abstractmethod
    def said(self, items: list[Item]) -> dict[ObjectId, str]:
        """What stands now where each was said, in a constant number of queries. Those that are gone
        are left out."""

    @abstractmethod
    def show(self, item: Item, text: str, hidden: Any) -> bool:
        """Has it say `text` there; `hidden`: why and since when, where that stands for hidden
        words. Again changes nothing. False where it is gone."""

    def collection(self) -> Collection:
        return words()

    def where(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def loaded(self, items: list[Item]) -> list[Item]:
        there = self.said(items) if items else {}
        return [item | {"words": there.get(item["_id"], "")} for item in items]

    def texts(self, item: Item) -> dict[str, str]:
        text = item.get("held") or item.get("words")
        return {"text": text} if text else {}

    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        return item | {"held": texts["text"]} if "text" in texts else dict(item)

    def change(self, id: ObjectId, how: How) -> tuple[Item, Item] | None:
        def write(item: Item, changed: Item) -> bool:
            text = self.texts(changed).get("text")
            if text:
                changed["held"] = text
            changed["unapplied"] = True
            kept = {k: v for k, v in changed.items() if k not in (*LOADED, "_id", "v")}
            gone = {key: "" for key in item if key not in changed and key not in LOADED}
            update = {"$set": kept, "$inc": {"v": 1}} | ({"$unset": gone} if gone else {})
            return bool(words().update_one({"_id": id, "v": item["v"]}, update).modified_count)

        return write_again(self, id, how, write)

    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        for _before, after in changes:
            self.apply(after["_id"])

    def apply(self, id: ObjectId) -> bool:
        """Does where the words were said what was decided here. Again changes nothing."""
        while True:
            item = self.find([id]).get(id)
            if item is None or not item.get("unapplied"):
                return False
            text = self.texts(item).get("text") or ""
            hidden = None
            if item["visibility"] == Visibility.HIDDEN:
                hidden = {"reason": item.get("hidden_reason")}
                if item.get("hidden_at"):
                    hidden["at"] = item["hidden_at"]
            instead = discussions.hidden_words() if hidden and self.replaced else text
            if instead and not self.show(item, instead, hidden):
                words().delete_one({"_id": id})
                return True
            held = {} if hidden and self.replaced else {"held": ""}
            unset = {"$unset": {"unapplied": "", **held}}
            if words().update_one({"_id": id, "v": item["v"]}, unset).modified_count:
                return True

    def black_out_natively(self, item: Item, strings: list[str], placeholder: str) -> None:
        """`announce` says there what it says here."""

    def open(self, parent: ObjectId, part: str, **fields: Any) -> ObjectId:
        """The id under which these words are moderated: known from their first need of it on."""
        where = {"kind": self.kind, "parent": parent, "part": part}
        known = words().find_one(where, {"_id": 1})
        if known:
            return known["_id"]
        made = new(self.kind, parent, part, **fields)
        try:
            words().insert_one(made)
        except DuplicateKeyError:
            return words().find_one(where, {"_id": 1})["_id"]  # type: ignore[index]
        return made["_id"]


class AnswerClass(PartClass):
    """What a producer answered to a feedback, here. (What they say in the native discussion is for
    udata's moderation: gone there, it is gone here.)"""

    kind = "answer"
    label = _("Answer of a producer")

    def said(self, items: list[Item]) -> dict[ObjectId, str]:
        ids = [item["parent"] for item in items]
        standing = {"_id": {"$in": ids}, "deleted": {"$exists": False}}
        found = {one["_id"]: one for one in feedbacks().find(standing, {"treatment.history": 1})}
        steps = {
            item["_id"]: answer_given(
                (found.get(item["parent"]) or {}).get("treatment") or {}, _moment(item["part"])
            )
            for item in items
        }
        return {id: step["answer"] for id, step in steps.items() if step}

    def show(self, item: Item, text: str, hidden: Any) -> bool:
        return treatment.moderate_answer(item["parent"], _moment(item["part"]), text, hidden)

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        if message_id is None:
            return None
        ours = {"discussion": discussion_id, "treatment.message": message_id}
        feedback = feedbacks().find_one(ours | {"deleted": {"$exists": False}})
        return self.latest(feedback, message_id) if feedback else None

    def latest(self, feedback: Item, message_id: str | None = None) -> ObjectId | None:
        """The answer given here that is shown now."""
        stored = feedback["treatment"]
        at = stored.get("answered_at")
        step = answer_given(stored, at) if at else None
        return self.of(feedback, step, message_id) if step else None

    def of(self, feedback: Item, step: dict[str, Any], message_id: str | None = None) -> ObjectId:
        natively = {}
        if message_id or step.get("message"):
            natively = {
                "discussion": feedback.get("discussion"),
                "message_id": message_id or step["message"],
            }
        return self.open(
            feedback["_id"],
            _part(step["at"]),
            dataset=feedback["dataset"],
            organization=feedback.get("organization"),
            contributor=_account(step.get("by"), step.get("organization")),
            created_at=step["at"],
            **natively,
        )

    def page(self, item: Item) -> str | None:
        return pages_url(f"datasets/{item['dataset']}/#feedback-{item['parent']}")


class MoveClass(PartClass):
    """What was said with a move of a request: a refusal, a question."""

    kind = "move"
    label = _("Message with a step of a request")

    def said(self, items: list[Item]) -> dict[ObjectId, str]:
        ids = [item["parent"] for item in items]
        standing = {"_id": {"$in": ids}, "removed": {"$exists": False}}
        found = {one["_id"]: one for one in requests().find(standing, {"history": 1})}
        messages = {
            item["_id"]: said.said_with(found[item["parent"]], int(item["part"]))
            for item in items
            if item["parent"] in found
        }
        return {id: message for id, message in messages.items() if message}

    def show(self, item: Item, text: str, hidden: Any) -> bool:
        return said.moderate(item["parent"], int(item["part"]), text, hidden)

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        request = requests().find_one({"discussion": discussion_id}) if message_id else None
        if request is None:
            return None
        for move in request_discussion.told_moves(request):
            if move.id == message_id and move.entry.get("message"):
                return self.of(request, move.number, message_id)
        return None

    def of(self, request: Item, number: int, message_id: str | None = None) -> ObjectId:
        entry = request["history"][number - 1]
        by = entry["by"]
        contributor = (
            request["contributor"]
            if by["role"] == Role.REQUESTER
            else _account(by.get("user"), by.get("organization"))
        )
        return self.open(
            request["_id"],
            str(number),
            request=request["_id"],
            dataset=request.get("dataset"),
            organization=request.get("organization"),
            contributor=contributor,
            created_at=entry["at"],
            discussion=request.get("discussion") if message_id else None,
            message_id=message_id,
        )

    def page(self, item: Item) -> str | None:
        slug = item.get("slug")
        if not slug:
            request = requests().find_one({"_id": item["parent"]}, {"slug": 1})
            slug = request["slug"] if request else None
        return pages_url(f"requests/{slug}/#cf-history") if slug else None


class TextClass(PartClass):
    """A free text of an answer to a consultation, once it has closed. Its id is that of the text;
    hidden, it is kept where it is, which only its author sees."""

    kind = "text"
    label = _("Text of an answer to a consultation")
    replaced = False

    def said(self, items: list[Item]) -> dict[ObjectId, str]:
        found = _responses_of(items)
        there = {text["id"]: text["text"] for one in found for text in one.get("texts") or ()}
        return {item["_id"]: there[item["_id"]] for item in items if item["_id"] in there}

    def loaded(self, items: list[Item]) -> list[Item]:
        """With the consultation each is of, too."""
        of: dict[Any, Any] = (
            {one["_id"]: one["consultation"] for one in _responses_of(items)} if items else {}
        )
        asked = {"_id": {"$in": list(set(of.values()))}}
        slugs: dict[Any, str] = (
            {c["_id"]: c["slug"] for c in consultations().find(asked, {"slug": 1})} if of else {}
        )
        return [
            item | {"page": slugs.get(of.get(item["parent"]))} for item in super().loaded(items)
        ]

    def show(self, item: Item, text: str, hidden: Any) -> bool:
        return texts.put(item["_id"], TextState(item["visibility"]), text, hidden)

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        return None

    def page(self, item: Item) -> str | None:
        slug = item.get("page")
        return pages_url(f"consultations/{slug}/results/texts") if slug else None


ANSWERS, MOVES, TEXTS = AnswerClass(), MoveClass(), TextClass()
PARTS: dict[str, PartClass] = {one.kind: one for one in (ANSWERS, MOVES, TEXTS)}
for _one in PARTS.values():
    register(_one)


def new(kind: str, parent: ObjectId, part: str, **fields: Any) -> Item:
    """Words about which nothing was decided yet. Absent fields are left out."""
    made: Item = {
        "_id": ObjectId(),
        "kind": kind,
        "parent": parent,
        "part": part,
        "visibility": Visibility.PUBLIC.value,
        "created_at": now(),
        "v": 1,
    }
    return made | {key: value for key, value in fields.items() if value is not None}


# --- What puts them in the queue ------------------------------------------------------------------


def look_at_answer(feedback_id: ObjectId) -> None:
    """A producer has answered: it is public at once. What the checks find in it beside what is
    professional, or that it takes the place of a hidden one, has moderators look at it."""
    feedback = feedbacks().find_one({"_id": feedback_id, "deleted": {"$exists": False}})
    steps = ((feedback or {}).get("treatment") or {}).get("history") or []
    ours = [step for step in steps if is_ours(step)]
    if not feedback or not ours or ours[-1].get("hidden"):
        return
    why = _why(ours[-1]["answer"])
    if any(step.get("hidden") for step in ours[:-1]):
        why.insert(0, HIDDEN_BEFORE)
    if why:
        _look(ANSWERS, ANSWERS.of(feedback, ours[-1]), why)


def look_at_move(request: Item, number: int) -> None:
    """The same for what the holder's side says with a move."""
    message = said.said_with(request, number)
    entry = request["history"][number - 1] if message else {}
    if not message or entry.get("hidden"):
        return
    if why := _why(message):
        _look(MOVES, MOVES.of(request, number), why)


def queue_texts(consultation_id: ObjectId) -> int:
    """The texts of a consultation that has closed wait for moderators. Again changes nothing."""
    consultation = consultations().find_one({"_id": consultation_id}, {"organization": 1})
    if consultation is None:
        return 0
    waiting = {
        "consultation": consultation_id,
        "sent_at": {"$exists": True},
        "texts.state": TextState.PENDING.value,
    }
    found, queued = [], 0
    for response in responses().find(waiting, {"texts": 1, "contributor": 1, "created_at": 1}):
        for text in response["texts"]:
            if text["state"] == TextState.PENDING:
                found.append(_waiting_text(response, text, consultation["organization"]))
        if len(found) >= BATCH:
            queued, found = queued + _insert(found), []
    return queued + _insert(found)


def text_moderated(
    text_id: ObjectId, before: TextState, after: TextState, by: Viewer, reason: str | None
) -> None:
    """Writes down what was decided about a text on the page of results, in the journal too."""
    response = texts.find_text(text_id)
    if response is None:
        return
    consultation = consultations().find_one({"_id": response["consultation"]})
    if consultation is None:
        return
    one = _waiting_text(response, texts.text_of(response, text_id), consultation["organization"])
    _insert([one])
    decision = {
        TextState.PUBLIC: Decision.PUBLISH,
        TextState.PENDING: Decision.RESTORE,
        TextState.HIDDEN: Decision.HIDE if before is TextState.PUBLIC else Decision.REJECT,
    }[after]

    def decided(item: Item) -> Item:
        gone = ("review", "hidden_reason", "hidden_at", "words_until")
        changed = {key: value for key, value in item.items() if key not in gone}
        changed["visibility"] = after.value
        moment = now()
        if after is TextState.HIDDEN:
            changed |= {"hidden_reason": reason, "words_until": review_rules.erased_at(moment)}
            if before is TextState.PUBLIC:
                changed["hidden_at"] = moment
        elif after is TextState.PENDING:
            changed["review"] = {"why": [CONSULTATION], "since": item["created_at"]}
        changed["moderated"] = actions.decision_of(
            TEXTS,
            item,
            changed,
            decision=decision,
            reason=reason or OK,
            viewer=by,
            batch=ObjectId(),
            at=moment,
        )
        return changed

    written = TEXTS.change(text_id, decided)
    if written:
        journal.record([written[1]["moderated"]])
        TEXTS.announce([written])


# --- Upkeep ---------------------------------------------------------------------------------------


def apply_all() -> int:
    """What was decided, and not yet done where the words were said."""
    waiting = list(words().find({"unapplied": True}, {"kind": 1}))
    return sum(PARTS[one["kind"]].apply(one["_id"]) for one in waiting)


def queue_all_texts() -> int:
    """Texts of closed consultations that are not in the queue: a lost task."""
    closed = consultations().find({"collected": {"$ne": None}}, {"_id": 1})
    return sum(queue_texts(one["_id"]) for one in list(closed))


def forget_orphans() -> int:
    """Those whose words are gone with what they were part of."""
    gone = 0
    for part in PARTS.values():
        items: list[Item] = []
        for item in words().find({"kind": part.kind}, {"parent": 1, "part": 1}):
            items.append(item)
            if len(items) == BATCH:
                gone, items = gone + _forget(part, items), []
        gone += _forget(part, items)
    return gone


def has_parts(parent: ObjectId) -> bool:
    """Whether anything of it is moderated by itself: one look at an index."""
    return words().find_one({"parent": parent}, {"_id": 1}) is not None


def forget(parent: ObjectId, parts: Iterable[str] | None = None) -> None:
    """What these words were part of is gone (or some `parts` of it are), and what was said of them,
    which may quote them, goes too."""
    gone: dict[str, Any] = {"parent": parent}
    if parts is not None:
        gone["part"] = {"$in": list(parts)}
    ids = [one["_id"] for one in words().find(gone, {"_id": 1})]
    if ids:
        about = {"item": {"$in": ids}}
        flags().delete_many(about)
        appeals().update_many(about, {"$unset": {"text": "", "answer": ""}})
        words().delete_many({"_id": {"$in": ids}})


def forget_account(user_id: ObjectId) -> None:
    """An account was deleted: nobody is recognised in what is kept here of it."""
    known = {"contributor.user": user_id}
    nobody = {
        "$set": {"contributor.key": gone_key()},
        "$unset": {"contributor.user": "", "contributor.name": ""},
    }
    words().update_many(known, nobody)


def move_to(parent: ObjectId, organization: ObjectId | None) -> None:
    """They follow what they are part of to another organization."""
    elsewhere = {"parent": parent, "organization": {"$ne": organization}}
    words().update_many(elsewhere, {"$set": {"organization": organization}})


def _forget(part: PartClass, items: list[Item]) -> int:
    there = part.said(items) if items else {}
    gone = [item["_id"] for item in items if item["_id"] not in there]
    return words().delete_many({"_id": {"$in": gone}}).deleted_count if gone else 0


def _responses_of(items: list[Item]) -> list[Response]:
    ids = {"_id": {"$in": [item["parent"] for item in items]}, "deleted": {"$exists": False}}
    return list(responses().find(ids, {"texts": 1, "consultation": 1}))


def _waiting_text(response: Response, text: Text, organization: ObjectId) -> Item:
    found = dict.fromkeys(finding.check for finding in text_checks.inspect(text["text"]))
    made = new(
        TEXTS.kind,
        response["_id"],
        str(text["id"]),
        organization=organization,
        contributor=response["contributor"],
        created_at=response["created_at"],
    )
    return made | {
        "_id": text["id"],
        "visibility": Visibility.PENDING.value,
        "review": {"why": [CONSULTATION, *found], "since": now()},
    }


def _insert(items: list[Item]) -> int:
    """Those that were not there yet."""
    if not items:
        return 0
    try:
        return len(words().insert_many(items, ordered=False).inserted_ids)
    except BulkWriteError as error:
        if any(failed["code"] != DUPLICATE_KEY for failed in error.details["writeErrors"]):
            raise
        return int(error.details["nInserted"])


def _look(part: PartClass, id: ObjectId, why: list[str]) -> None:
    """Puts words in the queue that nobody has looked at."""

    def queued(item: Item) -> Item | None:
        if item.get("moderated") or item.get("review"):
            return None
        changed = dict(item)
        review_rules.put_in_queue(changed, why)
        return changed

    written = part.change(id, queued)
    if written:
        part.announce([written])


def _why(text: str) -> list[str]:
    found = dict.fromkeys(finding.check for finding in text_checks.inspect(text))
    return [check for check in found if check not in PROFESSIONAL]


def _account(user: ObjectId | None, organization: ObjectId | None) -> dict[str, Any]:
    """Who answers, as contributors are stored: under their organization, or their own name."""
    signed: dict[str, Any] = {"kind": Kind.USER.value, "key": account_key(user)}
    if user:
        signed |= {"user": user, "name": str(user)}
    if organization:
        signed |= {"kind": Kind.ORGANIZATION.value, "organization": organization}
    return signed


def _part(at: datetime) -> str:
    return iso(at) or ""


def _moment(part: str) -> datetime:
    return datetime.fromisoformat(part).replace(tzinfo=None)
