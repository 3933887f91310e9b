"""The JSON API of consultations."""

from __future__ import annotations

from flask import Response as FlaskResponse
from flask import request
from udata.api import api, fields
from udata.i18n import lazy_gettext as _

from ..email_confirmation import confirmation
from ..email_confirmation.api import confirmation_is_sent, token_field, without_account_fields
from ..people.access_modes import Action
from ..people.viewer import Viewer, current_viewer
from ..web import listing, refusals
from ..web.api import Answer, Route, answer, cacheable, documented, json_body, never_stored, ns
from ..web.csv import FOR_SPREADSHEET
from ..web.untyped import Shown
from . import (
    actions,
    answering,
    copying,
    csv,
    feeds,
    form_tokens,
    participation,
    publishing,
    queries,
    receipts,
    representation,
    results,
    text_review,
)
from .models import Channel, Mode, Response
from .repository import readable
from .response_repository import own
from .window import State

texts_field = fields.Raw(description="Language to text, or a text in the portal's language")

edit_fields = documented(
    "CultureFeedbackConsultationEdit",
    {
        "title": texts_field,
        "introduction": fields.Raw(description="Markdown, per language"),
        "outcome": fields.Raw(description="What becomes of it, per language"),
        "controller": fields.Raw(description="Who is responsible for the answers, per language"),
        "dpo": fields.Raw(description="How to reach the data protection officer, per language"),
        "retention": fields.Raw(description="How long answers are kept, per language"),
        "contact": fields.String(description="An e-mail or web address"),
        "organization": fields.String(description="Id or slug of who owns it"),
        "opens_at": fields.String(description="Local time of the portal, or with its offset"),
        "closes_at": fields.String(description="The first moment at which it is closed"),
        "scope": fields.Raw(description="organizations, tags, datasets"),
        "steps": fields.List(fields.Raw, description="Titles; none: one page"),
        "questions": fields.List(fields.Raw, description="id, kind, text, help, required, step…"),
        "read_only": fields.Boolean(description="Suspends answers"),
        "mode": fields.String(
            enum=list(Mode), description="What somebody without an account has to give"
        ),
        "show_participation": fields.Boolean(description="Everybody sees how many have answered"),
        "model": fields.String(
            enum=list(copying.MODELS), description="Of a new one: the questionnaire it begins with"
        ),
        "version": fields.Integer(description="That one edits: 409 where it has changed since"),
        "publish": fields.Boolean(description="Shows it to everybody"),
        "synthesis": fields.Raw(description="After closing: text, commitments, publish"),
    },
)
respond_fields = documented(
    "CultureFeedbackRespond",
    {
        "answers": fields.Raw(required=True, description="Question to answer"),
        "profile": fields.String(description="A profile of the vocabulary"),
        "open_data": fields.Boolean(
            description="My texts may be published as open data, without my name"
        ),
        "submission_id": fields.String(description="8 to 64 characters: a retry is stored once"),
        "opening": fields.String(
            description="What GET gave: an answer begun before the closing may end a little later"
        ),
        "channel": fields.String(
            enum=[Channel.PHONE.value, Channel.POST.value],
            description="The team enters an answer that it received",
        ),
        "reference": fields.String(description="Of the letter or the call, with `channel`"),
        "replace": fields.Boolean(description="Corrects what was entered under that reference"),
        "contributor_token": token_field,
        **without_account_fields,
    },
)
list_parser = api.parser()
for _name, _help in (
    ("state", f"One of: {', '.join(State)}"),
    ("page", "From 1"),
    ("page_size", "100 at most"),
    ("cursor", "Beyond the 10,000th"),
):
    list_parser.add_argument(_name, location="args", help=_help)

texts_parser = api.parser()
for _name, _help in (
    ("question", "Id of a question"),
    ("q", "Words to search for"),
    ("page", "From 1"),
    ("page_size", "100 at most"),
):
    texts_parser.add_argument(_name, location="args", help=_help)


@ns.route("/consultations/", endpoint="culture_feedback_consultations")
class CultureFeedbackConsultationsAPI(Route):
    @api.doc("list_culture_feedback_consultations", parser=list_parser)
    def get(self) -> Answer:
        """List consultations"""
        return answer(queries.listed(current_viewer()))

    @api.doc("create_culture_feedback_consultation", security="apikey")
    @api.expect(edit_fields)
    @api.response(201, "Made; only its team sees it until it is published")
    @api.response(403, "Only the team of consultations")
    def post(self) -> Answer:
        """Make a consultation"""
        viewer, body = current_viewer(), json_body()
        made = actions.create(viewer, copying.from_model(body))
        if body.get("publish") is True:
            made = actions.publish(viewer, str(made["_id"]))
        return answer(representation.in_full(viewer, made), 201)


