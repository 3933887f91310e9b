"""The people to notify of requests: followers and holders; and the scopes that they can unsubscribe
from."""

from __future__ import annotations

from collections.abc import Iterator

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions.review_rules import Visibility
from ..mail import unsubscribe
from ..people.models import Kind, account_key
from ..portal import catalogue
from . import following
from .figures import is_behind
from .models import Request, supports
from .permissions import desk
from .repository import find
from .supports import people_behind

#: Kinds of contributors that have an account.
ACCOUNTS = (Kind.USER, Kind.ORGANIZATION)

#: Stands for an unknown holder.
UNKNOWN = "unknown"


def requester_of(request: Request) -> ObjectId | None:
    """Return the requester, unless they have left: an account, or the id of the stored address of a
    person without one. None for imported requests, which were asked elsewhere."""
    contributor = request["contributor"]
    if request.get("detached") or request.get("external_id"):
        return None
    return contributor.get("user") if contributor["kind"] in ACCOUNTS else request.get("contact")


def followers(request: Request) -> Iterator[ObjectId]:
    """Yield the people to notify of a request: its requester, supporters and followers. Streamed;
    somebody may be yielded twice."""
    if requester := requester_of(request):
        yield requester
    for support in people_behind(request["_id"]):
        if support.get("user"):
            yield support["user"]
    yield from following.people_following(request)


def follows(request: Request, user: ObjectId) -> bool:
    """Return whether an account is among `followers`."""
    if user == requester_of(request):
        return True
    row = supports().find_one({"key": account_key(user), "target": request["_id"]})
    return (row is not None and is_behind(row)) or following.is_told(user, request)


def admins_dealing_with(organization: ObjectId | None) -> list[ObjectId]:
    """Return the admins who deal with the requests of a holder: its own; where it is unknown those
    of the desk, and without a desk those of the portal."""
    holder = organization or desk()
    return catalogue.admins_of(holder) if holder else catalogue.sysadmins()


def scope_of(request: Request) -> str:
    """Return the scope of mails to the followers of a request."""
    return f"request:{request['_id']}"


def scope_of_holder(organization: ObjectId | None) -> str:
    """Return the scope of mails to a holder about the requests it receives."""
    return f"requests-of:{organization or UNKNOWN}"


@unsubscribe.names("request")
def name_of_request(id: str) -> str | None:
    found = find(id)
    return found["title"] if found and found["visibility"] == Visibility.PUBLIC else None


@unsubscribe.names("requests-of")
def name_of_holder(id: str) -> str | None:
    if id == UNKNOWN:
        return str(_("Requests whose holder is not known"))
    found = catalogue.find_organization(ObjectId(id)) if ObjectId.is_valid(id) else None
    if found is None or found.deleted:
        return None
    return str(_("Requests to %(organization)s", organization=found.name))
