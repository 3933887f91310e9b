"""The JSON API of requests."""

from __future__ import annotations

from flask import request as asked
from udata.api import api, fields

from .. import vocabulary
from ..email_confirmation import confirmation
from ..email_confirmation.api import confirmation_is_sent, token_field, without_account_fields
from ..people.access_modes import Action
from ..people.viewer import Viewer, current_viewer
from ..web.api import Answer, Route, answer, documented, json_body, ns
from ..web.atom import MEDIA_TYPE
from ..web.csv import FOR_SPREADSHEET
from . import actions, csv, feeds, following, proposals, queries, representation
from .models import Request

statuses = [term.id for term in vocabulary.REQUEST_STATUSES]

edit_fields = documented(
    "CultureFeedbackRequestEdit",
    {
        "title": fields.String(description="150 characters at most"),
        "description": fields.String(description="What is needed, and what for"),
        "kind": fields.String(enum=[term.id for term in vocabulary.REQUEST_KINDS]),
        "themes": fields.List(fields.String),
        "usages": fields.List(fields.String),
        "profile": fields.String,
        "open_data": fields.Boolean(
            description="The words may be published as open data, without a name, once moderated"
        ),
        "evidence_url": fields.String(description="A page that shows that the data exist"),
        "formats": fields.List(fields.String),
        "frequency": fields.String(description="An update frequency of udata"),
        "spatial": fields.String(description="The coverage that is needed, in words"),
        "signature": fields.String(description="`name` (default), `none`, or an organization's id"),
        "contributor_token": token_field,
    },
)
ask_fields = api.inherit(
    "CultureFeedbackRequestAsk",
    edit_fields,
    {
        "dataset": fields.String(description="Id or slug of the dataset it is asked from"),
        "organization": fields.String(
            description="Id or slug of the holder; null: unknown. By default that of the dataset"
        ),
        "submission_id": fields.String(description="8 to 64 characters: a retry is stored once"),
        "name": fields.String(description="Declared, without an account; shown once moderated"),
        "email": without_account_fields["email"],
    },
)
support_fields = documented(
    "CultureFeedbackSupport", {"contributor_token": token_field, **without_account_fields}
)
follow_fields = documented(
    "CultureFeedbackFollow",
    {name: without_account_fields[name] for name in ("email", "proof", "captcha")},
)
move_fields = documented(
    "CultureFeedbackTransition",
    {
        "to": fields.String(required=True, enum=statuses),
        "from": fields.String(enum=statuses, description="The status you saw: 409 if it changed"),
        "message": fields.String(description="Public; required to decline or to ask"),
        "reason": fields.String(description="Required to decline: an id of `decline_reasons`"),
        "datasets": fields.List(fields.String, description="To publish: ids or slugs"),
        "urls": fields.List(fields.String, description="To publish: addresses elsewhere"),
        "duplicate_of": fields.String(description="To merge: id or slug of the other request"),
        "partial": fields.Boolean(description="Published in part"),
        "review_at": fields.String(description="A date, where the reason asks for one"),
        "expected_on": fields.String(
            description="Accepted, in progress: the day on which the data are expected. To change "
            "it later: `to` is the status it has, with a message"
        ),
    },
)
transfer_fields = documented(
    "CultureFeedbackTransfer",
    {
        "organization": fields.String(required=True, description="Id or slug of the holder"),
        "message": fields.String(required=True, description="Public"),
    },
)

message_fields = documented(
    "CultureFeedbackMessage",
    {
        "message": fields.String(required=True, description="Public"),
        "signature": fields.String(description="`name` (default), `none`, or an organization's id"),
        "submission_id": fields.String(description="8 to 64 characters: a retry is stored once"),
    },
)

filter_parser = api.parser()
for _name, _help in (
    ("status", "A status"),
    ("organization", "Id or slug of the holder"),
    ("dataset", "Id or slug of the dataset it was asked from"),
    ("theme", "A theme"),
    ("kind", "A kind of request"),
    ("overdue", "true or false"),
    ("q", "Words to search for"),
):
    filter_parser.add_argument(_name, location="args", help=_help)

