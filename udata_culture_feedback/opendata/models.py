"""Which datasets of udata are ours, and what we last wrote in them. Kept here: what a dataset says
of itself, anybody who may edit it can write."""

from __future__ import annotations

from mongoengine.fields import DateTimeField, DictField, ListField, ObjectIdField, StringField
from pymongo.collection import Collection
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import acknowledged


class CultureFeedbackPublished(Document):
    """A dataset that we publish. The id says of what: `consultation:<id>`, `site`.

    `dataset`: its id, allocated before it exists. `created_at`: since when it does. `files`: the
    name of each file and the digest of what it says. `written`: what we last wrote of the dataset
    itself, by field; what somebody has written there since stays. `claimed`: until when somebody is
    publishing it.
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
