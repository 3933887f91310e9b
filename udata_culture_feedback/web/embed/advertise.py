"""Link to us from portals that can add nothing to their front-end: cdata shows, above the tabs of a
dataset, the first of the « external recommendations » in its extras, a sentence and a button.

The extras are the dataset's: our link is appended to what is there, and removed again, each in one
atomic update that changes no date and records no activity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from flask import current_app
from pymongo import UpdateOne
from udata.core.dataset.models import Dataset
from udata.i18n import lazy_gettext as _

from ..languages import speaking
from ..untyped import Document, Query, Shown
from ..urls import pages_url

#: The extra that cdata reads.
KEY = "recommendations-externals"
#: The mark of our recommendations among those of others.
SOURCE = "udata-culture-feedback"
SCORE = 100
BATCH = 500

TITLE = _("Do these data meet your need?")
MESSAGE = _("Answer in one click, tell the producer what is missing, or ask for other data.")
BUTTON = _("Give my opinion")

#: Datasets that everybody may see.
PUBLIC = {"private": {"$ne": True}, "deleted": None, "archived": None}


def advertise(where: Query) -> int:
    """Add the link to the public datasets of a MongoDB query, or update it there; return how many
    changed."""
    found = Dataset._get_collection().find(PUBLIC | where, {"slug": 1})
    return _write(UpdateOne({"_id": one["_id"]}, _adding(one)) for one in found)


def withdraw(where: Query) -> int:
    """Remove the link from all datasets of a query; return how many had it."""
    found = Dataset._get_collection().find(where | {f"extras.{KEY}.source": SOURCE}, {"_id": 1})
    return _write(UpdateOne({"_id": one["_id"]}, _removing()) for one in found)


def _write(updates: Iterable[UpdateOne]) -> int:
    changed = 0
    updates = iter(updates)
    while batch := list(islice(updates, BATCH)):
        changed += Dataset._get_collection().bulk_write(batch, ordered=False).modified_count
    return changed


def _adding(dataset: Document) -> list[Query]:
    both = {"$concatArrays": [_of_others(), [{"$literal": _call(dataset)}]]}
    return [{"$set": {f"extras.{KEY}": both}}]


def _removing() -> list[Query]:
    """Remove our link; the extra goes too where nothing of others remains."""
    rest = {"$cond": [{"$eq": [_of_others(), []]}, "$$REMOVE", _of_others()]}
    return [{"$set": {f"extras.{KEY}": rest}}]


def _of_others() -> Query:
    there = {"$cond": [{"$isArray": f"$extras.{KEY}"}, f"$extras.{KEY}", []]}
    return {"$filter": {"input": there, "cond": {"$ne": ["$$this.source", SOURCE]}}}


def _call(dataset: Document) -> Shown:
    return {
        "id": pages_url(f"datasets/{dataset.get('slug') or dataset['_id']}/"),
        "type": "external",
        "source": SOURCE,
        "score": SCORE,
        "reason": "feedback",
        "messages": dict(_messages()),
    }


def _messages() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the words of the link by language. cdata falls back on French, which is always
    there."""
    for language in sorted({"fr", "en"} & {*current_app.config["LANGUAGES"], "fr"}):
        with speaking(language):
            said = {"title": TITLE, "message": MESSAGE, "button": BUTTON}
            yield language, {name: str(text) for name, text in said.items()}
