"""Read udata's own objects: datasets, organizations, users.

udata's converters and references load a dataset with all its files (300 ms for 2,000 of them), so
we read raw documents with a projection. Nothing here writes, except the metrics that udata's own
API shows beside the object, set by atomic updates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin

from bson import ObjectId
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from flask import current_app, g
from flask_principal import Permission as NeedAnyOf
from flask_principal import RoleNeed
from pymongo.collation import Collation
from pymongo.collection import Collection
from udata.auth import current_user
from udata.core.dataset.constants import UpdateFrequency
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Organization
from udata.core.organization.permissions import (
    AssignmentNeed,
    OrganizationAdminNeed,
    OrganizationEditorNeed,
    OrganizationNeed,
    OrganizationPartialEditorNeed,
)
from udata.core.user.models import Role, User
from udata.mongo.slug_fields import SlugFollow

from ..web.text_cleaning import is_storable
from ..web.untyped import Document, Query, Shown
from ..web.urls import own_url

ADMIN = RoleNeed("admin")

#: The name of our index on udata's collection of datasets; only speed depends on it.
REMOTE_INDEX = "culture_feedback_remote_id"

#: Compares without regard to case.
ANY_CASE = Collation("en", strength=2)


def front_end(path: str) -> str | None:
    """Return an address of the front-end, as udata's `cdata_url` does, but fast enough for lists:
    the base is parsed once, not for each item. None on a portal without a front-end."""
    base = current_app.config["CDATA_BASE_URL"]
    return _root(base) + path if base else None


@lru_cache(maxsize=8)
def _root(base: str) -> str:
    return urljoin(base, "/")


@dataclass(frozen=True)
class DatasetFacts:
    """The few fields of a dataset that we need. Dates are naive UTC, as MongoDB returns them."""

    id: ObjectId
    title: str
    slug: str | None
    private: bool
    deleted: datetime | None
    archived: datetime | None
    owner: ObjectId | None
    organization: ObjectId | None
    last_update: datetime
    frequency: UpdateFrequency
    tags: frozenset[str] = frozenset()

    FIELDS = (
        "title",
        "slug",
        "private",
        "deleted",
        "archived",
        "owner",
        "organization",
        "last_update",
        "created_at_internal",
        "frequency",
        "tags",
    )

    @classmethod
    def of(cls, raw: Document) -> DatasetFacts:
        created = raw.get("created_at_internal") or raw["_id"].generation_time.replace(tzinfo=None)
        return cls(
            id=raw["_id"],
            title=raw.get("title") or "",
            slug=raw.get("slug"),
            private=bool(raw.get("private")),
            deleted=raw.get("deleted"),
            archived=raw.get("archived"),
            owner=_id(raw.get("owner")),
            organization=_id(raw.get("organization")),
            last_update=raw.get("last_update") or created,
            frequency=_frequency(raw.get("frequency")),
            tags=frozenset(raw.get("tags") or ()),
        )

    @property
    def listed(self) -> bool:
        """Whether everybody may see it."""
        return not self.private and not self.deleted

    @property
    def page(self) -> str:
        """Its page on the front-end, or its API address on a portal without one."""
        link = self.slug or self.id
        return front_end(f"datasets/{link}") or own_url("api.dataset", dataset=link)

    def as_json(self) -> Shown:
        return {"id": str(self.id), "title": self.title, "page": self.page}


@dataclass(frozen=True)
class OrganizationFacts:
    """The few fields of an organization that we need."""

    id: ObjectId
    name: str
    slug: str | None
    deleted: datetime | None
    acronym: str | None = None

    FIELDS = ("name", "slug", "deleted", "acronym")

    @classmethod
    def of(cls, raw: Document) -> OrganizationFacts:
        said = (raw.get(field) for field in cls.FIELDS[1:])
        return cls(raw["_id"], raw.get("name") or "", *said)

    @property
    def page(self) -> str:
        link = self.slug or self.id
        return front_end(f"organizations/{link}") or own_url("api.organization", org=link)

    def as_json(self) -> Shown:
        return {"id": str(self.id), "name": self.name, "page": self.page}


@dataclass(frozen=True)
class UserFacts:
    """The few fields of a user that are public. A deleted account has no name."""

    id: ObjectId
    name: str | None
    slug: str | None
    deleted: datetime | None

    FIELDS = ("first_name", "last_name", "slug", "deleted")

    @classmethod
    def of(cls, raw: Document) -> UserFacts:
        name = f"{raw.get('first_name') or ''} {raw.get('last_name') or ''}".strip()
        deleted = raw.get("deleted")
        return cls(raw["_id"], None if deleted else name, raw.get("slug"), deleted)

    @property
    def page(self) -> str:
        link = self.slug or self.id
        return front_end(f"users/{link}") or own_url("api.user", user=link)

    def as_json(self) -> Shown:
        return {"id": str(self.id), "name": self.name, "page": self.page}


def find_dataset(reference: Any) -> DatasetFacts | None:
    """Return a dataset by id, slug or old slug (plain text: anything else finds nothing)."""
    raw = _find(Dataset, reference, DatasetFacts.FIELDS)
    return DatasetFacts.of(raw) if raw else None


def find_with(reference: Any, stages: list[Query]) -> bytes | None:
    """Return a dataset with the fields of `find_dataset` and what these pipeline stages add, as the
    BSON of one document, in one command (two more for an old slug); None where there is no such
    dataset."""
    named = _named(reference)
    if named is None:
        return None
    fields = _projection(DatasetFacts.FIELDS)
    first: list[Query] = [{"$match": named}, {"$limit": 1}, {"$project": fields}]
    # Not `aggregate_raw_batches`, which takes two commands: its first batch is empty.
    datasets = _raw(Dataset).with_options(codec_options=DEFAULT_RAW_BSON_OPTIONS)
    found: Any = next(datasets.aggregate([*first, *stages]), None)
    if found is None and isinstance(reference, str):
        followed = find_dataset(reference)
        return find_with(followed.id, stages) if followed else None
    return bytes(found.raw) if found else None


def find_remote(remote_id: Any, source: Any) -> DatasetFacts | None:
    """Return a harvested dataset by its id on its original portal. `source`: the domain of that
    portal, or the id of the harvest source. None where several datasets match."""
    if not isinstance(remote_id, str) or not remote_id or not is_storable(remote_id):
        return None
    where: Query = {"harvest.remote_id": remote_id, "deleted": None}
    if source:
        if not isinstance(source, str) or not is_storable(source):
            return None
        where["$or"] = [{"harvest.domain": source}, {"harvest.source_id": source}]
    found = list(_raw(Dataset).find(where, _projection(DatasetFacts.FIELDS)).limit(2))
    return DatasetFacts.of(found[0]) if len(found) == 1 else None


def datasets_where(where: Query, limit: int) -> list[DatasetFacts]:
    """Return the first datasets that a query of udata's own fields selects."""
    found = _raw(Dataset).find(where, _projection(DatasetFacts.FIELDS)).limit(limit)
    return [DatasetFacts.of(raw) for raw in found]


