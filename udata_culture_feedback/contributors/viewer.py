"""The person behind the current request, as far as we know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.auth import current_user
from udata.i18n import lazy_gettext as _

from .. import catalogue, refusals
from .models import Kind, account_key


@dataclass(frozen=True)
class Viewer:
    """Who asks. `key` is None for somebody who has said nothing of themselves."""

    key: str | None
    user_id: ObjectId | None = None
    name: str | None = None
    sysadmin: bool = False

    @property
    def known(self) -> bool:
        return self.key is not None

    def signature(self, choice: str | None) -> dict[str, Any]:
        """The contributor document for a choice of signature.

        `choice`: "name" (default: one's own name), "none" (« Sans mon nom »), or the id of an
        organization one speaks for. Raises Invalid naming the field `signature`.
        """
        contributor: dict[str, Any] = {"kind": Kind.USER, "key": self.key, "user": self.user_id}
        if choice in (None, "", "name"):
            return contributor | {"name": self.name}
        if choice == "none":
            return contributor
        if isinstance(choice, str) and ObjectId.is_valid(choice):
            organization = catalogue.find_organization(ObjectId(choice))
            if (
                organization
                and not organization.deleted
                and catalogue.may_speak_for(organization.id)
            ):
                return contributor | {"kind": Kind.ORGANIZATION, "organization": organization.id}
        message = _("You cannot sign with that name.")
        raise refusals.Invalid(message, {"signature": message})


def current_viewer() -> Viewer:
    """Who asks, by session, API key or bearer token: whatever udata has accepted."""
    if current_user.is_anonymous or current_user.deleted or not current_user.active:
        return Viewer(key=None)
    return viewer_of(current_user)


def viewer_of(user: Any) -> Viewer:
    """An account, as somebody who asks."""
    return Viewer(
        key=account_key(user.id),
        user_id=user.id,
        name=user.fullname or None,
        sysadmin=user.sysadmin,
    )


def must_be_known(viewer: Viewer) -> None:
    """Raises Unauthenticated for who is not known, ReadOnly while the portal is read-only."""
    if not viewer.known:
        raise refusals.Unauthenticated(_("Log in to take part."))
    if current_app.config["READ_ONLY_MODE"] and not viewer.sysadmin:
        raise refusals.ReadOnly(_("This portal is read-only for the moment. Please come back."))