list_parser = filter_parser.copy()
for _name, _help in (
    ("sort", "-created_at (default), -supports, due_at"),
    ("page", "From 1"),
    ("page_size", "100 at most"),
    ("cursor", "Beyond the 10,000th, with -created_at"),
):
    list_parser.add_argument(_name, location="args", help=_help)


@ns.route("/requests/", endpoint="culture_feedback_requests")
class CultureFeedbackRequestsAPI(Route):
    @api.doc("list_culture_feedback_requests", parser=list_parser)
    def get(self) -> Answer:
        """List requests for data"""
        return answer(queries.listed(current_viewer()))

    @api.doc("ask_culture_feedback_request", security="apikey")
    @api.expect(ask_fields)
    @api.response(201, "Recorded")
    @api.response(200, "This submission was recorded before")
    @api.response(202, "Kept until the address in `email` is confirmed")
    @api.response(410, "This submission has been deleted since")
    def post(self) -> Answer:
        """Ask for data"""
        body = json_body()
        viewer = current_viewer(body)
        if confirmation.is_wished(viewer, body):
            return confirmation_is_sent(Action.REQUEST, body)
        request, created = actions.ask(viewer, body)
        return answer(representation.in_full(viewer, request), 201 if created else 200)


@ns.route("/requests/similar/", endpoint="culture_feedback_similar")
class CultureFeedbackSimilarAPI(Route):
    @api.doc("list_culture_feedback_similar", params={"q": "What somebody is about to ask for"})
    def get(self) -> Answer:
        """List the datasets and the requests that resemble a text, best first"""
        text = asked.args.get("q", "")[:300]
        return answer(proposals.similar_things(current_viewer(), text))


@ns.route("/requests/feed.atom", endpoint="culture_feedback_requests_feed")
class CultureFeedbackRequestsFeedAPI(Route):
    @api.doc("get_culture_feedback_requests_feed", parser=filter_parser)
    @api.produces([MEDIA_TYPE])
    def get(self) -> Answer:
        """Get the newest requests as an Atom feed, with the filters of the list"""
        return feeds.atom()


@ns.route("/site/requests.csv", endpoint="culture_feedback_requests_csv")
class CultureFeedbackRequestsCSVAPI(Route):
    @api.doc("get_culture_feedback_requests_csv", params=FOR_SPREADSHEET)
    @api.produces(["text/csv"])
    def get(self) -> Answer:
        """Download every public request"""
        return csv.requests_csv()


@ns.route("/requests/<string:id>/", endpoint="culture_feedback_request")
class CultureFeedbackRequestAPI(Route):
    @api.doc("get_culture_feedback_request")
    def get(self, id: str) -> Answer:
        """Get a request, with its history"""
        return _shown(actions.readable(current_viewer(), id))

    @api.doc("edit_culture_feedback_request", security="apikey")
    @api.expect(edit_fields)
    def put(self, id: str) -> Answer:
        """Change one's own request while it is open: the fields that are sent"""
        body = json_body()
        viewer = current_viewer(body)
        return _shown(actions.edit(viewer, id, body), viewer)

    @api.doc("delete_culture_feedback_request", security="apikey")
    @api.response(204, "Deleted")
    @api.response(200, "Others support it: it stays, without its author")
    def delete(self, id: str) -> Answer:
        """Delete one's own request"""
        viewer = current_viewer()
        gone = actions.delete(viewer, id)
        return answer(None, 204) if gone else _shown(actions.readable(viewer, id))


