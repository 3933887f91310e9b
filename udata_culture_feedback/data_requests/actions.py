"""The use cases of requests: ask, edit, delete, support, move, transfer, answer, confirm."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..contributions import review_rules, text_checks
from ..contributions.neighbours import consultation_link
from ..contributions.repository import ATTEMPTS
from ..contributions.review_rules import Visibility
from ..email_confirmation.anonymous import admit, must_take_part
from ..figures.settle import DISCUSSION
from ..people import contacts
from ..people.access_modes import Action
from ..people.limits import spend_write
from ..people.signature import same_signature
from ..people.submissions import remember_deletion, was_deleted
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.collections import confirmed, now
from ..search import unmet_searches
from ..search.terms import terms
from ..web import refusals
from ..web.moments import portal_zone
from . import merging, messages, permissions, replies, supports
from .clock import Clock
from .figures import above, ensure, settle_supports_of
from .forms import Values, read_extension, read_message, read_move, read_request
from .models import PEOPLE, TOLD, Entry, Message, Removal, Request, live_totals, requests
from .repository import (
    change,
    find,
    free_slug,
    fresh,
    is_carried,
    no_such_request,
    replace,
    without,
    written,
)
from .signals import on_request_changed
from .transitions import expectation, history_entry, merge_target, moved
from .workflow import DECISIONS, OPEN, PREPARING, Role, Status, allowed, moves

__all__ = ["find", "fresh", "is_carried", "replace"]  # of `repository`, for our callers


#: Most entries in a history: it is one document with its request.
MAX_HISTORY = 200
#: Days by which the service date can be extended, once.
MAX_EXTENSION = 31


def ask(
    viewer: Viewer,
    payload: Values,
    *,
    at: datetime | None = None,
    contact: ObjectId | None = None,
) -> tuple[Request, bool]:
    """Record a request. Return it as stored, and whether it is new (False: a retry).

    `payload`: the fields of `forms.read_request`. `at` (naive UTC): when it was asked, for requests
    collected elsewhere; they are exempt from limits. `contact`: the id of the stored address of a
    requester without an account. Raise Unauthenticated, ReadOnly, TooMany; Invalid or TooLong
    naming the field; Gone when this submission was deleted since.
    """
    must_take_part(viewer, Action.REQUEST, None)
    if at is None:
        spend_write(viewer)
    asked = read_request(payload)
    submission = asked.get("submission_id")
    earlier = _submitted(viewer, submission)
    if earlier:
        return earlier, False
    request = _new_request(viewer, asked, at)
    if contact:
        request["contact"] = contact
    for _attempt in range(ATTEMPTS):
        try:
            requests().insert_one(request)
            break
        except DuplicateKeyError:
            earlier = _submitted(viewer, submission)
            if earlier:
                return earlier, False
            request["slug"] = free_slug(request["title"], taken=True)
    return written(request), True


def edit(viewer: Viewer, reference: Any, payload: Values) -> Request:
    """Change the fields present in the payload; the history records the edit. `open_data` alone may
    be changed whatever the status. Raise Unauthenticated, NotFound, Forbidden, Invalid, TooLong,
    Conflict when it is already decided."""
    must_be_known(viewer, Action.REQUEST)
    request = readable(viewer, reference)
    spend_write(viewer)
    asked = read_request(payload, partial=True)

    def edited(request: Request) -> Request | None:
        if asked.keys() == {"open_data"} and permissions.is_requester(viewer, request):
            return _agreed(request, asked["open_data"])
        if not permissions.may_edit(viewer, request):
            _must(
                permissions.is_requester(viewer, request),
                _("Only its requester may change this request."),
            )
            raise refusals.Conflict(_("This request is no longer open."), status=request["status"])
        role = Role.REQUESTER if permissions.is_requester(viewer, request) else Role.MODERATOR
        changed = request | {"last_modified": now()}
        agreed = asked if role is Role.REQUESTER else _but_consent(asked)
        _put_fields(changed, agreed)
        if role is Role.REQUESTER and asked.get("signature"):
            changed["contributor"] = viewer.signature(asked["signature"])
        if role is Role.REQUESTER and _words(changed) != _words(request):
            _await_moderation(changed)
        review_rules.offer_as_open_data(changed, permissions.texts(changed))
        entry = history_entry(viewer, request, request["status"], role, edited=True)
        changed["history"] = _with_edit(request["history"], entry)
        return changed

    return change(request, edited) or fresh(request["_id"])


def delete(viewer: Viewer, reference: Any) -> bool:
    """Delete one's own request; one with supporters stays, without its author. Return True when it
    is gone, False when only its author was detached. Raise NotFound, Forbidden."""
    must_be_known(viewer, leaving=True)
    request = readable(viewer, reference)
    spend_write(viewer)
    _must(permissions.may_delete(viewer, request), _("Only its requester may delete this request."))
    return take_back(viewer, request)


def take_back(viewer: Viewer, request: Request) -> bool:
    """Delete this viewer's request as `delete` does, without its checks."""
    if request.get("submission_id"):
        remember_deletion(viewer, request["submission_id"], "request")
    supports.withdraw(viewer, request)  # a requester who leaves is no supporter either
    if is_carried(fresh(request["_id"])):
        leave(request)
        return False
    remove(request)
    return find(request["_id"]) is None


