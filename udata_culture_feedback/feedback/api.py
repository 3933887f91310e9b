"""The JSON API of feedback and its summaries."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import redirect, request
from udata.api import api, fields
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..email_confirmation import confirmation
from ..email_confirmation.api import confirmation_is_sent, token_field, without_account_fields
from ..figures.summary_ids import SITE, organization_summary
from ..people.access_modes import Action
from ..people.viewer import current_viewer
from ..portal import catalogue
from ..web import refusals
from ..web.api import (
    Answer,
    Route,
    Shown,
    answer,
    documented,
    json_body,
    never_stored,
    ns,
    same_for_all,
    written,
)
from ..web.csv import FOR_SPREADSHEET
from ..web.urls import api_url
from . import actions, answer_templates, csv, queries, rdf, representation, summaries, treatment
from .models import Feedback

MAX_SUMMARIES = 100

contributor_fields = documented(
    "CultureFeedbackContributor",
    {
        "kind": fields.String(enum=["user", "organization", "confirmed", "unverified"]),
        "name": fields.String(description="Null: without name, or the account has left"),
        "user": fields.Raw(description="The account that signs with its name: id, name, page"),
        "organization": fields.Raw(description="The organization that signs: id, name, page"),
        "producer": fields.Boolean(description="An agent of the dataset's producer"),
    },
)
treatment_fields = documented(
    "CultureFeedbackTreatment",
    {
        "status": fields.String(enum=[t.id for t in vocabulary.TREATMENT_STATUSES]),
        "answer": fields.String,
        "label": fields.String(description="The status in words"),
        "answered_at": fields.String(description="ISO 8601 date"),
        "organization": fields.Raw(description="Who answered, where an organization did"),
        "closed_by_author": fields.Boolean(description="Its author has closed the discussion"),
        "confirmed": fields.String(
            description="What its author said once the data had changed: yes, partly or no"
        ),
    },
)
dataset_fields = documented(
    "CultureFeedbackDataset",
    {"id": fields.String, "title": fields.String, "page": fields.String},
)
permissions_fields = documented(
    "CultureFeedbackPermissions",
    {name: fields.Boolean for name in ("edit", "delete", "treat", "moderate")},
)
feedback_fields = documented(
    "CultureFeedback",
    {
        "id": fields.String,
        "dataset": fields.Nested(dataset_fields),
        "organization": fields.Raw(description="That of the dataset: id, name, page"),
        "resource": fields.String(description="The file it is about, if it is about one"),
        "consultation": fields.String,
        "fitness": fields.String(description="Does the data meet the need: yes, partly, no"),
        "ratings": fields.Raw(description="Axis to 1..5; an axis without opinion is absent"),
        "comment": fields.String(description="Null without words, or while they are not public"),
        "wants_answer": fields.Boolean,
        "usages": fields.List(fields.String),
        "profile": fields.String,
        "contributor": fields.Nested(contributor_fields),
        "visibility": fields.String(enum=["pending", "public", "hidden"]),
        "hidden_reason": fields.String,
        "hidden_at": fields.String(description="ISO 8601 date; only once hidden"),
        "treatment": fields.Nested(treatment_fields),
        "outdated": fields.Boolean(description="Given before the last change of the data"),
        "discussion": fields.String(description="The native discussion of the words"),
        "created_at": fields.String(description="ISO 8601 date"),
        "last_modified": fields.String(description="ISO 8601 date"),
        "permissions": fields.Nested(permissions_fields),
        "self_api_url": fields.String,
        "self_web_url": fields.String,
    },
)
page_fields = documented(
    "CultureFeedbackPage",
    {
        "data": fields.List(fields.Nested(feedback_fields)),
        "page": fields.Integer,
        "page_size": fields.Integer,
        "total": fields.Integer,
        "total_is_capped": fields.Boolean,
        "next_page": fields.String,
        "previous_page": fields.String,
    },
)
edit_fields = documented(
    "CultureFeedbackEdit",
    {
        "fitness": fields.String(enum=["yes", "partly", "no"]),
        "ratings": fields.Raw(description="Axis to 1..5; null or absent: no opinion"),
        "comment": fields.String,
        "wants_answer": fields.Boolean,
        "usages": fields.List(fields.String),
        "profile": fields.String,
        "open_data": fields.Boolean(
            description="The words may be published as open data, without a name, once moderated"
        ),
        "consultation": fields.String(
            description="Id or slug of an open one; by default the one in scope that closes first"
        ),
        "signature": fields.String(
            description="`name` (default), `none`, or the id of an organization one speaks for"
        ),
        "name": fields.String(description="Declared, without an account; shown once moderated"),
        "contributor_token": token_field,
    },
)
submit_fields = api.inherit(
    "CultureFeedbackSubmit",
    edit_fields,
    {
        "dataset": fields.String(required=True, description="Id or slug of the dataset"),
        "resource": fields.String(description="Id of a file of the dataset"),
        "fitness": fields.String(required=True, enum=["yes", "partly", "no"]),
        "submission_id": fields.String(description="8 to 64 characters: a retry is stored once"),
        **without_account_fields,
    },
)
treat_fields = documented(
    "CultureFeedbackTreat",
    {
        "status": fields.String(
            enum=list(treatment.CHOICES), description="Required with an answer"
        ),
        "answer": fields.String(description="Public; `declined` needs one; empty: it stays"),
        "withdraw_answer": fields.Boolean(description="Takes back what was answered here"),
        "template": fields.String(description="Id of an answer template, instead of an answer"),
        "from": fields.String(description="The status one saw: 409 when it has changed since"),
        "assignee": fields.String(description="Id of a member of the organization; null: nobody"),
        "note": fields.String(description="Internal, never public; null: none"),
    },
)
treat_many_fields = api.inherit(
    "CultureFeedbackTreatMany",
    treat_fields,
    {"ids": fields.List(fields.String, required=True, description="200 at most")},
)
template_fields = documented(
    "CultureFeedbackAnswerTemplate",
    {
        "id": fields.String(readonly=True),
        "name": fields.String(required=True),
        "text": fields.String(
            required=True, description="{title}, {date}, {organization}, {fitness} are filled in"
        ),
        "last_modified": fields.String(readonly=True, description="ISO 8601 date"),
    },
)
summary_fields = documented(
    "CultureFeedbackSummary",
    {
        "total": fields.Integer,
        "commented": fields.Integer,
        "fitness": fields.Raw(description="Answer to count"),
        "axes": fields.Raw(description="Axis to count, sum, mean, distribution of 1..5"),
        "treatment": fields.Raw(description="Status to count"),
        "by_contributor": fields.Raw(description="account, verified, unverified"),
        "outdated": fields.Integer,
        "last_feedback_at": fields.String,
        "requests": fields.Raw(description="open, published"),
    },
)

list_parser = api.parser()
list_parser.add_argument("dataset", location="args", help="Id or slug of a dataset")
list_parser.add_argument("organization", location="args", help="Id or slug of an organization")
list_parser.add_argument("resource", location="args", help="Id of a file")
list_parser.add_argument("consultation", location="args", help="Id of a consultation")
list_parser.add_argument("treatment", location="args", help="Status of the response")
list_parser.add_argument("fitness", location="args", help="yes, partly or no")
list_parser.add_argument("profile", location="args", help="Profile of the contributor")
list_parser.add_argument(
    "outdated", location="args", help="Given before the last change of the data"
)
list_parser.add_argument("q", location="args", help="Words to search for")
list_parser.add_argument("sort", location="args", help="-created_at")
list_parser.add_argument("page", type=int, location="args", help="From 1")
list_parser.add_argument("page_size", type=int, location="args", help="100 at most")
list_parser.add_argument("cursor", location="args", help="Beyond the 10,000th")


@ns.route("/feedback/", endpoint="culture_feedback_list")
class CultureFeedbackListAPI(Route):
    @api.doc("list_culture_feedback", parser=list_parser)
    @api.response(200, "Newest first", page_fields.name)
    def get(self) -> Answer:
        """List feedback"""
        return written(queries.listed(current_viewer()))

    @api.doc("submit_culture_feedback", security="apikey")
    @api.expect(submit_fields)
    @api.response(201, "Recorded", feedback_fields.name)
    @api.response(200, "This submission was recorded before", feedback_fields.name)
    @api.response(202, "Kept until the address in `email` is confirmed")
    @api.response(403, "Without an account: no good proof of work; `proof` says why")
    @api.response(409, "You have already answered about this dataset")
    @api.response(410, "This submission has been deleted since")
    def post(self) -> Answer:
        """Say whether a dataset meets one's need"""
        body = json_body()
        viewer = current_viewer(body)
        if confirmation.is_wished(viewer, body):
            return confirmation_is_sent(Action.FEEDBACK, body)
        given = actions.give(viewer, body)
        if given.summary is None:
            return answer(_shown(viewer, given.feedback))
        shown = representation.just_given(
            viewer, given.feedback, given.dataset, given.organization, given.summary
        )
        return answer(shown, 201)


