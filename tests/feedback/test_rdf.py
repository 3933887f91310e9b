"""What is said of a dataset, as RDF: the shapes in the package accept it, and it names nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pymongo.monitoring
import pytest
from bson import ObjectId
from freezegun import freeze_time
from pyshacl import validate
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.compare import isomorphic
from rdflib.namespace import DC, DCTERMS, FOAF, RDF, SKOS, XSD
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import HarvestDatasetMetadata
from udata.core.user.factories import UserFactory
from udata.rdf import DCAT, DQV, HYDRA

from udata_culture_feedback.feedback import summaries
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.feedback.rdf_schemes import DUV, OA
from udata_culture_feedback.portal import catalogue
from udata_culture_feedback.vocabulary import LDQD

from ..cases import CommandCounter, P, Producer, sysadmin
from ..moderation.people import HELD, ModerationTestCase, moderator
from .test_queries import fill

FORMATS = {"ttl": "turtle", "jsonld": "json-ld", "xml": "xml"}
BASE = "https://www.data.culture.gouv.fr/def/culture-feedback"

#: Whatever people type: quotes, markup, what XML cannot carry, other scripts.
NASTY = (
    'Il « manque » "tout" \\ \'\'\' """ ]]> <b>&amp;</b> \t é 😀 \u2028 \u05d0\u0301 @fr ^^x'
    "\r\n\x0bfin\x1f\ufffe"
)

COUNTER = CommandCounter()
pymongo.monitoring.register(COUNTER)

SHAPES = Graph().parse(
    data=files("udata_culture_feedback")
    .joinpath("opendata/shapes/feedback.ttl")
    .read_text("utf-8"),
    format="turtle",
)


#: Written from the texts of the W3C alone.
W3C = Graph().parse(Path(__file__).with_name("w3c_shapes.ttl"), format="turtle")


def problems(graph: Graph) -> str:
    """What the shapes, ours and those of the W3C, find wrong with a graph; empty when nothing
    is."""
    found = [validate(graph, shacl_graph=shapes) for shapes in (SHAPES, W3C)]
    return "\n".join(text for conforms, _report, text in found if not conforms)


def parsed(text: str, extension: str) -> Graph:
    return Graph().parse(data=text, format=FORMATS[extension])


class RdfTestCase(ModerationTestCase):
    @pytest.fixture(autouse=True)
    def unlimited(self, plugin: Any) -> None:
        self.app.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = None

    def rdf(self, dataset: Any, extension: str = "ttl", query: str = "", **kwargs: Any) -> Any:
        return self.ask("GET", f"/datasets/{dataset.id}/feedback.{extension}{query}", **kwargs)

    def graph(self, dataset: Any, extension: str = "ttl", query: str = "") -> Graph:
        response = self.rdf(dataset, extension, query)
        assert response.status_code == 200, response.get_data(as_text=True)
        return parsed(response.get_data(as_text=True), extension)

    def node(self, dataset: Any) -> URIRef:
        """The dataset in udata's own DCAT."""
        response = self.visit("GET", f"/api/1/datasets/{dataset.id}/rdf.ttl")
        theirs = Graph().parse(data=response.get_data(as_text=True), format="turtle")
        (found,) = theirs.subjects(RDF.type, DCAT.Dataset)
        return found

    def opened(self, dataset: Any, comment: str, by: Any = None) -> str:
        """A text that a moderator has published, and whose author agreed to open data."""
        said = self.held(dataset, comment=f"{comment} {HELD}")
        feedbacks().update_one(
            {"_id": ObjectId(said)}, {"$set": {"open_data": True, "comment": comment}}
        )
        self.decided(by or moderator(), said, "publish")
        return said

    def texts(self, dataset: Any) -> list[str]:
        return sorted(str(text) for text in self.graph(dataset).objects(None, RDF.value))

    def crowd(self, dataset: Any, n: int = 4) -> None:
        """Other people: of fewer than five together, no annotation is published."""
        for _ in range(n):
            self.give(UserFactory(), dataset, fitness="yes")

    def rated(self, graph: Graph) -> set[Any]:
        return set(graph.subjects(RDF.type, DUV.RatingFeedback))