def build_remote_index() -> None:
    """Build the index that `find_remote` needs: udata has none on it."""
    _raw(Dataset).create_index("harvest.remote_id", name=REMOTE_INDEX, sparse=True)


def find_organization(reference: Any) -> OrganizationFacts | None:
    """Return an organization by id, slug or old slug."""
    raw = _find(Organization, reference, OrganizationFacts.FIELDS)
    return OrganizationFacts.of(raw) if raw else None


def datasets_by_reference(references: Iterable[str]) -> list[DatasetFacts]:
    """Return the datasets with one of these ids or slugs, in one query. Old slugs are not followed:
    lists know their datasets by id."""
    references = list(references)
    ids = [ObjectId(r) for r in references if ObjectId.is_valid(r)]
    found = _raw(Dataset).find(
        {"$or": [{"_id": {"$in": ids}}, {"slug": {"$in": references}}]},
        _projection(DatasetFacts.FIELDS),
    )
    return [DatasetFacts.of(raw) for raw in found]


def datasets_by_id(ids: Iterable[ObjectId]) -> dict[ObjectId, DatasetFacts]:
    return {raw["_id"]: DatasetFacts.of(raw) for raw in _by_id(Dataset, ids, DatasetFacts.FIELDS)}


def organizations_by_id(ids: Iterable[ObjectId]) -> dict[ObjectId, OrganizationFacts]:
    found = _by_id(Organization, ids, OrganizationFacts.FIELDS)
    return {raw["_id"]: OrganizationFacts.of(raw) for raw in found}


