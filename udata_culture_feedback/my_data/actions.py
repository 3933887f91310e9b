"""What each person controls of their own contributions: see, correct, export and erase them.

People are recognised by an account, by the link of a mail (`access_link`), or by the token of a
browser. Each kind of the registry decides which contributions are theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions import kinds
from ..contributions.owned import Owned, Person, Shown
from ..mail import unsubscribe
from ..mail.models import outbox as stored_outbox
from ..people import contacts
from ..people.limits import spend_write
from ..people.models import Kind
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.collections import now
from ..web import listing, refusals
from ..web.listing import Page
from ..web.moments import iso
from ..web.untyped import Document, Payload
from ..web.urls import portal
from . import access_link
from .unconfirmed import contact_ids

#: Most contributions that one call erases; the rest takes another call.
MOST = 200
#: Contributions read in one batch for a file.
BATCH = 500
#: Most unsubscriptions that a file and a page list.
SUBSCRIPTIONS = 200


@dataclass(frozen=True)
class Erased:
    """The result of erasing: contributions that are gone; those that only lost their author, since
    others support them; and those left to erase."""

    erased: int
    detached: int
    left: int


def of_viewer(viewer: Viewer) -> Person:
    """Return the person behind the current viewer, known by an account or a contributor token."""
    if not viewer.known or viewer.key is None:
        return Person()
    return Person({viewer.key: viewer}, viewer.user_id)


def of_address(address: str) -> Person:
    """Return the person who owns an e-mail address."""
    mailbox = contacts.fingerprint(address, contacts.SCOPE)
    return _confirmed(access_link.keys_of(address), mailbox)


def of_visit(visit: access_link.Visit) -> Person:
    """Return the person who opened the link sent to their address."""
    return _confirmed(visit["keys"], visit["person"])


def has_said_something(person: Person) -> bool:
    return any(kind.read(person, limit=1) for kind in kinds.owned().values())


def listed(person: Person, page: Page, only: str | None = None) -> Shown:
    """List a person's contributions: a page of each kind, the latest first; with `only`, of that
    kind. A constant number of queries. Raise Unauthenticated, NotFound for a page too far,
    Invalid."""
    if not person.known:
        raise unknown()
    known = kinds.owned()
    if only is not None and only not in known:
        message = _("Choose one of: %(ids)s.", ids=", ".join(known))
        raise refusals.Invalid(message, {"kind": message})
    if page.offset + page.size > listing.MAX_OFFSET:
        raise refusals.NotFound(_("There is no such page."))
    body: Shown = {}
    for kind in [known[only]] if only else known.values():
        rows = kind.read(person, skip=page.offset, limit=page.size + 1)
        total, _capped = listing.count(kind.collection(), kind.where(person))
        more = len(rows) > page.size
        body[kind.section] = {
            "data": kind.shown(person, rows[: page.size]),
            "total": total,
            "page": page.number,
            "page_size": page.size,
            "next_page": (listing.address(kind=kind.kind, page=page.number + 1) if more else None),
        }
    if not only:
        body["subscriptions"] = followed(person)
    return body


def find(person: Person, kind: Any, id: Any) -> tuple[Owned, Shown]:
    """Find one contribution of this person. Raise NotFound for anything that is not theirs."""
    known = kinds.owned().get(kind) if isinstance(kind, str) else None
    if known and isinstance(id, str) and ObjectId.is_valid(id) and person.known:
        for row in known.read(person, ids=[ObjectId(id)], limit=1):
            return known, row
    raise refusals.NotFound(_("You have said no such thing."))


def correct(person: Person, payload: Payload) -> Shown:
    """Correct one contribution: the fields of the payload other than `kind` and `id`. Return it as
    its author sees it. Raise NotFound, Conflict for one that can only be erased, and what the
    action of its domain raises."""
    if not person.known:
        raise unknown()
    kind, row = find(person, payload.get("kind"), payload.get("id"))
    kind.correct(person, row, {k: v for k, v in payload.items() if k not in ("kind", "id")})
    [again] = kind.read(person, ids=[row["_id"]], limit=1) or [row]
    return kind.shown(person, [again])[0]


def erase(person: Person, items: Iterable[tuple[Any, Any]]) -> Erased:
    """Erase contributions, pairs of a kind and an id: the words everywhere, and their share in the
    figures exactly. A request that others support stays, without its author. Raise Unauthenticated,
    ReadOnly, TooMany, NotFound for one that is not theirs (before anything is erased), Invalid for
    too many."""
    must_be_known(person.viewer, leaving=True)
    spend_write(person.viewer)
    wanted = list(dict.fromkeys(items))
    if not 0 < len(wanted) <= MOST:
        message = _("Choose between one and %(n)d contributions.", n=MOST)
        raise refusals.Invalid(message, {"items": message})
    return _erase(person, [find(person, kind, id) for kind, id in wanted])


def erase_everything(person: Person) -> Erased:
    """Erase all contributions of a person, and what else is kept of them: `MOST` contributions a
    call, to bound a request; the result says how many are left. Raise what `erase` does."""
    must_be_known(person.viewer, leaving=True)
    spend_write(person.viewer)
    found: list[tuple[Owned, Document]] = []
    for kind in kinds.owned().values():
        found += [(kind, row) for row in kind.read(person, limit=MOST + 1 - len(found))]
        if len(found) > MOST:
            break
    erased = _erase(person, found[:MOST])
    left = sum(
        listing.count(kind.collection(), kind.where(person))[0] for kind in kinds.owned().values()
    )
    if not left:
        _forget(person)
    return Erased(erased.erased, erased.detached, left)


def exported(person: Person) -> Shown:
    """Export all contributions of a person: plain values, dates in ISO 8601, nothing about anybody
    else and no key. Words are left out where only a browser is recognised."""
    if not person.known:
        raise unknown()
    body: Shown = {
        "portal": str(portal()["name"]),
        "exported_at": iso(now()),
        "account": str(person.user_id) if person.user_id else None,
    }
    for kind in kinds.owned().values():
        body[kind.section] = []
        while rows := kind.read(person, skip=len(body[kind.section]), limit=BATCH):
            body[kind.section] += kind.shown(person, rows)
    body["subscriptions"] = followed(person)
    return body | _traces(person, section=None)


def followed(person: Person) -> Shown:
    """Show an account's subscriptions, and its unsubscriptions."""
    shown = _traces(person, section=kinds.SUBSCRIPTIONS) | {"unsubscribed": _refused(person)}
    name = _Names(one["scope"] for some in shown.values() for one in some if "scope" in one)
    return {
        section: [one | {"name": name(one["scope"])} if "scope" in one else one for one in some]
        for section, some in shown.items()
    }