def move(viewer: Viewer, reference: Any, payload: Values) -> Request:
    """Move a request to another status. Return it as stored.

    `payload`: the fields of `forms.read_move`. To the status it has already, while accepted or in
    preparation, with another `expected_on`: that day changes. Raise Unauthenticated, NotFound;
    Conflict with `status` and `allowed_transitions` for a move that the table does not have, or
    when the status is no longer the one the user saw (`from`); Forbidden for a move that is not
    this user's; Invalid for what a move lacks (a reason, a message, data, a target).
    """
    must_be_known(viewer, Action.REQUEST)
    request = readable(viewer, reference)
    spend_write(viewer, manages=permissions.deals_with(viewer, request))
    asked = read_move(payload)
    to = Status(asked["to"])
    seen = asked["from"] or request["status"]
    if to == seen == request["status"] and to in PREPARING and asked["expected_on"]:
        return _expect(viewer, request, asked)
    for _attempt in range(ATTEMPTS):
        if request["status"] != seen:
            break
        who = moves(Status(seen), _merged_from(request)).get(to)
        if who is None:
            break
        target = merge_target(viewer, request, asked) if to is Status.DUPLICATE else None
        role = _role_for(viewer, request, to, who, target or _carrier(request))
        if role is Role.REQUESTER:
            _must_not_wait({"message": asked.get("message") or ""})
        _must_have_room(request)
        if to is Status.WITHDRAWN:
            supports.withdraw(viewer, request)  # a requester who leaves is no supporter either
            request = fresh(request["_id"])
            if is_carried(request):
                return leave(request)
        changed = moved(viewer, request, to, role, asked, target)
        entangled = {Status.DUPLICATE, Status.WITHDRAWN} & {seen, to}
        if replace(request, changed, due=[TOLD, *([PEOPLE] if entangled else [])]):
            if entangled:
                merging.reconcile_merge(request["_id"])
            return _as_moved(viewer, request, to)
        request = readable(viewer, request["_id"])
    raise _elsewhere(viewer, request)


def _expect(viewer: Viewer, request: Request, asked: Values) -> Request:
    """Change the day on which the holder expects to publish, with a public message. Raise
    Forbidden, Conflict once the request has moved, Invalid naming the field."""
    dealing = permissions.deals_with(viewer, request)
    _must(dealing, _("Only those who handle this request may say when the data will be published."))

    def expected(one: Request) -> Request | None:
        if one["status"] != request["status"]:
            raise _elsewhere(viewer, one)
        if one.get("expected_on") == asked["expected_on"]:
            return None
        _must_have_room(one)
        dated = expectation(one, asked)
        entry = history_entry(
            viewer, one, one["status"], Role.PRODUCER, message=asked["message"], **dated
        )
        day: str = asked["expected_on"]
        return one | {
            "expected_on": day,
            "history": [*one["history"], entry],
            "last_modified": now(),
        }

    return change(request, expected, due=[TOLD]) or fresh(request["_id"])


