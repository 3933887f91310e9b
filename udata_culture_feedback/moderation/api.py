"""The JSON API of moderation: the queue, decisions, flags of readers, transparency."""

from __future__ import annotations

from flask import Response
from udata.api import api, fields

from ..contributions import kinds
from ..contributions.moderated import Decision
from ..people.viewer import current_viewer
from ..web import listing
from ..web.api import Answer, Route, answer, documented, json_body, never_stored, ns
from ..web.csv import FOR_SPREADSHEET
from ..web.listing import Page
from ..web.untyped import Payload
from . import (
    actions,
    flags,
    forms,
    journal_reading,
    permissions,
    queue,
    representation,
    transparency,
)

gesture_fields = documented(
    "CultureFeedbackModeration",
    {
        "items": fields.List(
            fields.Raw,
            description="Ids of contributions of any class, 200 at most; or {id, version}, which "
            "refuses those that have changed since",
        ),
        "batch": fields.String(description="Instead of items: undo all of one gesture"),
        "decision": fields.String(required=True, enum=list(forms.GESTURES)),
        "reason": fields.String(enum=list(actions.REASONS)),
        "strings": fields.List(fields.String, description="To black out, wherever they stand"),
        "ranges": fields.Raw(description="To black out: [{field, start, end}]"),
        "found": fields.Boolean(description="Black out the personal data that the checks find"),
    },
)
outcome_fields = documented(
    "CultureFeedbackModerationOutcome",
    {
        "batch": fields.String(description="By which all of it is undone"),
        "decision": fields.String,
        "reason": fields.String,
        "done": fields.Integer,
        "refused": fields.Integer,
        "results": fields.Raw(description="[{id, status, message?}]"),
        "undo_until": fields.String(description="ISO 8601 date"),
    },
)
flag_fields = documented(
    "CultureFeedbackFlag",
    {
        "reason": fields.String(required=True, enum=list(flags.FLAG_REASONS)),
        "message": fields.String(description="2,000 characters at most"),
        "about": fields.String(description="Id of a message, where one of a request is meant"),
    },
)

line_fields = documented(
    "CultureFeedbackModerationLine",
    {
        "id": fields.String,
        "batch": fields.String(description="Of the gesture: those decided at once share it"),
        "at": fields.String(description="ISO 8601 date"),
        "by": fields.Raw(description="Who decided: id, name"),
        "role": fields.String(enum=["moderator", "admin"]),
        "decision": fields.String(enum=[str(one) for one in Decision]),
        "reason": fields.String(enum=list(actions.REASONS)),
        "before": fields.String(description="The visibility before"),
        "class": fields.String,
        "item": fields.String(description="Id of the contribution"),
        "words": fields.String(description="As they begin now, for who moderates them"),
        "dataset": fields.Raw,
        "organization": fields.Raw,
        "self_web_url": fields.String,
        "undone": fields.Raw(description="When and by whom it was taken back: at, by"),
        "stands": fields.Boolean(description="Nothing was decided about it since"),
        "undo_until": fields.String(description="Until when moderators may undo it"),
    },
)
journal_fields = documented(
    "CultureFeedbackModerationJournal",
    {
        "data": fields.List(fields.Nested(line_fields)),
        "page_size": fields.Integer,
        "total": fields.Integer(description="Null for a search, which looks at the latest lines"),
        "total_is_capped": fields.Boolean,
        "next_page": fields.String,
    },
)
journal_parser = api.parser()
journal_parser.add_argument("by", location="args", help="Id of a moderator")
journal_parser.add_argument("decision", location="args", help=", ".join(Decision))
journal_parser.add_argument("reason", location="args", help=", ".join(actions.REASONS))
journal_parser.add_argument("class", location="args", help=", ".join(kinds.moderated()))
journal_parser.add_argument("organization", location="args", help="Id or slug")
journal_parser.add_argument("since", location="args", help="A day: 2026-11-30")
journal_parser.add_argument("until", location="args", help="A day, which is included")
journal_parser.add_argument("q", location="args", help="Words of a text, a name or a title")
journal_parser.add_argument("cursor", location="args", help="Where to go on")
journal_parser.add_argument("page_size", type=int, location="args", help="100 at most")

queue_parser = api.parser()
queue_parser.add_argument("class", location="args", help=", ".join(kinds.moderated()))
queue_parser.add_argument("reason", location="args", help="Why it is in the queue")
queue_parser.add_argument("organization", location="args", help="Id or slug of an organization")
queue_parser.add_argument("older", type=int, location="args", help="Days it waits at least")
queue_parser.add_argument("claimed", location="args", help="mine, others or nobody")
queue_parser.add_argument("visibility", location="args", help="pending or public")
queue_parser.add_argument("page_size", type=int, location="args", help="100 at most")
queue_parser.add_argument("cursor", location="args", help="Where to go on")