@ns.route("/feedback/<string:id>/", endpoint="culture_feedback_item")
class CultureFeedbackAPI(Route):
    @api.doc("get_culture_feedback")
    @api.response(200, "Success", feedback_fields.name)
    def get(self, id: str) -> Answer:
        """Get a feedback"""
        viewer = current_viewer()
        feedback, _dataset = actions.readable_feedback(id)
        return answer(_shown(viewer, feedback))

    @api.doc("edit_culture_feedback", security="apikey")
    @api.expect(edit_fields)
    @api.response(200, "Success", feedback_fields.name)
    @api.response(403, "Somebody else's")
    def put(self, id: str) -> Answer:
        """Change one's own feedback: the fields that are sent"""
        body = json_body()
        viewer = current_viewer(body)
        return answer(_shown(viewer, actions.edit(viewer, id, body)))

    @api.doc("delete_culture_feedback", security="apikey")
    @api.response(204, "Deleted")
    @api.response(403, "Somebody else's")
    def delete(self, id: str) -> Answer:
        """Delete one's own feedback"""
        actions.erase(current_viewer(), id)
        return answer(None, 204)


@ns.route("/feedback/<string:id>/treatment/", endpoint="culture_feedback_treatment")
class CultureFeedbackTreatmentAPI(Route):
    @api.doc("get_culture_feedback_treatment", security="apikey")
    @api.response(200, "The response with its history, and what is internal")
    @api.response(403, "Not the producer")
    def get(self, id: str) -> Answer:
        """Get what the producing side knows of its response to a feedback"""
        feedback, dataset = treatment.treatable(current_viewer(), id)
        return never_stored(answer(representation.working_file(feedback, dataset)))

    @api.doc("treat_culture_feedback", security="apikey")
    @api.expect(treat_fields)
    @api.response(200, "Success", feedback_fields.name)
    @api.response(403, "Not the producer")
    @api.response(409, "Its status is no longer the one in `from`; `status` is")
    def put(self, id: str) -> Answer:
        """Answer a feedback as its producer: a status, a public answer"""
        viewer = current_viewer()
        return answer(_shown(viewer, treatment.treat(viewer, id, json_body())))