class GraphTest(RdfTestCase):
    def test_each_criterion_somebody_rated_is_one_annotation_found_from_the_dataset(self):
        dataset = DatasetFactory()
        self.give(
            UserFactory(),
            dataset,
            fitness="partly",
            ratings={"completeness": 2, "georeferencing": 5},
        )
        self.crowd(dataset)
        graph, node = self.graph(dataset), self.node(dataset)
        found = list(graph.objects(node, DQV.hasQualityAnnotation))
        assert len(found) == 3 + 4
        assert set(graph.objects(node, DUV.hasFeedback)) == set(found)
        said = [(graph.value(one, DQV.inDimension), graph.value(one, OA.hasBody)) for one in found]
        relevancy = URIRef(f"{LDQD}relevancy")
        assert sorted(said) == sorted(
            [
                (relevancy, URIRef(f"{BASE}/fitness/partly")),
                *[(relevancy, URIRef(f"{BASE}/fitness/yes"))] * 4,
                (URIRef(f"{LDQD}completeness"), URIRef(f"{BASE}/rating/completeness/2")),
                (URIRef(f"{BASE}/axis/georeferencing"), URIRef(f"{BASE}/rating/georeferencing/5")),
            ]
        )
        for one in found:
            assert isinstance(one, URIRef)
            assert "/feedback#a" in one
            assert set(graph.objects(one, RDF.type)) == {
                OA.Annotation,
                DQV.UserQualityFeedback,
                DUV.RatingFeedback,
            }
            assert set(graph.objects(one, OA.motivatedBy)) == {
                DQV.qualityAssessment,
                OA.classifying,
            }
            assert graph.value(one, OA.hasTarget) == node
        assert problems(graph) == ""

    def test_steps_have_labels_in_both_languages_and_their_number(self):
        graph = self.graph(DatasetFactory())
        step = URIRef(f"{BASE}/rating/completeness/2")
        assert set(graph.objects(step, SKOS.prefLabel)) == {
            Literal("large gaps", lang="en"),
            Literal("lacunes importantes", lang="fr"),
        }
        assert graph.value(step, SKOS.notation) == Literal(2)
        scheme = graph.value(step, SKOS.inScheme)
        assert graph.value(scheme, DCTERMS.subject) == URIRef(f"{LDQD}completeness")
        own = URIRef(f"{BASE}/axis/georeferencing")
        assert (own, RDF.type, DQV.Dimension) in graph
        assert set(graph.objects(own, SKOS.relatedMatch)) == {
            URIRef(f"{LDQD}completeness"),
            URIRef(f"{LDQD}semanticAccuracy"),
            DQV.precision,
        }

    def test_annotations_and_measurements_agree_with_the_figures(self):
        dataset = DatasetFactory()
        for n in range(7):
            ratings = {"completeness": 1 + n % 5} | ({"update_frequency": 4} if n < 4 else {})
            self.give(UserFactory(), dataset, ratings=ratings)
        graph, node = self.graph(dataset), self.node(dataset)
        axis = self.summary(dataset)["axes"]["completeness"]
        values = {
            str(graph.value(one, DQV.isMeasurementOf)): graph.value(one, DQV.value).toPython()
            for one in graph.objects(node, DQV.hasQualityMeasurement)
        }
        assert values[f"{BASE}/metric/completeness/count"] == axis["count"] == 7
        assert float(values[f"{BASE}/metric/completeness/mean"]) == axis["mean"]
        assert values[f"{BASE}/metric/update_frequency/count"] == 4
        assert f"{BASE}/metric/update_frequency/mean" not in values  # too few for a mean
        steps = [
            graph.value(graph.value(one, OA.hasBody), SKOS.notation).toPython()
            for one in graph.subjects(DQV.inDimension, URIRef(f"{LDQD}completeness"))
            if (one, RDF.type, DUV.RatingFeedback) in graph
        ]
        assert [steps.count(n) for n in range(1, 6)] == axis["distribution"]
        assert problems(graph) == ""

    @pytest.mark.parametrize("extension", FORMATS)
    def test_a_dataset_without_feedback_is_a_graph_too(self, extension):
        graph = self.graph(DatasetFactory(), extension)
        assert problems(graph) == ""
        assert list(graph.subjects(RDF.type, OA.Annotation)) == []

    def test_the_dataset_has_the_iri_of_the_harvested_catalogue(self):
        uri = "https://catalogue.example/jeux/é?n=1"
        dataset = DatasetFactory(harvest=HarvestDatasetMetadata(uri=uri))
        self.crowd(dataset, 5)
        graph = self.graph(dataset)
        assert next(graph.objects(None, OA.hasTarget)) == self.node(dataset) == URIRef(uri)
        dataset = DatasetFactory(harvest=HarvestDatasetMetadata(uri="https://x.example/a b<c>"))
        self.crowd(dataset, 5)
        for extension in FORMATS:
            target = next(self.graph(dataset, extension).objects(None, OA.hasTarget))
            assert target == URIRef("https://x.example/a%20b%3Cc%3E")

    def test_three_formats_say_the_same_whatever_people_type(self):
        dataset = DatasetFactory(title=NASTY)
        self.give(UserFactory(), dataset, ratings={"completeness": 1, "update_frequency": 5})
        self.crowd(dataset)
        self.opened(dataset, NASTY)
        self.opened(dataset, "Un autre texte.")
        graphs = [self.graph(dataset, extension) for extension in FORMATS]
        for graph in graphs:
            assert problems(graph) == ""
            assert isomorphic(graph, graphs[0])
        (text,) = (t for t in graphs[0].objects(None, RDF.value) if "tout" in t)
        kept = NASTY.replace("\r\n", "\n").replace("\x0b", "").replace("\x1f", "")
        assert str(text) == kept.replace("\ufffe", "")
        body = graphs[0].value(predicate=RDF.value, object=text)
        assert graphs[0].value(body, DC.format) == Literal("text/plain")
        comment = graphs[0].value(predicate=OA.hasBody, object=body)
        assert graphs[0].value(comment, OA.motivatedBy) == OA.commenting
        assert (None, DQV.hasQualityAnnotation, comment) not in graphs[0]


