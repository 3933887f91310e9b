"""The filters of the list of feedback: they combine, and the page and the file say the same."""

from __future__ import annotations

import csv
import html
import itertools
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.models import User

from udata_culture_feedback.dashboard import queries
from udata_culture_feedback.feedback.models import feedbacks, summaries

from ..cases import Producer
from .producing import PAGES, DashboardCase, of, say

Feedback = dict[str, Any]

BY_DATASET = {"dataset": {"$exists": True}}

PARIS = ZoneInfo("Europe/Paris")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(), delimiter=";"))


def shown_in(text: str) -> list[str]:
    return re.findall(r'<li id="feedback-(\w+)"', text)


class FiltersTest(DashboardCase):
    @pytest.fixture
    def producer(self, plugin: None) -> Producer:
        """Some of everything that filters tell apart."""
        producer = Producer()
        other = DatasetFactory(organization=producer.organization)
        kinds = itertools.product(
            (producer.dataset, other),
            ("yes", "partly", "no"),
            (None, "Il manque les musées d’outre-mer.", "Le fichier est en retard."),
        )
        for number, (dataset, fitness, comment) in enumerate(kinds):
            say(
                dataset,
                fitness=fitness,
                ratings={"completeness": 1 + number % 5, "update_frequency": 1 + number % 3},
                profile=("researcher", "journalist", None)[number % 3],
                days_ago=number * 3,
                wants_answer=number % 2 == 0,
                treatment={
                    "status": ("new", "acknowledged", "resolved", "new")[number % 4],
                    "assignee": (producer.editor.id, producer.admin.id, None)[number % 3],
                },
                **({"comment": comment} if comment else {}),
                **({"visibility": "pending"} if number % 7 == 5 else {}),
            )
        # What is in no list: an agent, spam, what was deleted.
        say(producer.dataset, agent=True, comment="D’un agent")
        say(producer.dataset, hidden_reason="spam", visibility="hidden", comment="Achetez")
        say(producer.dataset, deleted=datetime(2026, 1, 1))
        # Half of what was said of each dataset is older than its data.
        for summary in summaries().find(BY_DATASET):
            said = feedbacks().find({"dataset": summary["dataset"]}, sort=[("judged", 1)])
            threshold = list(said)[6]["judged"]
            aged = {"$set": {"data_updated_at": threshold, "totals.before:total": 6}}
            summaries().update_one({"_id": summary["_id"]}, aged)
        return producer

    def listed(self, producer: Producer, user: User, **filters: Any) -> tuple[list[str], list[str]]:
        """What the page shows, through all its pages, and what the file has."""
        query = urlencode(filters)
        page = of(producer.organization, f"inbox/?{query or 'words=0'}&page_size=7")
        ids: list[str] = []
        while page:
            text = self.see(page, user)
            ids += shown_in(text)
            following = re.search(r'href="([^"]+)"[^>]* rel="next"', text)
            page = html.unescape(following[1]).split("/pages/")[1] if following else ""
            page += "&page_size=7" if page else ""
        file = self.see(of(producer.organization, f"feedback.csv?{query}"), user)
        return ids, [row["id"] for row in rows_of(file)]

    def expected(self, matches: Iterable[Callable[[Feedback], bool]]) -> list[str]:
        """By hand: all that is stored, looked at one by one."""
        matches = list(matches)
        found = [
            one
            for one in feedbacks().find()
            if not (one.get("agent") or one.get("deleted") or one.get("hidden_reason") == "spam")
            and all(match(one) for match in matches)
        ]
        return [str(f["_id"]) for f in sorted(found, key=lambda f: f["created_at"], reverse=True)]

    def test_any_two_filters_combine(self, producer: Producer) -> None:
        updated = {s["dataset"]: s["data_updated_at"] for s in summaries().find(BY_DATASET)}
        middle = sorted(f["created_at"] for f in feedbacks().find())[9]
        day = middle.replace(tzinfo=ZoneInfo("UTC")).astimezone(PARIS).date()

        def outdated(one: Feedback) -> bool:
            return one["judged"] < updated[one["dataset"]]

        def local(one: Feedback) -> Any:
            return one["created_at"].replace(tzinfo=ZoneInfo("UTC")).astimezone(PARIS).date()

        def worded(one: Feedback) -> bool:
            return bool(one.get("comment")) and one["visibility"] == "public"

        known: list[tuple[dict[str, str], Callable[[Feedback], bool]]] = [
            ({"dataset": str(producer.dataset.id)}, lambda f: f["dataset"] == producer.dataset.id),
            ({"words": "1"}, worded),
            ({"fitness": "unmet"}, lambda f: f["fitness"] != "yes"),
            ({"low": "completeness"}, lambda f: f["ratings"]["completeness"] < 3),
            ({"treatment": "acknowledged"}, lambda f: f["treatment"]["status"] == "acknowledged"),
            ({"outdated": "1"}, outdated),
            ({"outdated": "0"}, lambda f: not outdated(f)),
            ({"profile": "journalist"}, lambda f: f["profile"] == "journalist"),
            ({"from": str(day)}, lambda f: local(f) >= day),
            ({"to": str(day)}, lambda f: local(f) <= day),
            ({"assignee": "nobody"}, lambda f: f["treatment"]["assignee"] is None),
            ({"assignee": "me"}, lambda f: f["treatment"]["assignee"] == producer.editor.id),
            ({"q": "musee manque"}, lambda f: worded(f) and "musées" in f["comment"]),
        ]
        for (first, matches_first), (second, matches_second) in itertools.combinations(known, 2):
            if first.keys() == second.keys():
                continue
            ids, rows = self.listed(producer, producer.editor, **first, **second)
            wanted = self.expected([matches_first, matches_second])
            assert ids == wanted, (first, second)
            assert rows == wanted, (first, second)

    def test_without_filter_everything_is_there_and_counted(self, producer: Producer) -> None:
        ids, rows = self.listed(producer, producer.admin)
        assert ids == rows == self.expected([])
        text = self.see(of(producer.organization, "inbox/?words=0&lang=en"), producer.admin)
        assert f"{len(ids)} opinions</h" in text

    def test_what_waits_comes_from_the_oldest_on(self, producer: Producer) -> None:
        def waits(one: Feedback) -> bool:
            public = bool(one.get("comment")) and one["visibility"] == "public"
            return public and one["wants_answer"] and one["treatment"]["status"] == "new"

        ids, rows = self.listed(producer, producer.admin, waiting="1")
        assert ids == rows == self.expected([waits])[::-1]
        assert ids
        page = of(producer.organization, "inbox/?waiting=1&lang=en")
        assert re.search(rf"\b{len(ids)} opinions?</h", self.see(page, producer.admin))
        latest, _rows = self.listed(producer, producer.admin, waiting="1", sort="-created_at")
        assert latest == ids[::-1]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("words", "2"), ("waiting", "yes"), ("outdated", "true"), ("answered", "0"),
            ("from", "yesterday"), ("to", "2026-02-30"), ("assignee", "x"), ("page", "0"),
            ("from", "0001-01-01"), ("page", "401"),
        ],
    )  # fmt: skip
    def test_a_filter_that_makes_no_sense_is_named(self, name: str, value: str) -> None:
        producer = Producer()
        query = urlencode({name: value, "lang": "en"})
        text = self.see(of(producer.organization, f"inbox/?{query}"), producer.admin, 400)
        assert 'id="cf-errors"' in text
        if name != "page":
            assert f'href="#cf-by-{name}"' in text
            assert f'id="cf-by-{name}"' in text
            self.see(of(producer.organization, f"feedback.csv?{query}"), producer.admin, 400)

    @pytest.mark.parametrize(
        ("name", "value", "label"),
        [
            ("dataset", "nothing", "Dataset"), ("fitness", "perhaps", "Meets their need"),
            ("low", "beauty", "Criterion judged poor"), ("treatment", "done", "Producer response"),
            ("profile", "x", "Profile"),
        ],
    )  # fmt: skip
    def test_a_filter_that_names_what_is_gone_falls_back_with_a_notice(
        self, name: str, value: str, label: str
    ) -> None:
        producer = Producer()
        say(producer.dataset, comment="Texte", wants_answer=True)
        say(producer.dataset, comment="N’attend rien")
        gone = urlencode({name: value, "lang": "en"})
        text = self.see(of(producer.organization, f"inbox/?{gone}"), producer.admin)
        assert f"no longer exists, and are left out: {label}</p>" in text
        assert len(shown_in(text)) == 1
        assert f"{name}={value}" not in text
        others = self.see(of(producer.organization, f"inbox/?{gone}&words=1"), producer.admin)
        assert len(shown_in(others)) == 2
        both = self.see(of(producer.organization, f"inbox/?{gone}&words=2"), producer.admin, 400)
        assert f'href="#cf-by-{name}"' in both
        self.see(of(producer.organization, f"feedback.csv?{gone}"), producer.admin, 400)

    @pytest.mark.parametrize("value", ["9999-12-31", "", "   "])
    def test_a_filter_without_effect_is_none(self, value: str) -> None:
        producer = Producer()
        say(producer.dataset, comment="Texte")
        page = of(producer.organization, f"inbox/?words=0&to={value}&q=&fitness=&sort=x")
        assert len(shown_in(self.see(page, producer.admin))) == 1

    def test_filters_stay_in_the_form_and_in_the_addresses(self, producer: Producer) -> None:
        asked = {"dataset": str(producer.dataset.id), "fitness": "no", "q": "“musée” & <co>"}
        page = of(producer.organization, f"inbox/?{urlencode(asked | {'lang': 'fr'})}")
        text = self.see(page, producer.admin)
        assert '<option value="no" selected>' in text
        assert f'<option value="{producer.dataset.id}" selected>' in text
        assert 'value="“musée” &amp; &lt;co&gt;"' in text
        file = re.search(r'href="([^"]+feedback\.csv[^"]*)"', text)
        assert file
        address = html.unescape(file[1]).split("/pages/")[1]
        for name, value in asked.items():
            assert urlencode({name: value}) in address
        assert '<input type="hidden" name="lang" value="fr">' in text

    def test_the_dataset_that_is_chosen_is_in_the_form_whatever_their_number(self) -> None:
        producer = Producer(title="Le seul sans plainte")
        say(producer.dataset, fitness="yes")
        for n in range(queries.CHOICES + 1):
            say(DatasetFactory(organization=producer.organization, title=f"Jeu {n:03}"))
        page = of(producer.organization, f"inbox/?dataset={producer.dataset.slug}")
        form = self.see(page, producer.admin)
        choices = form[form.index('id="cf-by-dataset"') :].split("</select>")[0]
        options = re.findall(r'<option value="(\w{24})"( selected)?>', choices)
        assert len(options) == queries.CHOICES + 1
        assert [id for id, chosen in options if chosen] == [str(producer.dataset.id)]

    def test_names_of_colleagues_who_look_after_texts_are_shown(self) -> None:
        producer = Producer()
        say(
            producer.dataset, comment="Texte", wants_answer=True,
            treatment={"status": "acknowledged", "assignee": producer.editor.id},
        )  # fmt: skip
        text = self.see(of(producer.organization, "inbox/?words=0&lang=en"), producer.admin)
        assert f"Looked after by {html.escape(producer.editor.fullname)}" in text.replace(
            "&#39;", "&#x27;"
        )