@ns.route("/consultations/<string:id>/", endpoint="culture_feedback_consultation")
class CultureFeedbackConsultationAPI(Route):
    @api.doc("get_culture_feedback_consultation")
    def get(self, id: str) -> Answer:
        """Get a consultation, with its questions"""
        viewer = current_viewer()
        return answer(representation.in_full(viewer, readable(viewer, id)))

    @api.doc("edit_culture_feedback_consultation", security="apikey")
    @api.expect(edit_fields)
    @api.response(403, "Only the team of consultations")
    @api.response(409, "People have answered: it is frozen, but for words and a later closing")
    def put(self, id: str) -> Answer:
        """Change a consultation: the fields that are sent"""
        viewer, body = current_viewer(), json_body()
        consultation = actions.edit(viewer, id, body)
        if body.get("publish") is True:
            consultation = actions.publish(viewer, id)
        synthesis = body.get("synthesis")
        if isinstance(synthesis, dict):
            consultation = actions.write_synthesis(viewer, id, synthesis)
            if synthesis.get("publish") is True:
                consultation = actions.publish_synthesis(viewer, id)
        return answer(representation.in_full(viewer, consultation))

    @api.doc("delete_culture_feedback_consultation", security="apikey")
    @api.response(204, "Deleted")
    @api.response(409, "It has been published")
    def delete(self, id: str) -> Answer:
        """Delete a consultation that nobody has seen"""
        actions.delete(current_viewer(), id)
        return answer(None, 204)


@ns.route("/consultations/<string:id>/copy/", endpoint="culture_feedback_consultation_copy")
class CultureFeedbackConsultationCopyAPI(Route):
    @api.doc("copy_culture_feedback_consultation", security="apikey")
    @api.expect(edit_fields)
    @api.response(201, "A draft with the same texts and questions")
    @api.response(403, "Only the team of consultations")
    def post(self, id: str) -> Answer:
        """Make a consultation like another; the fields that are sent replace its own"""
        viewer = current_viewer()
        made = copying.copy(viewer, id, json_body())
        return answer(representation.in_full(viewer, made), 201)


@ns.route("/consultations/<string:id>/participation/", endpoint="culture_feedback_participation")
class CultureFeedbackParticipationAPI(Route):
    @api.doc("get_culture_feedback_participation")
    @api.response(404, "Its team does not show it")
    def get(self, id: str) -> Answer:
        """Get how many have answered; for the team by day and by way. No answer is counted"""
        viewer = current_viewer()
        shown = participation.read(viewer, readable(viewer, id))
        return never_stored(answer(shown))


@ns.route("/consultations/<string:id>/responses/", endpoint="culture_feedback_responses")
class CultureFeedbackResponsesAPI(Route):
    @api.doc("get_culture_feedback_response", security="apikey")
    @api.response(200, "One's own answer; nobody sees those of others before the closing")
    def get(self, id: str) -> Answer:
        """Get one's own answer, and the token of a form opened now"""
        viewer = current_viewer()
        consultation = readable(viewer, id)
        mine = own(viewer, consultation)
        if mine is None:
            shown: Shown = {
                "sent": False,
                "opening": form_tokens.token_for(viewer, consultation["_id"]),
            }
        else:
            shown = representation.own_as_json(viewer, consultation, mine)
        return never_stored(answer(shown))

    @api.doc("submit_culture_feedback_response", security="apikey")
    @api.expect(respond_fields)
    @api.response(201, "Recorded")
    @api.response(200, "This submission was recorded before")
    @api.response(202, "Recorded once the address is confirmed")
    @api.response(409, "You have answered already, or it is not open yet")
    @api.response(410, "It has closed, or this answer has been deleted since")
    def post(self, id: str) -> Answer:
        """Answer a consultation; the team: enter an answer received by phone or post"""
        body = json_body()
        viewer = current_viewer(body)
        if confirmation.is_wished(viewer, body):
            return confirmation_is_sent(Action.RESPONSE, body | {"consultation": id})
        if body.get("channel"):
            _response, created = answering.enter(viewer, id, body)
            return answer({"entered": True}, 201 if created else 200)
        response, created = answering.submit(viewer, id, body)
        return _own(viewer, id, response, 201 if created else 200)

    @api.doc("edit_culture_feedback_response", security="apikey")
    @api.expect(respond_fields)
    @api.response(410, "It has closed")
    def put(self, id: str) -> Answer:
        """Change one's own answer until the closing: the answers that are sent. `open_data` false,
        alone, is taken at any time"""
        body = json_body()
        viewer = current_viewer(body)
        if body.keys() - {"contributor_token"} == {"open_data"} and body["open_data"] is False:
            return _own(viewer, id, answering.take_texts_back(viewer, id))
        return _own(viewer, id, answering.edit(viewer, id, body))

    @api.doc("delete_culture_feedback_response", security="apikey")
    @api.response(204, "Deleted")
    def delete(self, id: str) -> Answer:
        """Take one's own answer back"""
        answering.erase(current_viewer(), id)
        return answer(None, 204)


