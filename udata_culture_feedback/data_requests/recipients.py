"""Who hears of requests: those who follow one, those who deal with it; and what each of them can
refuse to hear of."""

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

#: Those who have an account.
ACCOUNTS = (Kind.USER, Kind.ORGANIZATION)

#: Stands for the holder of the requests whose holder is not known.
UNKNOWN = "unknown"


def requester_of(request: Request) -> ObjectId | None:
    """Who asks, while they do: an account, or where the address is kept of somebody without one.
    Imported requests were asked elsewhere."""
    contributor = request["contributor"]
    if request.get("detached") or request.get("external_id"):
        return None
    return contributor.get("user") if contributor["kind"] in ACCOUNTS else request.get("contact")


def followers(request: Request) -> Iterator[ObjectId]:
    """Those who are told of a request and can be written to: who asks for it, who supports it, who
    follows it. Streamed; somebody may be there twice."""
    if requester := requester_of(request):
        yield requester
    for support in people_behind(request["_id"]):
        if support.get("user"):
            yield support["user"]
    yield from following.people_following(request)


def follows(request: Request, user: ObjectId) -> bool:
    """Whether an account is one of those."""
    if user == requester_of(request):
        return True
    row = supports().find_one({"key": account_key(user), "target": request["_id"]})
    return (row is not None and is_behind(row)) or following.is_told(user, request)


def admins_dealing_with(organization: ObjectId | None) -> list[ObjectId]:
    """Who hears of the requests of a holder: its admins; where it is not known those of the desk,
    and where there is no desk those of the portal."""
    holder = organization or desk()
    return catalogue.admins_of(holder) if holder else catalogue.sysadmins()


def scope_of(request: Request) -> str:
    """The subject of what the followers of a request hear."""
    return f"request:{request['_id']}"


def scope_of_holder(organization: ObjectId | None) -> str:
    """The subject of what a holder hears of the requests it receives."""
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
