"""What one person said, as the page shows it: everything in words, and what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from udata.i18n import gettext as _
from udata.i18n import lazy_gettext, ngettext

from .. import vocabulary
from ..consultations import form_tokens
from ..consultations.models import responses
from ..data_requests.workflow import OPEN, Status
from ..feedback.models import feedbacks
from ..people import tokens
from ..people.access_modes import Action, Mode, mode_of
from ..people.models import Kind
from ..people.viewer import sent_token
from ..web.pages import page_address
from .kinds import KINDS, Person

#: What is said of the words of something, besides that they are public.
STANDINGS = {
    "pending": lazy_gettext("waits for a moderator"),
    "hidden": lazy_gettext("hidden"),
}
#: What a reason is called that is none of a moderator's.
REMOVED = lazy_gettext("deleted in the discussions")

STATUSES = {term.id: term.label for term in vocabulary.REQUEST_STATUSES}
REASONS = {term.id: term.label for term in vocabulary.MODERATION_REASONS}
ACTIONS = {
    Action.FEEDBACK: KINDS["feedback"].label,
    Action.REQUEST: KINDS["request"].label,
    Action.SUPPORT: KINDS["support"].label,
    Action.RESPONSE: KINDS["response"].label,
}


@dataclass(frozen=True)
class Way:
    """Where something is corrected: an address, reached by a link, or by a form with these hidden
    fields for who has no session there."""

    address: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One thing that was said. `facts`: pairs of a label and a value; `words`: pairs of a label
    (perhaps empty) and a text; `tags`: how it stands."""

    kind: str
    id: str
    title: str
    at: datetime
    page: str | None = None
    tags: list[str] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    words: list[tuple[str, str]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    correct: Way | None = None
    carried: int = 0
    hint: str | None = None

    @property
    def erase(self) -> str:
        return page_address("me/erase", kind=self.kind, id=self.id)


@dataclass(frozen=True)
class Section:
    """Those of one kind."""

    kind: str
    label: Any
    entries: list[Entry]
    total: int
    page: int
    more: bool

    def address(self, page: int) -> str:
        return page_address("me/", kind=self.kind, page=page)


def sections(person: Person, listed: dict[str, Any]) -> list[Section]:
    """What `me.listed` answers, without the kinds of which there is nothing."""
    return [
        Section(
            kind=kind.kind,
            label=kind.many,
            entries=entries(person, kind.kind, listed[kind.section]["data"]),
            total=listed[kind.section]["total"],
            page=listed[kind.section]["page"],
            more=bool(listed[kind.section]["next_page"]),
        )
        for kind in KINDS.values()
        if kind.section in listed and listed[kind.section]["total"]
    ]


def entries(person: Person, kind: str, items: list[dict[str, Any]]) -> list[Entry]:
    """Things of one kind, as `Said.shown` gives them."""
    return _MAKERS[kind](person, items)


def _feedback(person: Person, items: list[dict[str, Any]]) -> list[Entry]:
    keys = {} if person.user_id else _keys(feedbacks(), items)
    lists = vocabulary.vocabularies()
    steps = {axis.id: axis for axis in lists["axes"]}
    found = []
    for item in items:
        dataset = item["dataset"]
        ratings = [
            (str(steps[axis].label), str(steps[axis].steps[step - 1]))
            for axis, step in item["ratings"].items()
            if axis in steps
        ]
        found.append(
            _entry(
                item,
                title=dataset["title"] if dataset else _("Data that are not public any more"),
                page=_local(item["self_web_url"]) if dataset else None,
                facts=[
                    (_("Do these data meet your need?"), lists.label("fitness", item["fitness"])),
                    *ratings,
                    *_signature(item),
                ],
                words=[("", item["comment"])] if item["comment"] else [],
                correct=_feedback_way(person, item, keys.get(item["id"])),
            )
        )
    return found


def _feedback_way(person: Person, item: dict[str, Any], key: str | None) -> Way | None:
    if not item["dataset"] or item["resource"]:
        return None
    path = f"datasets/{item['dataset']['id']}/"
    if person.user_id:
        return Way(f"{page_address(path, edit=1)}#cf-title")
    if key is None or mode_of(Action.FEEDBACK) is Mode.OFF:
        return None
    viewer = person.viewers[key]
    confirmed = viewer.kind is Kind.CONFIRMED
    token = tokens.for_confirmed(key, "feedback") if confirmed else sent_token(viewer)
    return Way(page_address(path), {"contributor_token": token, "reopen": "1"})


def _requests(person: Person, items: list[dict[str, Any]]) -> list[Entry]:
    return [
        _entry(
            item,
            title=item["title"],
            page=_local(item["self_web_url"]),
            facts=[(_("Status"), str(STATUSES[item["status"]])), *_signature(item)],
            words=[
                ("", item["description"]),
                *((_("With a move"), m["message"]) for m in item["moves"] if m["message"]),
            ],
            correct=(
                Way(page_address(f"me/requests/{item['id']}"))
                if Status(item["status"]) in OPEN
                else None
            ),
            carried=item["supports"],
        )
        for item in items
    ]


def _supports(person: Person, items: list[dict[str, Any]]) -> list[Entry]:
    return [_about_request(item) for item in items]


def _messages(person: Person, items: list[dict[str, Any]]) -> list[Entry]:
    return [
        _about_request(item, words=[("", item["text"])] if item["text"] else []) for item in items
    ]


def _about_request(item: dict[str, Any], **more: Any) -> Entry:
    about = item["request"]
    return _entry(
        item,
        title=about["title"] if about else _("A request that is not public any more"),
        page=_local(about["page"]) if about else None,
        **more,
    )


def _responses(person: Person, items: list[dict[str, Any]]) -> list[Entry]:
    keys = {} if person.user_id else _keys(responses(), items)
    found = []
    for item in items:
        about = item["consultation"]
        path = _local(about["page"]) if about else None
        way = None
        if path and person.user_id:
            way = Way(f"{path}?edit=1")
        elif path and item["id"] in keys and not person.by_token:
            token = form_tokens.resume_token(ObjectId(item["id"]), keys[item["id"]])
            way = Way(f"{path}resume", {"token": token})
        texts = item.get("texts") or []
        found.append(
            _entry(
                item,
                title=about["title"] if about else _("A consultation that is not there any more"),
                page=path,
                tags=[] if item["sent"] else [_("begun, not sent")],
                words=[(_standing(text), text["text"]) for text in texts],
                decisions=[text["decision"] for text in texts if text["decision"]],
                correct=way,
            )
        )
    return found


def _unconfirmed(person: Person, items: list[dict[str, Any]]) -> list[Entry]:
    found = []
    for item in items:
        sent = item["sent"]
        words = [
            ("", sent[name])
            for name in ("title", "comment", "description", "name")
            if isinstance(sent.get(name), str) and sent[name]
        ]
        found.append(
            _entry(
                item,
                title=str(ACTIONS[Action(item["action"])]),
                words=words,
                hint=_("It is erased by itself unless it is confirmed within 24 hours."),
            )
        )
    return found


_MAKERS = {
    "feedback": _feedback,
    "request": _requests,
    "support": _supports,
    "message": _messages,
    "response": _responses,
    "unconfirmed": _unconfirmed,
}


def _standing(text: dict[str, Any]) -> str:
    """The question that a text answers, and how the text stands."""
    standing = STANDINGS.get(text["state"])
    return " — ".join(str(part) for part in (text["question"], standing) if part)


def _entry(item: dict[str, Any], *, tags: list[str] | None = None, **more: Any) -> Entry:
    standing = list(tags or [])
    visibility = item.get("visibility")
    if visibility in STANDINGS:
        reason = item.get("hidden_reason")
        word = str(STANDINGS[visibility])
        if visibility == "hidden" and reason:
            word = _("%(state)s: %(reason)s", state=word, reason=str(REASONS.get(reason, REMOVED)))
        standing.append(word)
    given: dict[str, Any] = {"decisions": [item["decision"]] if item.get("decision") else []}
    return Entry(
        kind=item["kind"],
        id=item["id"],
        at=datetime.fromisoformat(item["created_at"]),
        tags=standing,
        **(given | more),
    )


def _signature(item: dict[str, Any]) -> list[tuple[str, str]]:
    name = item["signature"]["name"]
    return [(_("Published under"), name)] if name else []


def _keys(collection: Any, items: list[dict[str, Any]]) -> dict[str, str]:
    """Under which of their keys somebody has said each of these, in one query."""
    ids = [ObjectId(item["id"]) for item in items]
    found = collection.find({"_id": {"$in": ids}}, {"contributor.key": 1})
    return {str(one["_id"]): one["contributor"]["key"] for one in found}


def _local(address: str) -> str:
    """A page of ours as links of the current answer give it."""
    _base, _pages, path = address.partition("/pages/")
    return page_address(path) if _pages else address


def told(erased: int, detached: int, left: int) -> str:
    """What came of erasing, in words."""
    said = []
    if erased:
        said.append(
            ngettext("%(num)d contribution is erased.", "%(num)d contributions are erased.", erased)
        )
    if detached:
        said.append(
            ngettext(
                "%(num)d request that others carry stays, without your name.",
                "%(num)d requests that others carry stay, without your name.",
                detached,
            )
        )
    if left:
        said.append(_("There is more: erase everything once more."))
    return " ".join(said) or _("There was nothing to erase.")