class WhoAndWhenTest(RdfTestCase):
    def test_nobody_is_named_and_no_day_told(self):
        dataset, author = DatasetFactory(), UserFactory(first_name="Camille", last_name="Martin")
        given = self.give(author, dataset, ratings={"completeness": 1}, profile="teacher")
        moment = datetime(2022, 12, 19, 8, 7, 6)
        feedbacks().update_one({"_id": ObjectId(given["id"])}, {"$set": {"created_at": moment}})
        self.crowd(dataset)
        for extension in FORMATS:
            text = self.rdf(dataset, extension).get_data(as_text=True)
            for secret in (given["id"], str(author.id), "Camille", "Martin", "teacher", "12-19"):
                assert secret not in text
            graph = parsed(text, extension)
            assert "2022-12-01T00:00:00Z" in text
            created = list(graph.objects(None, DCTERMS.created))
            assert all(re.match(r"\d{4}-\d\d-01T00:00:00[Z+]", str(when)) for when in created)
            assert {when.datatype for when in created} == {XSD.dateTime}

    def test_labels_and_order_do_not_tell_what_came_together(self):
        """Whoever gave which two ratings, and in whatever order, the file is the same."""
        one, other = DatasetFactory(), DatasetFactory()
        self.give(UserFactory(), one, ratings={"completeness": 1, "update_frequency": 1})
        self.give(UserFactory(), one, ratings={"completeness": 5, "update_frequency": 5})
        self.give(UserFactory(), other, ratings={"update_frequency": 1, "completeness": 5})
        self.give(UserFactory(), other, ratings={"update_frequency": 5, "completeness": 1})
        for extension in FORMATS:
            graphs = []
            for dataset in (one, other):
                self.crowd(dataset)
                dataset.update(title="Musées", description="Des musées.")
                text = self.rdf(dataset, extension).get_data(as_text=True)
                text = text.replace(str(dataset.id), "DATASET")
                drawn = list(dict.fromkeys(re.findall("#a[0-9a-f]{24}", text)))
                assert drawn == sorted(drawn) or extension == "xml"
                graph, blank = Graph(), {iri: BNode() for iri in drawn}
                for triple in parsed(text, extension):
                    graph.add([blank.get(str(node)[-26:], node) for node in triple])  # type: ignore[arg-type]
                graphs.append(graph)
            assert isomorphic(*graphs)

    def test_annotations_have_iris_of_a_day(self):
        dataset = DatasetFactory()
        self.crowd(dataset, 5)
        with freeze_time("2026-05-01 09:00"):
            first = self.graph(dataset)
        with freeze_time("2026-05-01 21:00"):
            later = self.graph(dataset)
        with freeze_time("2026-05-02 09:00"):
            tomorrow = self.graph(dataset)
        assert len(self.rated(first)) == 5
        assert self.rated(first) == self.rated(later)
        assert not self.rated(first) & self.rated(tomorrow)

    def test_of_fewer_than_five_people_there_is_no_annotation(self):
        dataset = DatasetFactory()
        self.crowd(dataset, 4)
        graph = self.graph(dataset)
        assert self.rated(graph) == set()
        assert len(list(graph.subjects(RDF.type, DQV.QualityMeasurement))) > 0
        assert problems(graph) == ""
        self.crowd(dataset, 1)
        assert len(self.rated(self.graph(dataset))) == 5
        for size in (1, 2, 7):  # nor is there a page of fewer, or two that differ by fewer
            assert len(self.rated(self.graph(dataset, query=f"?page_size={size}"))) == 5
        self.crowd(dataset, 6)
        sizes = [
            len(self.rated(self.graph(dataset, query=f"?page_size=6&page={page}")))
            for page in (1, 2)
        ]
        assert sizes == [5, 6]
        assert self.rdf(dataset, query="?page_size=5&page=3").status_code == 404

    def test_agents_of_the_producer_and_spam_are_in_it_no_more_than_in_figures(self):
        producer = Producer()
        self.give(producer.editor, producer.dataset, ratings={"completeness": 5})
        spam = self.give(UserFactory(), producer.dataset, ratings={"completeness": 4})
        self.decided(sysadmin(), spam["id"], "hide", "spam")
        gone = UserFactory()
        erased = self.give(gone, producer.dataset, ratings={"completeness": 3})
        assert self.ask("DELETE", f"/feedback/{erased['id']}/", user=gone).status_code == 204
        graph = self.graph(producer.dataset)
        assert list(graph.subjects(RDF.type, OA.Annotation)) == []
        assert problems(graph) == ""


