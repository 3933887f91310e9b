"""Remember which datasets of udata are ours, and what we last wrote in them. Stored here, since
anybody who may edit a dataset can change what it says of itself."""

from __future__ import annotations

from mongoengine.fields import DateTimeField, DictField, ListField, ObjectIdField, StringField
from pymongo.collection import Collection
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import acknowledged


class CultureFeedbackPublished(Document):
    """A dataset that we publish. Its id says of what: `consultation:<id>`, `site`.

    `dataset`: its id, allocated before it exists. `created_at`: when it was created. `files`: the
    name of each file and the digest of its content. `written`: what we last wrote of the dataset
    itself, by field; what others have written there since stays. `claimed`: the end of the lease of
    the process that publishes it.
    """

    id = StringField(primary_key=True)
    dataset = ObjectIdField(required=True)
    created_at = DateTimeField()
    published_at = DateTimeField()
    files = ListField(DictField())
    written = DictField()
    claimed = DateTimeField()

    meta = {"strict": False, "indexes": ["dataset"]}


def published() -> Collection:
    return acknowledged(CultureFeedbackPublished)
