"""What tests of requests build upon: people who ask, support and decide, without the cost of HTTP
where it is not what is tested; and what the figures should be, found by hand."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any

from bson import ObjectId
from udata.core.user.models import User

from udata_culture_feedback.contributions.organization_settings import organization_settings
from udata_culture_feedback.data_requests import actions
from udata_culture_feedback.data_requests.models import figures, requests, supports
from udata_culture_feedback.people.models import account_key
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.people.viewer import Viewer, viewer_of
from udata_culture_feedback.web.refusals import Refusal

Request = dict[str, Any]

NOBODY = Viewer(key=None)

#: Marks of the settings that tests of many writes need.
UNLIMITED = {"CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR": None, "CULTURE_FEEDBACK_LIMIT_MANAGER": None}

WISH = {
    "title": "La fréquentation des musées par mois",
    "description": "Pour étudier les saisons.",
    "kind": "new",
}


def somebody(**fields: Any) -> Viewer:
    """A person with an account, as actions see them."""
    id = ObjectId()
    return Viewer(key=account_key(id), user_id=id, name="Camille Martin", **fields)


def moderator() -> Viewer:
    return somebody(sysadmin=True)


def as_user(app: Any, user: User | None, call: Callable[[Viewer], Any]) -> Any:
    """What `call` answers for that person, in a request of their own; or its refusal."""

    def run() -> Any:
        with app.test_request_context("/"):
            if user is None:
                return call(NOBODY)
            with acting_as(user):
                return call(viewer_of(user))

    try:
        return Context().run(run)
    except Refusal as refusal:
        return refusal


def refused(call: Callable[..., Any], *args: Any) -> bool:
    """Whether somebody was told no."""
    try:
        call(*args)
    except Refusal:
        return True
    return False


def wish(who: Viewer, **fields: Any) -> ObjectId:
    request, _created = actions.ask(who, WISH | fields)
    return request["_id"]


def move(who: Viewer, request: ObjectId, to: str, **more: Any) -> Request:
    needs = {
        "message": "Voici.",
        "reason": "not_existing",
        "urls": ["https://example.org/donnees"],
    }
    return actions.move(who, request, needs | {"to": to} | more)


def merge(who: Viewer, request: ObjectId, into: ObjectId) -> Request:
    return move(who, request, "duplicate", duplicate_of=str(into))


def unmerge(who: Viewer, request: ObjectId) -> Request:
    return move(who, request, stored(request).get("merged_from", "submitted"))


def stored(request: Any) -> Request:
    found = requests().find_one({"_id": ObjectId(request)})
    assert found is not None
    return found


def shown_supports(request: Any) -> int:
    return (stored(request).get("totals") or {}).get("supports", 0)


# What should be, by hand


def asker_of(request: Request) -> str | None:
    return None if request.get("detached") else request["contributor"]["key"]


def persons(request: Request) -> set[str]:
    """Who is behind a request besides who asked for it, read in what each person did."""
    found: set[str | None] = set(supports().distinct("key", of(request["_id"])))
    for merged in requests().find({"duplicate_of": request["_id"]}):
        found |= {asker_of(merged), *supports().distinct("key", of(merged["_id"]))}
    return {key for key in found if key} - {asker_of(request)}  # type: ignore[arg-type]


def of(request_id: ObjectId) -> dict[str, Any]:
    return {"target": request_id, "direct": True}


def assert_exact() -> None:
    """Every count is that of the distinct persons behind; no merge is a chain, a cycle or into
    nothing; nothing is left over; nothing waits."""
    all_requests = {request["_id"]: request for request in requests().find()}
    for request in all_requests.values():
        counted = (request.get("totals") or {}).get("supports", 0)
        assert counted == len(persons(request)), request["title"]
        totals, keys = request.get("totals") or {}, persons(request)
        known = {key for key in keys if not key.startswith("token:")}
        assert totals.get("supports_known", 0) == len(known), request["title"]
        accounts = {key for key in known if not key.startswith("mail:")}
        assert totals.get("supports_account", 0) == len(accounts), request["title"]
        assert "people" not in request.get("due", [])
        assert "removed" not in request
        if request["status"] == "duplicate":
            target = all_requests[request["duplicate_of"]]
            assert target["status"] != "duplicate"
            assert target["_id"] != request["_id"]
        else:
            assert "duplicate_of" not in request
            assert "merged_from" not in request
    for row in supports().find():
        assert row["target"] in all_requests
        assert row["direct"] or row["via"]
        assert "due" not in row
        for via in row["via"]:
            assert all_requests[via]["duplicate_of"] == row["target"]
    assert_figures()


def assert_figures() -> None:
    """What datasets, holders and the site show is what is there."""
    tally: dict[str, dict[str, int]] = {}
    for request in requests().find({"visibility": "public"}):
        counters = ["total", f"status:{request['status']}"]
        if request["status"] in "submitted acknowledged needs_clarification accepted in_progress":
            counters.append("open")
        places = ["site"]
        places += [f"{f}:{request[f]}" for f in ("organization", "dataset") if request.get(f)]
        for place in places:
            for counter in counters:
                tally.setdefault(place, {}).setdefault(counter, 0)
                tally[place][counter] += 1
    shown = {one["_id"]: {k: n for k, n in one["totals"].items() if n} for one in figures().find()}
    assert {place: totals for place, totals in shown.items() if totals} == tally
    assert not requests().find_one({"due": {"$exists": True}})


def has_service(organization: Any) -> None:
    """Say which service of an organization is in charge, as its receipts have to."""
    service = {"service_name": "Service des publics", "service_phone": "02 99 00 00 00"}
    service |= {"service_address": "10 cours des Alliés\n35000 Rennes"}
    service |= {"service_email": "publics@musee.test"}
    organization_settings().update_one({"_id": organization.id}, {"$set": service}, upsert=True)