def _traces(person: Person, section: str | None) -> dict[str, list[Shown]]:
    """Show what is kept of a person besides their contributions, by name."""
    return {
        trace.name: trace.shown(person)
        for trace in kinds.TRACES.values()
        if trace.section == section
    }


def _refused(person: Person) -> list[Shown]:
    if person.user_id is None:
        return []
    mine = unsubscribe.unsubscribed().find({"user": person.user_id}).limit(SUBSCRIPTIONS)
    return [{"scope": one["scope"]} for one in mine]


def unknown() -> refusals.Unauthenticated:
    return refusals.Unauthenticated(
        _("Log in, or ask for a link by e-mail, to see what you said."),
        ways=["account", *(["email"] if access_link.is_offered() else []), "contributor_token"],
    )


class _Names:
    """Names of the scopes of mails, as far as they may be shown; looked up in bulk."""

    def __init__(self, scopes: Iterable[str]) -> None:
        ids: dict[str, set[ObjectId]] = {}
        for scope in scopes:
            kind, _colon, id = scope.partition(":")
            if ObjectId.is_valid(id):
                ids.setdefault(kind, set()).add(ObjectId(id))
        self.titles = {
            (kind.id, id): str(shown["title"])
            for kind in kinds.KINDS.values()
            if kind.titles and kind.id in ids
            for id, shown in kind.titles(ids[kind.id]).items()
        }
        self.datasets = catalogue.datasets_by_id(ids.get("dataset", ()))
        about = {id for kind in _OF_ORGANIZATIONS for id in ids.get(kind, ())}
        self.organizations = catalogue.organizations_by_id(about)

    def __call__(self, scope: str) -> str | None:
        if scope == unsubscribe.ALL:
            return str(_("All messages about feedback and requests"))
        kind, _colon, id = scope.partition(":")
        key = ObjectId(id) if ObjectId.is_valid(id) else None
        if key and (kind, key) in self.titles:
            return self.titles[kind, key]
        if kind == "dataset" and key in self.datasets:
            dataset = self.datasets[key]
            return dataset.title if catalogue.may_read(dataset) else None
        if kind in _OF_ORGANIZATIONS and key in self.organizations:
            return self.organizations[key].name
        return None


#: Scopes of mails followed by the id of an organization.
_OF_ORGANIZATIONS = ("organization", "requests-of", "digest-of", "answers-of", "contact-point")


def _confirmed(keys: Iterable[str], mailbox: str) -> Person:
    return Person({key: Viewer(key=key, kind=Kind.CONFIRMED) for key in keys}, mailbox=mailbox)


def _erase(person: Person, found: list[tuple[Owned, Document]]) -> Erased:
    detached = 0
    for kind, row in found:
        kind.erase(person, row)
        detached += kind.is_left(row)
    return Erased(len(found) - detached, detached, 0)


def _forget(person: Person) -> None:
    """Erase what is kept of a person besides their contributions: traces such as flags, their
    address, and the mails waiting for it."""
    for trace in kinds.TRACES.values():
        if trace.forget:
            trace.forget(person)
    ids = contact_ids(person)
    if ids:
        stored_outbox().delete_many({"user": {"$in": ids}})
        contacts.contacts().delete_many({"_id": {"$in": ids}})
