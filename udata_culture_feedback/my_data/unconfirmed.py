"""Contributions sent with an address and not confirmed yet, as the owner of the address controls
them."""

from __future__ import annotations

import json

from bson import ObjectId
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _

from ..contributions import kinds, owned
from ..contributions.kinds import Kind
from ..contributions.owned import Entry, Owned, Person, Row, Shown
from ..email_confirmation import confirmation
from ..people import contacts
from ..portal.collections import now
from ..web.moments import iso
from ..web.untyped import Query


class OwnUnconfirmed(Owned):
    """Unconfirmed contributions: the owner of the address may not have typed them, but may erase
    them."""

    kind = "unconfirmed"
    section = "unconfirmed"
    label = many = _("Waiting to be confirmed by e-mail")

    def collection(self) -> Collection[Row]:
        return confirmation.unconfirmed()

    def where(self, person: Person) -> Query:
        return {"contact": {"$in": contact_ids(person)}, "expires_at": {"$gt": now()}}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "action": row["action"],
                "sent": json.loads(row["payload"]),
                "created_at": iso(row["created_at"]),
                "expires_at": iso(row["expires_at"]),
            }
            for row in rows
        ]

    def entries(self, person: Person, items: list[Shown]) -> list[Entry]:
        labels = {
            str(kind.by_email.action): str(kind.owned.label)
            for kind in kinds.KINDS.values()
            if kind.by_email and kind.owned
        }
        return [self._entry(item, labels[item["action"]]) for item in items]

    def _entry(self, item: Shown, title: str) -> Entry:
        sent = item["sent"]
        words = [
            ("", sent[name])
            for name in ("title", "comment", "description", "name")
            if isinstance(sent.get(name), str) and sent[name]
        ]
        hint = str(_("It is erased by itself unless it is confirmed within 24 hours."))
        return owned.entry(item, title=title, words=words, hint=hint)

    def erase(self, person: Person, row: Row) -> None:
        confirmation.unconfirmed().delete_one({"_id": row["_id"]})
        contacts.erase(row["contact"])


def contact_ids(person: Person) -> list[ObjectId]:
    """Find the ids under which this person's address is stored for now."""
    if person.mailbox is None:
        return []
    return [one["_id"] for one in contacts.contacts().find({"person": person.mailbox}, {"_id": 1})]


UNCONFIRMED = Kind("unconfirmed", owned=OwnUnconfirmed())
