"""The JSON API of producers' subscriptions, and of the settings of their organization."""

from __future__ import annotations

from flask import request
from udata.api import api, fields

from ..contributions import organization_settings
from ..people.viewer import current_viewer
from ..web import listing
from ..web.api import Answer, Route, answer, documented, json_body, never_stored, ns
from ..web.csv import FOR_SPREADSHEET
from . import portal_board, subscriptions

settings_fields = documented(
    "CultureFeedbackOrganizationSettings",
    {
        "notify_contact_point": fields.Boolean(
            description="The contact point of a dataset hears of comments and requests too"
        ),
        "weekly_digest": fields.Boolean(
            description="Administrators and subscribers have a weekly summary"
        ),
        "escalate_after_days": fields.Integer(
            description="Days after which what waits is pointed out to administrators; 0: never"
        ),
        "service_name": fields.String(description="The service in charge of requests for data"),
        "service_address": fields.String(description="Its postal address"),
        "service_email": fields.String(description="Its e-mail address"),
        "service_phone": fields.String(description="Its telephone"),
    },
)


@ns.route("/datasets/<string:dataset>/subscription/", endpoint="culture_feedback_dataset_sub")
class CultureFeedbackDatasetSubscriptionAPI(Route):
    @api.doc("get_dataset_culture_feedback_subscription", security="apikey")
    def get(self, dataset: str) -> Answer:
        """Tell whether I hear of what users say of a dataset I edit"""
        return _shown(subscriptions.of_dataset(current_viewer(), dataset))

    @api.doc("subscribe_to_dataset_culture_feedback", security="apikey")
    @api.response(403, "Not one I edit")
    def post(self, dataset: str) -> Answer:
        """Hear of what users say of a dataset I edit"""
        return _shown(subscriptions.of_dataset(current_viewer(), dataset, True))

    @api.doc("unsubscribe_from_dataset_culture_feedback", security="apikey")
    def delete(self, dataset: str) -> Answer:
        """Unsubscribe"""
        return _shown(subscriptions.of_dataset(current_viewer(), dataset, False))


@ns.route("/organizations/<string:org>/subscription/", endpoint="culture_feedback_org_sub")
class CultureFeedbackOrganizationSubscriptionAPI(Route):
    @api.doc("get_organization_culture_feedback_subscription", security="apikey")
    def get(self, org: str) -> Answer:
        """Tell whether I hear of what users say of the data of an organization I edit for"""
        return _shown(subscriptions.of_organization(current_viewer(), org))

    @api.doc("subscribe_to_organization_culture_feedback", security="apikey")
    @api.response(403, "Not one I edit for")
    def post(self, org: str) -> Answer:
        """Hear of what users say of the data of an organization I edit for"""
        return _shown(subscriptions.of_organization(current_viewer(), org, True))

    @api.doc("unsubscribe_from_organization_culture_feedback", security="apikey")
    def delete(self, org: str) -> Answer:
        """Unsubscribe"""
        return _shown(subscriptions.of_organization(current_viewer(), org, False))


@ns.route("/organizations/<string:org>/settings/", endpoint="culture_feedback_org_settings")
class CultureFeedbackOrganizationSettingsAPI(Route):
    @api.doc("get_organization_culture_feedback_settings", security="apikey")
    @api.response(200, "Success", settings_fields.name)
    def get(self, org: str) -> Answer:
        """Get what an organization I administer wishes"""
        _organization, settings = organization_settings.read(current_viewer(), org)
        return never_stored(answer(settings))

    @api.doc("change_organization_culture_feedback_settings", security="apikey")
    @api.expect(settings_fields)
    @api.response(200, "Success", settings_fields.name)
    def put(self, org: str) -> Answer:
        """Change it: the fields that are sent"""
        return answer(organization_settings.change(current_viewer(), org, json_body()))


board_fields = documented(
    "CultureFeedbackPortalBoard",
    {
        "data": fields.List(
            fields.Raw(
                description="organization {id, name, page}, total, comments {waiting, overdue}, "
                "answers {awaited, answered_of_awaited, commented, answered_of_commented, "
                "median_days}, requests {open, overdue, published}, trend [{month, commented, "
                "answered}], last_feedback_at"
            )
        ),
        "page": fields.Integer,
        "page_size": fields.Integer,
        "total": fields.Integer,
        "next_page": fields.String,
        "previous_page": fields.String,
        "unmet_searches": fields.List(fields.Raw(description="terms, seen")),
        "requests_without_holder": fields.Integer,
    },
)


@ns.route("/dashboard/portal/", endpoint="culture_feedback_portal_board")
class PortalBoardAPI(Route):
    @api.doc(
        "get_culture_feedback_portal_board",
        security="apikey",
        params={
            "sort": f"One of {', '.join(portal_board.SORTS)}",
            "q": "Words of the name of an organization",
            "page": "From 1",
            "page_size": "100 at most",
        },
    )
    @api.response(200, "Success", board_fields.name)
    @api.response(404, "Not an administrator of the portal")
    def get(self) -> Answer:
        """See how each producer answers (administrators of the portal)"""
        portal_board.must_be_administrator(current_viewer())
        page = listing.asked_page(portal_board.ROWS)
        sort = portal_board.asked_sort(request.args.get("sort"))
        rows, more, total = portal_board.listed(sort, request.args.get("q"), page)
        body = {
            "data": rows,
            "page": page.number,
            "page_size": page.size,
            "total": total,
            "next_page": listing.address(page=page.number + 1) if more else None,
            "previous_page": listing.address(page=page.number - 1) if page.number > 1 else None,
        }
        return never_stored(answer(body | portal_board.lacking()))


@ns.route("/dashboard/portal.csv", endpoint="culture_feedback_portal_board_csv")
class PortalBoardCSVAPI(Route):
    @api.doc("get_culture_feedback_portal_board_csv", params=FOR_SPREADSHEET, security="apikey")
    @api.produces(["text/csv"])
    @api.response(404, "Not an administrator of the portal")
    def get(self) -> Answer:
        """Download how each producer answers (administrators of the portal)"""
        portal_board.must_be_administrator(current_viewer())
        return portal_board.file(portal_board.asked_sort(request.args.get("sort")))


def _shown(subscribed: bool) -> Answer:
    return never_stored(answer({"subscribed": subscribed}))
