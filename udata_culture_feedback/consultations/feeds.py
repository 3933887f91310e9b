"""The Atom feed of the commitments of a consultation, to follow what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response
from udata.i18n import gettext as _

from ..web import atom
from ..web.untyped import Shown
from ..web.urls import asked_url
from . import results
from .models import Commitment, Consultation
from .repository import addresses
from .wording import said


def commitments(consultation: Consultation) -> Response:
    """Serve the commitments, the latest changed first: by the team, or by who answers the request
    behind one. Raise NotFound until there is a published synthesis."""
    stored = results.published_commitments(consultation)
    page = f"{addresses(consultation)['self_web_url']}results/#cf-commitments"
    shown = results.commitments(stored)
    published = (consultation.get("synthesis") or {})["published_at"]
    dated = [
        (_changed(one, standing, published), one, standing)
        for one, standing in zip(stored, shown, strict=True)
    ]
    dated.sort(key=lambda one: one[0], reverse=True)
    feed = atom.feed(
        asked_url(),
        _("Commitments: %(title)s", title=said(consultation["title"])),
        max((at for at, _one, _standing in dated), default=published),
        own=asked_url(),
        page=page,
    )
    for at, one, standing in dated:
        _entry(feed, f"{asked_url()}#{stored.index(one)}", at, standing, page)
    return atom.response(feed)


def _changed(one: Commitment, standing: Shown, published: datetime) -> datetime:
    """Return when a commitment last changed, by the team or with its request."""
    request = standing["request"]
    dates = [published, one.get("changed_at") or published]
    if request:
        moment = datetime.fromisoformat(request["last_modified"])
        dates.append(moment.astimezone(UTC).replace(tzinfo=None))
    return max(dates)


def _entry(feed: atom.Element, id: str, at: datetime, standing: Shown, page: str) -> None:
    request, dataset = standing["request"], standing["dataset"]
    address = request["self_web_url"] if request else page
    entry = atom.entry(feed, id, standing["text"], at, address)
    label = request["status_label"] if request else standing["status_label"]
    if label:
        atom.category(entry, f"{page.partition('#')[0]}#status", str(label), str(label))
    told = [label, standing["owner"], standing["due"], dataset["title"] if dataset else None]
    atom.text(entry, "content", " — ".join(str(one) for one in told if one))
