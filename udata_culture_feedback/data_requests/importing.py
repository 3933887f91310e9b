"""Import requests collected elsewhere from a CSV file (its columns: `docs/importing.md`).

Each line is known by its `external_id`. Imported requests are history: nobody is notified, and they
have no author here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, cast

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError
from udata.core.organization.models import Organization
from udata.i18n import lazy_gettext as _
from udata.uris import cdata_url

from ..contributions.importing import Importer, must_have
from ..contributions.repository import ATTEMPTS
from ..contributions.review_rules import Visibility
from ..people.models import Kind, account_key
from ..people.service_account import service_account
from ..portal import catalogue
from ..portal.collections import Query, now
from ..search import terms
from ..web import refusals
from ..web.csv_reading import Values, last_part, read_day
from ..web.moments import portal_zone
from ..web.refusals import Errors
from ..web.untyped import Payload
from . import actions, forms
from .clock import Clock
from .figures import above, ensure, settle_dataset
from .models import Request, live_totals, requests
from .repository import free_slug
from .signals import on_request_changed
from .workflow import ANSWERS, OPEN, Role, Status

COLUMNS = (
    *("external_id", "title", "description", "kind", "organization", "dataset", "themes"),
    *("formats", "evidence_url", "status", "requested_at", "decided_at", "published", "reason"),
    "message",
)
REQUIRED = ("external_id", "title")

#: Statuses that a file may use; the others need a requester who can answer, or another request.
IMPORTED = frozenset((*OPEN, Status.PUBLISHED, Status.DECLINED)) - {Status.NEEDS_CLARIFICATION}

EXTERNAL_ID = re.compile(r"\S.{0,198}\S|\S")


@dataclass(frozen=True)
class Tracked:
    """What a word of data.gouv.fr's tracker of openings means here."""

    status: Status
    kind: str | None = None
    stalled: bool = False


#: Words of the tracker, folded (`search.terms.fold`): case, accents and spaces do not matter.
TRACKER = {
    "ouverture demandee": Tracked(Status.SUBMITTED),
    "mise a jour demandee": Tracked(Status.SUBMITTED, "update"),
    "a enclencher": Tracked(Status.ACCEPTED),
    "ouverture a enclencher": Tracked(Status.ACCEPTED),
    "mise a jour a enclencher": Tracked(Status.ACCEPTED, "update"),
    "en cours d ouverture": Tracked(Status.IN_PROGRESS),
    "en cours de mise a jour": Tracked(Status.IN_PROGRESS, "update"),
    "ouverture realisee": Tracked(Status.PUBLISHED),
    "mise a jour realisee": Tracked(Status.PUBLISHED, "update"),
    "a l arret": Tracked(Status.ACCEPTED, stalled=True),
    "non disponible": Tracked(Status.SUBMITTED),
    "disponible": Tracked(Status.PUBLISHED),
}


