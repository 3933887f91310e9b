"""The JSON API of what each person controls: their contributions, as a list and as a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, json, request
from udata.api import HEADER_API_KEY, api, fields
from udata.auth import current_user
from udata.i18n import lazy_gettext as _

from ..contributions import kinds
from ..contributions.owned import Person
from ..email_confirmation.api import token_field
from ..people.viewer import current_viewer
from ..web import listing, refusals
from ..web.api import Answer, Route, answer, documented, json_body, never_stored, ns
from . import access_link, actions

#: The cookie with the secret of a visit opened by the link of a mail; sent to `pages/me/` and
#: to `me/` alone.
COOKIE = "culture-feedback-me"
#: The header that carries this secret where there is no cookie.
VISIT_HEADER = "X-Culture-Feedback-Visit"
#: Headers by which a program names its account, which takes precedence over a visit.
KEYS = (HEADER_API_KEY, "Authorization")

item_fields = documented(
    "CultureFeedbackMyItem",
    {
        "kind": fields.String(required=True, enum=lambda: list(kinds.owned())),
        "id": fields.String(required=True),
    },
)
erase_fields = documented(
    "CultureFeedbackMyErasure",
    {
        "items": fields.List(fields.Nested(item_fields), description="200 at most"),
        "everything": fields.Boolean(description="True: all that one has said"),
        "contributor_token": token_field,
    },
)
erased_fields = documented(
    "CultureFeedbackMyErased",
    {
        "erased": fields.Integer,
        "detached": fields.Integer(description="Requests that others carry: they stay, unsigned"),
        "left": fields.Integer(description="With `everything`: still to erase, call again"),
    },
)
link_fields = documented(
    "CultureFeedbackMyLink",
    {
        "email": fields.String(description="Have a link sent to this address"),
        "token": fields.String(description="Or: what the link of the mail carries"),
    },
)
section_fields = documented(
    "CultureFeedbackMySection",
    {
        "data": fields.List(fields.Raw),
        "total": fields.Integer,
        "page": fields.Integer,
        "page_size": fields.Integer,
        "next_page": fields.String,
    },
)
me_fields = documented(
    "CultureFeedbackMe",
    {kind.section: fields.Nested(section_fields) for kind in kinds.owned().values()}
    | {"subscriptions": fields.Raw(description="subscribed, consultations, unsubscribed")},
)

parser = api.parser()
parser.add_argument("kind", location="args", help=f"Only one of: {', '.join(kinds.owned())}")
parser.add_argument("page", type=int, location="args", help="From 1")
parser.add_argument("page_size", type=int, location="args", help="100 at most")


def visit_secret() -> str:
    """Return the secret of the visit opened by the link of a mail; empty without one."""
    return request.headers.get(VISIT_HEADER) or request.cookies.get(COOKIE, "")


def person(sent: Mapping[str, Any] | None = None) -> Person:
    """Identify whose contributions to show: an account by its API key, else a visit, else an
    account by its session, else a contributor token."""
    viewer = current_viewer(sent)
    by_key = viewer.account and any(name in request.headers for name in KEYS)
    if not by_key and (visit := access_link.visit(visit_secret())):
        return actions.of_visit(visit)
    return actions.of_viewer(viewer)


@ns.route("/me/", endpoint="culture_feedback_me")
class CultureFeedbackMeAPI(Route):
    @api.doc("get_my_culture_feedback", parser=parser, security="apikey")
    @api.response(200, "Of each kind the latest first", me_fields.name)
    @api.response(401, "Nobody is recognised")
    def get(self) -> Answer:
        """List what one has said"""
        page = listing.asked_page()
        return never_stored(answer(actions.listed(person(), page, request.args.get("kind"))))

    @api.doc("open_my_culture_feedback")
    @api.expect(link_fields)
    @api.response(202, "Whether or not this address has said anything")
    @api.response(200, "`visit`, for the header X-Culture-Feedback-Visit, for an hour")
    @api.response(410, "The link was used already, or is too old")
    def post(self) -> Answer:
        """Have a link sent to an address, or open it"""
        body = json_body()
        if "token" in body:
            visit = access_link.exchange(body["token"])
            shown = {"visit": visit, "expires_in": int(access_link.LIFETIME.total_seconds())}
            return never_stored(answer(shown))
        access_link.ask(body.get("email"), body.get("proof"))
        return answer({"message": str(access_link.SENT)}, 202)

    @api.doc("correct_my_culture_feedback", security="apikey")
    @api.expect(item_fields)
    @api.response(200, "As its author sees it")
    @api.response(409, "This can only be erased")
    def put(self) -> Answer:
        """Correct one thing: `kind`, `id`, and the fields that its own address takes"""
        body = json_body()
        _must_be_ours()
        return never_stored(answer(actions.correct(person(body), body)))

    @api.doc("erase_my_culture_feedback", security="apikey")
    @api.expect(erase_fields)
    @api.response(200, "What came of it", erased_fields.name)
    def delete(self) -> Answer:
        """Erase some of what one has said, or everything"""
        body = json_body()
        _must_be_ours()
        who = person(body)
        if body.get("everything") is True:
            erased = actions.erase_everything(who)
        else:
            erased = actions.erase(who, _items(body.get("items")))
        shown = {"erased": erased.erased, "detached": erased.detached, "left": erased.left}
        return never_stored(answer(shown))


@ns.route("/me/export/", endpoint="culture_feedback_my_export")
class CultureFeedbackMyExportAPI(Route):
    @api.doc("export_my_culture_feedback", security="apikey")
    @api.response(200, "A JSON file")
    def get(self) -> Answer:
        """Take along all that one has said"""
        return download(person())


def download(who: Person) -> Response:
    """Return a person's export as a file to save. Raise Unauthenticated."""
    text = json.dumps(actions.exported(who), ensure_ascii=False, indent=2)
    response = Response(text, mimetype="application/json")
    name = f"my-contributions-{datetime.now(UTC):%Y-%m-%d}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return never_stored(response)


def _items(sent: Any) -> list[tuple[Any, Any]]:
    if isinstance(sent, list) and all(isinstance(one, dict) for one in sent):
        return [(_text(one.get("kind")), _text(one.get("id"))) for one in sent]
    message = _("A list of objects: kind, id.")
    raise refusals.Invalid(message, {"items": message})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _must_be_ours() -> None:
    """Refuse a change made with the cookie alone: where the browser does not prevent it, another
    site could send it from a form. Raise Forbidden."""
    by_cookie = request.cookies.get(COOKIE) and VISIT_HEADER not in request.headers
    if by_cookie and current_user.is_anonymous and "X-Culture-Feedback" not in request.headers:
        raise refusals.Forbidden(_("Send the header X-Culture-Feedback."))