def users_by_id(ids: Iterable[ObjectId]) -> dict[ObjectId, UserFacts]:
    return {raw["_id"]: UserFacts.of(raw) for raw in _by_id(User, ids, UserFacts.FIELDS)}


def myself() -> dict[ObjectId, UserFacts]:
    """Return the current user, as `users_by_id` would, without a query. Empty for anonymous
    users."""
    if current_user.is_anonymous:
        return {}
    name = current_user.fullname
    deleted = current_user.deleted
    facts = UserFacts(current_user.id, None if deleted else name, current_user.slug, deleted)
    return {facts.id: facts}


def has_resource(dataset: ObjectId, resource: str) -> bool:
    """Return whether a dataset has a file with this id."""
    return (
        _raw(Dataset).find_one({"_id": dataset, "resources._id": resource}, {"_id": 1}) is not None
    )


def may_read(dataset: DatasetFacts) -> bool:
    """Return whether the current user may read a dataset, as udata's `OwnableReadPermission`:
    everybody reads what is neither private nor deleted; otherwise only its owner, any member of its
    organization and sysadmins do."""
    if dataset.listed:
        return True
    if current_user.is_anonymous:
        return False
    needs = [ADMIN]
    if dataset.organization:
        needs += [
            OrganizationAdminNeed(dataset.organization),
            OrganizationEditorNeed(dataset.organization),
            OrganizationPartialEditorNeed(dataset.organization),
        ]
    return NeedAnyOf(*needs).can() or _owns(dataset)


def may_edit(dataset: DatasetFacts) -> bool:
    """Return whether the current user may edit a dataset, as udata's `OwnablePermission`: its
    owner, an admin or editor of its organization, a partial editor it is assigned to, a
    sysadmin."""
    if current_user.is_anonymous:
        return False
    return NeedAnyOf(ADMIN).can() or produces(dataset)


def produces(dataset: DatasetFacts) -> bool:
    """Return whether the current user is a producer of a dataset: they may edit it, and not only as
    a sysadmin, who speaks for nobody."""
    if current_user.is_anonymous:
        return False
    if not dataset.organization:
        return _owns(dataset)
    return NeedAnyOf(
        OrganizationAdminNeed(dataset.organization),
        OrganizationEditorNeed(dataset.organization),
        AssignmentNeed("Dataset", dataset.id),
    ).can()


def may_speak_for(organization: ObjectId) -> bool:
    """Return whether the current user may sign with the name of an organization: its admins and
    editors (as udata's `organization_voice_needs`; a partial editor speaks for it only on what is
    assigned)."""
    if current_user.is_anonymous:
        return False
    return NeedAnyOf(
        OrganizationAdminNeed(organization), OrganizationEditorNeed(organization)
    ).can()


def belongs_to(organization: ObjectId) -> bool:
    """Return whether the current user is a member of an organization, whatever their role there."""
    if current_user.is_anonymous:
        return False
    return NeedAnyOf(
        OrganizationAdminNeed(organization),
        OrganizationEditorNeed(organization),
        OrganizationPartialEditorNeed(organization),
    ).can()


def spoken_for() -> list[OrganizationFacts]:
    """Return the organizations whose name the current user may sign with, sorted by name."""
    if current_user.is_anonymous:
        return []
    found = organizations_by_id(
        need.value
        for need in g.identity.provides
        if isinstance(need, OrganizationNeed) and need.role in ("admin", "editor")
    )
    return sorted((o for o in found.values() if not o.deleted), key=lambda o: o.name)


