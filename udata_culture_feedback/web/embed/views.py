"""The loader, the static parts it needs, and the small fragments that only other sites show."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, json, redirect, request
from udata.cors import get_allowed_origins
from udata.i18n import gettext as _
from udata.i18n import ngettext

from ...data_requests.presentation import draft_of
from ...feedback import actions
from ...people.viewer import current_viewer
from ...portal import catalogue
from ...portal.languages import speaking
from ...vocabulary import LANGUAGES
from .. import refusals
from ..pages import blueprint, page_address, render, wants_fragment
from . import assets
from .placements import placements

#: The loader is asked for by every page of the host: kept for five minutes, then revalidated.
LOADER_MAX_AGE = 300
#: A part whose address has its version never changes.
FOR_EVER = 365 * 24 * 3600


@blueprint.route("/embed.js")
def embed_js() -> Response:
    """The one script a host needs. The settings it must know are written into it, so that it asks
    for nothing more before it starts."""
    table = placements()
    settings = {
        "version": assets.version(),
        # Elsewhere the browser would refuse an answer to a request with credentials, loudly.
        "origins": sorted(get_allowed_origins()),
        "placements": {
            name: {key: value for key, value in one.items() if value} for name, one in table.items()
        },
        "words": _words(),
        "looks": (assets.content("widget.css") or b"").decode().replace("\n", ""),
    }
    # In their order: the first place that is found counts.
    written = json.dumps(settings, ensure_ascii=False, separators=(",", ":"), sort_keys=False)
    source = (assets.content("embed.js") or b"").decode()
    body = source.replace("/* settings */ {}", written.replace("</", "<\\/")).encode()
    response = Response(body, mimetype="text/javascript")
    response.headers["Cache-Control"] = f"public, max-age={LOADER_MAX_AGE}"
    response.add_etag()
    response.make_conditional(request)
    return assets.compress(response)


def _words() -> dict[str, list[str]]:
    """What the link in a tab bar says, by language: its name, one answer, several."""

    def said() -> list[str]:
        one, several = (ngettext("%(num)d answer", "%(num)d answers", n) for n in (1, 2))
        return [_("Feedback"), one.replace("1", "#", 1), several.replace("2", "#", 1)]

    words = {}
    for lang in LANGUAGES:
        with speaking(lang):
            words[lang] = said()
    return words


@blueprint.route("/static/<string:version>/<string:name>")
def static_part(version: str, name: str) -> Response:
    """A static part under its immutable address; an old version answers 404 rather than something
    else than what was asked for."""
    body = assets.content(name)
    if body is None or version != assets.version():
        abort(404)
    suffix = name[name.rindex(".") :]
    response = Response(body, mimetype=assets.TYPES[suffix].split(";")[0])
    response.headers["Cache-Control"] = f"public, max-age={FOR_EVER}, immutable"
    response.add_etag()
    response.make_conditional(request)
    return assets.compress(response)


@blueprint.route("/pages/ask/")
def ask_page() -> Response:
    """« Des données manquent ? » where there is no dataset: on the page of an organization
    (`organization`), after a search that found nothing (`title`)."""
    organization = catalogue.find_organization(request.args.get("organization"))
    known = {
        "organization": organization and (organization.slug or str(organization.id)),
        "title": request.args.get("title", "").strip()[:200],
    }
    asked = {name: value for name, value in known.items() if value}
    if wants_fragment():
        # On the page of a dataset the form is one heading deeper.
        asked["level"] = str(max(1, request.args.get("level", 2, type=int) - 1))
    return render(
        "embed/ask.html",
        viewer=current_viewer(),
        organization=organization,
        title=known["title"],
        draft=draft_of(None),
        ask=page_address("requests/new", **asked),
    )


@blueprint.route("/pages/dashboard/datasets/<string:dataset>/")
def dashboard_of_dataset(dataset: str) -> Response:
    """What waits about one dataset, in the dashboard of whoever publishes it."""
    try:
        found = actions.readable_dataset(dataset)
    except refusals.NotFound:
        abort(404)
    whose = f"organizations/{found.organization}" if found.organization else "me"
    kept = {name: request.args[name] for name in ("as", "level") if name in request.args}
    address = page_address(f"dashboard/{whose}/feedback/", dataset=str(found.id), **kept)
    return redirect(address, code=302)  # type: ignore[return-value]


@blueprint.after_request
def compress_what_is_public(response: Response) -> Response:
    """Fragments that anybody may read. What is somebody's own stays as it is: the length of a
    compressed answer can tell what is in it (BREACH)."""
    if wants_fragment() and response.cache_control.public:
        return assets.compress(response, often=False)
    return response


@blueprint.app_context_processor
def asset_address() -> dict[str, Any]:
    return {"culture_feedback_asset": assets.address}
