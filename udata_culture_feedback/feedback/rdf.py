"""Feedback on a dataset as RDF: one annotation for each rated criterion, texts whose authors agreed
to it, means. `docs/rdf.md` shows it, `shapes/feedback.ttl` constrains it.

It is open data, so the rules of public files hold (people.md): nobody is named, nothing tells which
annotations are one person's (they are of five people at least), dates are months. It is the same
for every viewer.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import wraps
from typing import Any
from urllib.parse import quote

from flask import Response, current_app, request
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import DC, DCTERMS, FOAF, RDF, SKOS, XSD, NamespaceManager
from udata.core.dataset import api as dataset_api
from udata.core.dataset.models import Dataset
from udata.core.dataset.rdf import dataset_to_graph_id
from udata.i18n import lazy_gettext as _
from udata.rdf import DCAT, DQV, HYDRA, ILLEGAL_XML_CHARS, negociate_content

from ..contributions.review_rules import was_read, with_name
from ..figures.summary_ids import dataset_summary
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import now
from ..vocabulary import LDQD, vocabularies
from ..web import listing, refusals
from ..web.api import cacheable
from ..web.render_cache import fingerprint, kept
from ..web.untyped import Document
from ..web.urls import api_url
from . import rdf_schemes as schemes
from . import rdf_text, summaries
from .models import STANDING, Feedback, feedbacks
from .models import summaries as stored_summaries
from .rdf_schemes import DUV, OA, Triple, base_iri

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Format:
    """A serialisation of a graph: rdflib's name of it, and its media type."""

    name: str
    media_type: str


#: Extension of an address → format.
FORMATS = {
    "ttl": Format("turtle", "text/turtle"),
    "jsonld": Format("json-ld", "application/ld+json"),
    "xml": Format("xml", "application/rdf+xml"),
}

PREFIXES = {
    "dc": DC,
    "dcat": DCAT,
    "dcterms": DCTERMS,
    "dqv": DQV,
    "duv": DUV,
    "hydra": HYDRA,
    "ldqd": LDQD,
    "oa": OA,
    "skos": SKOS,
    "xsd": XSD,
}

#: Most feedbacks on one page: each of them is a few annotations.
PAGE_SIZE = listing.MAX_PAGE_SIZE
#: Number of ratings from which a mean is published.
ENOUGH = 5
#: Fewest people whose annotations are together on a page: of fewer, who gave which could be told.
LEAST = 5
#: Answers that pages lead to.
MOST = 100_000

#: Fields read of a feedback; of its author, only those that tell how many people there are, and
#: whether a moderator has read these words.
FIELDS = {
    field: 1
    for field in (
        *("fitness", "ratings", "comment", "open_data", "visibility", "created_at"),
        *("moderated.decision", "moderated.after", "contributor.user", "contributor.name"),
        "contributor.key",
    )
}

_ILLEGAL = re.compile(ILLEGAL_XML_CHARS)
_NOT_IN_IRIS = re.compile(r'[\x00-\x20<>"{}|\\^`\x7f]')


def of_dataset(reference: str, extension: str) -> Response:
    """Return `GET P/datasets/<d>/feedback.<extension>`, one page of it where there is much
    feedback. Raise NotFound for a dataset that is not public, an unknown extension or page; Invalid
    naming `page`, `page_size` or `cursor`."""
    _must_be_known(extension)
    dataset = catalogue.find_dataset(reference)
    if dataset is None or not dataset.listed:
        raise refusals.NotFound(_("There is no such dataset."))
    page = _asked_page()
    found = _answers(dataset, page)
    more = len(found) == page.size + LEAST
    summary = summaries.as_json(summaries.read(dataset_summary(dataset.id)))
    record = _record(dataset)
    node, day = _iri(dataset_to_graph_id(record)), f"{now():%Y-%m-%d}"

    def said() -> str:
        own = [
            *_described(node, record),
            *_measurements(node, summary["axes"]),
            *_annotations(node, dataset, found[: page.size] if more else found, day),
            *_paged(dataset, more, page, summary["total"]),
        ]
        return written(own, extension)

    shown = fingerprint(found, node, record.title, record.description, summary, page, base_iri())
    key = ("rdf", dataset.id, extension, day, request.query_string, id(vocabularies()), shown)
    return _response(kept(key, said), extension)


def of_vocabulary(extension: str) -> Response:
    """Return `GET P/vocabulary.<extension>`: the schemes alone. Raise NotFound for an unknown
    extension."""
    _must_be_known(extension)
    return _response(written([], extension), extension)


