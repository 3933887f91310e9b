"""Ask for data, support or follow a request without an account, by confirming an e-mail address."""

from __future__ import annotations

from datetime import timedelta

from bson import ObjectId
from flask import current_app
from itsdangerous import BadData
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.review_rules import Visibility
from ..email_confirmation.confirmation import Outcome, Preview
from ..people.access_modes import Action
from ..people.contacts import Contact
from ..people.tokens import LONGEST, signer
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..web import refusals
from . import actions, following, representation
from .forms import Values
from .models import Request
from .repository import find, no_such_request

#: One scope of fingerprints: a person counts once in a request, as requester or supporter.
SCOPE = "requests"

NOBODY = Viewer(key=None)

#: Purpose of the signature of the links to one's own request.
OWN = "see one's own request"


class SupportByEmail:
    """Support a request, confirmed by e-mail (see `email_confirmation.confirmation`)."""

    action = Action.SUPPORT
    scope = SCOPE
    of: str | None = None

    def target(self, reference: str) -> str:
        return str(actions.readable(NOBODY, reference)["_id"])

    def check(self, payload: Values) -> Values:
        request = actions.readable(NOBODY, payload.get("request"))
        actions.to_support(request)
        return {"request": str(request["_id"])}

    def preview(self, payload: Values) -> Preview | None:
        request = find(payload["request"])
        if request is None or request["visibility"] != Visibility.PUBLIC:
            return None
        return Preview(
            subject=str(_("your support for the request “%(title)s”", title=request["title"])),
            page=f"requests/{request['slug']}/",
            then=str(_("Your support is counted as soon as you confirm. No name is shown.")),
        )

    def carry_out(self, viewer: Viewer, payload: Values, contact: Contact) -> Outcome:
        request = actions.support(viewer, payload["request"])
        shown = representation.in_full(viewer, request)
        return Outcome(shown, f"requests/{request['slug']}/", created=False)


class RequestByEmail:
    """Ask for data, confirmed by e-mail. The address is kept as long as the request is followed up:
    the requester is told of each step, and may be asked for details."""

    action = Action.REQUEST
    scope = SCOPE
    of: str | None = None

    def target(self, reference: str) -> str:
        raise NotImplementedError("requests are not made under a proof of work")

    def check(self, payload: Values) -> Values:
        return actions.checked(payload)

    def preview(self, payload: Values) -> Preview | None:
        kinds = {term.id: str(term.label) for term in vocabulary.REQUEST_KINDS}
        holder = catalogue.find_organization(payload.get("organization"))
        facts = [(_("Title"), payload["title"]), (_("Kind of request"), kinds[payload["kind"]])]
        if holder:
            facts.append((_("Holder"), holder.name))
        return Preview(
            subject=str(_("your request for data")),
            page="requests/",
            words=payload["description"],
            name=payload.get("name"),
            facts=tuple((str(label), value) for label, value in facts),
            then=str(_("Your request is visible, and sent to its holder, after moderation.")),
            address=str(
                _(
                    "Your address serves to tell you what becomes of your request and to ask you "
                    "for details. It is encrypted, never shown, and erased %(days)d days after the "
                    "request is closed.",
                    days=current_app.config["CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS"],
                )
            ),
        )

    def carry_out(self, viewer: Viewer, payload: Values, contact: Contact) -> Outcome:
        request, created = actions.ask(viewer, payload, contact=contact.id)
        days = current_app.config["CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS"]
        public = request["visibility"] == Visibility.PUBLIC
        return Outcome(
            representation.in_full(viewer, request),
            f"requests/{request['slug']}/" if public else "requests/recorded",
            created,
            write_until=now() + timedelta(days=days),
            # While it waits for a moderator, its own page is hidden.
            arguments={} if public else {"token": own_link(request)},
        )


def own_link(request: Request) -> str:
    """Return the signed token by which a requester without an account sees their own request, also
    before it is published."""
    return signer(OWN).dumps([str(request["_id"]), str(request["contact"])])


def own_request(token: str) -> Request:
    """Return the request of such a link. Raise Invalid for one that is not whole; NotFound once the
    request or the address is gone."""
    try:
        if len(token) > LONGEST:
            raise BadData("too long")
        id, contact = signer(OWN).loads(token)
    except (BadData, UnicodeError, ValueError) as error:
        message = _("This link is incomplete. Copy it from the message again.")
        raise refusals.Invalid(message, {"token": message}) from error
    request = find(ObjectId(id))
    if request is None or str(request.get("contact")) != contact:
        raise no_such_request()
    return request


class FollowByEmail:
    """Follow a request, confirmed by e-mail. The address is kept as long as the request is
    followed."""

    action = Action.FOLLOW
    scope = SCOPE
    of: str | None = None

    def target(self, reference: str) -> str:
        return str(actions.readable(NOBODY, reference)["_id"])

    def check(self, payload: Values) -> Values:
        request = actions.to_support(actions.readable(NOBODY, payload.get("request")))
        return {"request": str(request["_id"])}

    def preview(self, payload: Values) -> Preview | None:
        request = find(payload["request"])
        if request is None or request["visibility"] != Visibility.PUBLIC:
            return None
        return Preview(
            subject=str(_("being told of the request “%(title)s”", title=request["title"])),
            page=f"requests/{request['slug']}/",
            then=str(_("You have a message at each step. Each has a link to stop them.")),
            address=str(
                _(
                    "Your address serves to tell you what becomes of this request. It is "
                    "encrypted, never shown, and erased %(days)d days after the request is closed.",
                    days=current_app.config["CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS"],
                )
            ),
        )

    def carry_out(self, viewer: Viewer, payload: Values, contact: Contact) -> Outcome:
        request = following.follow(viewer, payload["request"], contact.id)
        shown = representation.in_full(viewer, request)
        page = f"requests/{request['slug']}/"
        return Outcome(shown, page, created=False, write_until=following.kept_until())
