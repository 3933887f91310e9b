"""The entries in the registry of kinds of feedback, and of the answers that producers give to it
here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions import embedded_texts, owned
from ..contributions.embedded_texts import EmbeddedText, Hidden
from ..contributions.kinds import Flagged, Kind
from ..contributions.moderated import Item, Moderated, named
from ..contributions.owned import Contested, Entry, Owned, Person, Row, Shown, Way
from ..contributions.review_rules import HIDDEN_BEFORE, Visibility, with_name
from ..people import tokens
from ..people.access_modes import Action, Mode, mode_of
from ..people.models import Kind as ContributorKind
from ..people.viewer import Viewer, sent_token
from ..search.terms import terms
from ..web import refusals
from ..web.moments import iso
from ..web.pages import page_address
from ..web.payload import Payload
from ..web.untyped import Document, Query
from ..web.urls import api_url, pages_url
from . import actions, adoption, lifecycle, models, permissions, summaries, treatment, upkeep
from .by_email import FeedbackByEmail
from .discussion import THREAD
from .models import TreatmentStored, feedbacks
from .signals import on_feedback_changed
from .treatment_history import answer_given, is_ours

#: Name of a producer's answer as a kind, where a reader reports it.
ANSWER = "answer"

#: Stand-in for a feedback that no longer exists.
UNKNOWN: dict[str, TreatmentStored] = {"treatment": {"status": models.Treatment.NEW}}


class ModeratedFeedback(Moderated):
    kind = "feedback"
    label = _("Comment")
    left_out = ("terms", "counted", "live")
    thread = THREAD

    def collection(self) -> Collection[Item]:
        return feedbacks()

    def where(self) -> Query:
        return {"deleted": {"$exists": False}}

    def texts(self, item: Item) -> dict[str, str]:
        return with_name(item, {"comment": item.get("comment")})

    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        changed = named(item, texts)
        if "comment" in texts and changed.get("comment") is not None:
            changed["comment"] = texts["comment"]
            changed["terms"] = terms(texts["comment"])
        return changed

    def write(self, item: Item, changed: Item) -> bool:
        changed["live"] = models.live_totals(changed)
        return actions.replace(item, changed)

    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        for dataset_id in {after["dataset"] for _before, after in changes}:
            summaries.settle_dataset(dataset_id)
        for _before, after in changes:
            on_feedback_changed.send(after["_id"], dataset=after["dataset"])

    def page(self, item: Item) -> str | None:
        return pages_url(f"datasets/{item['dataset']}/#feedback-{item['_id']}")


class Answers(EmbeddedText):
    """The answers that producers give to feedback here. (What they say in the native discussion is
    for udata's moderation: deleted there, it is deleted here.)"""

    kind = ANSWER
    label = _("Answer of a producer")
    in_message = True

    def said(self, items: list[Item]) -> dict[ObjectId, str]:
        ids = [item["parent"] for item in items]
        standing = {"_id": {"$in": ids}, "deleted": {"$exists": False}}
        found = {one["_id"]: one for one in feedbacks().find(standing, {"treatment.history": 1})}
        steps = {
            item["_id"]: answer_given(
                (found.get(item["parent"]) or UNKNOWN)["treatment"], _moment(item["part"])
            )
            for item in items
        }
        return {id: step["answer"] for id, step in steps.items() if step}

    def show(self, item: Item, text: str, hidden: Hidden | None) -> bool:
        return treatment.moderate_answer(item["parent"], _moment(item["part"]), text, hidden)

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        if message_id is None:
            return None
        ours = {"discussion": discussion_id, "treatment.message": message_id}
        feedback = feedbacks().find_one(ours | {"deleted": {"$exists": False}})
        return self.latest(feedback, message_id) if feedback else None

    def latest(self, feedback: Item, message_id: str | None = None) -> ObjectId | None:
        """Return the id of the answer given here that is shown now."""
        stored = feedback["treatment"]
        at = stored.get("answered_at")
        step = answer_given(stored, at) if at else None
        return self.of(feedback, step, message_id) if step else None

    def of(self, feedback: Item, step: Document, message_id: str | None = None) -> ObjectId:
        """Return the id of the answer given with a step of the history."""
        natively = {}
        if message_id or step.get("message"):
            natively = {
                "discussion": feedback.get("discussion"),
                "message_id": message_id or step["message"],
            }
        return self.open(
            feedback["_id"],
            iso(step["at"]) or "",
            dataset=feedback["dataset"],
            organization=feedback.get("organization"),
            contributor=embedded_texts.account(step.get("by"), step.get("organization")),
            created_at=step["at"],
            **natively,
        )

    def page(self, item: Item) -> str | None:
        return pages_url(f"datasets/{item['dataset']}/#feedback-{item['parent']}")

    def look_at(self, feedback_id: ObjectId) -> None:
        """Have moderators look at the latest answer of a producer, which is public at once, where
        the checks find something in it beside what is professional, or where it takes the place of
        a hidden one."""
        feedback = feedbacks().find_one({"_id": feedback_id, "deleted": {"$exists": False}})
        steps = ((feedback or {}).get("treatment") or {}).get("history") or []
        ours = [step for step in steps if is_ours(step)]
        if not feedback or not ours or ours[-1].get("hidden"):
            return
        why = embedded_texts.reasons_to_look(ours[-1]["answer"])
        if any(step.get("hidden") for step in ours[:-1]):
            why.insert(0, HIDDEN_BEFORE)
        if why:
            self.look(self.of(feedback, ours[-1]), why)

    def follow(self, feedback_id: ObjectId) -> None:
        """Keep answers with the organization of their feedback, and delete them with it."""
        if not embedded_texts.has_parts(feedback_id):
            return
        fields = {"organization": 1, "deleted": 1}
        feedback = feedbacks().find_one({"_id": feedback_id}, fields)
        if feedback is None or feedback.get("deleted"):
            embedded_texts.forget(feedback_id)
        else:
            embedded_texts.move_to(feedback_id, feedback.get("organization"))


class OwnFeedback(Owned):
    kind = "feedback"
    section = "feedback"
    label = _("Feedback on a dataset")
    many = _("Feedback on datasets")

    def collection(self) -> Collection[Row]:
        return feedbacks()

    def where(self, person: Person) -> Query:
        return super().where(person) | {"deleted": {"$exists": False}}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        about = owned.datasets(row["dataset"] for row in rows)
        signatures, contested = owned.organizations(rows), Contested.of(person, rows)
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
                "signature": owned.signature(person, row, signatures),
                "treatment": row["treatment"]["status"],
                **owned.moderation(row, contested),
                **owned.dates(row),
                "self_api_url": api_url(f"feedback/{row['_id']}/"),
                "self_web_url": pages_url(f"datasets/{row['dataset']}/#feedback-{row['_id']}"),
            }
            for row in rows
        ]

    def entries(self, person: Person, items: list[Shown]) -> list[Entry]:
        keys = {} if person.user_id else owned.keys_of(feedbacks(), items)
        return [self._entry(person, item, keys.get(item["id"])) for item in items]

    def _entry(self, person: Person, item: Shown, key: str | None) -> Entry:
        dataset = item["dataset"]
        lists = vocabulary.vocabularies()
        steps = {axis.id: axis for axis in lists["axes"]}
        ratings = [
            steps[axis].in_short(step) for axis, step in item["ratings"].items() if axis in steps
        ]
        fitness = lists.label("fitness", item["fitness"])
        return owned.entry(
            item,
            title=dataset["title"] if dataset else str(_("Data that are no longer public")),
            page=owned.local(item["self_web_url"]) if dataset else None,
            facts=[
                (str(_("Do these data meet your need?")), fitness),
                *ratings,
                *owned.published_under(item),
            ],
            words=[("", item["comment"])] if item["comment"] else [],
            correct=_way(person, item, key),
        )

    def erase(self, person: Person, row: Row) -> None:
        actions.take_back(person.author_of(row), row)

    def correct(self, person: Person, row: Row, payload: Payload) -> None:
        actions.edit(person.author_of(row), str(row["_id"]), payload)