def admins_of(organization: ObjectId) -> list[ObjectId]:
    """Return the accounts told what happens to an organization: its admins, as for udata's own
    mails."""
    found = _raw(Organization).find_one({"_id": organization, "deleted": None}, {"members": 1})
    members = (found or {}).get("members") or []
    return [_id(member["user"]) for member in members if member.get("role") == "admin"]  # type: ignore[misc]


def members_of(organization: ObjectId) -> list[ObjectId]:
    """Return the accounts of an organization, whatever their role."""
    found = _raw(Organization).find_one({"_id": organization, "deleted": None}, {"members": 1})
    return [_id(member["user"]) for member in (found or {}).get("members") or []]  # type: ignore[misc]


def badges_of(organization: ObjectId) -> set[str]:
    """Return the kinds of an organization's badges."""
    found = _raw(Organization).find_one({"_id": organization, "deleted": None}, {"badges": 1})
    return {badge["kind"] for badge in (found or {}).get("badges") or []}


def user_of_email(email: str) -> ObjectId | None:
    """Return the account with an e-mail address, in any case; None for unknown addresses and
    deleted accounts."""
    exactly = {"email": email.strip(), "deleted": None}
    found = _raw(User).find_one(exactly, {"_id": 1}, collation=ANY_CASE)
    return found["_id"] if found else None


def sysadmins() -> list[ObjectId]:
    """Return the accounts that administer the portal."""
    role = _raw(Role).find_one({"name": "admin"}, {"_id": 1})
    found = _raw(User).find({"roles": role["_id"], "deleted": None}, {"_id": 1}) if role else ()
    return [user["_id"] for user in found]


def set_metrics(model: type, id: ObjectId, **metrics: int) -> None:
    """Write metrics of ours beside udata's own, without loading or saving the object."""
    _raw(model).update_one(
        {"_id": id}, {"$set": {f"metrics.{key}": value for key, value in metrics.items()}}
    )


def _owns(dataset: DatasetFacts) -> bool:
    return dataset.organization is None and current_user.id == dataset.owner


def _raw(model: Any) -> Collection:
    return model._get_collection()


def _projection(fields: Iterable[str]) -> dict[str, int]:
    return {field: 1 for field in fields}


def _by_id(model: Any, ids: Iterable[ObjectId], fields: Iterable[str]) -> list[Document]:
    ids = {id for id in ids if id}
    if not ids:
        return []
    return list(_raw(model).find({"_id": {"$in": list(ids)}}, _projection(fields)))


def _find(model: Any, reference: Any, fields: Iterable[str]) -> Document | None:
    named = _named(reference)
    if named is None:
        return None
    found = _raw(model).find_one(named, _projection(fields))
    if found is None and isinstance(reference, str):
        follow = _raw(SlugFollow).find_one({"namespace": model.__name__, "old_slug": reference})
        if follow:
            found = _raw(model).find_one({"slug": follow["new_slug"]}, _projection(fields))
    return found


def _named(reference: Any) -> Query | None:
    """Select the object with an id or a slug; None for what cannot be either."""
    if isinstance(reference, ObjectId):
        return {"_id": reference}
    if not isinstance(reference, str) or not is_storable(reference):
        return None
    if ObjectId.is_valid(reference):
        return {"$or": [{"_id": ObjectId(reference)}, {"slug": reference}]}
    return {"slug": reference}


def _frequency(stored: Any) -> UpdateFrequency:
    """Parse a frequency; a value that udata no longer knows, left by an import, must not break a
    list."""
    try:
        return UpdateFrequency(stored or UpdateFrequency.UNKNOWN)
    except ValueError:
        return UpdateFrequency.UNKNOWN


def _id(reference: Any) -> ObjectId | None:
    """Return the id of a reference, stored as an id or, by old versions of udata, as a DBRef."""
    return getattr(reference, "id", reference)
