"""The sample cultural catalogue (``catalogue.toml``), and its loading into an empty database.

Everything is created through udata's models, and only what the database does not have yet: an
interrupted load is completed by the next one.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from mongoengine import Q
from udata.core.dataset.constants import UpdateFrequency
from udata.core.dataset.models import Dataset, HarvestDatasetMetadata, License, Resource
from udata.core.organization.assignment import Assignment
from udata.core.organization.models import Member, Organization, OrganizationBadge
from udata.core.spatial.models import GeoLevel, GeoZone, SpatialCoverage
from udata.core.user.models import User
from udata.mongo.datetime_fields import DateRange

from . import accounts

CATALOGUE = Path(__file__).with_name("catalogue.toml")

REMOTE_PORTAL = "https://portail-culture.example.org"
"""The portal some datasets are said to be harvested from."""
REMOTE_SOURCE = "63a1c0de0000000000000001"

REMOTE_ID = "demo:remote_id"
"""The key of a dataset's extras that tells which one of the catalogue it is, even renamed."""

SHOWCASE = "frequentation-des-musees-de-france"
"""The dataset to show first: many answers, a long description, several files."""


@cache
def _entries() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))


def remote_ids() -> list[str]:
    """List the ids of the sample datasets, as their portal of origin names them."""
    return [entry["remote_id"] for entry in _entries()["datasets"]]


def organization_names() -> dict[str, str]:
    """Return the names of the sample organizations, by the id in ``catalogue.toml``."""
    return {entry["id"]: entry["name"] for entry in _entries()["organizations"]}


def find_datasets() -> dict[str, Dataset]:
    """Find the sample datasets in the database, without their resources, by remote id."""
    datasets = Dataset.objects(__raw__={f"extras.{REMOTE_ID}": {"$in": remote_ids()}})
    return {dataset.extras[REMOTE_ID]: dataset for dataset in datasets.exclude("resources")}


def load_catalogue() -> int:
    """Create the missing organizations and datasets, and what they need.

    The accounts have to exist. Return how many datasets were created.
    """
    known = find_datasets()
    missing = [entry for entry in _entries()["datasets"] if entry["remote_id"] not in known]
    if missing:
        licence = _licence()
        zone = _france()
        organizations = _organizations()
        for entry in missing:
            _create_dataset(entry, licence, zone, organizations)
        _assign_partial_editor()
    return len(missing)


def _licence() -> License:
    existing = License.objects(id="lov2").first()
    return (
        existing
        or License(
            id="lov2",
            title="Licence Ouverte / Open Licence version 2.0",
            url="https://www.etalab.gouv.fr/licence-ouverte-open-licence",
            active=True,
        ).save()
    )


def _france() -> GeoZone:
    if not GeoLevel.objects(id="country").first():
        GeoLevel(id="country", name="Pays", admin_level=20).save()
    existing = GeoZone.objects(id="country:fr").first()
    return (
        existing
        or GeoZone(id="country:fr", slug="france", name="France", code="fr", level="country").save()
    )


def _organizations() -> dict[str, Organization]:
    return {
        entry["id"]: Organization.objects(name=entry["name"]).first() or _create_organization(entry)
        for entry in _entries()["organizations"]
    }


def _create_organization(entry: dict[str, Any]) -> Organization:
    members = [
        Member(user=accounts.find(account), role=account.position)
        for account in accounts.NAMED
        if account.organization == entry["id"]
    ]
    return Organization(
        name=entry["name"],
        acronym=entry.get("acronym"),
        description=entry["description"].strip(),
        members=members,
        # Not through `add_badge`: it would notify every administrator.
        badges=[OrganizationBadge(kind=kind) for kind in entry["badges"]],
        created_at=_days_ago(3300),
    ).save()


def _create_dataset(
    entry: dict[str, Any],
    licence: License,
    zone: GeoZone,
    organizations: dict[str, Organization],
) -> None:
    created = _days_ago(entry["created_days_ago"])
    resources = [_resource(resource, created) for resource in entry["resources"]]
    last_change = max(resource.last_modified_internal for resource in resources)
    Dataset(
        title=entry["title"],
        description=entry["description"].strip(),
        organization=organizations[entry["organization"]] if "organization" in entry else None,
        owner=User.objects.get(email=entry["owner"]) if "owner" in entry else None,
        private=entry.get("private", False),
        license=licence,
        frequency=UpdateFrequency(entry["frequency"]),
        tags=entry["tags"],
        temporal_coverage=_coverage(entry),
        spatial=SpatialCoverage(zones=[zone], granularity="other") if entry.get("zone") else None,
        resources=resources,
        extras={REMOTE_ID: entry["remote_id"]},
        harvest=_harvest(entry, created, last_change) if entry.get("harvested") else None,
        created_at_internal=created,
        last_modified_internal=last_change,
    ).save()


def _resource(entry: dict[str, Any], dataset_created: datetime) -> Resource:
    modified = _days_ago(entry["modified_days_ago"])
    return Resource(
        title=entry["title"],
        description=entry.get("description"),
        url=entry["url"],
        filetype="remote",
        type=entry.get("type", "main"),
        format=entry["format"],
        filesize=entry["size"],
        created_at_internal=min(dataset_created, modified),
        last_modified_internal=modified,
    )


def _coverage(entry: dict[str, Any]) -> DateRange | None:
    if "from" not in entry:
        return None
    end = date.fromisoformat(entry["to"]) if "to" in entry else None
    return DateRange(start=date.fromisoformat(entry["from"]), end=end)


def _harvest(
    entry: dict[str, Any], created: datetime, last_change: datetime
) -> HarvestDatasetMetadata:
    return HarvestDatasetMetadata(
        backend="dcat",
        domain=REMOTE_PORTAL.removeprefix("https://"),
        source_id=REMOTE_SOURCE,
        source_url=f"{REMOTE_PORTAL}/catalog.xml",
        remote_id=entry["remote_id"],
        remote_url=f"{REMOTE_PORTAL}/explore/dataset/{entry['remote_id']}/",
        uri=f"{REMOTE_PORTAL}/id/{entry['remote_id']}",
        created_at=created,
        issued_at=created,
        modified_at=last_change,
        last_update=_days_ago(1),
    )


def _assign_partial_editor() -> None:
    """Assign the showcase dataset to a partial editor, who only edits what is assigned to them."""
    dataset = find_datasets()[SHOWCASE]
    user = accounts.find(accounts.PARTIAL_EDITOR)
    if not Assignment.objects(Q(user=user) & Q(subject=dataset)).first():
        Assignment(user=user, organization=dataset.organization, subject=dataset).save()


def _days_ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)
