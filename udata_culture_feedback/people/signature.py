"""Name a contributor in public. Names are looked up when shown: a deleted account or organization
is no longer named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from udata.i18n import lazy_gettext as _

from ..portal import catalogue
from ..web.untyped import Shown
from .models import Kind

Contributor = Mapping[str, Any]


#: The words beside a signature without an account, with and without a declared name.
STANDINGS = {
    (Kind.CONFIRMED, True): _("declared name, verified address"),
    (Kind.CONFIRMED, False): _("verified address"),
    (Kind.UNVERIFIED, True): _("declared name"),
}


def standing(contributor: Contributor) -> str | None:
    """Return the words beside a name, so that nobody takes a declared one for that of an account;
    None for accounts. `contributor`: as stored, or as the API shows it."""
    said = STANDINGS.get((Kind(contributor["kind"]), bool(contributor.get("name"))))
    return str(said) if said else None


def unnamed(contributor: Contributor) -> str:
    """Return the words that replace the name of a contributor without one."""
    if contributor["kind"] in (Kind.CONFIRMED, Kind.UNVERIFIED):
        return str(_("User without an account"))
    return str(_("User without a name"))


def same_signature(one: Contributor, other: Contributor) -> bool:
    """Return whether two contributions of one person carry the same signature."""
    return (
        one["kind"] == other["kind"]
        and one.get("organization") == other.get("organization")
        and bool(one.get("name")) == bool(other.get("name"))
    )


def signing_users(contributors: Iterable[Contributor]) -> dict[Any, catalogue.UserFacts]:
    """Return the accounts that sign with their name, by id, in one query."""
    return catalogue.users_by_id(
        {c["user"] for c in contributors if c.get("user") and c.get("name")}
    )


def signature(
    contributor: Contributor,
    users: dict[Any, catalogue.UserFacts],
    organizations: dict[Any, catalogue.OrganizationFacts],
) -> Shown:
    """Return `kind`, `name` (None: without name, or deleted), and the `user` or `organization` that
    signs."""
    shown: Shown = {"kind": contributor["kind"], "name": None}
    if contributor["kind"] == Kind.ORGANIZATION:
        organization = organizations.get(contributor.get("organization"))
        if organization and not organization.deleted:
            shown |= {"name": organization.name, "organization": organization.as_json()}
    elif contributor["kind"] == Kind.USER:
        user = users.get(contributor.get("user"))
        if user and not user.deleted and contributor.get("name"):
            shown |= {"name": user.name, "user": user.as_json()}
    else:
        shown["name"] = contributor.get("name")
    return shown
