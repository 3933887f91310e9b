"""The Atom feed of requests, to follow a theme, a holder or a dataset without an account."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, request
from udata.i18n import gettext as _

from .. import vocabulary
from ..web import atom as feeds
from ..web.listing import EPOCH
from ..web.urls import asked_url, pages_url, portal
from . import queries, representation
from .models import Request

#: Requests in a feed: the newest.
LENGTH = 50

#: Arguments of the list that a feed takes; the others are about paging.
FILTERS = ("status", "organization", "dataset", "theme", "kind", "overdue", "q")


def atom() -> Response:
    """Serve the newest public requests, with the filters of the list. Raise Invalid naming an
    argument, NotFound, as the list does."""
    found = queries.newest(LENGTH)
    asked = [(name, value) for name, value in request.args.items(True) if name in FILTERS]
    feed = feeds.feed(
        _address(asked_url(), asked),
        _("Requests for data — %(portal)s", portal=portal()["name"]),
        max((one["last_modified"] for one in found), default=EPOCH),
        own=_address(asked_url(), [*request.args.items(True)]),
        page=_address(pages_url("requests/"), asked),
    )
    for one in found:
        _entry(feed, one)
    return feeds.response(feed)


def _entry(feed: feeds.Element, found: Request) -> None:
    addresses = representation.addresses(found)
    entry = feeds.entry(
        feed,
        addresses["self_api_url"],
        found["title"],
        found["last_modified"],
        addresses["self_web_url"],
    )
    feeds.text(entry, "published", feeds.written_date(found["created_at"]))
    lists = vocabulary.vocabularies()
    status = vocabulary.find(vocabulary.REQUEST_STATUSES, found["status"])
    _category(entry, "status", status.id, str(status.label))
    for theme in found.get("themes") or ():
        _category(entry, "theme", theme, lists.label("themes", theme))
    feeds.text(entry, "content", found["description"])


def _category(entry: feeds.Element, kind: str, term: str, label: str) -> None:
    feeds.category(entry, f"{pages_url('requests/')}#{kind}", term, label)


def _address(base: str, arguments: list[tuple[str, str]]) -> str:
    return f"{base}?{urlencode(arguments)}" if arguments else base
