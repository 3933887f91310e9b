"""Write Atom feeds (RFC 4287). Nobody is named in them: the author is the portal."""

from __future__ import annotations

import re
from datetime import datetime
from xml.etree import ElementTree

from flask import Response, g
from udata.rdf import ILLEGAL_XML_CHARS

from .api import cacheable
from .urls import portal

ATOM = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml"

#: Characters that XML 1.0 cannot hold, not even escaped.
NOT_XML = re.compile(ILLEGAL_XML_CHARS)

Element = ElementTree.Element


def feed(id: str, title: str, updated: datetime, *, own: str, page: str) -> Element:
    """Make a feed without entries. `updated`: naive UTC; `own`, `page`: the addresses of the feed
    and of the page it follows."""
    ElementTree.register_namespace("", ATOM)
    made = Element(_tag("feed"), {"xml:lang": str(g.get("lang_code") or "")})
    text(made, "id", id)
    text(made, "title", title)
    text(made, "updated", written_date(updated))
    text(ElementTree.SubElement(made, _tag("author")), "name", portal()["name"])
    link(made, "self", own, MEDIA_TYPE)
    link(made, "alternate", page, "text/html")
    return made


def entry(parent: Element, id: str, title: str, updated: datetime, page: str) -> Element:
    """Add an entry to a feed."""
    made = ElementTree.SubElement(parent, _tag("entry"))
    text(made, "id", id)
    text(made, "title", title)
    text(made, "updated", written_date(updated))
    link(made, "alternate", page, "text/html")
    return made


def text(parent: Element, name: str, words: str) -> None:
    """Add a text construct; its default type is plain text, so its content is never markup."""
    ElementTree.SubElement(parent, _tag(name)).text = NOT_XML.sub("", words)


def link(parent: Element, rel: str, href: str, media_type: str) -> None:
    attributes = {"rel": rel, "type": media_type, "href": NOT_XML.sub("", href)}
    ElementTree.SubElement(parent, _tag("link"), attributes)


def category(parent: Element, scheme: str, term: str, label: str) -> None:
    attributes = {"term": term, "scheme": scheme, "label": NOT_XML.sub("", label)}
    ElementTree.SubElement(parent, _tag("category"), attributes)


def written_date(moment: datetime) -> str:
    """Format naive UTC as RFC 3339."""
    return moment.replace(microsecond=0).isoformat() + "Z"


def response(made: Element) -> Response:
    written = ElementTree.tostring(made, encoding="utf-8", xml_declaration=True)
    return cacheable(Response(written, content_type=f"{MEDIA_TYPE}; charset=utf-8"))


def _tag(name: str) -> str:
    return f"{{{ATOM}}}{name}"
