"""The RDF concepts that describe feedback: dimensions, scales of the axes, metrics. Graphs
elsewhere point to them by their IRIs, which are part of the contract as ids are.

Under the base IRI of the portal (`CULTURE_FEEDBACK_BASE_IRI`):

| IRI | |
|---|---|
| `axis/<axis>` | a dqv:Dimension of ours, where no dimension of the W3C says it |
| `rating/<axis>`, `rating/<axis>/<1..5>` | the scale of an axis and its steps |
| `fitness`, `fitness/<answer>` | whether the data meet a need, and its answers |
| `metric/<axis>/mean`, `metric/<axis>/count` | what is measured of an axis |
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from flask import current_app
from rdflib import Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, RDF, SKOS, XSD
from udata.i18n import lazy_gettext as _
from udata.rdf import DQV

from ..vocabulary import LDQD, STEPS, Axis, Term, Vocabularies, vocabularies
from ..web.languages import in_languages

DUV = Namespace("http://www.w3.org/ns/duv#")
OA = Namespace("http://www.w3.org/ns/oa#")

Node = Any
Triple = tuple[Node, Node, Node]

#: The dimension that `fitness` is an opinion on.
RELEVANCY = URIRef(f"{LDQD}relevancy")

#: What is measured of an axis, and how.
MEAN, COUNT = _("Mean rating"), _("Number of ratings")
MEAN_DEFINED = _(
    "Mean of the ratings of this criterion by users of the dataset, from 1 to 5, published from "
    "five of them on."
)
COUNT_DEFINED = _("Number of users of the dataset who rated this criterion.")

#: Dimensions close to an axis for which the W3C has none (vocabularies of the project).
RELATED = {
    "georeferencing": (
        URIRef(f"{LDQD}completeness"),
        URIRef(f"{LDQD}semanticAccuracy"),
        DQV.precision,
    )
}


def dimension(axis: Axis) -> URIRef:
    return URIRef(axis.iri)


def step(axis: str, n: int) -> URIRef:
    """Return the IRI of a step of the scale of an axis."""
    return URIRef(f"{base_iri()}/rating/{axis}/{n}")


def fitness(answer: str) -> URIRef:
    return URIRef(f"{base_iri()}/fitness/{answer}")


def mean_of(axis: str) -> URIRef:
    return URIRef(f"{base_iri()}/metric/{axis}/mean")


def count_of(axis: str) -> URIRef:
    return URIRef(f"{base_iri()}/metric/{axis}/count")


def schemes() -> tuple[Triple, ...]:
    """Return every statement about these concepts: the same in every graph, computed once."""
    return _schemes(vocabularies(), base_iri())


def base_iri() -> str:
    found: str = current_app.config["CULTURE_FEEDBACK_BASE_IRI"]
    return found


@lru_cache(maxsize=4)
def _schemes(lists: Vocabularies, base: str) -> tuple[Triple, ...]:
    said = [*_of_fitness(lists["fitness"], URIRef(f"{base}/fitness"))]
    for axis in lists["axes"]:
        said += _of_axis(axis, URIRef(f"{base}/rating/{axis.id}"))
    return tuple(dict.fromkeys(said))


def _of_fitness(answers: tuple[Term, ...], scheme: URIRef) -> Iterator[Triple]:
    yield RELEVANCY, RDF.type, DQV.Dimension
    yield scheme, RDF.type, SKOS.ConceptScheme
    yield scheme, DCTERMS.subject, RELEVANCY
    for answer in answers:
        yield from _concept(fitness(answer.id), scheme, answer.label, Literal(answer.id))


def _of_axis(axis: Axis, scheme: URIRef) -> Iterator[Triple]:
    about = dimension(axis)
    yield about, RDF.type, DQV.Dimension
    if axis.dimension is None:  # nothing is added to a dimension of the W3C
        yield from _labelled(about, SKOS.prefLabel, axis.label)
        yield from _labelled(about, SKOS.definition, axis.question)
        for other in RELATED.get(axis.id, ()):
            yield about, SKOS.relatedMatch, other
    yield scheme, RDF.type, SKOS.ConceptScheme
    yield scheme, DCTERMS.subject, about
    yield from _labelled(scheme, SKOS.prefLabel, axis.label)
    yield from _labelled(scheme, SKOS.definition, axis.question)
    for n, label in zip(STEPS, axis.steps, strict=True):
        yield from _concept(step(axis.id, n), scheme, label, Literal(n))
    measured = (
        (mean_of(axis.id), XSD.decimal, MEAN, MEAN_DEFINED),
        (count_of(axis.id), XSD.integer, COUNT, COUNT_DEFINED),
    )
    for metric, kind, name, defined in measured:
        yield metric, RDF.type, DQV.Metric
        yield from _labelled(metric, SKOS.prefLabel, name)
        yield from _labelled(metric, SKOS.definition, defined)
        yield metric, DQV.inDimension, about
        yield metric, DQV.expectedDataType, kind


def _concept(iri: URIRef, scheme: URIRef, label: Any, notation: Literal) -> Iterator[Triple]:
    yield iri, RDF.type, SKOS.Concept
    yield iri, SKOS.inScheme, scheme
    yield iri, SKOS.notation, notation
    yield from _labelled(iri, SKOS.prefLabel, label)


def _labelled(iri: URIRef, how: URIRef, label: Any) -> Iterator[Triple]:
    for lang, text in in_languages(label).items():
        yield iri, how, Literal(text, lang=lang)
