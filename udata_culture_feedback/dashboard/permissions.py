"""Permissions of dashboards: the one place where they are decided.

| dashboard | who |
|---|---|
| of an organization, all its public datasets | its admins and editors, sysadmins |
| of an organization, the public datasets assigned to them | its partial editors |
| one's own | everybody: the public datasets that one owns without an organization |

Elsewhere: 404 for an organization that does not exist, 403 for one where the viewer may edit
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from flask import g
from flask_principal import Permission as NeedAnyOf
from udata.core.dataset.models import Dataset
from udata.core.organization.permissions import (
    AssignmentNeed,
    OrganizationNeed,
    OrganizationPartialEditorNeed,
)
from udata.i18n import lazy_gettext as _

from ..figures.summary_ids import dataset_summary
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.catalogue import OrganizationFacts
from ..web import refusals
from ..web.untyped import Query

#: Most datasets, owned by or assigned to one person, that a dashboard covers.
MAX_DATASETS = 1000


@dataclass(frozen=True)
class Scope:
    """The datasets that a dashboard covers: those of `organization`, of which only `datasets` where
    that is not None; one's own where there is no organization."""

    organization: OrganizationFacts | None
    datasets: tuple[ObjectId, ...] | None

    @property
    def whole(self) -> bool:
        """Whether it covers a whole organization, whose figures are counted in one summary."""
        return self.datasets is None

    @property
    def link(self) -> str:
        """The path of its pages, after that of the dashboard."""
        if self.organization is None:
            return "me/"
        return f"organizations/{self.organization.slug or self.organization.id}/"

    def of_feedback(self) -> Query:
        """Return the part of a query that selects its feedback, on public datasets."""
        return self._owned() | {"listed": True} | self._among("dataset", self.datasets)

    def of_summaries(self) -> Query:
        """Return the part of a query that selects the summaries of its datasets."""
        ids = None if self.datasets is None else tuple(map(dataset_summary, self.datasets))
        return self._owned() | {"listed": True} | self._among("_id", ids)

    def _owned(self) -> Query:
        return {"organization": self.organization.id} if self.organization else {}

    @staticmethod
    def _among(field: str, ids: tuple[Any, ...] | None) -> Query:
        return {} if ids is None else {field: {"$in": list(ids)}}


def scope_of_organization(viewer: Viewer, reference: str) -> Scope:
    """Return what the viewer may see of the dashboard of an organization. Raise Unauthenticated,
    NotFound, Forbidden."""
    must_log_in(viewer)
    organization = catalogue.find_organization(reference)
    if organization is None or organization.deleted:
        raise refusals.NotFound(_("There is no such organization."))
    if viewer.sysadmin or catalogue.may_speak_for(organization.id):
        return Scope(organization, None)
    if NeedAnyOf(OrganizationPartialEditorNeed(organization.id)).can():
        return Scope(organization, tuple(assigned())[:MAX_DATASETS])
    raise refusals.Forbidden(
        _("Only people who edit the data of this organization see its dashboard.")
    )


def own_scope(viewer: Viewer) -> Scope:
    """Return the scope of the viewer's own datasets. Raise Unauthenticated."""
    must_log_in(viewer)
    return Scope(None, owned_by(viewer.user_id))


def owned_by(user_id: ObjectId | None) -> tuple[ObjectId, ...]:
    """List the datasets that belong to a person and to no organization."""
    owned = {"owner": user_id, "organization": None, "deleted": None}
    found = Dataset._get_collection().find(owned, {"_id": 1}).limit(MAX_DATASETS)
    return tuple(dataset["_id"] for dataset in found)


def must_log_in(viewer: Viewer) -> None:
    if not viewer.account:
        raise refusals.Unauthenticated(_("Log in to see your dashboard."))


def memberships() -> dict[ObjectId, str]:
    """Return the organizations of the current user, and the role held there, as udata names it."""
    return {
        need.value: need.role for need in g.identity.provides if isinstance(need, OrganizationNeed)
    }


def assigned() -> list[ObjectId]:
    """List the datasets assigned to the current user, of whatever organization."""
    needs = (need for need in g.identity.provides if isinstance(need, AssignmentNeed))
    return sorted(need.object_id for need in needs if need.object_class == "Dataset")
