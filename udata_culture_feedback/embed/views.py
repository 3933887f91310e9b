"""The loader and the static parts it needs."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, json, request
from udata.cors import get_allowed_origins

from ..pages import blueprint
from . import assets

#: The loader is asked for by every page of the host: kept for five minutes, then revalidated.
LOADER_MAX_AGE = 300
#: A part whose address has its version never changes.
FOR_EVER = 365 * 24 * 3600


@blueprint.route("/embed.js")
def embed_js() -> Response:
    """The one script a host needs. The settings it must know are written into it, so that it asks
    for nothing more before it starts."""
    source = assets.content("embed.js") or b""
    settings = json.dumps(
        {
            "css": assets.path("widget.css"),
            "forms": assets.path("forms.js"),
            "proof": assets.path("proof.js"),
            # Elsewhere the browser would refuse an answer to a request with credentials, loudly.
            "origins": sorted(get_allowed_origins()),
        }
    )
    body = source.replace(b"/* settings */ {}", settings.replace("</", "<\\/").encode())
    response = Response(body, mimetype="text/javascript")
    response.headers["Cache-Control"] = f"public, max-age={LOADER_MAX_AGE}"
    response.add_etag()
    response.make_conditional(request)
    return response


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
    return response


@blueprint.app_context_processor
def asset_address() -> dict[str, Any]:
    return {"culture_feedback_asset": assets.address}