class TextsTest(RdfTestCase):
    def texts(self, dataset: Any) -> list[str]:
        if not self.rated(self.graph(dataset)):
            self.crowd(dataset)
        return super().texts(dataset)

    def test_a_text_is_there_once_a_moderator_and_its_author_agree(self):
        dataset, one = DatasetFactory(), moderator()
        said = self.opened(dataset, "Il manque la Guyane.", one)
        assert self.texts(dataset) == ["Il manque la Guyane."]
        feedbacks().update_one({"_id": ObjectId(said)}, {"$set": {"open_data": False}})
        assert self.texts(dataset) == []

    def test_words_that_wait_or_are_hidden_never_are(self):
        dataset, one = DatasetFactory(), moderator()
        self.held(dataset)
        hidden = self.opened(dataset, "Il manque la Guyane.", one)
        feedbacks().update_many({}, {"$set": {"open_data": True}})
        assert self.texts(dataset) == ["Il manque la Guyane."]
        self.decided(one, hidden, "hide", "abuse")
        assert self.texts(dataset) == []

    def test_words_published_without_a_moderator_are_not(self):
        dataset = DatasetFactory()
        said = self.said(dataset)
        feedbacks().update_one({"_id": ObjectId(said)}, {"$set": {"open_data": True}})
        assert self.texts(dataset) == []

    def test_words_changed_since_a_moderator_saw_them_are_not(self):
        dataset, author, one = DatasetFactory(), UserFactory(), moderator()
        said = self.held(dataset, author)
        feedbacks().update_one({"_id": ObjectId(said)}, {"$set": {"open_data": True}})
        self.decided(one, said, "publish")
        assert self.texts(dataset) == [HELD]
        self.ask("PUT", f"/feedback/{said}/", {"comment": "Autre chose."}, author)
        assert self.stored(said)["visibility"] == "public"
        assert self.texts(dataset) == []

    def test_what_was_blacked_out_is(self):
        dataset, one = DatasetFactory(), moderator()
        said = self.held(dataset)
        feedbacks().update_one({"_id": ObjectId(said)}, {"$set": {"open_data": True}})
        self.decided(one, said, "redact", strings=["camille.martin@example.org"])
        (text,) = self.texts(dataset)
        assert "camille" not in text


