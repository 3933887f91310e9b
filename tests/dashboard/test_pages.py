"""What a producer reads: what waits, what to do first, what users say beside what udata knows."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import Any

import pymongo.monitoring
import pytest
from udata.core.dataset.factories import DatasetFactory, ResourceFactory
from udata.core.dataset.models import Dataset
from udata.core.user.factories import UserFactory

from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback.models import summaries
from udata_culture_feedback.feedback.pending_answers import pending
from udata_culture_feedback.portal.collections import now

from ..cases import CommandCounter, Producer
from ..feedback.test_pages import INLINE
from .producing import DashboardCase, answered, of, say

POOR = {"update_frequency": 1}

COMMANDS = CommandCounter()
pymongo.monitoring.register(COMMANDS)


def text_of(page: str) -> str:
    """As read: one line, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split()).replace(" :", ":")


def section(page: str, id: str) -> str:
    """The section whose heading has that id."""
    start = page.index(f'aria-labelledby="{id}"')
    return page[start : page.index("</section>", start)]


def row_of(page: str, title: str) -> list[str]:
    """The cells of the row of a dataset, as read."""
    rows = re.findall(r"<tr>\s*<th scope=\"row\">(.*?)</tr>", page, re.DOTALL)
    found = [row for row in rows if title in html.unescape(row)]
    return [text_of(cell) for cell in re.split(r"</?td>", found[0]) if text_of(cell)]