class FileTest(DashboardCase):
    def test_a_cell_is_never_a_formula(self) -> None:
        producer = Producer(title="=1+1")
        for words in ('=HYPERLINK("http://x")', "+33 1", "-2", "@SUM(A1)", "\t=1", "＝1"):
            say(producer.dataset, comment=words)
        for row in rows_of(self.see(of(producer.organization, "feedback.csv"), producer.admin)):
            for cell in row.values():
                assert not cell.startswith(("=", "+", "-", "@", "\t", "＝"))

    def test_a_row_says_what_was_said_and_names_nobody(self) -> None:
        producer = Producer()
        moment = datetime(2026, 1, 2, 3, 4, 5)
        [id] = say(
            producer.dataset, comment="Il manque 2023 ;\nvraiment.", fitness="no",
            ratings={"completeness": 2}, usages=["research", "teaching"], profile="researcher",
            wants_answer=True, created_at=moment, last_modified=moment,
            contributor={"kind": "user", "key": "user:x", "user": ObjectId(), "name": "Camille"},
        )  # fmt: skip
        text = self.see(of(producer.organization, "feedback.csv"), producer.admin)
        assert "Camille" not in text
        [row] = list(csv.DictReader(text.splitlines(keepends=True), delimiter=";"))
        assert row["id"] == str(id)
        assert row["dataset.title"] == producer.dataset.title
        assert row["comment"] == "Il manque 2023 ;\nvraiment."
        assert row["ratings.completeness"] == "2"
        assert row["ratings.georeferencing"] == ""
        assert row["usages"] == "research,teaching"
        assert row["created_at"] == "2026-01-02T03:04:05Z"
        assert (row["wants_answer"], row["treatment.status"]) == ("true", "new")

    def test_words_that_are_not_public_are_not_in_it(self) -> None:
        producer = Producer()
        for visibility in ("pending", "hidden"):
            say(producer.dataset, comment="Mots retenus", visibility=visibility)
        for part in ("feedback.csv", "inbox/"):
            text = self.see(of(producer.organization, part), producer.admin)
            assert "Mots retenus" not in text
        rows = rows_of(self.see(of(producer.organization, "feedback.csv"), producer.admin))
        assert [row["comment"] for row in rows] == ["", ""]

    def test_a_file_of_many_rows_is_sent_some_at_a_time(self) -> None:
        producer = Producer()
        say(producer.dataset, 450)
        client = self.browser_of(producer.admin)
        answer = self.visit(
            "GET", f"{PAGES}/{of(producer.organization, 'feedback.csv')}", client, buffered=True
        )
        assert len(rows_of(answer.text)) == 450
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert re.search(r'filename="feedback-\d{4}-', answer.headers["Content-Disposition"])