class RouteTest(RdfTestCase):
    def test_each_format_has_its_media_type_and_may_be_kept_for_a_minute(self):
        dataset = DatasetFactory()
        self.crowd(dataset, 5)
        for extension, media_type in (
            ("ttl", "text/turtle; charset=utf-8"),
            ("jsonld", "application/ld+json; charset=utf-8"),
            ("xml", "application/rdf+xml; charset=utf-8"),
        ):
            response = self.rdf(dataset, extension)
            assert response.headers["Content-Type"] == media_type
            assert response.headers["Cache-Control"] == "public, max-age=60"
            known = {"If-None-Match": response.headers["ETag"]}
            again = self.rdf(dataset, extension, headers=known)
            assert (again.status_code, again.data) == (304, b"")
            self.give(UserFactory(), dataset)
            changed = self.rdf(dataset, extension, headers=known)
            assert changed.status_code == 200

    def test_what_not_everybody_may_see_is_there_for_nobody(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset)
        for private, deleted in ((True, None), (False, datetime(2026, 1, 1))):
            producer.dataset.update(private=private, deleted=deleted)
            for user in (None, producer.admin, sysadmin()):
                for extension in FORMATS:
                    response = self.rdf(producer.dataset, extension, user=user)
                    assert response.status_code == 404, (private, deleted, user, extension)
        assert self.ask("GET", "/datasets/nothing/feedback.ttl").status_code == 404
        for path in (f"/datasets/{DatasetFactory().id}/feedback.nt", "/vocabulary.nt"):
            assert self.ask("GET", path).status_code == 404

    def test_it_is_asked_for_by_slug_and_by_preference(self):
        dataset = DatasetFactory()
        self.give(UserFactory(), dataset)
        by_slug = self.ask("GET", f"/datasets/{dataset.slug}/feedback.ttl")
        assert by_slug.data == self.rdf(dataset).data
        for accept, extension in (
            ("text/turtle", "ttl"),
            ("application/rdf+xml", "xml"),
            ("application/ld+json", "jsonld"),
            ("*/*", "jsonld"),
            ("image/png", "jsonld"),
        ):
            response = self.ask(
                "GET", f"/datasets/{dataset.slug}/feedback?page=2", headers={"Accept": accept}
            )
            assert response.status_code == 302
            where = response.headers["Location"]
            if accept != "*/*":
                assert where.endswith(f"{P}/datasets/{dataset.slug}/feedback.{extension}?page=2")
            assert "Accept" in response.headers["Vary"]

    def test_the_schemes_are_served_by_themselves(self):
        graphs = []
        for extension in FORMATS:
            response = self.ask("GET", f"/vocabulary.{extension}")
            assert response.status_code == 200
            graphs.append(parsed(response.get_data(as_text=True), extension))
            assert problems(graphs[-1]) == ""
            assert isomorphic(graphs[-1], graphs[0])
        in_french = self.ask("GET", "/vocabulary.ttl?lang=fr")
        assert in_french.data == self.ask("GET", "/vocabulary.ttl?lang=en").data
        assert set(self.graph(DatasetFactory())) >= set(graphs[0])

    def test_the_dcat_record_links_to_it_and_has_nothing_of_it(self):
        dataset, path = DatasetFactory(), "/api/1/datasets/{}/rdf.ttl"
        before = self.visit("GET", path.format(dataset.id)).data
        assert b"culture-feedback" not in before
        self.give(UserFactory(), dataset)
        record = self.visit("GET", path.format(dataset.id)).get_data(as_text=True)
        assert "oa#" not in record
        assert "duv#" not in record
        without, linked = (Graph().parse(data=text, format="turtle") for text in (before, record))
        [page] = linked.objects(self.node(dataset), FOAF.page)
        assert page.endswith(f"{P}/datasets/{dataset.id}/feedback")
        linked.remove((None, FOAF.page, None))
        for graph in (without, linked):  # udata writes the moment of its last look
            graph.remove((None, DCTERMS.modified, None))
        assert isomorphic(without, linked)
        answer = self.visit("GET", re.sub("^https?://[^/]+", "", page))
        assert answer.status_code == 302

    @pytest.mark.options(
        CULTURE_FEEDBACK_BASE_IRI="https://portal.example/def",
        CULTURE_FEEDBACK_VOCABULARIES={
            "axes": [
                {
                    "id": "taste",
                    "label": {"en": "Taste", "de": "Geschmack"},
                    "question": "Good?",
                    "steps": ["a", "b", "c", "d", "e"],
                }
            ]
        },
    )
    def test_a_portal_with_criteria_of_its_own_has_their_iris(self):
        dataset = DatasetFactory()
        self.give(UserFactory(), dataset, ratings={"taste": 3})
        self.crowd(dataset)
        graph = self.graph(dataset)
        assert problems(graph) == ""
        own = URIRef("https://portal.example/def/axis/taste")
        assert set(graph.objects(own, SKOS.prefLabel)) == {
            Literal("Taste", lang="en"),
            Literal("Geschmack", lang="de"),
        }
        assert (None, OA.hasBody, URIRef("https://portal.example/def/rating/taste/3")) in graph