def transfer(viewer: Viewer, reference: Any, payload: Values) -> Request:
    """Send a request to the organization that holds the data, and keep its reception date. Raise
    Invalid naming `organization` or `message`, Forbidden, NotFound, Conflict."""
    must_be_known(viewer)
    request = readable(viewer, reference)
    dealing = permissions.deals_with(viewer, request)
    spend_write(viewer, manages=dealing)
    _must(dealing, _("Only those who handle this request may send it elsewhere."))
    message = read_message(payload)
    holder = _holder(payload.get("organization"), required=True)

    def transferred(request: Request) -> Request:
        _must(
            permissions.deals_with(viewer, request),
            _("Only those who handle this request may send it elsewhere."),
        )
        if not permissions.may_transfer(viewer, request):
            raise _elsewhere(viewer, request)
        if holder == request.get("organization"):
            text = _("That organization has this request already.")
            raise refusals.Invalid(text, {"organization": text})
        _must_have_room(request)
        entry = history_entry(
            viewer,
            request,
            request["status"],
            Role.PRODUCER,
            message=message,
            transferred_to=holder,
        )
        changed = request | {
            "received_at": request.get("received_at") or now(),
            "history": [*request["history"], entry],
            "last_modified": now(),
        }
        if holder:
            changed["organization"] = holder
        return without(changed, "holder_derived")

    return change(request, transferred, due=[TOLD]) or fresh(request["_id"])


def extend(viewer: Viewer, reference: Any, payload: Values) -> Request:
    """Extend the service date once, by `days` (31 at most), for a public `reason`. Raise Forbidden,
    Invalid naming the field, Conflict when it was extended or answered already."""
    must_be_known(viewer)
    request = readable(viewer, reference)
    dealing = permissions.deals_with(viewer, request)
    spend_write(viewer, manages=dealing)
    _must(dealing, _("Only those who handle this request may extend its date."))
    days, reason = read_extension(payload, MAX_EXTENSION)

    def extended(request: Request) -> Request:
        clock = Clock.of(request["clock"])
        if clock.extended_days:
            raise refusals.Conflict(_("This date was extended already."))
        if clock.answered_at is not None or clock.stopped_at is not None:
            raise refusals.Conflict(_("This request waits for no answer."))
        _must_have_room(request)
        entry = history_entry(
            viewer, request, request["status"], Role.PRODUCER, message=reason, extended=days
        )
        return request | {
            "clock": clock.extend(days, reason, portal_zone()).to_mongo(),
            "history": [*request["history"], entry],
            "last_modified": now(),
        }

    return change(request, extended, due=[TOLD]) or fresh(request["_id"])


def confirm(viewer: Viewer, reference: Any) -> Request:
    """Record that the requester found in the published data what they asked for. Idempotent. Raise
    Forbidden, Conflict while nothing is published."""
    must_be_known(viewer, Action.REQUEST)
    request = readable(viewer, reference)
    spend_write(viewer)
    _must(permissions.is_requester(viewer, request), _("Only its requester may confirm."))
    if not permissions.may_confirm(viewer, request):
        raise refusals.Conflict(_("Nothing is published yet."), status=request["status"])

    def confirmed(request: Request) -> Request | None:
        if request.get("confirmed_at") or not permissions.may_confirm(viewer, request):
            return None
        return request | {"confirmed_at": now(), "last_modified": now()}

    return change(request, confirmed) or fresh(request["_id"])