@ns.route("/feedback/treatments/", endpoint="culture_feedback_treatments")
class CultureFeedbackTreatmentsAPI(Route):
    @api.doc("treat_culture_feedback_in_bulk", security="apikey")
    @api.expect(treat_many_fields)
    @api.response(200, "`results`: id to its status, or to what refused it")
    def post(self) -> Answer:
        """Answer several feedbacks at once, each checked for itself"""
        body = json_body()
        results = treatment.treat_many(current_viewer(), body.get("ids"), body)
        shown = {id: _result(result) for id, result in results.items()}
        done = sum(result["done"] for result in shown.values())
        return answer({"results": shown, "done": done, "refused": len(shown) - done})


@ns.route("/organizations/<string:org>/answer-templates/", endpoint="culture_feedback_templates")
class CultureFeedbackTemplatesAPI(Route):
    @api.doc("list_culture_feedback_answer_templates", security="apikey")
    @api.response(200, "`data`: by name")
    def get(self, org: str) -> Answer:
        """List the answers that an organization keeps"""
        found = answer_templates.listed(current_viewer(), org)
        return never_stored(answer({"data": [answer_templates.as_json(one) for one in found]}))

    @api.doc("add_culture_feedback_answer_template", security="apikey")
    @api.expect(template_fields)
    @api.response(201, "Kept", template_fields.name)
    def post(self, org: str) -> Answer:
        """Keep an answer that is often given"""
        made = answer_templates.add(current_viewer(), org, json_body())
        return answer(answer_templates.as_json(made), 201)


