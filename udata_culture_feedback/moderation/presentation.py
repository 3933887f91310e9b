"""What the pages of moderation show: rows of the queue, gestures to undo, appeals, the journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app, request
from flask_babel import format_time
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions import kinds, text_checks
from ..contributions.moderated import Decision, Item, Moderated
from ..contributions.review_rules import REASONS, Visibility
from ..people.viewer import Viewer
from ..portal.collections import now
from ..web.moments import portal_zone
from ..web.text_cleaning import excerpt
from ..web.untyped import Shown
from . import journal_reading, redaction, representation
from .models import Appeal, journal
from .models import Line as Decided

#: Most recent gestures that the page lists.
GESTURES = 10
#: Texts that each gesture shows, and the longest excerpt of each, in characters.
SAMPLES, SAMPLE = 3, 100
#: Most lines of the journal that are read for these gestures.
MOST_LINES = GESTURES * 200

#: Labels of the fields of words.
FIELDS = {
    "title": _("Title"),
    "description": _("Description"),
    "spatial": _("Territory"),
    "name": _("Declared name"),
}


@dataclass(frozen=True)
class Piece:
    """A stretch of a text, and the label of the check that found it."""

    text: str
    found: str | None = None


@dataclass(frozen=True)
class Words:
    """One text of a contribution. `label` is None where it has only one."""

    label: str | None
    pieces: list[Piece]


@dataclass(frozen=True)
class Personal:
    """Words that the checks take for personal data. `chosen`: proposed for blacking out, unlike an
    institution's own contact details."""

    text: str
    chosen: bool


@dataclass(frozen=True)
class Row:
    """One contribution in the queue. `seen`: the value by which its form says what the moderator
    saw."""

    id: str
    kind: str
    pending: bool
    seen: str
    #: Whether neither who wrote it nor when is shown.
    nameless: bool
    name: str | None
    since: datetime | None
    why: list[str]
    words: list[Words]
    personal: list[Personal]
    #: Each text, and what remains of it once what is proposed is blacked out.
    remains: list[tuple[str, str]]
    flags: list[Shown]
    where: Shown | None
    organization: Shown | None
    address: str | None
    taken_by: str | None
    taken_until: datetime | None
    mine: bool
    decisions: list[str]
    reasons: list[vocabulary.Term]
    author: str | None

    @classmethod
    def of(cls, item: representation.Item, viewer: Viewer) -> Row:
        """Build a row. `item`: as the API shows it."""
        claimed = item["claimed"]
        mine = bool(claimed and claimed["by"]["id"] == str(viewer.user_id))
        pending = item["visibility"] == Visibility.PENDING
        since = item["since"] or item["created_at"]
        return cls(
            id=item["id"],
            kind=str(kinds.moderated()[item["class"]].label),
            pending=pending,
            seen=f"{item['id']}.{item['version']}.{item['visibility']}",
            nameless=item["contributor"] is None,
            name=(item["contributor"] or {}).get("name"),
            since=datetime.fromisoformat(since) if since else None,
            why=[str(REASONS[why]) for why in item["why"] if why in REASONS],
            words=[
                Words(
                    str(FIELDS[field]) if field in FIELDS else None,
                    _pieces(text, [one for one in item["findings"] if one["field"] == field]),
                )
                for field, text in item["words"].items()
                # The name stands above; it is shown again where something was found in it.
                if field != "name" or any(one["field"] == field for one in item["findings"])
            ],
            personal=_personal(item),
            remains=_remains(item),
            flags=[
                flag | {"label": str(vocabulary.find(_REASONS, flag["reason"]).label)}
                for flag in item["flags"]
            ],
            where=item["dataset"],
            organization=item["organization"],
            address=item["self_web_url"],
            taken_by=claimed["by"]["name"] if claimed and not mine else None,
            taken_until=datetime.fromisoformat(claimed["until"]) if claimed else None,
            mine=mine,
            decisions=item["decisions"],
            reasons=[term for term in _REASONS if term.id in item["reasons"]],
            author=item["author"],
        )