class PagesTest(RdfTestCase):
    def filled(self, n: int) -> Any:
        """A dataset that `n` people have rated: two annotations each."""
        dataset = DatasetFactory()
        fill(dataset, n, counted=True)
        facts = catalogue.find_dataset(dataset.id)
        assert facts
        summaries.open_summary(facts)
        summaries.settle_dataset(dataset.id)
        return dataset

    def walk(self, dataset: Any, extension: str, size: int) -> Iterator[Graph]:
        """Each page, by the links of the one before."""
        path = f"{P}/datasets/{dataset.id}/feedback.{extension}?page_size={size}"
        while path:
            response = self.visit("GET", path)
            assert response.status_code == 200
            graph = parsed(response.get_data(as_text=True), extension)
            yield graph
            follow = list(graph.objects(None, HYDRA.next))
            path = re.sub("^https?://[^/]+", "", follow[0]) if follow else ""

    def test_pages_together_say_everything_once(self):
        dataset = self.filled(25)
        for extension in FORMATS:
            pages = list(self.walk(dataset, extension, 10))
            assert len(pages) == 3
            for graph in pages:
                assert problems(graph) == ""
                assert list(graph.objects(None, HYDRA.totalItems)) == [Literal(25)]
                assert len(list(graph.objects(None, HYDRA.first))) == 1
            rated = [set(graph.subjects(RDF.type, DUV.RatingFeedback)) for graph in pages]
            assert [len(one) for one in rated] == [20, 20, 10]
            assert [len(list(graph.objects(None, HYDRA.previous))) for graph in pages] == [0, 1, 1]

    def test_a_page_has_a_hundred_answers_at_most_and_few_commands(self):
        dataset, small = self.filled(120), self.filled(2)
        self.rdf(small)
        with COUNTER.count() as few:
            self.rdf(small)
        few = list(few)
        with COUNTER.count() as many:
            graph = self.graph(dataset, query="?page_size=5000")
        assert len(list(graph.subjects(RDF.type, DUV.RatingFeedback))) == 200
        assert len(many) == len(few) <= 4, many
        assert list(self.graph(small).subjects(RDF.type, HYDRA.Collection)) == []

    def test_a_page_that_is_not_there_is_not_found(self):
        dataset = DatasetFactory()
        self.give(UserFactory(), dataset)
        assert self.rdf(dataset, query="?page=2").status_code == 404
        for query in ("?page=0", "?page_size=x", "?cursor=nonsense"):
            assert self.rdf(dataset, query=query).status_code == 400

    def test_what_else_is_in_the_address_cannot_break_a_page(self):
        dataset = self.filled(13)
        for extension in FORMATS:
            query = '?page_size=5&x=%3E%3C"%20%0A{}|^`%00&lang=fr'
            graph = self.graph(dataset, extension, query)
            assert problems(graph) == ""


def rating(graph: Graph) -> Any:
    """The one of completeness."""
    return next(graph.subjects(OA.hasBody, URIRef(f"{BASE}/rating/completeness/2")))


def comment(graph: Graph) -> BNode:
    return next(graph.subjects(OA.motivatedBy, OA.commenting))


def measurement(graph: Graph) -> BNode:
    return next(graph.subjects(RDF.type, DQV.QualityMeasurement))


def added(subject: Any, predicate: Any, object: Any) -> Any:
    return lambda graph: graph.add((subject(graph), predicate, object))


def removed(subject: Any, predicate: Any, object: Any = None) -> Any:
    return lambda graph: graph.remove((subject(graph), predicate, object))