def answer(viewer: Viewer, reference: Any, payload: Values) -> tuple[Message, Request, bool]:
    """Write a message about a request: `message`, and `signature`, `submission_id` as in `ask`. Its
    effect on the request is in `replies`. Return the message, the request, and whether the message
    is new. Raise Conflict for a merged request."""
    must_be_known(viewer, Action.REQUEST)
    request = readable(viewer, reference)
    spend_write(viewer, manages=permissions.deals_with(viewer, request))
    asked = read_request(
        {key: payload[key] for key in ("signature", "name", "submission_id") if key in payload},
        partial=True,
        submission=True,
    )
    text = read_message(payload)
    if request["status"] == Status.DUPLICATE:
        raise refusals.Conflict(
            _("This request was merged with another: write there."),
            duplicate_of=str(request["duplicate_of"]),
        )
    role = _role_of_answer(viewer, request)
    contributor = viewer.signature(asked.get("signature"), asked.get("name"))
    if role is Role.REQUESTER and not (asked.get("signature") or asked.get("name")):
        contributor = request["contributor"]
    elif role is Role.REQUESTER and not same_signature(contributor, request["contributor"]):
        role = Role.ANYBODY  # as requester, this signature would name one who asked without a name
    why = review_rules.reasons_to_wait(
        contributor, [text], about=request["_id"], trusted=role is Role.PRODUCER
    )
    message, created = messages.write(
        request, contributor, role, text, asked.get("submission_id"), why
    )
    if message["visibility"] != Visibility.PUBLIC:
        return message, request, created
    at = message["created_at"]
    if not replies.take_up(request["_id"], viewer, role, at, str(message["_id"])):
        on_request_changed.send(request["_id"])
    return message, fresh(request["_id"]), created


def edit_message(viewer: Viewer, reference: Any, payload: Values) -> tuple[Message, Request]:
    """Change the words (`message`) of one's own message of id `id` about a request. Raise
    Unauthenticated, NotFound, Invalid, Conflict when it changed meanwhile."""
    must_be_known(viewer, Action.REQUEST)
    request = readable(viewer, reference)
    spend_write(viewer, manages=permissions.deals_with(viewer, request))
    row = _own_message(viewer, request, payload.get("id"))
    text = read_message(payload)
    why = review_rules.reasons_to_wait(
        row["contributor"], [text], about=request["_id"], trusted=row["role"] == Role.PRODUCER
    )
    changed = messages.rewrite(row, text, why, request.get("organization"))
    if changed is None:
        raise refusals.Conflict(_("This message has changed meanwhile: try again."))
    return changed, request


def delete_message(viewer: Viewer, reference: Any, message_id: Any) -> Request:
    """Delete one's own message about a request. Raise Unauthenticated, NotFound."""
    must_be_known(viewer, leaving=True)
    request = readable(viewer, reference)
    spend_write(viewer)
    messages.erase(_own_message(viewer, request, message_id))
    return request


def _own_message(viewer: Viewer, request: Request, message_id: Any) -> Message:
    row = messages.own(request["_id"], viewer.key, message_id)
    if row is None:
        raise refusals.NotFound(_("There is no such message."))
    return row


def support(viewer: Viewer, reference: Any, payload: Values | None = None) -> Request:
    """Support a request (a merged one: the one it was merged into). Idempotent.

    `payload`: `proof`, from an anonymous browser. Raise Unauthenticated, Unproven, NotFound,
    TooMany, Conflict for a request that is no longer open.
    """
    must_take_part(viewer, Action.SUPPORT, reference)
    request = readable(viewer, reference)
    spend_write(viewer)
    target = to_support(request)
    if viewer.by_token and not supports.supported(viewer, [target["_id"]]):
        admit(viewer, Action.SUPPORT, str(request["_id"]), payload or {})
    again = supports.support(viewer, target)
    if again is None:
        supports.remove_all(target["_id"])
        raise no_such_request()
    counted = settle_supports_of(again)
    standing = Status(again["status"]) not in (Status.DUPLICATE, Status.WITHDRAWN)
    if not standing or again.get("removed") or PEOPLE in again.get("due", []):
        merging.reconcile_merge(target["_id"])  # merged, withdrawn or deleted meanwhile
        counted = None
    on_request_changed.send(target["_id"], carried=not again.get("due"))
    if counted is None or counted.get("removed") or request["_id"] != target["_id"]:
        return fresh(request["_id"])
    return counted