def in_place(
    rows: list[Row], decided: list[journal_reading.Shown], viewer: Viewer
) -> list[Row | Line]:
    """Put what others have decided about meanwhile where the page had it, which the form says."""
    shown = [row.partition(".")[0] for row in request.form.getlist("shown")]
    places = {id: place for place, id in enumerate(shown)}
    found: list[tuple[int, Row | Line]] = [(places.get(row.id, len(shown)), row) for row in rows]
    for line in decided:
        found.append((places.get(line["item"], 0), line_of(viewer, line)))
    return [one for _place, one in sorted(found, key=lambda one: one[0])]


@dataclass(frozen=True)
class Gesture:
    """A decision about one or several contributions that can still be undone."""

    batch: str
    label: str
    reason: str
    count: int
    at: datetime
    until: datetime
    texts: list[str]


_REASONS = vocabulary.MODERATION_REASONS


def clock(moment: datetime) -> str:
    """Format a time of day in the portal's time zone. `moment`: in UTC, naive or not."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    found: str = format_time(aware.astimezone(portal_zone()), "short", rebase=False)
    return found


def gestures(viewer: Viewer) -> list[Gesture]:
    """List this moderator's gestures of the last minutes that are not undone, the latest first."""
    minutes = current_app.config["CULTURE_FEEDBACK_UNDO_MINUTES"]
    where = {"by": viewer.user_id, "at": {"$gt": now() - timedelta(minutes=minutes)}}
    lines = list(journal().find(where, sort=[("at", -1)]).limit(MOST_LINES))
    undone = {line["undoes"] for line in lines if line.get("undoes")}
    found: dict[ObjectId, list[Decided]] = {}
    for line in lines:
        if line["decision"] != Decision.RESTORE and line["_id"] not in undone:
            found.setdefault(line["batch"], []).append(line)
    shown = list(found.items())[:GESTURES]
    items = kinds.find(line["item"] for _batch, made in shown for line in made[:SAMPLES])
    return [_gesture(batch, made, minutes, items) for batch, made in shown]


@dataclass(frozen=True)
class Contested:
    """A decision that its author contests."""

    id: str
    kind: str
    decision: str
    reason: str
    decided_at: datetime
    created_at: datetime
    text: str
    words: list[tuple[str | None, str]]
    before: list[tuple[str | None, str]]
    stands: bool


def contested(found: list[Appeal]) -> list[Contested]:
    """Show appeals with what they are about, in a constant number of queries."""
    lines = {
        line["_id"]: line for line in journal().find({"_id": {"$in": [a["_id"] for a in found]}})
    }
    items = kinds.find(appeal["item"] for appeal in found)
    return [
        _contested(appeal, lines[appeal["_id"]], items.get(appeal["item"]))
        for appeal in found
        if appeal["_id"] in lines
    ]


def _contested(
    appeal: Appeal,
    line: Decided,
    entry: tuple[Moderated, Item] | None,
) -> Contested:
    moderated, item = entry if entry else (kinds.moderated()[appeal["kind"]], {})
    made = item.get("moderated") or {}
    stands = made.get("id") == appeal["_id"]
    before = (made.get("before") or {}).get("texts") or {}
    return Contested(
        id=str(appeal["_id"]),
        kind=str(moderated.label),
        decision=str(vocabulary.find(vocabulary.MODERATION_DECISIONS, line["decision"]).label),
        reason=str(vocabulary.find(_REASONS, line["reason"]).label),
        decided_at=line["at"],
        created_at=appeal["created_at"],
        text=appeal.get("text") or "",
        words=_labelled(moderated.texts(item)) if item else [],
        before=_labelled(before) if stands else [],
        stands=stands,
    )


def _labelled(texts: dict[str, str]) -> list[tuple[str | None, str]]:
    return [
        (str(FIELDS[field]) if field in FIELDS else None, text) for field, text in texts.items()
    ]


@dataclass(frozen=True)
class Line:
    """One line of the journal, in words. `item`: the id of what it is about; `undoable`: whether
    this moderator can undo it."""

    item: str
    at: datetime
    by: str
    decision: str
    badge: str
    kind: str
    words: str | None
    page: str | None
    dataset: str | None
    reason: str | None
    undone: str | None
    undoable: bool


@dataclass(frozen=True)
class Entry:
    """What one gesture decided: `count` texts, of which `lines` are shown, the latest first."""

    batch: str
    count: int
    lines: list[Line]

    @property
    def latest(self) -> Line:
        return self.lines[0]

    @property
    def undone(self) -> str | None:
        """By whom all that is shown was undone."""
        return self.latest.undone if all(line.undone for line in self.lines) else None

    @property
    def undoable(self) -> bool:
        return any(line.undoable for line in self.lines)


