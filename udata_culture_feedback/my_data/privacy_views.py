"""The privacy page, and what templates need for the notice beside each form."""

from __future__ import annotations

from flask import Response, abort, current_app, request

from ..contributions import kinds
from ..people.viewer import current_viewer
from ..web import privacy
from ..web.pages import blueprint, page_address, render
from ..web.privacy import Facts
from ..web.untyped import Shown


@blueprint.app_context_processor
def privacy_of_forms() -> Shown:
    """Give every template the address of the privacy page and the retention periods."""

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
    """Show what is kept of people, why, how long, and what they can do. `consultation`: show that
    of one consultation, which may have another controller."""
    facts, title, slug = privacy.facts(), None, None
    if asked := request.args.get("consultation"):
        found = _of_consultation(asked)
        if found is None:
            abort(404)
        facts, title, slug = found
    return render(
        "privacy.html",
        viewer=current_viewer(),
        facts=facts,
        about=title,
        about_url=page_address(f"consultations/{slug}/") if slug else None,
        kept=privacy.RETENTION,
        here=page_address("privacy/", **({"consultation": slug} if slug else {})),
        me_url=page_address("me/"),
        charter=page_address("charter/"),
        transparency=page_address("transparency/"),
    )


def _of_consultation(reference: str) -> tuple[Facts, str, str] | None:
    """Find who is responsible for the data of a consultation, its title and its slug."""
    found = (kind.privacy(reference) for kind in kinds.KINDS.values() if kind.privacy)
    return next(found, None)