def to_support(request: Request) -> Request:
    """Return the request that collects the supports of this one. Raise Conflict when it is no
    longer open."""
    target = _carrier(request)
    if Status(target["status"]) not in OPEN:
        raise refusals.Conflict(_("This request is no longer open."), status=target["status"])
    return target


def checked(payload: Values) -> Values:
    """Validate a request before its author confirms an address, and return its fields. Raise as
    `ask` does for them."""
    asked = read_request(payload)
    _put_context(cast(Request, {"created_at": now()}), asked)
    return asked


def withdraw_support(viewer: Viewer, reference: Any) -> Request:
    """Withdraw one's support. Idempotent."""
    must_be_known(viewer, leaving=True)
    request = readable(viewer, reference)
    spend_write(viewer)
    target = _carrier(request)
    supports.withdraw(viewer, target)
    again = _carrier(fresh(request["_id"]))
    if again["_id"] != target["_id"]:  # merged meanwhile, perhaps with this support
        supports.withdraw(viewer, again)
        target = again
    _reconciled(target)
    return fresh(request["_id"])


def take_support_back(viewer: Viewer, request_id: ObjectId) -> None:
    """Withdraw this viewer's support, also of a request that they can no longer see."""
    request = requests().find_one({"_id": request_id})
    if request is None:
        supports.remove_one(viewer, request_id)
        return
    target = _carrier(request)
    supports.withdraw(viewer, target)
    _reconciled(target)


def _reconciled(target: Request) -> None:
    if PEOPLE in target.get("due", []):
        merging.reconcile_merge(target["_id"])
    on_request_changed.send(target["_id"])


def allowed_moves(viewer: Viewer, request: Request) -> list[Status]:
    """Return the statuses to which this user may move the request now."""
    status, merged_from = Status(request["status"]), _merged_from(request)
    mine = permissions.roles(viewer, request, _carrier(request))
    found = allowed(status, mine - {Role.ANYBODY}, merged_from)
    return [to for to in found if _may_still(mine, request, to)]


def readable(viewer: Viewer, reference: Any) -> Request:
    """Find a request by id or slug that this user may see. Raise NotFound, whatever the reason."""
    request = find(reference)
    if request is None or not permissions.may_read(viewer, request):
        raise no_such_request()
    return request


def leave(request: Request) -> Request:
    """Detach its author from a request that others support: it stays."""
    merging.detach(request)
    contacts.erase(request.get("contact"))
    return fresh(request["_id"])


def remove(request: Request) -> None:
    """Delete a request that nobody else supports. It is erased once everything that counts it is
    settled; if somebody supports it at this moment, it stays without its author."""

    def removed(request: Request) -> Request | None:
        if request.get("removed"):
            return None
        mark: Removal = {"at": now(), "visibility": request["visibility"]}
        return request | {"removed": mark, "visibility": Visibility.HIDDEN}

    change(request, removed, due=[PEOPLE])
    contacts.erase(request.get("contact"))
    merging.reconcile_merge(request["_id"])
    unmet_searches.take_back(request["title"])
    gone = find(request["_id"]) is None
    on_request_changed.send(request["_id"], removed=gone)


def bury(request_id: ObjectId) -> bool:
    """Erase a deleted request once nothing is due of it. Return whether it is gone."""
    spent = {"_id": request_id, "removed": {"$exists": True}, "due": {"$exists": False}}
    if not requests().delete_one(spent).deleted_count:
        return False
    supports.remove_all(request_id)
    messages.remove_all(request_id)
    return True


