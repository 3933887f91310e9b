"""Publish a dataset of ours in udata: created once, then updated file by file. Nothing is written
where nothing has changed, and never in a dataset that is not ours."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId
from flask import current_app
from mongoengine.errors import ValidationError
from pymongo.errors import DuplicateKeyError
from udata.core import storages
from udata.core.dataset.constants import UpdateFrequency
from udata.core.dataset.models import Checksum, Dataset, License, Resource, Schema
from udata.core.storages.utils import CHECKSUM_TYPE, save_upload
from udata.i18n import lazy_gettext as _
from udata.mongo.datetime_fields import DateRange
from udata.tags import slug

from ..portal import catalogue
from ..portal.collections import now
from ..web import refusals
from ..web.untyped import Document, Shown
from .models import published
from .tables import Written

#: The lease of a publication: longer than the largest one takes.
CLAIM = timedelta(hours=1)


@dataclass(frozen=True)
class File:
    """A file to publish. `type`: one of udata's ("main", "documentation"). `schema`: the name of
    the file that is its schema."""

    name: str
    title: str
    description: str
    path: Path
    written: Written
    type: str = "main"
    schema: str | None = None


@dataclass(frozen=True)
class Sheet:
    """The description of a dataset."""

    title: str
    description: str
    tags: tuple[str, ...]
    frequency: UpdateFrequency
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class Published:
    """The result of a publication. `changed`: the names of the files, and of the fields of the
    dataset, that were written; empty where nothing had changed."""

    dataset: ObjectId
    page: str
    created: bool
    changed: tuple[str, ...]


def heading(text: Any) -> str:
    """Return a heading for the description of a dataset, in Markdown. `text`: translated already:
    gettext does not extract from inside an f-string."""
    return f"## {text}"


def dataset_of(name: str) -> catalogue.DatasetFacts | None:
    """Return the dataset under which something is published, if everybody may see it."""
    link = published().find_one({"_id": name, "created_at": {"$ne": None}}, {"dataset": 1})
    found = catalogue.find_dataset(link["dataset"]) if link else None
    return found if found and found.listed else None


def put(name: str, organization: ObjectId, sheet: Sheet, files: list[File]) -> Published:
    """Publish files under a name of ours, for an organization. Raise Conflict where the dataset was
    deleted, belongs to another organization by now, or is being published concurrently."""
    with _claimed(name) as link:
        dataset = Dataset.objects(id=link["dataset"]).first()
        if dataset is None and link.get("created_at"):
            raise refusals.Conflict(_("This dataset has been deleted: it is not published again."))
        _clean(link, dataset)
        _must_be_addressable()
        try:
            if dataset is None:
                dataset = _create(link, organization, sheet, files)
                changed = [file.name for file in files]
            else:
                _must_be_ours(dataset, organization)
                changed = _update_files(link, dataset, files)
                changed += _update_sheet(link, dataset, sheet)
        except ValidationError as error:
            _clean(link, Dataset.objects(id=link["dataset"]).first())
            message = _("The portal refuses this dataset: %(why)s", why=str(error))
            raise refusals.Conflict(message) from error
        if changed or not link.get("created_at"):
            _remember(link, sheet, files)
        facts = catalogue.find_dataset(dataset.id)
        page = facts.page if facts else ""
        return Published(dataset.id, page, not link.get("created_at"), tuple(changed))


@contextmanager
def _claimed(name: str) -> Iterator[Shown]:
    """Hold a lease on a publication and yield its record, created where there is none. Raise
    Conflict while another process holds it."""
    moment = now()
    free = {"_id": name, "$or": [{"claimed": None}, {"claimed": {"$lte": moment}}]}
    taken = {
        "$set": {"claimed": moment + CLAIM},
        "$setOnInsert": {"dataset": ObjectId(), "created_at": None},
    }
    try:
        published().update_one(free, taken, upsert=True)
    except DuplicateKeyError:
        raise refusals.Conflict(_("This is being published already.")) from None
    try:
        yield published().find_one({"_id": name}) or {}
    finally:
        published().update_one({"_id": name}, {"$set": {"claimed": None}})


def _must_be_addressable() -> None:
    """Raise Conflict where udata would refuse the address of a file, before any is written."""
    address = storages.resources.url("culture-feedback/file.csv", external=True)
    try:
        Resource(title="file", url=address).validate()
    except ValidationError as error:
        message = _(
            "The portal refuses the address of its own files (%(url)s): see SERVER_NAME and the "
            "addresses of storages in its settings. Nothing was written.",
            url=address,
        )
        raise refusals.Conflict(message) from error


def _clean(link: dict[str, Any], dataset: Dataset | None) -> None:
    """Delete the files that a failed run has stored and nothing refers to."""
    found = published().find_one({"_id": link["_id"]}, {"stored": 1}) or {}
    used = {resource.fs_filename for resource in dataset.resources} if dataset else set()
    for name in set(found.get("stored") or ()) - used:
        with suppress(FileNotFoundError):
            storages.resources.delete(name)
    published().update_one({"_id": link["_id"]}, {"$unset": {"stored": ""}})


def _must_be_ours(dataset: Dataset, organization: ObjectId) -> None:
    owner = dataset.organization.id if dataset.organization else None
    if dataset.deleted:
        raise refusals.Conflict(_("This dataset has been deleted: it is not published again."))
    if owner != organization:
        raise refusals.Conflict(_("This dataset belongs to another organization by now."))


def _create(link: Document, organization: ObjectId, sheet: Sheet, files: list[File]) -> Dataset:
    ids = {file.name: _resource_id(link["dataset"], file.name) for file in files}
    resources = []
    for file in files:
        resource = Resource(id=ids[file.name])
        _describe(resource, file, ids)
        _store(resource, file, link)
        resources.append(resource)
    dataset = Dataset(
        id=link["dataset"],
        organization=organization,
        resources=resources,
        extras={"culture-feedback:published": link["_id"]},
        **_fields(sheet),
    )
    dataset.save(force_insert=True)
    return dataset


def _update_files(link: Document, dataset: Dataset, files: list[File]) -> list[str]:
    """Write the files whose content has changed, add missing ones, remove those of ours no longer
    published; return their names."""
    known = {one["name"]: one for one in link.get("files") or ()}
    ids = {file.name: _resource_id(dataset.id, file.name) for file in files}
    there = {resource.id: resource for resource in dataset.resources}
    changed = []
    for file in files:
        resource = there.get(ids[file.name])
        if resource and known.get(file.name) == _summary(file):
            continue
        changed.append(file.name)
        if resource is None:
            resource = Resource(id=ids[file.name])
            _describe(resource, file, ids)
            _store(resource, file, link)
            dataset.add_resource(resource)
            continue
        before = resource.fs_filename
        _describe(resource, file, ids)
        _store(resource, file, link)
        dataset.update_resource(resource)
        if before:
            with suppress(FileNotFoundError):
                storages.resources.delete(before)
    for name in known.keys() - ids.keys():
        resource = there.get(_resource_id(dataset.id, name))
        if resource:
            dataset.remove_resource(resource)
            changed.append(name)
    return changed


def _update_sheet(link: Document, dataset: Dataset, sheet: Sheet) -> list[str]:
    """Write the fields of the dataset that have changed and that nobody else has edited since;
    return their names."""
    before = link.get("written") or {}
    changed = []
    for field, value in _fields(sheet).items():
        wanted, stands = _plain(value), _plain(getattr(dataset, field))
        if field in before and wanted != before[field] and stands == before[field] != wanted:
            setattr(dataset, field, value)
            changed.append(field)
    if changed:
        dataset.save()
    return changed


def _remember(link: Document, sheet: Sheet, files: list[File]) -> None:
    moment = now()
    published().update_one(
        {"_id": link["_id"]},
        {
            "$set": {
                "files": [_summary(file) for file in files],
                "written": {field: _plain(value) for field, value in _fields(sheet).items()},
                "created_at": link.get("created_at") or moment,
                "published_at": moment,
            },
            "$unset": {"stored": ""},
        },
    )


def _fields(sheet: Sheet) -> Shown:
    licence = current_app.config["CULTURE_FEEDBACK_OPEN_DATA_LICENSE"]
    fields: Shown = {
        "title": sheet.title,
        "description": sheet.description,
        "tags": sorted({slug(tag) for tag in sheet.tags}),
        "license": (License.objects(id=licence).first() if licence else None) or License.default(),
        "frequency": sheet.frequency,
    }
    if sheet.start:
        fields["temporal_coverage"] = DateRange(start=sheet.start, end=sheet.end)
    return fields


def _plain(value: Any) -> Any:
    """Return a field of a dataset in a form that can be compared and stored."""
    if isinstance(value, DateRange):
        return f"{value.start}/{value.end}"
    if isinstance(value, (list, tuple)):
        return ",".join(sorted(value))
    if value is None or isinstance(value, str):
        return str(value or "")
    return str(value.id)


def _summary(file: File) -> dict[str, str]:
    return {
        "name": file.name,
        "title": file.title,
        "description": file.description,
        "digest": file.written.digest,
    }


def _resource_id(dataset: ObjectId, name: str) -> uuid.UUID:
    """Return the id of a file of ours: derived from the dataset and its name, so that it is found
    again."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{dataset}/{name}")


def _describe(resource: Resource, file: File, ids: dict[str, uuid.UUID]) -> None:
    resource.title = file.title
    resource.description = file.description
    resource.type = file.type
    if file.schema:
        # The permanent address, whatever replaces the file.
        resource.schema = Schema(url=Resource(id=ids[file.schema]).latest)


def _store(resource: Resource, file: File, link: dict[str, Any]) -> None:
    """Put the file in udata's storage, some bytes at a time, and remember it until the dataset
    refers to it."""
    prefix = f"culture-feedback/{link['dataset']}/{now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
    with file.path.open("rb") as source:
        stored = save_upload(storages.resources, source, file.name, prefix)
    published().update_one({"_id": link["_id"]}, {"$push": {"stored": stored["fs_filename"]}})
    resource.url = stored["url"]
    resource.fs_filename = stored["fs_filename"]
    resource.checksum = Checksum(type=CHECKSUM_TYPE, value=stored[CHECKSUM_TYPE])
    resource.filesize = stored["size"]
    resource.mime = stored["mime"]
    resource.format = stored["format"]
    resource.last_modified_internal = stored["last_modified_internal"]