ANSWERS = Answers()


def flagged(viewer: Viewer, feedback_id: str, about: Any) -> Flagged:
    """Find a reported comment, or (`about`: "answer") the answer its producer gave here. Raise
    NotFound for what the viewer may not see."""
    feedback, dataset = actions.readable_feedback(feedback_id)
    if not permissions.may_see(viewer, feedback):
        raise refusals.NotFound(_("There is no such feedback."))
    kind, item, words = "feedback", feedback, feedback.get("comment")
    if about is not None:
        kind, item = ANSWER, _shown_answer(feedback, about)
        words = item["words"]
    return Flagged(
        kind=kind,
        item=item,
        words=words,
        where=dataset.title,
        back=f"{page_address(f'datasets/{dataset.slug or dataset.id}/')}#feedback-{feedback_id}",
        action=Action.FEEDBACK,
        target=feedback["dataset"],
    )


def _shown_answer(feedback: Item, about: Any) -> Item:
    """Find the producer's answer that is shown. Raise NotFound where there is none, or where it
    stands only in the discussion: it is then reported through udata."""
    words = feedback["visibility"] == Visibility.PUBLIC
    id = ANSWERS.latest(feedback) if about == ANSWER and words else None
    found = ANSWERS.find([id]).get(id) if id else None
    if not found:
        raise refusals.NotFound(_("There is no such answer."))
    return found


def _way(person: Person, item: Shown, key: str | None) -> Way | None:
    """Return the address where the author corrects a feedback: the page of its dataset."""
    if not item["dataset"] or item["resource"]:
        return None
    path = f"datasets/{item['dataset']['id']}/"
    if person.user_id:
        return Way(f"{page_address(path, edit=1)}#cf-title")
    if key is None or mode_of(Action.FEEDBACK) is Mode.OFF:
        return None
    viewer = person.viewers[key]
    confirmed = viewer.kind is ContributorKind.CONFIRMED
    token = tokens.for_confirmed(key, "feedback") if confirmed else sent_token(viewer)
    return Way(page_address(path), {"contributor_token": token, "reopen": "1"})


def _moment(part: str) -> datetime:
    return datetime.fromisoformat(part).replace(tzinfo=None)


FEEDBACK = Kind(
    "feedback",
    moderated=ModeratedFeedback(),
    owned=OwnFeedback(),
    by_email=FeedbackByEmail(),
    flagged=flagged,
    forget_account=lifecycle.forget_account,
    following=adoption.FOLLOWING,
    upkeep=upkeep.STEPS,
)
ANSWER_OF_PRODUCER = Kind(ANSWER, moderated=ANSWERS)