def _new_request(viewer: Viewer, asked: Values, at: datetime | None) -> Request:
    moment = at or now()
    request: Any = {
        "_id": ObjectId(),
        "contributor": viewer.signature(asked.get("signature"), asked.get("name")),
        "themes": [],
        "usages": [],
        "formats": [],
        "visibility": Visibility.PUBLIC,
        "status": Status.SUBMITTED,
        "version": 1,
        "history": [],
        "totals": {},
        "created_at": moment,
        "last_modified": moment,
        "v": 1,
    }
    _put_fields(request, asked)
    _put_context(request, asked)
    _await_moderation(request, imported=at is not None)
    review_rules.offer_as_open_data(request, permissions.texts(request), moment)
    request["slug"] = free_slug(request["title"])
    # What waits for a moderator is delivered when it is published.
    if request.get("organization") and request["visibility"] == Visibility.PUBLIC:
        request["received_at"] = moment
    months = current_app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"]
    request["clock"] = Clock.start(moment, months, portal_zone()).to_mongo()
    if asked.get("submission_id"):
        request["submission_id"] = asked["submission_id"]
    request["live"] = live_totals(request)
    ensure(above(request))
    request["due"] = [*above(request), TOLD, *([DISCUSSION] if request.get("dataset") else [])]
    return cast(Request, request)


def _await_moderation(request: Request, *, imported: bool = False) -> None:
    """Put a request in the moderation queue where the review rules ask for it. One with supporters
    cannot wait, since it would be gone for them meanwhile. Raise Invalid naming the field at
    fault."""
    why = review_rules.reasons_to_wait(
        request["contributor"],
        _words(request).values(),
        about=request["_id"],
        trusted=permissions.acts_for(request.get("organization")),
        imported=imported,
    )
    if is_carried(request):
        _must_not_wait(_words(request))
    review_rules.await_moderation(request, why, request["last_modified"])


def _but_consent(asked: Values) -> Values:
    """Return the fields without `open_data`, which only the requester may decide."""
    return {field: value for field, value in asked.items() if field != "open_data"}


def _agreed(request: Request, open_data: bool) -> Request | None:
    """Set whether the requester lets their words be open data; None when that is unchanged."""
    if bool(request.get("open_data")) == open_data:
        return None
    changed = request | {"open_data": open_data}
    review_rules.offer_as_open_data(changed, permissions.texts(changed))
    return changed


def _must_not_wait(words: dict[str, str]) -> None:
    """Raise Invalid naming the texts in which a check finds something, where nothing may wait for a
    moderator."""
    errors = {
        field: _("Please leave out: %(what)s.", what=text_checks.in_words(found))
        for field, text in words.items()
        if (found := text_checks.inspect(text))
    }
    if errors:
        raise refusals.Invalid(_("This text cannot be published as it is."), errors)


def _words(request: Request) -> dict[str, str]:
    """Return the texts of a request, by field."""
    return {
        "title": request["title"],
        "description": request["description"],
        "spatial": request.get("spatial") or "",
        "formats": ", ".join(request.get("formats") or ()),
    }


def _put_fields(request: Any, asked: Values) -> None:
    for field in (
        "title",
        "description",
        "kind",
        "themes",
        "usages",
        "profile",
        "evidence_url",
        "formats",
        "frequency",
        "spatial",
    ):
        if field in asked:
            request.pop(field, None)
            if asked[field] is not None:
                request[field] = asked[field]
    if "open_data" in asked:
        request.pop("open_data", None)
        if asked["open_data"]:
            request["open_data"] = True
    request["terms"] = terms(f"{request['title']} {request['description']}")


def _put_context(request: Request, asked: Values) -> None:
    """Set the dataset it is asked from, the holder (by default the organization of that dataset)
    and the consultation."""
    dataset = None
    if asked.get("dataset"):
        dataset = catalogue.find_dataset(asked["dataset"])
        if dataset is None or dataset.deleted or not catalogue.may_read(dataset):
            message = _("There is no such dataset.")
            raise refusals.Invalid(message, {"dataset": message})
        request["dataset"] = dataset.id
        if "organization" not in asked and dataset.organization:
            request["organization"] = dataset.organization
    holder = _holder(asked.get("organization"))
    if holder:
        request["organization"] = holder
    if dataset and dataset.organization == request.get("organization") is not None:
        request["holder_derived"] = True
    named, at = asked.get("consultation"), request["created_at"]
    consultation_link().put(
        cast(Any, request), dataset, named, at, holder=request.get("organization")
    )