@ns.route(
    "/organizations/<string:org>/answer-templates/<string:id>/",
    endpoint="culture_feedback_template",
)
class CultureFeedbackTemplateAPI(Route):
    @api.doc("change_culture_feedback_answer_template", security="apikey")
    @api.expect(template_fields)
    @api.response(200, "Success", template_fields.name)
    def put(self, org: str, id: str) -> Answer:
        """Change one of them"""
        changed = answer_templates.change(current_viewer(), org, id, json_body())
        return answer(answer_templates.as_json(changed))

    @api.doc("remove_culture_feedback_answer_template", security="apikey")
    @api.response(204, "Removed")
    def delete(self, org: str, id: str) -> Answer:
        """Forget one of them"""
        answer_templates.remove(current_viewer(), org, id)
        return answer(None, 204)


@ns.route("/vocabulary/", endpoint="culture_feedback_vocabulary")
class CultureFeedbackVocabularyAPI(Route):
    @api.doc("get_culture_feedback_vocabulary")
    def get(self) -> Answer:
        """Get the controlled vocabularies, with labels in the language asked for"""
        return answer(vocabulary.as_json())


rdf_parser = api.parser()
rdf_parser.add_argument("page", type=int, location="args", help="From 1")
rdf_parser.add_argument("page_size", type=int, location="args", help="Answers; 100 at most")
rdf_parser.add_argument("cursor", location="args", help="Beyond the 10,000th")


@ns.route("/vocabulary.<string:extension>", endpoint="culture_feedback_schemes")
class CultureFeedbackSchemesAPI(Route):
    @api.doc("get_culture_feedback_schemes")
    @api.response(404, "Not `ttl`, `jsonld` or `xml`")
    def get(self, extension: str) -> Answer:
        """Get the dimensions, scales and metrics of the RDF, as RDF"""
        return rdf.of_vocabulary(extension)


@ns.route("/datasets/<string:dataset>/feedback", endpoint="culture_feedback_dataset_rdf")
class CultureFeedbackDatasetRdfAPI(Route):
    @api.doc("negotiate_dataset_culture_feedback_rdf")
    @api.response(302, "To the format that is preferred; JSON-LD by default")
    def get(self, dataset: str) -> Answer:
        """Find the RDF about a dataset"""
        query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
        path = f"datasets/{quote(dataset, safe='')}/feedback.{rdf.preferred()}{query}"
        found: Answer = redirect(api_url(path))  # type: ignore[assignment]
        found.vary.add("Accept")
        return found


@ns.route(
    "/datasets/<string:dataset>/feedback.<string:extension>",
    endpoint="culture_feedback_dataset_rdf_format",
)
class CultureFeedbackDatasetRdfFormatAPI(Route):
    @api.doc("get_dataset_culture_feedback_rdf", parser=rdf_parser)
    @api.response(200, "Turtle (`ttl`), JSON-LD (`jsonld`) or RDF/XML (`xml`)")
    @api.response(404, "No such public dataset, or another extension")
    def get(self, dataset: str, extension: str) -> Answer:
        """Get what is said of a public dataset as RDF: DQV, DUV, Web Annotation"""
        return rdf.of_dataset(dataset, extension)