@ns.route("/moderation/", endpoint="culture_feedback_moderation")
class CultureFeedbackModerationAPI(Route):
    @api.doc("list_culture_feedback_moderation", parser=queue_parser, security="apikey")
    @api.response(403, "Not a moderator")
    def get(self) -> Answer:
        """List what waits for moderators, the oldest first"""
        viewer = current_viewer()
        permissions.must_moderate(viewer)
        page = listing.asked_page()
        page = Page(1, page.size, page.cursor)
        filters = queue.asked()
        found = queue.read(viewer, filters, page)
        total, capped = queue.count(viewer, filters)
        more = len(found) > page.size
        follow = queue.cursor(found[page.size - 1][1]) if more else None
        return never_stored(
            answer(
                {
                    "data": representation.as_json(viewer, found[: page.size]),
                    "page_size": page.size,
                    "total": total,
                    "total_is_capped": capped,
                    "next_page": listing.address(cursor=follow) if follow else None,
                }
            )
        )

    @api.doc("decide_culture_feedback_moderation", security="apikey")
    @api.expect(gesture_fields)
    @api.response(200, "Decided, contribution by contribution", outcome_fields.name)
    @api.response(403, "Not a moderator")
    def post(self) -> Answer:
        """Decide about contributions, take them to look at, put them back, undo"""
        return answer(representation.outcome_as_json(gesture(json_body())))


@ns.route("/moderation/journal/", endpoint="culture_feedback_moderation_journal")
class CultureFeedbackModerationJournalAPI(Route):
    @api.doc("list_culture_feedback_decisions", parser=journal_parser, security="apikey")
    @api.response(200, "The latest first", journal_fields)
    @api.response(403, "Not a moderator")
    def get(self) -> Answer:
        """List what moderators decided, with who, when and why, and what was undone"""
        viewer = current_viewer()
        permissions.must_moderate(viewer)
        page = listing.asked_page()
        filters = journal_reading.asked()
        found = journal_reading.read(viewer, filters, page)
        counted = journal_reading.count(viewer, filters)
        follow = journal_reading.cursor(found[page.size - 1]) if len(found) > page.size else None
        return never_stored(
            answer(
                {
                    "data": found[: page.size],
                    "page_size": page.size,
                    "total": counted[0] if counted else None,
                    "total_is_capped": bool(counted and counted[1]),
                    "next_page": listing.address(cursor=follow) if follow else None,
                }
            )
        )


@ns.route("/moderation/journal.csv", endpoint="culture_feedback_moderation_journal_csv")
class CultureFeedbackModerationJournalCsvAPI(Route):
    @api.doc(
        "get_culture_feedback_decisions_csv",
        params=FOR_SPREADSHEET,
        parser=journal_parser,
        security="apikey",
    )
    @api.response(403, "Not a moderator")
    def get(self) -> Response:
        """Get the same lines as a file, without words: `q` is not looked at"""
        viewer = current_viewer()
        permissions.must_moderate(viewer)
        rows = journal_reading.rows(viewer, journal_reading.asked())
        return never_stored(journal_reading.table().download(rows))


@ns.route("/feedback/<string:id>/flag/", endpoint="culture_feedback_flag")
class CultureFeedbackFlagAPI(Route):
    @api.doc("flag_culture_feedback", security="apikey")
    @api.expect(flag_fields)
    @api.response(201, "Moderators will look at it")
    @api.response(200, "You had pointed it out already")
    def post(self, id: str) -> Answer:
        """Point a feedback out to moderators"""
        payload = json_body()
        new = flags.flag(current_viewer(payload), "feedback", id, payload)
        return answer({"flagged": True}, 201 if new else 200)


@ns.route("/requests/<string:reference>/flag/", endpoint="culture_feedback_request_flag")
class CultureFeedbackRequestFlagAPI(Route):
    @api.doc("flag_culture_feedback_request", security="apikey")
    @api.expect(flag_fields)
    @api.response(201, "Moderators will look at it")
    @api.response(200, "You had pointed it out already")
    def post(self, reference: str) -> Answer:
        """Point a request, or a message about it, out to moderators"""
        payload = json_body()
        new = flags.flag(current_viewer(payload), "request", reference, payload)
        return answer({"flagged": True}, 201 if new else 200)


@ns.route("/transparency/", endpoint="culture_feedback_transparency")
class CultureFeedbackTransparencyAPI(Route):
    @api.doc("get_culture_feedback_transparency")
    def get(self) -> Answer:
        """Get how many decisions moderators made, month by month, and what was contested"""
        return answer(transparency.as_json())


@ns.route("/transparency.csv", endpoint="culture_feedback_transparency_csv")
class CultureFeedbackTransparencyCsvAPI(Route):
    @api.doc("get_culture_feedback_transparency_csv", params=FOR_SPREADSHEET)
    def get(self) -> Response:
        """Get the same decisions as a file: month, decision, reason, count"""
        rows = transparency.rows(transparency.as_json()["months"])
        return transparency.table().download(rows)


def gesture(payload: Payload) -> actions.Outcome:
    """Carry out the gesture of a body, on behalf of the current viewer. Raise what `actions`
    raises."""
    viewer = current_viewer()
    permissions.must_moderate(viewer)
    wanted = forms.read_gesture(payload)
    if wanted == Decision.RESTORE and "batch" in payload:
        return actions.undo(viewer, payload["batch"])
    items = forms.read_items(payload)
    if wanted == forms.CLAIM:
        return actions.claim(viewer, items)
    if wanted == forms.RELEASE:
        return actions.release(viewer, items)
    reason = forms.read_reason(payload)
    return actions.decide(viewer, items, Decision(wanted), reason, forms.choice_of(payload))
