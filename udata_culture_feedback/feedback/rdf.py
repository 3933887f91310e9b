"""Feedback on a dataset as RDF: one annotation for each rated criterion, texts whose authors agreed
to it, means. `docs/rdf.md` shows it, `shapes/feedback.ttl` constrains it.

It is open data, so the rules of public files hold (people.md): nobody is named, nothing tells which
annotations are one person's, dates are months. It is the same for every viewer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from flask import Response, request
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import DC, DCTERMS, RDF, SKOS, XSD, NamespaceManager
from udata.core.dataset.models import Dataset
from udata.core.dataset.rdf import dataset_to_graph_id
from udata.i18n import lazy_gettext as _
from udata.rdf import DCAT, DQV, HYDRA, ILLEGAL_XML_CHARS, negociate_content

from ..contributions.review_rules import was_read, with_name
from ..figures.summary_ids import dataset_summary
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..vocabulary import LDQD, vocabularies
from ..web import listing, refusals
from ..web.api import cacheable
from ..web.untyped import Document
from ..web.urls import api_url
from . import rdf_schemes as schemes
from . import summaries
from .models import STANDING, Feedback, feedbacks
from .rdf_schemes import DUV, OA, Triple


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

#: Fields read of a feedback; of its author, only those that tell whether a moderator has read these
#: words.
FIELDS = {
    field: 1
    for field in (
        *("fitness", "ratings", "comment", "open_data", "visibility", "created_at"),
        *("moderated.decision", "moderated.after", "contributor.user", "contributor.name"),
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
    page = listing.asked_page(PAGE_SIZE)
    where = STANDING | {"dataset": dataset.id, "agent": {"$ne": True}}
    found = listing.newest_first(feedbacks(), where, page, FIELDS)
    if not found and (page.number > 1 or page.cursor):
        raise refusals.NotFound(_("There is no such page."))
    summary = summaries.as_json(summaries.read(dataset_summary(dataset.id)))
    node = node_of(dataset)
    graph = _Graph()
    graph.say(schemes.schemes())
    graph.say([(node, RDF.type, DCAT.Dataset)])
    graph.say(_measurements(node, summary["axes"]))
    graph.say(_annotations(node, found[: page.size]))
    if len(found) > page.size or page.number > 1 or page.cursor:
        graph.say(_paged(dataset, found, page, summary["total"]))
    return written(graph, extension)


def of_vocabulary(extension: str) -> Response:
    """Return `GET P/vocabulary.<extension>`: the schemes alone. Raise NotFound for an unknown
    extension."""
    _must_be_known(extension)
    graph = _Graph()
    graph.say(schemes.schemes())
    return written(graph, extension)


def preferred() -> str:
    """Return the extension that the client prefers, negotiated as udata does for its catalogue."""
    names = {form.name: extension for extension, form in FORMATS.items()}
    return names.get(negociate_content(), "jsonld")


def node_of(dataset: DatasetFacts) -> URIRef:
    """Return the IRI of the dataset in udata's own DCAT. Raise NotFound where it has just been
    deleted."""
    found = Dataset.objects(id=dataset.id).only("slug", "harvest").first()
    if found is None:
        raise refusals.NotFound(_("There is no such dataset."))
    return _iri(dataset_to_graph_id(found))


def _must_be_known(extension: str) -> None:
    if extension not in FORMATS:
        raise refusals.NotFound(_("There is no such format."))


def written(graph: Graph, extension: str) -> Response:
    """Serialise a graph, with the caching rules of every answer. The body is deterministic: the
    same graph has the same ETag."""
    form = FORMATS[extension]
    said = graph.serialize(format=form.name, context=_context())
    if extension == "jsonld":
        said = json.dumps(_ordered(json.loads(said)), ensure_ascii=False, indent=1)
    response = Response(said, content_type=f"{form.media_type}; charset=utf-8")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return cacheable(response)


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


def _annotations(node: URIRef, answers: list[Feedback]) -> Iterator[Triple]:
    """Yield the annotations of some feedback, ordered by what they say: neither their order nor
    their labels tell which belong together."""
    ratings: list[tuple[str, URIRef, URIRef]] = []
    texts: list[tuple[str, str]] = []
    axes = {axis.id: schemes.dimension(axis) for axis in vocabularies()["axes"]}
    for answer in answers:
        month = f"{answer['created_at']:%Y-%m}"
        if answer["fitness"] in vocabularies().ids("fitness"):
            ratings.append((month, schemes.RELEVANCY, schemes.fitness(answer["fitness"])))
        for axis, n in (answer.get("ratings") or {}).items():
            if axis in axes:
                ratings.append((month, axes[axis], schemes.step(axis, n)))
        if _is_open(answer):
            texts.append((month, plain(answer["comment"])))
    for n, (month, dimension, step) in enumerate(sorted(ratings), 1):
        rating = BNode(f"rating-{n}")
        yield node, DQV.hasQualityAnnotation, rating
        yield from _annotation(node, rating, month, step)
        yield rating, RDF.type, DQV.UserQualityFeedback
        yield rating, RDF.type, DUV.RatingFeedback
        yield rating, DQV.inDimension, dimension
        yield rating, OA.motivatedBy, DQV.qualityAssessment
        yield rating, OA.motivatedBy, OA.classifying
    for n, (month, words) in enumerate(sorted(texts), 1):
        comment, body = BNode(f"comment-{n}"), BNode(f"text-{n}")
        yield from _annotation(node, comment, month, body)
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


def _annotation(node: URIRef, annotation: BNode, month: str, body: Any) -> Iterator[Triple]:
    """Yield what annotations of ratings and of comments have in common."""
    yield node, DUV.hasFeedback, annotation
    yield annotation, RDF.type, OA.Annotation
    yield annotation, OA.hasTarget, node
    yield annotation, OA.hasBody, body
    # rdflib would make it a full date.
    yield annotation, DCTERMS.created, Literal(month, datatype=XSD.gYearMonth, normalize=False)


def _paged(
    dataset: DatasetFacts, found: list[Feedback], page: listing.Page, total: int
) -> Iterator[Triple]:
    """Yield the links to the other pages, as udata's catalogue does (Hydra)."""
    collection = URIRef(api_url(f"datasets/{dataset.id}/feedback"))
    view = _iri(listing.address(cursor=request.args.get("cursor")))
    follow = listing.envelope([], found, page, total)
    yield collection, RDF.type, HYDRA.Collection
    yield collection, HYDRA.totalItems, Literal(total)
    yield collection, HYDRA.view, view
    yield view, RDF.type, HYDRA.PartialCollectionView
    yield view, HYDRA.first, _iri(listing.address(page=1))
    for link, address in (
        (HYDRA.next, follow["next_page"]),
        (HYDRA.previous, follow["previous_page"]),
    ):
        if address:
            yield view, link, _iri(address)


def plain(words: str) -> str:
    """Make a text that every format can carry and returns unchanged: XML has neither control
    characters nor line ends other than newlines."""
    return _ILLEGAL.sub("", words.replace("\r\n", "\n").replace("\r", "\n"))


def _iri(node: Any) -> URIRef:
    """Make a valid IRI of what a harvester stored: illegal characters are escaped."""
    return URIRef(_NOT_IN_IRIS.sub(lambda found: quote(found[0]), str(node)))


def _ordered(said: Any) -> Any:
    """Sort JSON-LD: the order of its lists means nothing (none is an `@list`)."""
    if isinstance(said, dict):
        return {key: _ordered(value) for key, value in sorted(said.items())}
    if isinstance(said, list):
        return sorted((_ordered(one) for one in said), key=json.dumps)
    return said


def _context() -> dict[str, str]:
    return {prefix: str(namespace) for prefix, namespace in PREFIXES.items()}