@ns.route("/requests/<string:id>/transitions/", endpoint="culture_feedback_transitions")
class CultureFeedbackTransitionsAPI(Route):
    @api.doc("list_culture_feedback_transitions")
    def get(self, id: str) -> Answer:
        """Get the moves allowed to me"""
        viewer = current_viewer()
        request = actions.readable(viewer, id)
        moves = [str(to) for to in actions.allowed_moves(viewer, request)]
        return answer({"status": request["status"], "allowed_transitions": moves})

    @api.doc("move_culture_feedback_request", security="apikey")
    @api.expect(move_fields)
    @api.response(403, "Somebody else's move")
    @api.response(409, "Not from where the request stands: its status and the moves allowed")
    def post(self, id: str) -> Answer:
        """Move a request to another status"""
        body = json_body()
        viewer = current_viewer(body)
        return _shown(actions.move(viewer, id, body), viewer)


@ns.route("/requests/<string:id>/support/", endpoint="culture_feedback_support")
class CultureFeedbackSupportAPI(Route):
    @api.doc("support_culture_feedback_request", security="apikey")
    @api.expect(support_fields)
    @api.response(202, "Kept until the address in `email` is confirmed")
    @api.response(403, "Without an account: no good proof of work; `proof` says why")
    def post(self, id: str) -> Answer:
        """Support a request; again changes nothing"""
        body = json_body() if asked.content_length else {}
        viewer = current_viewer(body)
        if confirmation.is_wished(viewer, body):
            return confirmation_is_sent(Action.SUPPORT, body | {"request": id})
        supported = actions.support(viewer, id, body)
        carries = None if supported.get("duplicate_of") else True
        return answer(representation.in_full(viewer, supported, supported=carries))

    @api.doc("unsupport_culture_feedback_request", security="apikey")
    def delete(self, id: str) -> Answer:
        """Take one's support back; again changes nothing"""
        return _shown(actions.withdraw_support(current_viewer(), id))


@ns.route("/requests/<string:id>/follow/", endpoint="culture_feedback_follow")
class CultureFeedbackFollowAPI(Route):
    @api.doc("follow_culture_feedback_request", security="apikey")
    @api.expect(follow_fields)
    @api.response(200, "Followed, by an account")
    @api.response(202, "Kept until the address in `email` is confirmed")
    def post(self, id: str) -> Answer:
        """Be told of what becomes of a request; again changes nothing"""
        body = json_body() if asked.content_length else {}
        viewer = current_viewer(body)
        if confirmation.is_wished(viewer, body):
            return confirmation_is_sent(Action.FOLLOW, body | {"request": id})
        return _shown(following.follow(viewer, id), viewer)

    @api.doc("unfollow_culture_feedback_request", security="apikey")
    def delete(self, id: str) -> Answer:
        """Be told no longer; again changes nothing"""
        return _shown(following.unfollow(current_viewer(), id))


@ns.route("/requests/<string:id>/transfer/", endpoint="culture_feedback_transfer")
class CultureFeedbackTransferAPI(Route):
    @api.doc("transfer_culture_feedback_request", security="apikey")
    @api.expect(transfer_fields)
    def post(self, id: str) -> Answer:
        """Send a request to the organization that holds the data"""
        return _shown(actions.transfer(current_viewer(), id, json_body()))


@ns.route("/requests/<string:id>/messages/", endpoint="culture_feedback_messages")
class CultureFeedbackMessagesAPI(Route):
    @api.doc("list_culture_feedback_messages")
    def get(self, id: str) -> Answer:
        """List what was said about a request, the oldest first"""
        return answer(queries.conversation(current_viewer(), id))

    @api.doc("write_culture_feedback_message", security="apikey")
    @api.expect(message_fields)
    @api.response(201, "Written; where a clarification was awaited, the request goes on")
    @api.response(200, "This submission was recorded before")
    def post(self, id: str) -> Answer:
        """Write about a request, or answer a question about it"""
        body = json_body()
        viewer = current_viewer(body)
        message, request, created = actions.answer(viewer, id, body)
        [shown] = representation.messages_as_json(viewer, request, [message])
        return answer(shown | {"status": request["status"]}, 201 if created else 200)


def _shown(request: Request, viewer: Viewer | None = None) -> Answer:
    return answer(representation.in_full(viewer or current_viewer(), request))