def _asked_page() -> listing.Page:
    """Return the requested page. Sizes are multiples of `LEAST`, and pages are numbered from the
    oldest answer: no two pages differ by fewer answers."""
    page = listing.asked_page(PAGE_SIZE)
    if page.cursor:
        message = _("Pages of RDF have numbers.")
        raise refusals.Invalid(message, {"cursor": message})
    page = listing.Page(page.number, max(page.size // LEAST, 1) * LEAST)
    if page.offset > MOST:
        message = _("Pages end at %(offset)d.", offset=MOST)
        raise refusals.Invalid(message, {"page": message})
    return page


def _answers(dataset: DatasetFacts, page: listing.Page) -> list[Feedback]:
    """Read the answers of a page, the oldest first, with `LEAST` more where more follow: fewer than
    that are part of this page. Raise NotFound for a page that does not exist."""
    where = STANDING | {"dataset": dataset.id, "agent": {"$ne": True}}
    order = [("created_at", 1), ("_id", 1)]
    most = page.size + LEAST
    cursor = feedbacks().find(where, FIELDS, sort=order, batch_size=most + 1)
    found = list(cursor.skip(page.offset).limit(most))
    if page.number > 1 and len(found) < LEAST:
        raise refusals.NotFound(_("There is no such page."))
    return found


def preferred() -> str:
    """Return the extension that the client prefers, negotiated as udata does for its catalogue."""
    names = {form.name: extension for extension, form in FORMATS.items()}
    return names.get(negociate_content(), "jsonld")


def _record(dataset: DatasetFacts) -> Dataset:
    """Read what udata's own DCAT says of a dataset. Raise NotFound where it has just been
    deleted."""
    fields = ("slug", "harvest", "title", "description")
    found = Dataset.objects(id=dataset.id).only(*fields).first()
    if found is None:
        raise refusals.NotFound(_("There is no such dataset."))
    return found


def _must_be_known(extension: str) -> None:
    if extension not in FORMATS:
        raise refusals.NotFound(_("There is no such format."))


def written(triples: Iterable[Triple], extension: str) -> str:
    """Serialise these triples with those of the schemes, in one order: the same graph is the same
    text. rdflib takes twenty times as long for Turtle and JSON-LD: it only writes XML."""
    if extension == "ttl":
        return rdf_text.turtle(PREFIXES, [*schemes.schemes(), *triples])
    if extension == "jsonld":
        return rdf_text.json_ld(PREFIXES, [*schemes.schemes(), *triples])
    graph = _Graph()
    graph.say(schemes.schemes())
    graph.say(triples)
    return graph.serialize(format=FORMATS[extension].name)


def _response(said: str, extension: str) -> Response:
    form = FORMATS[extension]
    response = Response(said, content_type=f"{form.media_type}; charset=utf-8")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return cacheable(response)


def link_from_dcat() -> None:
    """Have udata's own record of a dataset with feedback link to it here; any other record is left
    as it is. udata has no signal for it: we wrap the function that its route calls. Idempotent."""
    theirs = dataset_api.dataset_to_rdf
    if hasattr(theirs, "links_to_feedback"):
        return

    @wraps(theirs)
    def linked(dataset: Dataset, *arguments: Any, **named: Any) -> Any:
        resource = theirs(dataset, *arguments, **named)
        try:
            summary = stored_summaries().find_one(
                {"_id": dataset_summary(dataset.pk), "listed": True, "totals.total": {"$gt": 0}},
                {"_id": 1},
            )
            if summary:
                resource.add(FOAF.page, URIRef(api_url(f"datasets/{dataset.pk}/feedback")))
        except Exception:
            log.exception("The DCAT record of a dataset could not be linked")
        return resource

    linked.links_to_feedback = True  # type: ignore[attr-defined]
    dataset_api.dataset_to_rdf = linked


class _Graph(Graph):
    """A graph serialised in one order, whatever that of Python's sets."""

    def __init__(self) -> None:
        super().__init__(namespace_manager=NamespaceManager(Graph(), bind_namespaces="none"))
        for prefix, namespace in PREFIXES.items():
            self.bind(prefix, namespace)

    def say(self, triples: Iterable[Triple]) -> None:
        for triple in triples:
            self.add(triple)

    def subjects(self, predicate: Any = None, object: Any = None, unique: bool = False) -> Any:
        found: set[Any] = set(super().subjects(predicate, object))
        yield from sorted(found)

    def predicate_objects(self, subject: Any = None, unique: bool = False) -> Any:
        found: list[Any] = list(super().predicate_objects(subject))
        yield from sorted(found)


def _measurements(node: URIRef, axes: Document) -> Iterator[Triple]:
    """Yield, for each axis, how many people rated it and, from enough of them on, their mean."""
    for axis, figures in axes.items():
        values = [(schemes.count_of(axis), "count", Literal(figures["count"]))]
        if figures["count"] >= ENOUGH:
            mean = Literal(Decimal(str(figures["mean"])))
            values.append((schemes.mean_of(axis), "mean", mean))
        for metric, what, value in values:
            measured = BNode(f"{what}-{axis}")
            yield node, DQV.hasQualityMeasurement, measured
            yield measured, RDF.type, DQV.QualityMeasurement
            yield measured, DQV.computedOn, node
            yield measured, DQV.isMeasurementOf, metric
            yield measured, DQV.value, value


def _described(node: URIRef, record: Dataset) -> Iterator[Triple]:
    """Yield what DCAT wants of a dataset."""
    yield node, RDF.type, DCAT.Dataset
    yield node, DCTERMS.title, Literal(plain(record.title or ""))
    yield node, DCTERMS.description, Literal(plain(record.description or record.title or ""))


def _annotations(
    node: URIRef, dataset: DatasetFacts, answers: list[Feedback], day: str
) -> Iterator[Triple]:
    """Yield the annotations of some feedback; none where they are of so few people that one could
    tell whose they are. Their IRIs are drawn for a day: nothing tells which belong together."""
    if len({answer["contributor"]["key"] for answer in answers}) < LEAST:
        return
    axes = {axis.id: schemes.dimension(axis) for axis in vocabularies()["axes"]}
    known = vocabularies().ids("fitness")
    iri_of = _drawn(dataset, day)
    for answer in answers:
        month = f"{answer['created_at']:%Y-%m}-01T00:00:00Z"
        created = Literal(month, datatype=XSD.dateTime, normalize=False)
        if answer["fitness"] in known:
            iri, step = iri_of(answer, "fitness"), schemes.fitness(answer["fitness"])
            yield from _rating(node, iri, created, schemes.RELEVANCY, step)
        for axis, n in (answer.get("ratings") or {}).items():
            if axis in axes:
                step = schemes.step(axis, n)
                yield from _rating(node, iri_of(answer, axis), created, axes[axis], step)
        if _is_open(answer):
            iri = iri_of(answer, "comment")
            yield from _comment(node, iri, created, plain(answer["comment"]))


def _drawn(dataset: DatasetFacts, day: str) -> Callable[[Feedback, str], URIRef]:
    """Return what makes the IRIs of annotations: known to nobody who has not the portal's key, and
    others the next day."""
    secret = f"{current_app.config['SECRET_KEY']}:rdf:{day}".encode()
    key = hashlib.blake2b(secret, digest_size=32).digest()
    base = api_url(f"datasets/{dataset.id}/feedback")

    def draw(answer: Feedback, what: str) -> URIRef:
        said = f"{answer['_id']}:{what}".encode()
        return URIRef(f"{base}#a{hashlib.blake2b(said, key=key, digest_size=12).hexdigest()}")

    return draw


def _rating(
    node: URIRef, rating: URIRef, created: Literal, dimension: URIRef, step: URIRef
) -> Iterator[Triple]:
    yield node, DQV.hasQualityAnnotation, rating
    yield from _annotation(node, rating, created, step)
    yield rating, RDF.type, DQV.UserQualityFeedback
    yield rating, RDF.type, DUV.RatingFeedback
    yield rating, DQV.inDimension, dimension
    yield rating, OA.motivatedBy, DQV.qualityAssessment
    yield rating, OA.motivatedBy, OA.classifying


def _comment(node: URIRef, comment: URIRef, created: Literal, words: str) -> Iterator[Triple]:
    body = URIRef(f"{comment}-text")
    yield from _annotation(node, comment, created, body)
    yield comment, RDF.type, DUV.UserFeedback
    yield comment, OA.motivatedBy, OA.commenting
    yield body, RDF.type, OA.TextualBody
    yield body, RDF.value, Literal(words)
    yield body, DC.format, Literal("text/plain")


def _is_open(answer: Feedback) -> bool:
    """Return whether the words of a feedback may be open data: their author agreed, and a moderator
    has read them as they are and let them be public."""
    if not (answer.get("comment") and answer.get("open_data")):
        return False
    return was_read(answer, with_name(answer, {"comment": answer["comment"]}))


def _annotation(
    node: URIRef, annotation: URIRef, created: Literal, body: URIRef
) -> Iterator[Triple]:
    """Yield what annotations of ratings and of comments have in common."""
    yield node, DUV.hasFeedback, annotation
    yield annotation, RDF.type, OA.Annotation
    yield annotation, OA.hasTarget, node
    yield annotation, OA.hasBody, body
    yield annotation, DCTERMS.created, created


def _paged(dataset: DatasetFacts, more: bool, page: listing.Page, total: int) -> Iterator[Triple]:
    """Yield the links to the other pages, as udata's catalogue does (Hydra); none where all is on
    one page."""
    if not more and page.number == 1:
        return
    collection = URIRef(api_url(f"datasets/{dataset.id}/feedback"))
    view = _iri(listing.address())
    yield collection, RDF.type, HYDRA.Collection
    yield collection, HYDRA.totalItems, Literal(total)
    yield collection, HYDRA.view, view
    yield view, RDF.type, HYDRA.PartialCollectionView
    yield view, HYDRA.first, _iri(listing.address(page=1))
    if more:
        yield view, HYDRA.next, _iri(listing.address(page=page.number + 1))
    if page.number > 1:
        yield view, HYDRA.previous, _iri(listing.address(page=page.number - 1))


def plain(words: str) -> str:
    """Make a text that every format can carry and returns unchanged: XML has neither control
    characters nor line ends other than newlines."""
    return _ILLEGAL.sub("", words.replace("\r\n", "\n").replace("\r", "\n"))


def _iri(node: Any) -> URIRef:
    """Make a valid IRI of what a harvester stored: illegal characters are escaped."""
    return URIRef(_NOT_IN_IRIS.sub(lambda found: quote(found[0]), str(node)))