def _holder(reference: Any, *, required: bool = False) -> ObjectId | None:
    if isinstance(reference, dict):
        reference = reference.get("id")
    if not reference and not required:
        return None
    found = catalogue.find_organization(reference) if isinstance(reference, str) else None
    if found is None or found.deleted:
        message = _("There is no such organization.")
        raise refusals.Invalid(message, {"organization": message})
    return found.id


def _role_for(
    viewer: Viewer, request: Request, to: Status, who: frozenset[Role], other: Request
) -> Role:
    """Return the role in which this user makes a move. `other`: the request that it is merged
    into, or parted from. Raise Forbidden."""
    roles = permissions.roles(viewer, request, other)
    mine = (roles & who) - {Role.ANYBODY}
    if not mine:
        raise refusals.Forbidden(
            _("You may not make this move."),
            allowed_transitions=[str(to) for to in allowed_moves(viewer, request)],
        )
    if not _may_still(roles, request, to):
        raise refusals.Forbidden(_("You have reopened this once: a moderator may do it again."))
    if Role.REQUESTER in mine and not permissions.acts_for(request.get("organization")):
        return Role.REQUESTER
    order = (Role.PRODUCER, Role.BOTH_PRODUCER, Role.MODERATOR, Role.DESK, Role.REQUESTER)
    return next(role for role in order if role in mine)


def _may_still(roles: set[Role], request: Request, to: Status) -> bool:
    """Return whether these roles may reopen the decision: a requester reopens each kind of decision
    once; after that only a moderator or the holder does."""
    status = Status(request["status"])
    if status not in DECISIONS or to is not Status.ACKNOWLEDGED or Role.PRODUCER in roles:
        return True
    return (request.get("reopened") or {}).get(status, 0) == 0


def _role_of_answer(viewer: Viewer, request: Request) -> Role:
    if permissions.is_requester(viewer, request):
        return Role.REQUESTER
    return Role.PRODUCER if permissions.deals_with(viewer, request) else Role.ANYBODY


def _carrier(request: Request) -> Request:
    """Return the request that collects the supports: of a merged one, the one it was merged
    into."""
    if not request.get("duplicate_of"):
        return request
    return find(request["duplicate_of"]) or request


def _with_edit(history: list[Entry], entry: Entry) -> list[Entry]:
    """Append an edit to the history; consecutive edits by the same person are one entry, so that
    endless editing does not grow the document."""
    again = history and history[-1].get("edited") and history[-1]["by"] == entry["by"]
    return [*(history[:-1] if again else history), entry]


def _as_moved(viewer: Viewer, request: Request, to: Status) -> Request:
    """Return the request after a move was written. Raise Conflict when a concurrent change undid
    it: the target of a merge was itself merged into this one, or deleted."""
    again = fresh(request["_id"])
    written(again)
    if to is Status.DUPLICATE and again["status"] != Status.DUPLICATE:
        raise _elsewhere(viewer, again)
    return fresh(request["_id"])


def _must_have_room(request: Request) -> None:
    if len(request["history"]) >= MAX_HISTORY:
        raise refusals.Conflict(
            _("This request has moved too often: make a new one."), status=request["status"]
        )


def _merged_from(request: Request) -> Status | None:
    return Status(request["merged_from"]) if request.get("merged_from") else None


def _submitted(viewer: Viewer, submission: str | None) -> Request | None:
    """Return the request of an earlier POST of this submission. Raise Gone if it was deleted
    since."""
    if not submission:
        return None
    if was_deleted(viewer, submission, "request"):
        raise refusals.Gone(_("This request has been deleted."))
    mine = {"contributor.key": viewer.key, "submission_id": submission}
    return confirmed(requests(), requests().find_one(mine))


def _elsewhere(viewer: Viewer, request: Request) -> refusals.Conflict:
    return refusals.Conflict(
        _("This move is not possible from where the request stands now."),
        status=request["status"],
        allowed_transitions=[str(to) for to in allowed_moves(viewer, request)],
    )


def _must(may: bool, message: Any) -> None:
    if not may:
        raise refusals.Forbidden(message)
