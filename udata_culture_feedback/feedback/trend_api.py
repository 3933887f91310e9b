"""The JSON and CSV of feedback month by month: of a dataset, an organization, the site."""

from __future__ import annotations

from typing import TypedDict

from flask import Response
from udata.api import api, fields
from udata.i18n import lazy_gettext as _

from ..contributions.neighbours import TrendEvent, consultation_link
from ..figures.summary_ids import SITE, dataset_summary, organization_summary
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..web import refusals
from ..web.api import Answer, Route, answer, documented, ns
from ..web.csv import FOR_SPREADSHEET
from ..web.moments import iso
from . import summaries, trend
from .actions import readable_dataset
from .models import Summary

#: Most events that are shown, the latest.
MOST_EVENTS = 60

month_fields = documented(
    "CultureFeedbackMonth",
    {
        "month": fields.String(description="yyyy-mm, UTC"),
        "fitness": fields.Raw(description="Answer to count"),
        "axes": fields.Raw(description="Axis to count and sum of ratings"),
        "commented": fields.Integer(description="Public comments given in that month"),
        "answered": fields.Integer(description="First answers given in that month"),
        "median_days": fields.Integer(description="Days to these answers; null below five"),
    },
)
event_fields = documented(
    "CultureFeedbackTrendEvent",
    {
        "at": fields.String(description="ISO 8601 date"),
        "kind": fields.String(enum=["data_update", "consultation_opened", "consultation_closed"]),
        "label": fields.String,
    },
)
trend_fields = documented(
    "CultureFeedbackTrend",
    {
        "months": fields.List(fields.Nested(month_fields)),
        "events": fields.List(fields.Nested(event_fields)),
    },
)


class Trend(TypedDict):
    """The trend that the JSON and CSV routes return."""

    months: list[trend.Month]
    events: list[dict[str, str | None]]


def of_dataset(dataset: DatasetFacts) -> Trend:
    """Return the trend of a dataset, with the changes of its data among the events."""
    summary = summaries.read(dataset_summary(dataset.id), summaries.OF_TREND)
    updates = summary.get("updates") or [
        moment for moment in (summary.get("data_updated_at"),) if moment
    ]
    changes = [TrendEvent(at, "data_update", str(_("The data were updated"))) for at in updates]
    return _trend(summary, [*changes, *consultation_link().events(dataset=dataset)])


def of_organization(reference: str) -> Trend:
    """Return the trend of the public datasets of an organization. Raise NotFound."""
    found = catalogue.find_organization(reference)
    if found is None or found.deleted:
        raise refusals.NotFound(_("There is no such organization."))
    summary = summaries.read(organization_summary(found.id))
    return _trend(summary, consultation_link().events(organization=found.id))


def of_site() -> Trend:
    """Return the trend of all public datasets."""
    return _trend(summaries.read(SITE), consultation_link().events())


def _trend(summary: Summary, events: list[TrendEvent]) -> Trend:
    latest = sorted(events)[-MOST_EVENTS:]
    return {
        "months": trend.months(summary.get("totals") or {}),
        "events": [
            {"at": iso(event.at), "kind": event.kind, "label": event.label} for event in latest
        ],
    }


def _file(name: str, shown: Trend) -> Response:
    return trend.table().download(shown["months"], name=name)


@ns.route("/datasets/<string:dataset>/trend/", endpoint="culture_feedback_dataset_trend")
class DatasetTrendAPI(Route):
    @api.doc("get_dataset_culture_feedback_trend")
    @api.response(200, "Success", trend_fields.name)
    def get(self, dataset: str) -> Answer:
        """Get what is said of a dataset month by month"""
        return answer(of_dataset(readable_dataset(dataset)))


@ns.route("/datasets/<string:dataset>/trend.csv", endpoint="culture_feedback_dataset_trend_csv")
class DatasetTrendCSVAPI(Route):
    @api.doc("get_dataset_culture_feedback_trend_csv", params=FOR_SPREADSHEET)
    @api.produces(["text/csv"])
    def get(self, dataset: str) -> Answer:
        """Download what is said of a dataset month by month"""
        found = readable_dataset(dataset)
        return _file(f"trend-{found.slug or found.id}", of_dataset(found))


@ns.route("/organizations/<string:org>/trend/", endpoint="culture_feedback_org_trend")
class OrganizationTrendAPI(Route):
    @api.doc("get_organization_culture_feedback_trend")
    @api.response(200, "Success", trend_fields.name)
    def get(self, org: str) -> Answer:
        """Get what is said of the datasets of an organization month by month"""
        return answer(of_organization(org))


@ns.route("/organizations/<string:org>/trend.csv", endpoint="culture_feedback_org_trend_csv")
class OrganizationTrendCSVAPI(Route):
    @api.doc("get_organization_culture_feedback_trend_csv", params=FOR_SPREADSHEET)
    @api.produces(["text/csv"])
    def get(self, org: str) -> Answer:
        """Download what is said of the datasets of an organization month by month"""
        return _file("trend-organization", of_organization(org))


@ns.route("/site/trend/", endpoint="culture_feedback_site_trend")
class SiteTrendAPI(Route):
    @api.doc("get_site_culture_feedback_trend")
    @api.response(200, "Success", trend_fields.name)
    def get(self) -> Answer:
        """Get what is said of all datasets month by month"""
        return answer(of_site())


@ns.route("/site/trend.csv", endpoint="culture_feedback_site_trend_csv")
class SiteTrendCSVAPI(Route):
    @api.doc("get_site_culture_feedback_trend_csv", params=FOR_SPREADSHEET)
    @api.produces(["text/csv"])
    def get(self) -> Answer:
        """Download what is said of all datasets month by month"""
        return _file("trend", of_site())
