"""Let the page or file of one domain show something of another, without either importing the other.

`app` registers the provider of each name when an application is made; a domain calls it through the
slots below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from bson import ObjectId

from ..opendata.tables import Table
from ..portal.catalogue import DatasetFacts
from ..web.untyped import Shown

#: A stage of an aggregation pipeline.
Stage = dict[str, Any]
#: A document of the other domain, which defines its type.
Document = Any


class TrendEvent(NamedTuple):
    """An event that may explain a change in a trend. `at`: naive UTC; `kind`: `data_update`,
    `consultation_opened` or `consultation_closed`; `label`: in words."""

    at: datetime
    kind: str
    label: str


class RequestsBeside(Protocol):
    """The data requests shown with datasets, organizations and the site."""

    def stages(self) -> list[Stage]:
        """Return the stages that add `asked` and `opened` to datasets in a pipeline."""

    def figure_stages(self) -> list[Stage]:
        """Return the stages that add `totals` and `due` to documents with a summary id in `key`."""

    def figures(self, summary_id: str) -> dict[str, int]:
        """Return the request counters of a summary, settled first."""

    def figures_of_many(self, summary_ids: Iterable[str]) -> dict[str, dict[str, int]]:
        """Return the stored request counters of many summaries, in one query."""

    def figures_as_json(self, totals: dict[str, int]) -> dict[str, int]:
        """Return `{open, published}`, as summaries show requests."""

    def missing_data(
        self, dataset: DatasetFacts, asked: list[Document], opened: list[Document]
    ) -> Shown:
        """Return what the section « Des données manquent ? » shows."""


class ConsultationLink(Protocol):
    """The link between a consultation and what is given while it is open. It is under seal."""

    def put(
        self,
        contribution: Document,
        dataset: DatasetFacts | None,
        named: str | None,
        at: datetime,
        *,
        holder: ObjectId | None = None,
        waiting: Sequence[Any] | None = None,
    ) -> None:
        """Stamp a contribution with the consultation that was named or is in scope."""

    def disclosed(self, ids: Iterable[Any]) -> set[ObjectId]:
        """Return those of these consultations whose seal is broken."""

    def large(self, ids: Iterable[ObjectId]) -> set[ObjectId]:
        """Return those of these consultations during which ten or more gave feedback."""

    def filtered_by(self, reference: str) -> ObjectId:
        """Return the id of the consultation that a list is filtered by."""

    def keep(self, feedback: Document) -> None:
        """Copy a feedback into the results of its consultation before it changes."""

    def drop(self, feedback: Document) -> None:
        """Stop counting in results the copy of a feedback that was spam, or is held again."""

    def count_late(self, feedback: Document) -> None:
        """Count in results a feedback that was held when they were collected, and is no longer."""

    def unclosed_stage(self, name: str, at: datetime) -> Stage:
        """Return the stage that reads the consultations not closed at a moment, as list `name`."""

    def unclosed_of(self, documents: Iterable[Document]) -> tuple[Any, ...]:
        """Return what `unclosed_stage` has read, for `put(waiting=…)`."""

    def events(
        self, dataset: DatasetFacts | None = None, organization: ObjectId | None = None
    ) -> list[TrendEvent]:
        """Return openings and closings of the published consultations that concern a dataset, an
        organization, or (without either) everybody."""

    def banner(self, dataset: DatasetFacts) -> Any:
        """Return the banner of the open consultation that covers a dataset; None without one."""

    def banners_key(self) -> str:
        """Return a text that changes with anything that banners are made of."""


class RequestsAsked(Protocol):
    """The data requests that consultations show, ask for and publish."""

    def ask(self, viewer: Any, payload: Document) -> tuple[Document, bool]:
        """Submit a request; return it and whether it is new. Raise Refusal."""

    def find_request(self, reference: Any) -> Document | None:
        """Return the request with an id or slug, readable or not; None without one."""

    def public_requests(self, where: Document) -> Any:
        """Return a cursor over public requests, without the fields that no page shows."""

    def people(self, request: Document) -> int:
        """Return how many people are behind a request."""

    def addresses(self, request: Document) -> dict[str, str]:
        """Return `self_api_url` and `self_web_url` of a request."""

    def status_label(self, request: Document) -> str:
        """Return the status of a request in words."""

    def slugs(self, ids: Iterable[Any]) -> dict[Any, str]:
        """Return the slug of each of these requests, public or not, by id."""

    def choices(self, ids: list[ObjectId]) -> list[tuple[ObjectId, str, str]]:
        """Return id, title and detail of those public requests that may be chosen in a form."""

    def file_table(self) -> Table:
        """Return the table schema of the file of requests."""

    def file_rows(self, where: Document) -> Iterator[Any]:
        """Yield the rows of the file of those public requests."""


class FeedbackGiven(Protocol):
    """The feedback that consultations read when they have closed."""

    def ensure_above(self, summary_ids: Iterable[str]) -> None:
        """Create the missing summaries of organizations and of the site."""

    def stamped(self, consultation: ObjectId, fields: Iterable[str]) -> Any:
        """Return a cursor over the feedback given during a consultation."""

    def since_update(
        self, datasets: Iterable[ObjectId], after: datetime, counters: frozenset[str]
    ) -> Iterable[dict[str, int]]:
        """Yield, for each dataset whose data changed after a moment, what was counted since."""


T = TypeVar("T")


class Slot(Generic[T]):
    """The place of one provider."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._provider: T | None = None

    def register(self, provider: T) -> None:
        """Set the provider. Idempotent."""
        self._provider = provider

    def __call__(self) -> T:
        """Return the provider. Raise LookupError where `app` has registered none."""
        if self._provider is None:
            raise LookupError(f"Nobody provides {self.name}: was init_app called?")
        return self._provider


requests_beside: Slot[RequestsBeside] = Slot("requests beside datasets")
requests_asked: Slot[RequestsAsked] = Slot("requests asked in consultations")
consultation_link: Slot[ConsultationLink] = Slot("the link to consultations")
feedback_given: Slot[FeedbackGiven] = Slot("feedback given during a consultation")
