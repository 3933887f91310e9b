"""Pages that help to announce a consultation: its short address, a QR code, texts to paste."""

from __future__ import annotations

import io

import segno
from flask import Response, abort
from udata.i18n import lazy_gettext as _

from ..people.viewer import current_viewer
from ..web.api import never_stored
from ..web.pages import blueprint, page_address, render
from ..web.urls import api_url, pages_url
from .models import Consultation
from .team_pages import common, readable_page, team
from .window import until_in_words
from .wording import said

#: Width of the white margin around a code, in modules: what readers need.
QUIET = 4
#: Pixels of a module; as an SVG it prints at any size.
SCALE = 6


@blueprint.route("/pages/consultations/<string:reference>/qr.svg")
def code_to_scan(reference: str) -> Response:
    """Return the address of a consultation as a QR code (SVG), once it is published."""
    consultation = readable_page(current_viewer(), reference)
    if not consultation.get("published"):
        abort(404)
    drawn = io.BytesIO()
    code = segno.make(_address(consultation), error="m")
    code.save(drawn, kind="svg", scale=SCALE, border=QUIET, title=str(said(consultation["title"])))
    response = Response(drawn.getvalue(), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@blueprint.route("/pages/consultations/<string:reference>/spread")
def spread_page(reference: str) -> Response:
    """Show the team texts to paste elsewhere."""
    viewer = team()
    consultation = readable_page(viewer, reference)
    title, address = str(said(consultation["title"])), _address(consultation)
    until = until_in_words(consultation["closes_at"])
    mail = _(
        "Hello,\n\n%(title)s: this public consultation is open %(until)s. Everybody may answer, in "
        "a few minutes:\n%(address)s\n\nThe results will be published as open data.",
        title=title,
        until=until,
        address=address,
    )
    post = _(
        "%(title)s: your answer counts, %(until)s. %(address)s",
        title=title,
        until=until,
        address=address,
    )
    return never_stored(
        render(
            "consultations/spread.html",
            **common(viewer, consultation),
            title=said(consultation["title"]),
            address=address,
            published=bool(consultation.get("published")),
            code_url=page_address(f"consultations/{consultation['slug']}/qr.svg"),
            texts=[
                (_("For a mail"), str(mail), 8),
                (_("For a social network"), str(post), 3),
                (_("To put it on a page of another site"), _snippet(consultation), 3),
            ],
            here=page_address(f"consultations/{consultation['slug']}/spread"),
        )
    )


def _snippet(consultation: Consultation) -> str:
    """Return the HTML that shows a consultation on a page of another site."""
    source = f"pages/consultations/{consultation['slug']}/"
    return (
        f'<script type="module" src="{api_url("embed.js")}"></script>\n'
        f'<culture-feedback-panel src="{source}"></culture-feedback-panel>'
    )


def _address(consultation: Consultation) -> str:
    return pages_url(f"consultations/{consultation['slug']}/")
