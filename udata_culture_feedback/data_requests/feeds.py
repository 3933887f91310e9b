"""The Atom feed of requests (RFC 4287), to follow a theme, a holder or a dataset without an
account."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlencode
from xml.etree import ElementTree

from flask import Response, g, request
from udata.i18n import gettext as _
from udata.rdf import ILLEGAL_XML_CHARS

from .. import vocabulary
from ..web.api import cacheable
from ..web.listing import EPOCH
from ..web.urls import asked_url, pages_url, portal
from . import queries, representation
from .models import Request

ATOM = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml"

#: Requests in a feed: the newest.
LENGTH = 50

#: Characters that XML 1.0 cannot hold, not even escaped.
NOT_XML = re.compile(ILLEGAL_XML_CHARS)

#: Arguments of the list that a feed takes; the others are about paging.
FILTERS = ("status", "organization", "dataset", "theme", "kind", "overdue", "q")


def atom() -> Response:
    """Serve the newest public requests, with the filters of the list. Nobody is named: the author
    is the portal. Raise Invalid naming an argument, NotFound, as the list does."""
    ElementTree.register_namespace("", ATOM)
    found = queries.newest(LENGTH)
    feed = ElementTree.Element(_tag("feed"), {"xml:lang": str(g.get("lang_code") or "")})
    asked = [(name, value) for name, value in request.args.items(True) if name in FILTERS]
    _text(feed, "id", _address(asked_url(), asked))
    _text(feed, "title", _("Requests for data — %(portal)s", portal=portal()["name"]))
    _text(feed, "updated", _date(max((one["last_modified"] for one in found), default=EPOCH)))
    _text(ElementTree.SubElement(feed, _tag("author")), "name", portal()["name"])
    _link(feed, "self", _address(asked_url(), [*request.args.items(True)]), MEDIA_TYPE)
    _link(feed, "alternate", _address(pages_url("requests/"), asked), "text/html")
    for one in found:
        _entry(feed, one)
    written = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return cacheable(Response(written, content_type=f"{MEDIA_TYPE}; charset=utf-8"))


def _entry(feed: ElementTree.Element, found: Request) -> None:
    entry = ElementTree.SubElement(feed, _tag("entry"))
    addresses = representation.addresses(found)
    _text(entry, "id", addresses["self_api_url"])
    _text(entry, "title", found["title"])
    _text(entry, "published", _date(found["created_at"]))
    _text(entry, "updated", _date(found["last_modified"]))
    _link(entry, "alternate", addresses["self_web_url"], "text/html")
    lists = vocabulary.vocabularies()
    status = vocabulary.find(vocabulary.REQUEST_STATUSES, found["status"])
    _category(entry, "status", status.id, str(status.label))
    for theme in found.get("themes") or ():
        _category(entry, "theme", theme, lists.label("themes", theme))
    _text(entry, "content", found["description"])


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    """Return a text construct; its default type is plain text, so its content is never markup."""
    ElementTree.SubElement(parent, _tag(name)).text = _written(text)


def _link(parent: ElementTree.Element, rel: str, href: str, media_type: str) -> None:
    attributes = {"rel": rel, "type": media_type, "href": _written(href)}
    ElementTree.SubElement(parent, _tag("link"), attributes)


def _category(parent: ElementTree.Element, kind: str, term: str, label: str) -> None:
    scheme = _address(pages_url("requests/"), []) + f"#{kind}"
    attributes = {"term": term, "scheme": scheme, "label": _written(label)}
    ElementTree.SubElement(parent, _tag("category"), attributes)


def _tag(name: str) -> str:
    return f"{{{ATOM}}}{name}"


def _written(text: str) -> str:
    return NOT_XML.sub("", text)


def _date(moment: datetime) -> str:
    """Format naive UTC as RFC 3339."""
    return moment.replace(microsecond=0).isoformat() + "Z"


def _address(base: str, arguments: list[tuple[str, str]]) -> str:
    return f"{base}?{urlencode(arguments)}" if arguments else base
