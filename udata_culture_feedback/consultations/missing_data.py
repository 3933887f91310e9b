"""Missing data that a respondent asks for, passed on to the domain of requests."""

from __future__ import annotations

import logging

from ..contributions.neighbours import requests_asked
from ..people.models import Kind as ContributorKind
from ..people.viewer import Viewer
from ..web import refusals
from .models import Consultation, Response, responses
from .questions import Kind

log = logging.getLogger(__name__)


def ask_for_data(viewer: Viewer, consultation: Consultation, response: Response) -> int:
    """Create a request for the missing data that an answer asks for, once; return how many requests
    are new. A request needs an answerable author, so a browser without an account creates none. A
    refusal (a limit, perhaps) leaves the answer unchanged."""
    if not (viewer.account or viewer.kind is ContributorKind.CONFIRMED):
        return 0
    made = 0
    for question in consultation["questions"]:
        wish = response["answers"].get(question["id"])
        known = (response.get("requests") or {}).get(question["id"])
        if question["kind"] != Kind.MISSING_DATASET or known or not (wish and wish.get("ask")):
            continue
        payload = {
            "title": wish["title"],
            "description": wish.get("description") or wish["title"],
            "kind": "new",
            "signature": "none",
            "open_data": bool(response.get("open_data")),
            "consultation": str(consultation["_id"]),
            # Sending the same answer again finds the same request.
            "submission_id": f"{consultation['_id']}:{question['id']}",
        }
        try:
            request, created = requests_asked().ask(viewer, payload)
        except refusals.Refusal as refusal:
            log.info("A wish of a consultation made no request: %s", type(refusal).__name__)
            continue
        responses().update_one(
            {"_id": response["_id"]}, {"$set": {f"requests.{question['id']}": request["_id"]}}
        )
        made += created
    return made