class Plan(Importer[Request]):
    """Turns the lines of a plan into requests; what many lines name is looked up once.

    `mapping`: header in the file → column; columns with our names need none, unless `only_mapped`.
    """

    id_column = "external_id"

    def __init__(
        self,
        mapping: Mapping[str, str],
        import_id: ObjectId | None = None,
        *,
        only_mapped: bool = False,
    ) -> None:
        super().__init__()
        self.only_mapped = only_mapped
        self.mapping = mapping
        self.import_id = import_id
        account = service_account()
        # Anonymous and not identified: asked elsewhere, nobody here can appeal.
        self.author = {
            "kind": Kind.UNVERIFIED,
            "key": account_key(account.id),
            "user": account.id,
        }
        self.names: dict[str, list[ObjectId]] | None = None

    def header(self, theirs: list[str]) -> list[str]:
        must_have(theirs, self.mapping)
        named = [self.mapping.get(name, "" if self.only_mapped else name) for name in theirs]
        header = [name if name in COLUMNS else "" for name in named]
        must_have(header, {*REQUIRED, *filter(None, header)})
        return header

    def key(self, identity: str) -> str:
        return identity.partition("\n")[2]

    def known(self, keys: list[str]) -> set[str]:
        found = requests().find({"external_id": {"$in": keys}}, {"external_id": 1})
        return {one["external_id"] for one in found}

    def store(self, made: list[Request]) -> int:
        return sum(_store(request) for request in made)

    def stored(self) -> int:
        return requests().count_documents(self._standing())

    def _standing(self) -> Query:
        return {"import_id": self.import_id, "removed": {"$exists": False}}

    def undo(self, progress: Callable[[int], None]) -> tuple[int, int]:
        removed = left = 0
        for request in requests().find(self._standing()):
            if _is_untouched(request):
                # Erased later, once nothing counts it: meanwhile the id is free for another import.
                requests().update_one({"_id": request["_id"]}, {"$unset": {"external_id": 1}})
                actions.remove(request)
                removed += 1
            else:
                left += 1
            progress(removed + left)
        return removed, left

    def read(self, key: str, values: Values, errors: Errors) -> Request | None:
        if key and not EXTERNAL_ID.fullmatch(key):
            errors["external_id"] = _("1 to 200 characters that say which request it is.")
        tracked = _tracked(values.get("status", ""))
        if tracked is None:
            tracked = Tracked(Status.SUBMITTED)
            known = sorted(IMPORTED) + sorted(TRACKER)
            errors["status"] = _("Choose one of: %(ids)s.", ids=", ".join(known))
        asked = self._asked(values, tracked, errors)
        dataset = self._dataset(values, errors)
        holder = self._holder(values, errors)
        if holder is None and dataset is not None and not values.get("organization"):
            holder = dataset.organization
        requested = _moment(values, "requested_at", errors) or now()
        decided = _moment(values, "decided_at", errors) or now()
        if decided < requested and "requested_at" not in errors:
            errors["decided_at"] = _("Before the request was made.")
        moved = self._moved(values, tracked, errors)
        if errors:
            return None
        asked_for = {name: value for name, value in asked.items() if value is not None}
        request: Any = {
            "_id": ObjectId(),
            "contributor": dict(self.author),
            "usages": [],
            "visibility": Visibility.PUBLIC,
            "status": tracked.status,
            "version": 1,
            "history": [],
            "totals": {},
            "external_id": key,
            "created_at": requested,
            "last_modified": requested,
            "v": 1,
            **asked_for,
        }
        if self.import_id:
            request["import_id"] = self.import_id
        if dataset:
            request["dataset"] = dataset.id
        if holder:
            request |= {"organization": holder, "received_at": requested}
        _decide(request, tracked, moved, requested, decided)
        return cast(Request, request)

    def _asked(self, values: Values, tracked: Tracked, errors: Errors) -> forms.Values:
        """Read the fields that are validated as if typed in the form."""
        title = values.get("title", "")
        payload: Payload = {
            "title": title,
            "description": values.get("description") or title,
            "kind": values.get("kind") or tracked.kind or "new",
            "themes": _list(values.get("themes", "")),
            "formats": _list(values.get("formats", "")),
            "evidence_url": values.get("evidence_url"),
        }
        try:
            return forms.read_request(payload)
        except refusals.Refusal as refusal:
            errors |= refusal.errors or {"description": refusal.message}
            return {}

    def _dataset(self, values: Values, errors: Errors) -> catalogue.DatasetFacts | None:
        reference = values.get("dataset")
        if not reference:
            return None
        found = catalogue.find_dataset(last_part(reference))
        if found is None or found.deleted:
            errors["dataset"] = _("There is no such dataset.")
            return None
        return found

    def _holder(self, values: Values, errors: Errors) -> ObjectId | None:
        """Find the holder by id, slug or name."""
        reference = values.get("organization")
        if not reference:
            return None
        found = catalogue.find_organization(reference)
        if found and not found.deleted:
            return found.id
        if self.names is None:
            self.names = {}
            for raw in Organization._get_collection().find({"deleted": None}, {"name": 1}):
                self.names.setdefault(_folded(raw.get("name") or ""), []).append(raw["_id"])
        named = self.names.get(_folded(reference), [])
        if len(named) == 1:
            return named[0]
        errors["organization"] = (
            _("Several organizations have that name: give an id.")
            if named
            else _("There is no such organization.")
        )
        return None

    def _moved(self, values: Values, tracked: Tracked, errors: Errors) -> forms.Values:
        """Return what the history entry says of the move, besides its date."""
        moved: forms.Values = {"stalled": True} if tracked.stalled else {}
        published = values.get("published", "").split()
        payload = {
            "to": tracked.status.value,
            "message": values.get("message"),
            "reason": values.get("reason"),
            "datasets": [last_part(one) for one in published if not _is_elsewhere(one)],
            "urls": [one for one in published if _is_elsewhere(one)],
        }
        try:
            asked = forms.read_move(payload)
        except refusals.Refusal as refusal:
            found = refusal.errors or {"message": refusal.message}
            if "urls" in found or "datasets" in found:
                found["published"] = found.pop("urls" if "urls" in found else "datasets")
            errors |= found
            return moved
        if asked["message"]:
            moved["message"] = asked["message"]
        if tracked.status is Status.DECLINED:
            for field in ("reason", "message"):
                if not asked[field]:
                    errors[field] = _("A refusal has a reason and a message.")
            moved["reason"] = asked["reason"]
        if tracked.status is Status.PUBLISHED:
            datasets = [catalogue.find_dataset(reference) for reference in asked["datasets"]]
            if not all(dataset and dataset.listed for dataset in datasets):
                errors["published"] = _("There is no such public dataset.")
            elif not (datasets or asked["urls"]):
                errors["published"] = _("Name a public dataset, or give an address.")
            moved |= {
                "datasets": [dataset.id for dataset in datasets if dataset],
                "urls": asked["urls"],
                "partial": False,
            }
        return moved