@ns.route("/consultations/<string:id>/receipts.txt", endpoint="culture_feedback_receipts")
class CultureFeedbackReceiptsAPI(Route):
    @api.doc("get_culture_feedback_receipts")
    @api.produces(["text/plain"])
    @api.response(404, "Not before it has closed")
    def get(self, id: str) -> Answer:
        """Get the receipts of all answers, one a line; its SHA-256 is the root"""
        listed = receipts.published_list(readable(current_viewer(), id))
        if listed is None:
            raise refusals.NotFound(_("There is no list of receipts yet."))
        return cacheable(FlaskResponse(listed, mimetype="text/plain"))


@ns.route(
    "/consultations/<string:id>/questionnaire.json", endpoint="culture_feedback_questionnaire"
)
class CultureFeedbackQuestionnaireAPI(Route):
    @api.doc("get_culture_feedback_questionnaire")
    def get(self, id: str) -> Answer:
        """Get the questionnaire in its canonical form, of which the SHA-256 is published"""
        asked = receipts.questionnaire(readable(current_viewer(), id))
        return cacheable(FlaskResponse(asked, mimetype="application/json"))


@ns.route("/consultations/<string:id>/results/", endpoint="culture_feedback_results")
class CultureFeedbackResultsAPI(Route):
    @api.doc("get_culture_feedback_results")
    @api.response(404, "Sealed until it has closed")
    def get(self, id: str) -> Answer:
        """Get the results, once the consultation has closed"""
        viewer = current_viewer()
        consultation = readable(viewer, id)
        found = results.read(consultation)
        shown = representation.as_json(viewer, [consultation])[0]
        synthesis = results.synthesis(consultation)
        dataset = publishing.dataset_of(consultation)
        return answer(
            {
                "consultation": shown,
                **found,
                "synthesis": synthesis,
                "dataset": dataset.as_json() if dataset else None,
                "root": receipts.shown(consultation),
            }
        )


@ns.route(
    "/consultations/<string:id>/commitments.atom", endpoint="culture_feedback_commitments_feed"
)
class CultureFeedbackCommitmentsFeedAPI(Route):
    @api.doc("get_culture_feedback_commitments_feed")
    @api.produces(["application/atom+xml"])
    @api.response(404, "There is no synthesis yet")
    def get(self, id: str) -> Answer:
        """Follow the commitments of a consultation as an Atom feed"""
        return feeds.commitments(readable(current_viewer(), id))


@ns.route("/consultations/<string:id>/responses.csv", endpoint="culture_feedback_responses_csv")
class CultureFeedbackResponsesCSVAPI(Route):
    @api.doc("get_culture_feedback_responses_csv", params=FOR_SPREADSHEET)
    @api.produces(["text/csv"])
    @api.response(404, "Sealed until it has closed")
    def get(self, id: str) -> Answer:
        """Download the answers, once the consultation has closed: no names, few texts"""
        return csv.responses_csv(readable(current_viewer(), id))


@ns.route("/consultations/<string:id>/results/texts/", endpoint="culture_feedback_texts")
class CultureFeedbackTextsAPI(Route):
    @api.doc("list_culture_feedback_texts", parser=texts_parser)
    @api.response(404, "Sealed until it has closed")
    def get(self, id: str) -> Answer:
        """List the free texts that were moderated, once the consultation has closed"""
        consultation = readable(current_viewer(), id)
        page = listing.asked_page()
        if page.cursor or page.offset + page.size > listing.MAX_OFFSET:
            raise refusals.NotFound(_("There is no such page."))
        found, more = text_review.listed(
            consultation,
            page,
            question=request.args.get("question"),
            words=request.args.get("q"),
        )
        return answer({"data": found, "page": page.number, "page_size": page.size, "more": more})


def _own(viewer: Viewer, id: str, response: Response, status: int = 200) -> Answer:
    consultation = readable(viewer, id)
    return answer(representation.own_as_json(viewer, consultation, response), status)
