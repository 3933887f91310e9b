"""Public requests as an open data file: one row each, without names or anything that identifies the
requester; the words only with the requester's consent and once a moderator has read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Response, current_app
from udata.core.dataset.constants import UpdateFrequency
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.neighbours import consultation_link
from ..opendata import named
from ..opendata.tables import (
    Column,
    Table,
    batches,
    profile_column,
    shuffled,
    terms,
    told_profiles,
    version,
)
from ..portal import catalogue
from ..portal.collections import now
from ..vocabulary import vocabularies
from ..web.untyped import Query
from . import permissions, representation
from .clock import Clock
from .dataset_page import PUBLIC
from .models import Request, requests
from .repository import fulfilment
from .workflow import OPEN, Status

#: Fields read of a request; of its requester, only what publishing their words needs.
READ = (
    *("title", "description", "spatial", "kind", "status", "partial", "dataset", "organization"),
    *("themes", "usages", "profile", "formats", "frequency", "consultation"),
    *("received_at", "clock", "fulfilled_by", "totals", "detached", "open_data", "visibility"),
    *("moderated.decision", "moderated.after", "contributor.user", "contributor.name"),
    "contributor.kind",
    *("history.to", "history.reason", "created_at", "expected_on"),
)


class Row:
    """A request and the objects it names, as far as anybody may see them."""

    def __init__(
        self,
        request: Request,
        datasets: dict[Any, Any],
        holders: dict[Any, Any],
        profiles: set[str],
        disclosed: set[Any],
    ):
        self.request = request
        self.clock = Clock.of(request["clock"])
        self.dataset = named.dataset(datasets.get(request.get("dataset")))
        self.organization = named.organization(holders.get(request.get("organization")))
        told = request.get("profile")
        self.profile = told if told in profiles else None
        stamp = request.get("consultation")
        self.consultation = stamp if stamp in disclosed else None
        self.words = permissions.open_texts(request)
        fulfilled = fulfilment(request)
        self.urls = fulfilled["urls"]
        self.opened = [
            str(id) for id in fulfilled["datasets"] if id in datasets and datasets[id].listed
        ]

    @property
    def overdue(self) -> bool:
        return Status(self.request["status"]) in OPEN and self.clock.is_overdue(now())

    @property
    def reason(self) -> str | None:
        """The reason of the refusal that stands; None where the request is not declined."""
        if self.request["status"] != Status.DECLINED:
            return None
        decided = (e for e in reversed(self.request["history"]) if e["to"] == Status.DECLINED)
        return next((e["reason"] for e in decided if e.get("reason")), None)

    @property
    def counts(self) -> bool:
        """Whether its people count here: those of a merged request count in the one it was merged
        into."""
        return self.request["status"] != Status.DUPLICATE

    @property
    def formats(self) -> list[str]:
        """The formats that udata knows; free text is left out."""
        known = current_app.config["ALLOWED_RESOURCES_EXTENSIONS"]
        return [name for name in self.request.get("formats") or () if name in known]


def verified_supports(request: Request) -> int:
    """Count the supports by an account or a confirmed e-mail address."""
    return request.get("totals", {}).get("supports_known", 0)


def _field(name: str) -> Callable[[Row], Any]:
    return lambda row: row.request.get(name)


def _month(value: Callable[[Row], Any]) -> Callable[[Row], Any]:
    return lambda row: f"{value(row):%Y-%m}" if value(row) else None


def _word(name: str) -> Callable[[Row], Any]:
    return lambda row: row.words.get(name)


def table() -> Table:
    """Describe the file of requests, of the site or of a consultation."""
    lists = vocabularies()
    agreed = _(
        "Only where its author agreed to its publication as open data, and a moderator has read "
        "it; parts may be blacked out."
    )
    columns = (
        Column(
            "kind",
            _("Kind of request"),
            _field("kind"),
            values=terms(vocabulary.REQUEST_KINDS),
            required=True,
        ),
        Column(
            "status",
            _("Status"),
            _field("status"),
            values=terms(vocabulary.REQUEST_STATUSES),
            required=True,
        ),
        Column(
            "partial",
            _("Published in part"),
            lambda row: bool(row.request.get("partial")),
            type="boolean",
            required=True,
        ),
        Column(
            "reason",
            _("Reason of a refusal"),
            lambda row: row.reason,
            values=terms(lists["decline_reasons"]),
        ),
        *named.dataset_columns(_("The id of the public dataset from whose page it was asked.")),
        *named.organization_columns(
            _("Holder"),
            _("Name of the holder"),
            _("The organization that holds the data: its id on the portal; empty: unknown."),
        ),
        Column("themes", _("Themes"), _field("themes"), values=terms(lists["themes"]), many=True),
        Column("usages", _("Uses"), _field("usages"), values=terms(lists["usages"]), many=True),
        profile_column(),
        Column(
            "formats",
            _("Formats"),
            lambda row: row.formats,
            _("Those that the person can use, with commas between them."),
        ),
        Column(
            "frequency",
            _("Frequency"),
            _field("frequency"),
            _("How often the data should be updated: an id of udata's."),
            values=tuple((one.value, str(one.label)) for one in UpdateFrequency),
        ),
        Column(
            "supports",
            _("Supports"),
            lambda row: representation.support_count(row.request) if row.counts else None,
            _("Supports in all. Empty for a merged one: they are counted with the other."),
            type="integer",
            least=0,
        ),
        Column(
            "supports_verified",
            _("Verified supports"),
            lambda row: verified_supports(row.request) if row.counts else None,
            _("Those of them by an account or a confirmed e-mail address."),
            type="integer",
            least=0,
        ),
        Column(
            "people",
            _("People"),
            lambda row: representation.people(row.request) if row.counts else None,
            _("Verified supports, with who asked."),
            type="integer",
            least=0,
        ),
        Column(
            "month",
            _("Month"),
            _month(_field("created_at")),
            _("Month in which it was asked (UTC)."),
            type="yearmonth",
            required=True,
        ),
        Column(
            "received",
            _("Received"),
            _month(_field("received_at")),
            _("Month in which its holder received it."),
            type="yearmonth",
        ),
        Column(
            "due",
            _("Due"),
            _month(lambda row: row.clock.due_at),
            _("Month by which an answer is due; empty while paused, or once answered."),
            type="yearmonth",
        ),
        Column(
            "expected",
            _("Expected"),
            lambda row: (row.request.get("expected_on") or "")[:7] or None,
            _("Month in which the holder expects to publish."),
            type="yearmonth",
        ),
        Column(
            "overdue", _("Response overdue"), lambda row: row.overdue, type="boolean", required=True
        ),
        Column(
            "fulfilled_by.datasets",
            _("Datasets that answer it"),
            lambda row: row.opened,
            _("Ids of public datasets, with commas between them."),
        ),
        Column(
            "fulfilled_by.urls",
            _("Addresses that answer it"),
            lambda row: row.urls,
            _("Addresses elsewhere, with commas between them."),
        ),
        Column(
            "consultation",
            _("Consultation"),
            lambda row: row.consultation,
            _("The id of the consultation during which it was asked, once that has closed."),
        ),
        Column("title", _("Title"), _word("title"), agreed),
        Column("description", _("Description"), _word("description"), agreed),
        Column("spatial", _("Territory"), _word("spatial"), agreed),
    )
    return Table(
        "requests",
        str(_("Requests for data")),
        str(_("One row for each public request, as it stands now.")),
        columns,
    )


def requests_csv() -> Response:
    """Serve `P/site/requests.csv`."""
    of_requests = table()
    # `overdue` changes with time alone: the day is part of the version.
    made_of = version(requests(), PUBLIC, now().date(), of_requests.header)
    return of_requests.download(rows(), made_of)


def rows(scope: Query | None = None) -> Iterator[Row]:
    """Yield the public requests (of a consultation), in an order drawn anew each time."""
    where = PUBLIC | (scope or {})
    profiles = _profiles(where)
    for batch in batches(shuffled(requests(), where, READ)):
        datasets = catalogue.datasets_by_id(
            {one["dataset"] for one in batch if one.get("dataset")}
            | {id for one in batch for id in fulfilment(one)["datasets"]}
        )
        holders = catalogue.organizations_by_id(
            one["organization"] for one in batch if one.get("organization")
        )
        disclosed = consultation_link().disclosed(one.get("consultation") for one in batch)
        for one in batch:
            yield Row(one, datasets, holders, profiles, disclosed)


def _profiles(where: Query) -> set[str]:
    """Return the profiles that are large enough to be published, counted in one pass: no counter
    holds them."""
    found: Iterable[Any] = requests().aggregate(
        [{"$match": where}, {"$group": {"_id": "$profile", "n": {"$sum": 1}}}]
    )
    sizes = {one["_id"]: one["n"] for one in found}
    known = {id: sizes.get(id, 0) for id in vocabularies().ids("profiles")}
    return told_profiles(known, sum(sizes.values()))
