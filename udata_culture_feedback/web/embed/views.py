"""Serve the loader, the static parts it needs, and the small fragments that only other sites
show."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, current_app, json, request
from udata.cors import get_allowed_origins
from udata.i18n import gettext as _
from udata.i18n import ngettext

from ...vocabulary import LANGUAGES
from .. import charts, moments
from ..api import same_for_all
from ..field_names import name_of
from ..languages import speaking
from ..pages import blueprint, wants_fragment
from ..untyped import Shown
from . import assets
from .placements import placements

#: Every page of the host requests the loader: cached for five minutes, then revalidated.
LOADER_MAX_AGE = 300
#: A part whose address contains its version never changes.
FOR_EVER = 365 * 24 * 3600


@blueprint.route("/embed.js")
def embed_js() -> Response:
    """Serve the one script a host needs. Its settings are written into it, so that it requests
    nothing more before it starts."""
    table = placements()
    settings = {
        "version": assets.version(),
        # On other origins the browser would block responses to requests with credentials, loudly.
        "origins": sorted(get_allowed_origins()),
        "placements": {
            name: {key: value for key, value in one.items() if value} for name, one in table.items()
        },
        "pages": current_app.config["CULTURE_FEEDBACK_PAGES_URL"],
        "words": _words(),
        "looks": _first_looks(),
    }
    # Unsorted: the first place that is found counts.
    written = json.dumps(settings, ensure_ascii=False, separators=(",", ":"), sort_keys=False)
    source = (assets.content("embed.js") or b"").decode()
    body = source.replace("/*! settings */{}", written.replace("</", "<\\/")).encode()
    response = Response(body, mimetype="text/javascript")
    response.headers["Cache-Control"] = f"public, max-age={LOADER_MAX_AGE}"
    response.add_etag()
    response.make_conditional(request)
    return assets.compress(same_for_all(response))


def _first_looks() -> str:
    """Return the styles of the question: the first rule of the tokens, and the core styles."""
    tokens, core = (
        (assets.content(name) or b"").decode().replace("\n", "")
        for name in ("tokens.css", "core.css")
    )
    return tokens[: tokens.index("}") + 1] + core


def _words() -> dict[str, list[str]]:
    """Return the words of the link in a tab bar, by language: its name, one answer, several."""

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
    """Serve a static part under its immutable address; 404 for an old version, rather than other
    content than requested."""
    body = assets.content(name)
    if body is None or version != assets.version():
        abort(404)
    suffix = name[name.rindex(".") :]
    response = Response(body, mimetype=assets.TYPES[suffix].split(";")[0])
    response.headers["Cache-Control"] = f"public, max-age={FOR_EVER}, immutable"
    response.add_etag()
    response.make_conditional(request)
    return assets.compress(same_for_all(response))


@blueprint.after_request
def compress_what_is_public(response: Response) -> Response:
    """Compress fragments that everybody may read. Private ones stay as they are: the length of a
    compressed response can reveal its content (BREACH)."""
    if wants_fragment() and response.cache_control.public:
        return assets.compress(response, often=False)
    return response


@blueprint.app_template_filter("culture_feedback_day")
def day_in_words(moment: Any) -> str:
    return moments.in_words(moment)


@blueprint.app_context_processor
def asset_address() -> Shown:
    return {
        "culture_feedback_asset": assets.address,
        "culture_feedback_sheets": assets.SHEETS,
        "culture_feedback_style": assets.style,
        "culture_feedback_share": charts.share_of,
        "culture_feedback_field": name_of,
    }
