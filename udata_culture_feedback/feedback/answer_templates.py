"""Answer templates of an organization: kept once, filled in for each feedback.

A template is plain text in which `{title}`, `{date}`, `{organization}` and `{fitness}` (or their
French names) are placeholders. Nothing else in it is interpreted, and inserted text is not
interpreted again: a title in braces stays a title.
"""

from __future__ import annotations

import re
from typing import Any

from bson import ObjectId
from mongoengine.fields import DateTimeField, ObjectIdField, StringField
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from .. import vocabulary
from ..contributions.discussions import portal_language
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts, OrganizationFacts
from ..portal.collections import acknowledged, now
from ..web import refusals
from ..web.languages import speaking
from ..web.moments import in_words as day_in_words
from ..web.moments import iso
from ..web.payload import Payload, Reading
from ..web.untyped import Shown
from .models import Feedback

Template = dict[str, Any]

#: Maximum number of templates of one organization.
MOST = 50
NAME_LENGTH = 100
TEXT_LENGTH = 5000

#: Placeholder of a template → the value it stands for.
PLACEHOLDERS = {
    "title": "title",
    "titre": "title",
    "date": "date",
    "organization": "organization",
    "organisation": "organization",
    "fitness": "fitness",
    "avis": "fitness",
}
PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")


class CultureFeedbackAnswerTemplate(Document):
    """An answer template that the members of an organization can choose. Dates are naive UTC."""

    organization = ObjectIdField(required=True)
    name = StringField(required=True)
    text = StringField(required=True)
    by = ObjectIdField()
    created_at = DateTimeField(required=True)
    last_modified = DateTimeField(required=True)

    meta = {
        "strict": False,
        "collection": "culture_feedback_answer_templates",
        "indexes": [{"fields": ["organization", "name"], "unique": True}],
    }


def answer_templates() -> Collection[Any]:
    return acknowledged(CultureFeedbackAnswerTemplate)


def listed(viewer: Viewer, organization: Any) -> list[Template]:
    """List the templates of an organization, by name. Raise Unauthenticated, NotFound,
    Forbidden."""
    return of_organization(_managed(viewer, organization).id)


def of_organization(organization: ObjectId | None) -> list[Template]:
    """List the templates of an organization, by name, for a viewer already known to treat its
    feedback."""
    if organization is None:
        return []
    found = answer_templates().find({"organization": organization})
    return list(found.sort("name", 1).limit(MOST))


def add(viewer: Viewer, organization: Any, payload: Payload) -> Template:
    """Keep a new template: `name` and `text`. Raise what `listed` raises, ReadOnly, TooMany, and
    Invalid naming the field: no name, a name that is taken, too long, one template too many."""
    holder = _managed(viewer, organization, writing=True)
    values = _read(payload)
    if answer_templates().count_documents({"organization": holder.id}, limit=MOST) >= MOST:
        message = _("An organization has %(n)d answers at most.", n=MOST)
        raise refusals.Invalid(message, {"name": message})
    template = {
        "_id": ObjectId(),
        "organization": holder.id,
        **values,
        "by": viewer.user_id,
        "created_at": now(),
        "last_modified": now(),
    }
    _refuse_taken(template)
    answer_templates().insert_one(template)
    return template


def change(viewer: Viewer, organization: Any, template_id: Any, payload: Payload) -> Template:
    """Replace a template. Answers already given with it stay as they are. Raise what `add`
    raises."""
    holder = _managed(viewer, organization, writing=True)
    template = _one(holder.id, template_id)
    template |= {**_read(payload), "by": viewer.user_id, "last_modified": now()}
    _refuse_taken(template)
    answer_templates().replace_one({"_id": template["_id"]}, template)
    return template


def remove(viewer: Viewer, organization: Any, template_id: Any) -> None:
    """Delete a template. Raise what `listed` raises, ReadOnly, TooMany."""
    holder = _managed(viewer, organization, writing=True)
    answer_templates().delete_one({"_id": _one(holder.id, template_id)["_id"]})


def forget_organization(organization: ObjectId) -> None:
    """Delete the templates of an organization that is gone for good."""
    answer_templates().delete_many({"organization": organization})


def rendered(dataset: DatasetFacts, feedback: Feedback, template_id: str) -> str:
    """Return the text of a template filled in for one feedback, in the portal's language: it is
    public. Raise Invalid naming `template` where the organization of the dataset has no such
    template."""
    return filled_in(text_of(dataset.organization, template_id), dataset, feedback)


def text_of(organization: ObjectId | None, template_id: str) -> str:
    """Return the text of a template as it is kept. Raise Invalid naming `template` where the
    organization has no such template."""
    wanted = ObjectId(template_id) if ObjectId.is_valid(template_id) else None
    found = answer_templates().find_one({"_id": wanted, "organization": organization})
    if found is None or organization is None:
        message = _("The organization of these data has no such answer.")
        raise refusals.Invalid(message, {"template": message})
    text: str = found["text"]
    return text


def filled_in(text: str, dataset: DatasetFacts, feedback: Feedback) -> str:
    """Fill in the placeholders of a text for one feedback, in the portal's language."""
    organization = catalogue.find_organization(dataset.organization)
    with speaking(portal_language()):
        values = {
            "title": dataset.title,
            "date": day_in_words(feedback["created_at"]),
            "organization": organization.name if organization else "",
            "fitness": vocabulary.vocabularies().label("fitness", feedback["fitness"]),
        }
    return PLACEHOLDER.sub(lambda found: values[PLACEHOLDERS[found[1]]], text)


def as_json(template: Template) -> Shown:
    return {
        "id": str(template["_id"]),
        "name": template["name"],
        "text": template["text"],
        "last_modified": iso(template["last_modified"]),
    }


def _managed(viewer: Viewer, reference: Any, *, writing: bool = False) -> OrganizationFacts:
    """Return an organization for which the viewer speaks. Raise Unauthenticated, ReadOnly,
    NotFound, TooMany, Forbidden."""
    must_be_known(viewer) if writing else _must_be_logged_in(viewer)
    organization = catalogue.find_organization(reference)
    if organization is None or organization.deleted:
        raise refusals.NotFound(_("There is no such organization."))
    speaks = viewer.sysadmin or catalogue.may_speak_for(organization.id)
    if writing:
        spend_write(viewer, manages=speaks)
    if not speaks:
        raise refusals.Forbidden(_("Only its administrators and editors may do that."))
    return organization


def _must_be_logged_in(viewer: Viewer) -> None:
    if not viewer.account:
        raise refusals.Unauthenticated(_("Log in to answer users."))


def _one(organization: ObjectId, template_id: Any) -> Template:
    found = None
    if ObjectId.is_valid(template_id):
        found = answer_templates().find_one(
            {"_id": ObjectId(template_id), "organization": organization}
        )
    if found is None:
        raise refusals.NotFound(_("There is no such answer."))
    value: Template = found
    return value


def _read(payload: Payload) -> Shown:
    reading = Reading(payload)
    reading.text("name", NAME_LENGTH, required=True, one_line=True)
    reading.text("text", TEXT_LENGTH, required=True)
    return reading.checked()


def _refuse_taken(template: Template) -> None:
    same = {"organization": template["organization"], "name": template["name"]}
    if answer_templates().find_one(same | {"_id": {"$ne": template["_id"]}}, {"_id": 1}):
        message = _("Another answer has this name.")
        raise refusals.Invalid(message, {"name": message})
