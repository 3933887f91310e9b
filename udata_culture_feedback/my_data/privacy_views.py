"""The page that tells people what becomes of their data, and what templates need for the notice
beside each form."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, current_app, request

from ..consultations.repository import find as find_consultation
from ..consultations.wording import said
from ..people.viewer import current_viewer
from ..web import privacy
from ..web.pages import blueprint, page_address, render


@blueprint.app_context_processor
def privacy_of_forms() -> dict[str, Any]:
    """For every template: where the page is, and who answers for what people give."""

    def address(consultation: str | None = None) -> str:
        return page_address("privacy/", **({"consultation": consultation} if consultation else {}))

    def days(setting: str) -> int:
        return current_app.config[f"CULTURE_FEEDBACK_{setting}_DAYS"]

    return {
        "culture_feedback_privacy": address,
        "culture_feedback_days": days,
    }


@blueprint.route("/pages/privacy/")
def privacy_page() -> Response:
    """What is kept of people, why, how long, and what they can do. `consultation`: of one of them,
    which may have another controller."""
    consultation = None
    if request.args.get("consultation"):
        consultation = find_consultation(request.args["consultation"])
        if consultation is None or not consultation.get("published"):
            abort(404)
    slug = consultation["slug"] if consultation else None
    return render(
        "privacy.html",
        viewer=current_viewer(),
        facts=privacy.facts(consultation),
        about=said(consultation["title"]) if consultation else None,
        about_url=page_address(f"consultations/{slug}/") if slug else None,
        kept=privacy.RETENTION,
        here=page_address("privacy/", **({"consultation": slug} if slug else {})),
        me_url=page_address("me/"),
        charter=page_address("charter/"),
        transparency=page_address("transparency/"),
    )