def by_day(
    viewer: Viewer, gestures: list[journal_reading.Together]
) -> list[tuple[datetime, list[Entry]]]:
    """Group gestures of the journal by day in the portal's time zone."""
    days: dict[Any, list[Entry]] = {}
    for made in gestures:
        lines = [line_of(viewer, line) for line in made.lines]
        entry = Entry(made.lines[0]["batch"], made.count, lines)
        days.setdefault(entry.latest.at.date(), []).append(entry)
    return [(some[0].latest.at, some) for some in days.values()]


#: The badge of each decision.
BADGES = {
    Decision.PUBLISH: "done",
    Decision.REJECT: "refused",
    Decision.HIDE: "refused",
    Decision.REDACT: "waiting",
    Decision.RESTORE: "new",
}


def line_of(viewer: Viewer, line: journal_reading.Shown) -> Line:
    """Put a line of the journal, as `journal_reading` shows it, in words."""
    at = datetime.fromisoformat(line["at"]).astimezone(portal_zone())
    until = datetime.fromisoformat(line["undo_until"]).replace(tzinfo=None)
    undoable = line["stands"] and line["decision"] != Decision.RESTORE
    undone = line["undone"]
    return Line(
        item=line["item"],
        at=at,
        by=line["by"]["name"] if line["by"] and line["by"]["name"] else "?",
        decision=str(vocabulary.find(vocabulary.MODERATION_DECISIONS, line["decision"]).label),
        badge=BADGES[Decision(line["decision"])],
        kind=str(kinds.moderated()[line["class"]].label),
        words=line["words"],
        page=line["self_web_url"],
        dataset=line["dataset"]["title"] if line["dataset"] else None,
        reason=(
            str(vocabulary.find(_REASONS, line["reason"]).label) if line["reason"] != "ok" else None
        ),
        undone=(undone["by"]["name"] if undone["by"] else None) or "?" if undone else None,
        undoable=undoable and (viewer.sysadmin or now() < until),
    )


def _gesture(
    batch: ObjectId,
    made: list[Decided],
    minutes: int,
    items: dict[ObjectId, tuple[Moderated, Item]],
) -> Gesture:
    first = made[0]
    known = [items[line["item"]] for line in made[:SAMPLES] if line["item"] in items]
    return Gesture(
        batch=str(batch),
        label=str(vocabulary.find(vocabulary.MODERATION_DECISIONS, first["decision"]).label),
        reason=str(vocabulary.find(_REASONS, first["reason"]).label),
        count=len(made),
        at=first["at"],
        until=first["at"] + timedelta(minutes=minutes),
        texts=[
            excerpt(" — ".join(moderated.texts(item).values()), SAMPLE) for moderated, item in known
        ],
    )


def _personal(item: representation.Item) -> list[Personal]:
    """Return what the checks take for personal data, without repetition."""
    chosen: dict[str, bool] = {}
    for one in item["findings"]:
        if one["check"] in text_checks.PERSONAL:
            words = item["words"][one["field"]][one["start"] : one["end"]]
            chosen[words] = chosen.get(words, False) or not one.get("soft")
    return [Personal(words, proposed) for words, proposed in chosen.items()]


def _remains(item: representation.Item) -> list[tuple[str, str]]:
    proposed = tuple(one.text for one in _personal(item) if one.chosen)
    texts: dict[str, str] = item["words"]
    left = redaction.black_out(texts, redaction.Choice(proposed)).texts if proposed else texts
    return [(text, left[field]) for field, text in texts.items()]


def _pieces(text: str, findings: Iterable[representation.Found]) -> list[Piece]:
    """Cut a text where checks found something; of overlapping findings, keep the first."""
    pieces: list[Piece] = []
    position = 0
    for one in sorted(findings, key=lambda one: one["start"]):
        if one["start"] < position or one["check"] == "language":
            continue
        pieces.append(Piece(text[position : one["start"]]))
        label = str(text_checks.LABELS[one["check"]])
        if one.get("soft"):
            label = str(_("%(what)s, perhaps of an institution", what=label))
        pieces.append(Piece(text[one["start"] : one["end"]], label))
        position = one["end"]
    pieces.append(Piece(text[position:]))
    return [piece for piece in pieces if piece.text]
