"""Build the addresses of our pages and of our API, for links in responses, pages and mails."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import slugify
from bson import ObjectId
from flask import current_app, request, url_for
from udata.uris import cdata_url

from .untyped import Shown

#: The prefix of everything of ours: portals already route `/api` to udata.
PREFIX = "/api/1/culture-feedback"


def pages_url(path: str = "") -> str:
    """Return the absolute address of one of our pages (`datasets/<d>/`), under the pretty address
    that the operator may have given them."""
    base = current_app.config["CULTURE_FEEDBACK_PAGES_URL"] or api_url("pages")
    return f"{base.rstrip('/')}/{path}"


def api_url(path: str = "") -> str:
    """Return the absolute address of something of ours on udata."""
    return own_url("culture-feedback.embed_js").removesuffix("embed.js") + path


def own_url(endpoint: str, **values: Any) -> str:
    """Return the absolute address of a route, by the portal's own name: clients choose the `Host`
    header, and responses are cached for others. The name is `SERVER_NAME`, otherwise that of the
    front-end, behind which a portal has `/api`; with neither, that of the request."""
    portal = current_app.create_url_adapter(None)
    if portal is None:
        front_end = current_app.config["CDATA_BASE_URL"]
        if front_end:
            return urljoin(front_end, url_for(endpoint, _external=False, **values))
        return url_for(endpoint, _external=True, **values)
    return portal.build(endpoint, values, force_external=True)


def asked_url() -> str:
    """Return the address of the current request, without its query, by the portal's own name."""
    return own_url(request.endpoint or "", **(request.view_args or {}))


def login_url(back: str) -> str:
    """Return the address to log in at, which then leads back to `back`, one of our addresses: as a
    path on the same site, since cdata goes to no whole address after logging in."""
    login = current_app.config["CULTURE_FEEDBACK_LOGIN_URL"] or cdata_url("/login") or "/login"
    site = "{0.scheme}://{0.netloc}/".format(urlsplit(urljoin(request.host_url, login)))
    back = f"/{back.removeprefix(site)}" if back.startswith(site) else back
    return f"{login}{'&' if '?' in login else '?'}next={quote(back, safe='/')}"


def portal() -> Shown:
    """Return the portal as the header and the footer of whole pages show it."""
    config = current_app.config
    return {
        "name": config["CULTURE_FEEDBACK_PORTAL_NAME"] or config["SITE_TITLE"],
        "home": config["CULTURE_FEEDBACK_HOME_URL"] or cdata_url("/") or urljoin(api_url(), "/"),
        "legal": config["CULTURE_FEEDBACK_LEGAL_URL"],
        "privacy": config["CULTURE_FEEDBACK_PRIVACY_URL"],
        "accessibility": config["CULTURE_FEEDBACK_ACCESSIBILITY_URL"],
    }


def free_slug(title: str, *, instead: str, reserved: Collection[str], taken: bool = False) -> str:
    """Return a short address for a title, or for `instead` where nothing of the title can be
    written: never a route of ours, never like an id, with random letters where it is `taken`. It
    never changes: an address that was sent must not die."""
    slug = slugify.slugify(title, max_length=80, to_lower=True) or instead
    if slug in reserved or ObjectId.is_valid(slug):
        taken = True
    return f"{slug}-{secrets.token_hex(3)}" if taken else slug