class OverviewTest(DashboardCase):
    def read(self, producer: Producer, user: Any = None) -> str:
        return self.see(of(producer.organization) + "?lang=en", user or producer.admin)

    def test_the_dataset_that_deserves_attention_comes_first_and_says_why_in_a_sentence(
        self,
    ) -> None:
        producer = Producer(title="Peu de plaintes")
        bad = DatasetFactory(organization=producer.organization, title="Beaucoup de plaintes")
        fine = DatasetFactory(organization=producer.organization, title="Aucune plainte")
        few = DatasetFactory(organization=producer.organization, title="Quatre personnes")
        say(producer.dataset, 5, fitness="no", ratings=POOR)
        say(bad, 30, fitness="no", ratings=POOR)
        say(bad, 10, fitness="yes", comment="Merci", wants_answer=True)
        say(fine, 50, fitness="yes")
        say(few, 4, fitness="no", ratings=POOR)
        first = section(self.read(producer), "cf-first")
        titles = re.findall(r'<th scope="row"><a[^>]*>([^<]+)</a>', first)
        assert titles == ["Beaucoup de plaintes", "Peu de plaintes"]
        said = text_of(first)
        assert "30 people of 40 say that it meets their need in part or not at all." in said
        assert "yes: 25%" in said
        assert re.search(r">10<span", first)

    def test_what_waits_is_counted_and_linked(self) -> None:
        producer = Producer()
        for days in (3, 50, 90):
            say(producer.dataset, comment="Texte", wants_answer=True, days_ago=days)
        mine = {"status": "acknowledged", "assignee": producer.admin.id, "history": []}
        say(producer.dataset, comment="À moi", treatment=mine)
        for days in (-2, 3, 20):
            body = {"title": f"Données {days}", "description": "Pour une étude.", "kind": "new",
                    "organization": str(producer.organization.id)}  # fmt: skip
            made = self.ask("POST", "/requests/", body, UserFactory())
            due = now() + timedelta(days=days)
            requests().update_one({"slug": made.json["slug"]}, {"$set": {"clock.due_at": due}})
        waits = section(self.read(producer), "cf-title")
        told = text_of(waits)
        assert "3 comments to answer 2 for more than 30 days" in told
        assert "3 requests to decide 1 overdue" in told
        assert "1 request due within a week" in told
        assert "1 comment assigned to you" in told
        for part in ("inbox/?waiting=1", "requests/", "assignee=me"):
            assert part in waits

    def test_three_trends_say_what_they_show_and_answers_are_counted_both_ways(self) -> None:
        producer = Producer()
        days_ago = 40
        given = now() - timedelta(days_ago, hours=-1)  # never before it was said
        say(producer.dataset, 6, comment="Oui", fitness="yes", wants_answer=True,
            days_ago=days_ago, treatment=answered(4, given))  # fmt: skip
        say(producer.dataset, 2, comment="Non", fitness="no", wants_answer=True)
        say(producer.dataset, 2, comment="Rien à répondre", fitness="no")
        trends = text_of(section(self.read(producer), "cf-trends"))
        assert "60% find what they need" in trends
        assert "10 comments received and 6 answered" in trends
        assert "Half of the answers come within: 4 days" in trends
        assert "of those that wait for an answer: 75%; of all comments: 60%" in trends

    def test_a_dataset_has_a_page_of_its_own(self) -> None:
        producer = Producer(title="Musées")
        say(producer.dataset, 6, fitness="no", ratings=POOR, comment="Non", wants_answer=True)
        say(DatasetFactory(organization=producer.organization), 3, fitness="yes")
        path = of(producer.organization, f"datasets/{producer.dataset.slug}/?lang=en")
        page = text_of(self.see(path, producer.admin))
        assert "6 comments to answer" in page
        assert "0% find what they need" in page
        assert "Update frequency: share of ratings below" in page
        latest = section(self.see(path, producer.admin), "cf-latest")
        read = re.findall(r"/inbox/[^\"]*read=(\w+)", latest)
        assert len(read) == 5
        assert "Non" in text_of(latest)
        other = Producer()
        theirs = of(producer.organization, f"datasets/{other.dataset.id}/")
        self.see(theirs, producer.admin, status=404)

    def test_the_overview_costs_twelve_commands(self) -> None:
        producer = Producer()
        say(producer.dataset, 6, fitness="no", comment="Non", wants_answer=True)
        for _one in range(3):
            dataset = DatasetFactory(organization=producer.organization)
            say(dataset, 6, fitness="no", ratings=POOR)
        client = self.browser_of(producer.admin)
        path = f"/api/1/culture-feedback/pages/{of(producer.organization)}"
        self.visit("GET", path, client=client)
        with COMMANDS.count() as seen:
            assert self.visit("GET", path, client=client).status_code == 200
        assert len(seen) <= 12, seen

    def test_a_dashboard_without_anything_says_so(self) -> None:
        page = text_of(self.read(Producer()))
        assert "0 comments to answer" in page
        for words in ("Nobody complains about any dataset", "Too few answers to say how many"):
            assert words in page

    @pytest.mark.parametrize("part", ["", "inbox/", "datasets/", "requests/"])
    def test_nothing_is_inline_and_a_fragment_brings_its_style(self, part: str) -> None:
        producer = Producer(title="<script>alert(1)</script>")
        say(
            producer.dataset, 3, comment="<script>alert(2)</script>", ratings=POOR,
            wants_answer=True, fitness="no",
        )  # fmt: skip
        for kind in ("", "?as=fragment"):
            page = self.see(of(producer.organization, part) + kind, producer.admin)
            assert not INLINE.search(page)
            assert re.search(r'<link rel="stylesheet" href="[^"]+/parts\.css">', page)
            assert ("<html" in page) == (kind == "")
            assert len(re.findall(r'\bid="([^"]+)"', page)) == len(
                set(re.findall(r'\bid="([^"]+)"', page))
            )


class BulkTest(DashboardCase):
    def test_texts_that_are_ticked_are_answered_at_once_and_leave_the_list(self) -> None:
        producer = Producer()
        ids = say(producer.dataset, 4, comment="Il manque 2023.", wants_answer=True)
        client = self.browser_of(producer.editor)
        page = of(producer.organization, "inbox/?waiting=1&lang=en")
        shown = self.visit("GET", f"/api/1/culture-feedback/pages/{page}", client=client).text
        boxes = re.findall(r'name="ids" value="(\w+)" form="cf-bulk"', shown)
        assert sorted(boxes) == sorted(map(str, ids))
        form = shown[shown.index('id="cf-bulk"') - 200 :]
        action = re.search(
            r'<form[^>]*action="([^"#]+)[^>]*id="cf-bulk"|id="cf-bulk"[^>]*action="([^"#]+)', form
        )
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)
        assert action
        assert token
        answer = self.visit(
            "POST", html.unescape(action[1] or action[2]), client=client,
            data={"csrf_token": token[1], "several": "1", "ids": boxes[:3],
                  "status": "planned", "answer": "En juin."},
        )  # fmt: skip
        assert answer.status_code == 303, answer.text
        assert "waiting=1" in answer.location
        pending().update_many({}, {"$set": {"due_at": now()}})
        after = self.visit("GET", answer.location.partition("#")[0], client=client).text
        assert len(re.findall(r'<li id="feedback-', after)) == 1