@ns.route("/datasets/<string:dataset>/summary/", endpoint="culture_feedback_dataset_summary")
class CultureFeedbackDatasetSummaryAPI(Route):
    @api.doc("get_dataset_culture_feedback_summary")
    @api.response(200, "Success", summary_fields.name)
    def get(self, dataset: str) -> Answer:
        """Get the figures of a dataset"""
        return same_for_all(written(queries.figures_of(dataset)))


@ns.route("/organizations/<string:org>/summary/", endpoint="culture_feedback_org_summary")
class CultureFeedbackOrganizationSummaryAPI(Route):
    @api.doc("get_organization_culture_feedback_summary")
    @api.response(200, "Success", summary_fields.name)
    def get(self, org: str) -> Answer:
        """Get the figures of the public datasets of an organization"""
        found = catalogue.find_organization(org)
        if found is None or found.deleted:
            raise refusals.NotFound(_("There is no such organization."))
        figures = summaries.read_with_requests(organization_summary(found.id))
        return same_for_all(answer(summaries.as_json(figures)))


@ns.route("/organizations/<string:org>/feedback.csv", endpoint="culture_feedback_org_csv")
class CultureFeedbackOrganizationCSVAPI(Route):
    @api.doc("get_organization_culture_feedback_csv", params=FOR_SPREADSHEET)
    @api.produces(["text/csv"])
    def get(self, org: str) -> Answer:
        """Download the feedback on the public datasets of an organization: no names, few texts"""
        return csv.organization_csv(org)


@ns.route("/site/feedback.csv", endpoint="culture_feedback_site_csv")
class CultureFeedbackSiteCSVAPI(Route):
    @api.doc("get_site_culture_feedback_csv", params=FOR_SPREADSHEET)
    @api.produces(["text/csv"])
    def get(self) -> Answer:
        """Download the feedback on all public datasets: no names, few texts"""
        return csv.site_csv()


@ns.route("/site/summary/", endpoint="culture_feedback_site_summary")
class CultureFeedbackSiteSummaryAPI(Route):
    @api.doc("get_site_culture_feedback_summary")
    @api.response(200, "Success", summary_fields.name)
    def get(self) -> Answer:
        """Get the figures of all public datasets"""
        return same_for_all(answer(summaries.as_json(summaries.read_with_requests(SITE))))


many_parser = api.parser()
many_parser.add_argument(
    "dataset", action="append", location="args", help="Id or slug; may be repeated, 100 at most"
)


@ns.route("/summaries/", endpoint="culture_feedback_summaries")
class CultureFeedbackSummariesAPI(Route):
    @api.doc("list_culture_feedback_summaries", parser=many_parser)
    def get(self) -> Answer:
        """Get the figures of many datasets at once, for lists and search results"""
        references = list(dict.fromkeys(request.args.getlist("dataset")))
        if len(references) > MAX_SUMMARIES:
            message = _("%(n)d datasets at most.", n=MAX_SUMMARIES)
            raise refusals.Invalid(message, {"dataset": message})
        readable = [d for d in catalogue.datasets_by_reference(references) if catalogue.may_read(d)]
        found = summaries.read_many_with_requests([dataset.id for dataset in readable])
        data = [
            {"dataset": dataset.as_json(), **summaries.as_json(found.get(dataset.id, {}))}
            for dataset in readable
        ]
        return same_for_all(answer({"data": data}))


def _result(result: Any) -> Shown:
    """Show the outcome for one of several feedbacks answered at once."""
    if isinstance(result, refusals.Refusal):
        return {"done": False, "code": result.status, **result.as_json()}
    return {"done": True, "status": result["treatment"]["status"]}


def _shown(viewer: Any, feedback: Feedback) -> Shown:
    shown = representation.as_json(viewer, [feedback])
    if not shown:
        raise refusals.NotFound(_("There is no such feedback."))
    return shown[0]