def _is_untouched(request: Request) -> bool:
    """Check whether nobody has moved, edited, supported or discussed an imported request."""
    mine = {key: n for key, n in (request.get("totals") or {}).items() if n}
    return request["version"] == 1 and not mine and not request.get("discussion")


def _decide(
    request: Request, tracked: Tracked, moved: forms.Values, at: datetime, decided: datetime
) -> None:
    """Set the status of the file: status, history and clock. The overdue mail counts as sent:
    nobody gets one for an imported request."""
    months = current_app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"]
    clock = Clock.start(at, months, portal_zone())
    if tracked.status is not Status.SUBMITTED:
        entry: Any = {
            "from": Status.SUBMITTED,
            "to": tracked.status,
            "by": {"role": Role.MODERATOR},
            "at": decided,
            **moved,
        }
        request["history"] = [entry]
        request["last_modified"] = decided
    if tracked.status is Status.PUBLISHED:
        request["fulfilled_by"] = {"datasets": moved["datasets"], "urls": moved["urls"]}
        request["partial"] = False
    if tracked.status in ANSWERS:
        clock = clock.answer(decided, portal_zone())
    request["clock"] = clock.tell_overdue().to_mongo()
    request["told"] = len(request["history"])


def _store(request: Request) -> bool:
    """Store a request; return False when it is there already."""
    request["terms"] = terms.terms(f"{request['title']} {request['description']}")
    request["slug"] = free_slug(request["title"])
    request["live"] = live_totals(request)
    ensure(above(request))
    request["due"] = above(request)
    for _attempt in range(ATTEMPTS):
        try:
            requests().insert_one(request)
            break
        except DuplicateKeyError:
            if requests().find_one({"external_id": request["external_id"]}, {"_id": 1}):
                return False
            request["slug"] = free_slug(request["title"], taken=True)
    settle_dataset(request)
    on_request_changed.send(request["_id"])
    return True


def _tracked(words: str) -> Tracked | None:
    """Read a status by its id or by the tracker's words; empty: submitted."""
    if not words:
        return Tracked(Status.SUBMITTED)
    if words in IMPORTED:
        return Tracked(Status(words))
    return TRACKER.get(_folded(words))


def _folded(words: str) -> str:
    return " ".join(terms.WORD.findall(terms.fold(words)))


def _moment(values: Values, column: str, errors: Errors) -> datetime | None:
    """Return noon of a local day (2026-01-31 or 31/01/2026, whatever the hour), as naive UTC."""
    written = values.get(column)
    if not written:
        return None
    day = read_day(written) or read_day(written.partition(" ")[0])
    if day is None:
        errors[column] = _("A date, such as 2026-12-31.")
        return None
    local = datetime.combine(day, time(12), portal_zone())
    moment = local.astimezone(UTC).replace(tzinfo=None)
    if day > datetime.now(portal_zone()).date():
        errors[column] = _("This date has not come yet.")
        return None
    return min(moment, now())


def _list(cell: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,|]", cell) if part.strip()]


def _is_elsewhere(reference: str) -> bool:
    """Return whether this is an address, and not that of a dataset of this portal."""
    ours = cdata_url("/datasets/")
    return "://" in reference and not (ours and reference.startswith(ours))