class DatasetsTest(DashboardCase):
    def read(self, producer: Producer, query: str = "") -> str:
        return self.see(of(producer.organization, f"datasets/?lang=en&{query}"), producer.admin)

    def titles(self, producer: Producer, query: str) -> list[str]:
        page = self.read(producer, query)
        return re.findall(r'<th scope="row"><a[^>]*>([^<]+)</a>', page)

    def test_users_and_portal_stand_side_by_side_in_words(self) -> None:
        producer = Producer(
            title="Entrées", frequency="monthly",
            resources=[ResourceFactory(last_modified_internal=datetime(2025, 1, 1))],
        )  # fmt: skip
        said = Dataset._get_collection()
        said.update_one({"_id": producer.dataset.id}, {"$set": {
            "last_update": now() - timedelta(days=425),
            "quality_cached.next_update_for_update_fulfilled_in_time": now() - timedelta(days=394),
        }})  # fmt: skip
        say(producer.dataset, 12, ratings={"update_frequency": 2})
        say(producer.dataset, 3, ratings={"update_frequency": 4})
        dataset, users, portal, age = row_of(
            self.read(producer, "axis=update_frequency"), "Entrées"
        )
        assert "15 answers" in dataset
        assert "12 people of 15 say worse than “acceptable”" in users
        assert "“often late”: 12 of 15" in users
        assert "An update frequency is declared: Yes" in portal
        assert "Updated as often as declared: No" in portal
        assert age.startswith("14 months ago")
        assert "declared: Monthly" in age

    @pytest.mark.parametrize(
        ("frequency", "expected"),
        [("irregular", "Not measured"), ("punctual", "Not measured"), ("unknown", "Not measured"),
         ("daily", "No"), ("annual", "Yes")],
    )  # fmt: skip
    def test_a_frequency_without_period_measures_nothing(
        self, frequency: str, expected: str
    ) -> None:
        """udata itself answers True there."""
        producer = Producer(title="Entrées")
        dataset = producer.dataset
        dataset.frequency = frequency
        dataset.resources = [ResourceFactory(last_modified_internal=now() - timedelta(days=30))]
        dataset.save()
        say(dataset)
        portal = row_of(self.read(producer, "axis=update_frequency"), "Entrées")[2]
        declared = "No" if frequency == "unknown" else "Yes"
        assert portal == (
            f"An update frequency is declared: {declared} Updated as often as declared: {expected}"
        )

    def test_completeness_is_not_measured_and_availability_stands_apart(self) -> None:
        producer = Producer(title="Entrées", resources=[ResourceFactory()])
        say(producer.dataset)
        portal = row_of(self.read(producer, "axis=completeness"), "Entrées")[2]
        assert portal.startswith("Completeness: Not measured Apart: Every file can be reached: ")

    @pytest.mark.parametrize(("format", "expected"), [("geojson", "Yes"), ("csv", "No")])
    def test_a_file_in_a_geographical_format_is_found(self, format: str, expected: str) -> None:
        producer = Producer(
            title="Entrées",
            resources=[ResourceFactory(format="pdf"), ResourceFactory(format=format)],
        )
        say(producer.dataset)
        portal = row_of(self.read(producer, "axis=georeferencing"), "Entrées")[2]
        assert portal.endswith(f"A file is in a geographical format: {expected}")

    def test_indicators_are_those_of_udata(self) -> None:
        for number in range(4):
            producer = Producer(
                title="Entrées", description="Longue " * 200 * (number % 2) or "Courte",
                resources=[ResourceFactory(description="Les colonnes." * (number // 2))],
            )  # fmt: skip
            say(producer.dataset)
            quality = Dataset.objects.get(id=producer.dataset.id).quality
            portal = row_of(self.read(producer, "axis=contextualisation"), "Entrées")[2]
            words = {True: "Yes", False: "No"}
            assert portal == (
                f"The description is long enough: {words[quality['dataset_description_quality']]} "
                f"A file is described or documents: {words[quality['resources_documentation']]} "
                f"The period covered is declared: {words[quality['temporal_coverage']]}"
            )

    def test_datasets_are_sorted_by_priority_view_and_age(self) -> None:
        producer = Producer(title="Ancien")
        bad, both = (
            DatasetFactory(organization=producer.organization, title=title)
            for title in ("Mal jugé", "Autre")
        )
        say(producer.dataset, 5, fitness="yes", ratings={"completeness": 5})
        say(bad, 5, fitness="yes", ratings={"completeness": 1})
        say(both, 40, fitness="no", ratings={"completeness": 4})
        for n, dataset in enumerate((producer.dataset, bad, both)):
            age = {"$set": {"updated_at": datetime(2020 + n, 1, 1)}}
            summaries().update_one({"dataset": dataset.id}, age)
        assert self.titles(producer, "sort=attention") == ["Autre", "Mal jugé", "Ancien"]
        assert self.titles(producer, "axis=completeness&sort=view")[0] == "Mal jugé"
        assert self.titles(producer, "sort=age") == ["Ancien", "Mal jugé", "Autre"]
        page = self.read(producer, "sort=age")
        assert re.search(r'<th scope="col" aria-sort="ascending"><a[^>]*>Last update', page)

    def test_the_age_that_sorts_follows_the_dataset(self) -> None:
        producer = Producer()
        self.give(UserFactory(), producer.dataset)
        stored = summaries().find_one({"dataset": producer.dataset.id})
        raw = Dataset._get_collection().find_one({"_id": producer.dataset.id})
        assert stored["updated_at"] == raw["last_update"]
        Dataset.objects.get(id=producer.dataset.id).add_resource(ResourceFactory.build())
        stored = summaries().find_one({"dataset": producer.dataset.id})
        raw = Dataset._get_collection().find_one({"_id": producer.dataset.id})
        assert stored["updated_at"] == raw["last_update"]

    def test_pages_have_every_dataset_once(self) -> None:
        producer = Producer(title="Jeu 00")
        say(producer.dataset)
        for n in range(1, 30):
            say(DatasetFactory(organization=producer.organization, title=f"Jeu {n:02}"))
        found = []
        for number in (1, 2):
            found += self.titles(producer, f"page={number}")
        assert sorted(found) == [f"Jeu {n:02}" for n in range(30)]
        assert self.titles(producer, "page=3") == []

    @pytest.mark.options(
        CULTURE_FEEDBACK_VOCABULARIES={
            "axes": [{
                "id": "beauty", "label": {"en": "Beauty"}, "question": {"en": "Nice?"},
                "steps": [{"en": f"step {n}"} for n in range(1, 6)], "dimension": "http://x",
            }]
        }
    )  # fmt: skip
    def test_a_criterion_of_the_operator_has_no_indicator(self) -> None:
        producer = Producer(title="Entrées")
        say(producer.dataset, 3, ratings={"beauty": 1})
        users, portal = row_of(self.read(producer), "Entrées")[1:3]
        assert "3 people of 3 say worse than “step 3”" in users
        assert portal == "This criterion: Not measured"
        page = of(producer.organization, f"datasets/{producer.dataset.id}/?lang=en")
        assert "Beauty" in self.see(page, producer.admin)


class WayInTest(DashboardCase):
    def test_the_page_of_a_dataset_leads_its_producer_to_what_waits(self) -> None:
        owner = UserFactory()
        producer, mine = Producer(), DatasetFactory(owner=owner)
        for dataset, user in ((producer.dataset, producer.editor), (mine, owner)):
            [id] = say(dataset, comment="Quand ?", wants_answer=True)
            page = self.see(f"datasets/{dataset.slug}/?lang=en", user)
            link = re.search(r'href="([^"]+)">Answer them from your dashboard', page)
            assert link
            address = html.unescape(link[1]).split("/pages/")[1]
            assert f'id="feedback-{id}"' in self.see(address, user)

    @pytest.mark.options(CULTURE_FEEDBACK_DESK="le-guichet")
    def test_the_desk_also_has_the_requests_whose_holder_is_unknown(self) -> None:
        desk, other = Producer(), Producer()
        desk.organization.slug = "le-guichet"
        desk.organization.save()
        body = {"title": "Qui les a ?", "description": "Pour une étude.", "kind": "new"}
        assert self.ask("POST", "/requests/", body, UserFactory()).status_code == 201
        due = {"$set": {"clock.due_at": now() + timedelta(days=3)}}
        requests().update_one({}, due)
        for producer, shown in ((desk, True), (other, False)):
            page = self.see(of(producer.organization, "requests/"), producer.admin)
            assert ("Qui les a" in page) == shown
