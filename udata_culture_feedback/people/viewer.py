"""Know the person behind the current request, as far as we can: an account, a person without one
whose browser or e-mail address is recognised, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from bson import ObjectId
from flask import request
from udata.auth import current_user
from udata.i18n import lazy_gettext as _

from ..portal import catalogue
from ..web import refusals
from ..web.api import TOKEN_HEADER
from ..web.reader import must_be_writable
from . import tokens
from .access_modes import Action, Mode, mode_of
from .models import Contributor, Kind, account_key
from .roles import Remit, remit_of

#: The field of request bodies that carries a contributor token.
TOKEN_FIELD = "contributor_token"


@dataclass(frozen=True)
class Viewer:
    """The person behind a request. `key` is None for somebody unknown; `kind` says how a person
    without an account is known."""

    key: str | None
    user_id: ObjectId | None = None
    name: str | None = None
    sysadmin: bool = False
    kind: Kind = Kind.USER
    #: The scope of the token of a confirmed address; None for others.
    scope: str | None = None
    #: What they moderate; None: nothing.
    remit: Remit | None = None
    #: Names of the account's roles in udata.
    roles: frozenset[str] = frozenset()

    @property
    def known(self) -> bool:
        return self.key is not None

    @property
    def account(self) -> bool:
        """Whether they are logged in."""
        return self.known and self.kind is Kind.USER

    @property
    def moderator(self) -> bool:
        """Whether they moderate something."""
        return self.sysadmin or self.remit is not None

    @property
    def moderates_everything(self) -> bool:
        return self.sysadmin or (self.remit is not None and self.remit.everything)

    def moderates(self, organization: ObjectId | None) -> bool:
        """Return whether they moderate what concerns an organization (None: what concerns none)."""
        return self.sysadmin or (self.remit is not None and self.remit.covers(organization))

    @property
    def by_token(self) -> bool:
        """Whether only a browser is recognised. On a shared computer it may be another person's:
        words are never shown to it again."""
        return self.kind is Kind.UNVERIFIED

    def signature(self, choice: str | None, declared: str | None = None) -> Contributor:
        """Return the contributor to store for a choice of signature.

        `choice`: "name" (default: one's own name), "none" (« Sans mon nom »), or the id of an
        organization one speaks for. `declared`: the name given by a person without an account.
        Raise Invalid naming the field `signature`.
        """
        contributor: Contributor = {"kind": self.kind, "key": cast(str, self.key)}
        if self.account:
            contributor["user"] = cast(ObjectId, self.user_id)
        name = self.name if self.account else declared
        if choice in (None, "", "name"):
            return contributor | {"name": cast(str, name)} if name or self.account else contributor
        if choice == "none":
            return contributor
        if self.account and isinstance(choice, str) and ObjectId.is_valid(choice):
            organization = catalogue.find_organization(ObjectId(choice))
            if (
                organization
                and not organization.deleted
                and catalogue.may_speak_for(organization.id)
            ):
                return contributor | {"kind": Kind.ORGANIZATION, "organization": organization.id}
        message = _("You cannot sign with that name.")
        raise refusals.Invalid(message, {"signature": message})


#: A viewer who is not known at all.
NOBODY = Viewer(key=None)


def current_viewer(sent: Mapping[str, Any] | None = None) -> Viewer:
    """Return the viewer, by session, API key or bearer token: whatever udata has accepted;
    otherwise by a contributor token, in what was `sent` (a JSON object, a form) or in the
    header."""
    if not (current_user.is_anonymous or current_user.deleted or not current_user.active):
        return viewer_of(current_user)
    token = (sent or {}).get(TOKEN_FIELD) or request.headers.get(TOKEN_HEADER)
    bearer = tokens.read(token) if token else None
    if bearer is None:
        return Viewer(key=None)
    return Viewer(key=bearer.key, kind=bearer.kind, scope=bearer.scope)


def sent_token(viewer: Viewer) -> str:
    """Return the contributor token that this request carries, for the forms of its response to
    carry on: people without an account have no session. Empty for accounts and unknown viewers."""
    if viewer.account or not viewer.known:
        return ""
    return request.form.get(TOKEN_FIELD) or request.headers.get(TOKEN_HEADER, "")


def viewer_of(user: Any) -> Viewer:
    """Return an account as a viewer."""
    return Viewer(
        key=account_key(user.id),
        user_id=user.id,
        name=user.fullname or None,
        sysadmin=user.sysadmin,
        remit=remit_of(user),
        roles=frozenset(role.name for role in user.roles),
    )


def must_be_known(viewer: Viewer, action: Action | None = None, *, leaving: bool = False) -> None:
    """Raise Unauthenticated for an unknown viewer, ReadOnly while the portal is read-only. People
    without an account pass only for an `action` that the portal opens to them; to take back what is
    theirs (`leaving`) they always do."""
    if not (viewer.account or (viewer.known and (leaving or _is_open(viewer, action)))):
        raise refusals.Unauthenticated(_("Log in to take part."))
    must_be_writable(viewer)


def _is_open(viewer: Viewer, action: Action | None) -> bool:
    enough = (Mode.PROOF,) if viewer.by_token else (Mode.PROOF, Mode.EMAIL)
    return action is not None and mode_of(action) in enough