def replaced(subject: Any, predicate: Any, object: Any) -> Any:
    return lambda graph: graph.set((subject(graph), predicate, object))


OTHER_STEP = URIRef(f"{BASE}/rating/georeferencing/1")

WRONG = {
    "an author": added(rating, DCTERMS.creator, Literal("Camille")),
    "an author of a text": added(comment, DCTERMS.creator, URIRef("https://x.example/camille")),
    "two criteria in one": added(rating, DQV.inDimension, URIRef(f"{BASE}/axis/georeferencing")),
    "no criterion": removed(rating, DQV.inDimension),
    "a step of another scale": replaced(rating, OA.hasBody, OTHER_STEP),
    "two bodies": added(rating, OA.hasBody, OTHER_STEP),
    "a step that nobody knows": replaced(rating, OA.hasBody, URIRef("https://x.example/6")),
    "a body in words": replaced(rating, OA.hasBody, Literal("bien")),
    "no target": removed(rating, OA.hasTarget),
    "another target": replaced(rating, OA.hasTarget, URIRef("https://x.example/other")),
    "a motive too few": removed(rating, OA.motivatedBy, OA.classifying),
    "a motive of texts": added(rating, OA.motivatedBy, OA.commenting),
    "a day": replaced(rating, DCTERMS.created, Literal("2022-12-19", datatype=XSD.date)),
    "a month alone": replaced(
        rating, DCTERMS.created, Literal("2022-12", datatype=XSD.gYearMonth, normalize=False)
    ),
    "no title": lambda graph: graph.remove((None, DCTERMS.title, None)),
    "a metric that nobody defines": lambda graph: graph.remove((None, SKOS.definition, None)),
    "a second": replaced(
        rating, DCTERMS.created, Literal("2022-12-19T08:07:06Z", datatype=XSD.dateTime)
    ),
    "no month": removed(comment, DCTERMS.created),
    "only half a rating": removed(rating, RDF.type, DQV.UserQualityFeedback),
    "not found from the dataset": lambda graph: graph.remove((None, DUV.hasFeedback, None)),
    "not an annotation of quality": lambda graph: graph.remove(
        (None, DQV.hasQualityAnnotation, None)
    ),
    "a text about quality": lambda graph: graph.add(
        (next(graph.subjects(RDF.type, DCAT.Dataset)), DQV.hasQualityAnnotation, comment(graph))
    ),
    "an empty text": lambda graph: graph.set(
        (graph.value(comment(graph), OA.hasBody), RDF.value, Literal(""))
    ),
    "HTML": lambda graph: graph.set(
        (graph.value(comment(graph), OA.hasBody), DC.format, Literal("text/html"))
    ),
    "a mean of six": replaced(measurement, DQV.value, Literal("6.0", datatype=XSD.decimal)),
    "less than nobody": replaced(measurement, DQV.value, Literal(-1)),
    "a measure of nothing": removed(measurement, DQV.isMeasurementOf),
    "a step beyond the scale": lambda graph: graph.set(
        (URIRef(f"{BASE}/rating/completeness/5"), SKOS.notation, Literal(6))
    ),
    "a step in no scale": lambda graph: graph.remove(
        (URIRef(f"{BASE}/rating/completeness/5"), SKOS.inScheme, None)
    ),
    "a scale of nothing": lambda graph: graph.remove(
        (URIRef(f"{BASE}/rating/completeness"), DCTERMS.subject, None)
    ),
    "two names in one language": lambda graph: graph.add(
        (URIRef(f"{BASE}/fitness/yes"), SKOS.prefLabel, Literal("Ja", lang="fr"))
    ),
}


class ShapesTest(RdfTestCase):
    @pytest.fixture(autouse=True)
    def right(self, unlimited: None, instance_path: Any) -> None:
        dataset = DatasetFactory()
        self.give(UserFactory(), dataset, ratings={"completeness": 2})
        self.crowd(dataset)
        self.opened(dataset, "Il manque la Guyane.")
        self.good = self.rdf(dataset).get_data(as_text=True)

    @pytest.mark.parametrize("wrong", WRONG)
    def test_a_wrong_graph_fails(self, wrong):
        graph = parsed(self.good, "ttl")
        assert problems(graph) == ""
        before = set(graph)
        WRONG[wrong](graph)
        assert set(graph) != before
        assert problems(graph) != ""
