"""Name the dataset and the organization of a row, as everybody may see them now and not as stored
in the contribution, with the columns that name them."""

from __future__ import annotations

from typing import Any, NamedTuple

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..portal import catalogue
from .tables import Column

#: Rows after which the cache of datasets is dropped (some seconds), and how many datasets it holds
#: at once (some MB): most rows are about few of them.
ROWS_REMEMBERED = 200_000
DATASETS_REMEMBERED = 20_000


class Named(NamedTuple):
    """An object's id and its title or name, as texts."""

    id: str
    name: str


#: A dataset and its organization. Neither where the dataset is not public.
About = tuple[Named | None, Named | None]


def dataset(found: catalogue.DatasetFacts | None) -> Named | None:
    """Return the dataset by id and title; None for one that is not public."""
    return Named(str(found.id), found.title) if found and found.listed else None


def organization(found: catalogue.OrganizationFacts | None) -> Named | None:
    """Return the organization by id and name; None for one that is deleted."""
    return Named(str(found.id), found.name) if found and not found.deleted else None


class Datasets:
    """A cache of the datasets that rows are about, and of who publishes them, dropped after some
    thousands of rows."""

    def __init__(self) -> None:
        self.known: dict[ObjectId, About] = {}
        self.owners: dict[ObjectId, Named | None] = {}
        self.rows = 0

    def about(self, ids: list[ObjectId]) -> list[About]:
        """Return what each row is about, given the id of its dataset."""
        if self.rows > ROWS_REMEMBERED or len(self.known) > DATASETS_REMEMBERED:
            self.known.clear()
            self.owners.clear()
            self.rows = 0
        self.rows += len(ids)
        known = self.known
        try:
            return [known[id] for id in ids]
        except KeyError:
            self._read({id for id in ids if id not in known})
        return [known[id] for id in ids]

    def _read(self, ids: set[ObjectId]) -> None:
        datasets = catalogue.datasets_by_id(ids)
        named = {one.organization for one in datasets.values() if one.organization and one.listed}
        new = named - self.owners.keys()
        owners = catalogue.organizations_by_id(new)
        self.owners |= {id: organization(owners.get(id)) for id in new}
        for id in ids:
            found = datasets.get(id)
            public = dataset(found)
            owner = found.organization if found and public else None
            self.known[id] = public, self.owners[owner] if owner else None


def dataset_columns(description: Any) -> tuple[Column, Column]:
    """Return the columns that name the `dataset` of a row."""
    return (
        Column("dataset.id", _("Dataset"), lambda row: row.dataset and row.dataset.id, description),
        Column(
            "dataset.title",
            _("Title of the dataset"),
            lambda row: row.dataset and row.dataset.name,
        ),
    )


def organization_columns(title: Any, title_of_name: Any, description: Any) -> tuple[Column, Column]:
    """Return the columns that name the `organization` of a row."""
    return (
        Column(
            "organization.id",
            title,
            lambda row: row.organization and row.organization.id,
            description,
        ),
        Column(
            "organization.name",
            title_of_name,
            lambda row: row.organization and row.organization.name,
        ),
    )
