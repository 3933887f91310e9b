"""Results: what is shown once the seal is broken, of how many people, and what is not."""

from __future__ import annotations

import html
import re
from collections import Counter
from datetime import datetime
from itertools import product
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st
from udata.core.dataset.models import Dataset
from udata.core.user.factories import UserFactory
from udata.tests.helpers import capture_mails

from udata_culture_feedback.consultations import answering, figures, results_collection, upkeep
from udata_culture_feedback.consultations import results as results_module
from udata_culture_feedback.consultations.markdown import rendered
from udata_culture_feedback.consultations.models import collected, of_feedback, responses, results
from udata_culture_feedback.consultations.repository import find
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.figures.settle import recount
from udata_culture_feedback.opendata.suppression import mean, share, shown_groups
from udata_culture_feedback.people.viewer import Viewer

from ..cases import P, Producer, sysadmin
from .consulting import (
    AFTER,
    ANSWERS,
    BEFORE,
    DURING,
    UNLIMITED,
    ConsultationCase,
    everything,
    freeze_time,
    stored,
    team_member,
    utc,
)

# --- What may be shown of few people --------------------------------------------------------------


def test_nobody_can_work_out_less_than_ten_people_by_subtraction() -> None:
    """Every distribution of up to four groups over sizes that matter."""
    sizes = (0, 1, 4, 5, 9, 10, 11, 19, 20)
    for people in product(sizes, repeat=4):
        groups = dict(zip("abcd", people, strict=True))
        shown = shown_groups(groups)
        assert all(groups[group] >= 10 for group in shown)
        left = sum(groups.values()) - sum(groups[group] for group in shown)
        assert left == 0 or left >= 10 or not shown, groups


@given(st.dictionaries(st.text("abcdefgh-", min_size=1, max_size=2), st.integers(0, 40)))
def test_no_more_is_hidden_than_must_be(groups: dict[str, int]) -> None:
    shown = shown_groups(groups)
    hidden = {group: n for group, n in groups.items() if group not in shown and n}
    large = [n for n in hidden.values() if n >= 10]
    small = sum(n for n in hidden.values() if n < 10)
    # One large group at most is hidden to protect small ones, and it is the smallest.
    assert len(large) <= 1
    if large:
        assert 0 < small < 10
        assert all(groups[group] >= large[0] for group in shown)
    assert shown_groups(dict(reversed(groups.items()))) == shown


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(0, 40)), st.sets(st.sampled_from("abcde"))
)
def test_groups_that_are_never_shown_are_among_those_that_are_hidden(
    groups: dict[str, int], never: set[str]
) -> None:
    shown = shown_groups(groups, never=never)
    assert shown.isdisjoint(never)
    left = sum(groups.values()) - sum(groups[group] for group in shown)
    assert left == 0 or left >= 10 or not shown


def test_means_and_shares_need_five_answers() -> None:
    assert mean({1: 2, 5: 2}) is None
    assert mean({1: 2, 5: 3}) == 3.4
    assert share(1, 4) is None
    assert share(1, 5) == 0.2


def test_markdown_of_the_team_is_safe() -> None:
    text = """# Title
![tracker](https://elsewhere.example/x.png "t") <script>alert(1)</script>
[a](javascript:alert(1)) [b](data:text/html,x) [c](https://example.org "y") <b onclick=x>z</b>

| a | b |
|---|:-:|
| 1 | 2 |
"""
    shown = str(rendered(text))
    assert "<h3>Title</h3>" in shown
    assert '<a href="https://example.org" title="y">c</a>' in shown
    assert '<th scope="col">' in shown
    assert not re.search(r"<img|<script|<b |style=|javascript:|href=\"data:", shown)
    assert rendered(None) == rendered("") == ""


# --- Figures --------------------------------------------------------------------------------------


class ResultsCase(ConsultationCase):
    @pytest.fixture(autouse=True)
    def consultation(self, plugin: Any, instance_path: Any) -> None:
        self.team = team_member()
        self.producer = Producer(title="Musées", last_update=datetime(2022, 11, 1))
        with freeze_time(BEFORE):
            self.made = self.make(
                self.team, scope={"organizations": [str(self.producer.organization.id)]}
            )

    def sent(self, n: int = 1, **fields: Any) -> list[Any]:
        """Answers of as many people, without the cost of HTTP."""
        done = []
        for _ in range(n):
            id = ObjectId()
            who = Viewer(key=f"user:{id}", user_id=id)
            payload = {"answers": ANSWERS} | fields
            with self.app.test_request_context("/"):
                response, _new = answering.submit(who, self.made["id"], payload, at=utc(DURING))
            done.append(response)
        return done


@pytest.mark.options(**UNLIMITED)
class FiguresTest(ResultsCase):
    def test_the_figures_are_those_of_the_answers(self):
        with freeze_time(DURING):
            self.sent(3, answers={"use": "yes", "themes": ["books", "museums"], "satisfied": 4})
            self.sent(4, answers={"use": "no", "satisfied": 1})
            self.sent(1, answers={"use": "no", "best": str(self.producer.dataset.id)})
        with freeze_time(AFTER):
            found = self.results_of(self.made)
        assert found["responses"]["total"] == 8
        by_id = {question["id"]: question for question in found["questions"]}
        use = {
            option["id"]: (option["count"], option["share"]) for option in by_id["use"]["options"]
        }
        assert use == {"yes": (3, 0.375), "no": (5, 0.625)}
        themes = {option["id"]: option["count"] for option in by_id["themes"]["options"]}
        assert themes == {"museums": 3, "archives": 0, "books": 3}
        assert by_id["themes"]["answered"] == 3
        assert {option["share"] for option in by_id["themes"]["options"]} == {None}  # of three
        assert by_id["satisfied"]["mean"] == round((3 * 4 + 4) / 7, 2)
        assert by_id["satisfied"]["options"][0]["label"] == "not at all"
        [named] = by_id["best"]["datasets"]
        assert (named["title"], named["count"]) == ("Musées", 1)

    def test_means_are_not_given_of_few(self):
        with freeze_time(DURING):
            self.sent(4)
        with freeze_time(AFTER):
            found = self.results_of(self.made)
        satisfied = found["questions"][2]
        assert satisfied["mean"] is None
        assert [option["count"] for option in satisfied["options"]] == [0, 0, 4, 0]

    def test_a_profile_is_shown_from_ten_people_on_and_protects_the_others(self):
        with freeze_time(DURING):
            self.sent(12, profile="student")
            self.sent(11, profile="researcher", answers={"use": "no"})
            self.sent(3, profile="journalist", answers={"use": "no"})
        with freeze_time(AFTER):
            found = self.results_of(self.made)
        use = found["questions"][0]
        # Three journalists alone could be worked out: the researchers are not shown either.
        assert [row["profile"] for row in use["profiles"]] == ["student"]
        assert [option["count"] for option in use["profiles"][0]["options"]] == [12, 0]
        themes = found["questions"][1]  # asked to students alone
        assert [row["profile"] for row in themes["profiles"]] == ["student"]
        counts = {row["id"]: row["count"] for row in found["responses"]["profiles"]}
        assert counts == {"student": 12, "researcher": 11, "journalist": 3}

    def test_whatever_is_shown_of_profiles_nobody_can_work_out_few(self):
        with freeze_time(DURING):
            for profile, n in (("student", 10), ("teacher", 9), ("other", 1), (None, 2)):
                fields = {"profile": profile} if profile else {}
                self.sent(n, **fields)
                self.sent(n // 2, answers={"use": "no"}, **fields)
        with freeze_time(AFTER):
            found = self.results_of(self.made)
        for question in found["questions"]:
            for option in question.get("options", ()):
                rows = question["profiles"]
                shown = sum(row["answered"] for row in rows)
                rest = question["answered"] - shown
                assert rest == 0 or rest >= 10 or not rows
                assert option["count"] >= sum(
                    o["count"] for row in rows for o in row["options"] if o["id"] == option["id"]
                )

    def test_an_answer_erased_after_the_results_leaves_the_figures_and_no_word(self):
        camille = UserFactory()
        secret = "un secret dans mes mots"
        with freeze_time(DURING):
            self.answered(self.made, camille, answers=ANSWERS | {"why": secret})
        with freeze_time(AFTER):
            before = self.results_of(self.made)
            path = f"/consultations/{self.made['id']}/responses/"
            assert self.ask("DELETE", path, user=camille).status_code == 204
            assert self.results_of(self.made)["questions"] == before["questions"]
            assert self.ask("GET", path, user=camille).json["sent"] is False
            upkeep.bury_tombstones()
            assert recount(figures.RESPONSES, f"responses:{self.made['id']}", check=True) == {}
        assert secret not in str(everything())
        assert str(camille.id) not in str(everything()["culture_feedback_response"])


@pytest.mark.options(**UNLIMITED)
class CollectTest(ResultsCase):
    """What is said on the pages of datasets meanwhile."""

    def given(self, **answer: Any) -> Any:
        return self.give(UserFactory(), self.producer.dataset, **answer)

    def figures(self) -> dict[str, int]:
        found = results().find_one({"_id": of_feedback(self.made["id"])}) or {}
        return {key: n for key, n in (found.get("totals") or {}).items() if n}

    def test_what_was_given_meanwhile_counts_once_in_the_results(self):
        with freeze_time("2022-12-05 22:59:59"):
            self.given(fitness="no")
        with freeze_time(DURING):
            self.given(fitness="yes", ratings={"completeness": 5})
            self.given(fitness="partly", ratings={"completeness": 2}, usages=["research"])
        with freeze_time("2023-02-06 23:00:00"):
            self.given(fitness="no")
        with freeze_time(AFTER):
            for _twice in range(2):
                found = self.results_of(self.made)["feedback"]
                results_collection.collect(stored(self.made) | {"collected": None})
        assert found["total"] == 2
        assert found["fitness"] == {"yes": 1, "partly": 1, "no": 0}
        assert found["axes"]["completeness"]["during"]["distribution"] == [0, 1, 0, 0, 1]
        assert found["axes"]["completeness"]["during"]["mean"] is None  # of two
        assert collected().count_documents({}) == 2
        assert recount(figures.COLLECTED, of_feedback(self.made["id"]), check=True) == {}

    def test_what_changes_after_the_closing_changes_nothing_there(self):
        camille, dominique = UserFactory(), UserFactory()
        with freeze_time(DURING):
            first = self.give(camille, self.producer.dataset, fitness="yes")
            second = self.give(dominique, self.producer.dataset, fitness="yes")
        with freeze_time("2023-02-06 23:05:00"):  # closed, not collected yet
            change = {"fitness": "no"}
            self.ask("PUT", f"/feedback/{first['id']}/", change, camille)
            assert (
                self.ask("DELETE", f"/feedback/{second['id']}/", user=dominique).status_code == 204
            )
        with freeze_time(AFTER):
            assert self.results_of(self.made)["feedback"]["fitness"]["yes"] == 2
            self.ask("PUT", f"/feedback/{first['id']}/", {"fitness": "partly"}, camille)
            assert self.results_of(self.made)["feedback"]["fitness"]["yes"] == 2
        assert str(second["id"]) not in str(list(collected().find()))

    def test_who_changes_an_answer_meanwhile_takes_part(self):
        camille = UserFactory()
        with freeze_time(BEFORE):
            given = self.give(camille, self.producer.dataset, fitness="yes")
        with freeze_time(DURING):
            self.ask("PUT", f"/feedback/{given['id']}/", {"fitness": "no"}, camille)
        with freeze_time(AFTER):
            assert self.results_of(self.made)["feedback"]["fitness"]["no"] == 1

    def test_agents_of_the_producer_and_spam_count_in_no_figure(self):
        with freeze_time(DURING):
            self.give(self.producer.admin, self.producer.dataset)
            spam, found_later = self.given(), self.given()
            feedbacks().update_one(
                {"_id": ObjectId(spam["id"])}, {"$set": {"hidden_reason": "spam"}}
            )
        with freeze_time(AFTER):
            assert self.results_of(self.made)["feedback"]["total"] == 1
            feedbacks().update_one(
                {"_id": ObjectId(found_later["id"])}, {"$set": {"hidden_reason": "spam"}}
            )
            from udata_culture_feedback.feedback.signals import on_feedback_changed

            on_feedback_changed.send(ObjectId(found_later["id"]), dataset=self.producer.dataset.id)
            assert self.results_of(self.made)["feedback"]["total"] == 0

    def test_more_than_a_reader_waits_for_is_left_to_the_task(self, monkeypatch):
        from udata_culture_feedback.consultations import receivers
        from udata_culture_feedback.consultations import results as results_module

        monkeypatch.setattr(results_module, "AT_ONCE", 1)
        monkeypatch.setattr(receivers, "later", lambda *args: True)
        with freeze_time(DURING):
            for _ in range(3):
                self.given()
        with freeze_time(AFTER):
            waiting = self.results_of(self.made, 404)
            assert "being prepared" in waiting["message"]
            assert upkeep.collect() == 1
            assert self.results_of(self.made)["feedback"]["total"] == 3

    def test_what_is_said_since_of_updated_data_stands_beside(self):
        with freeze_time(DURING):
            self.given(ratings={"completeness": 1})
        with freeze_time(AFTER):
            assert self.results_of(self.made)["feedback"]["changed_datasets"] == 0
        Dataset._get_collection().update_one(
            {"_id": self.producer.dataset.id},
            {"$set": {"last_update": datetime(2024, 3, 1), "frequency": "annual"}},
        )
        with freeze_time("2024-04-01"):
            self.given(ratings={"completeness": 5})
            upkeep.refresh_since()
            found = self.results_of(self.made)["feedback"]
        assert found["changed_datasets"] == 1
        axis = found["axes"]["completeness"]
        assert axis["during"]["distribution"] == [1, 0, 0, 0, 0]
        assert axis["since"]["distribution"] == [0, 0, 0, 0, 1]


@pytest.mark.options(**UNLIMITED)
class TextsTest(ResultsCase):
    def texts(self, query: str = "", user: Any = None) -> Any:
        path = f"/consultations/{self.made['id']}/results/texts/?lang=en&{query}"
        return self.ask("GET", path, user=user)

    def page(self, user: Any, query: str = "", **form: Any) -> Any:
        path = f"/pages/consultations/{self.made['slug']}/results/texts?lang=en&{query}"
        verb = "POST" if form else "GET"
        response = self.ask(verb, path, user=user, **({"data": form} if form else {}))
        return response.status_code, html.unescape(response.get_data(as_text=True))

    def test_texts_are_published_one_by_one(self):
        with freeze_time(DURING):
            self.sent(1, answers={"use": "no", "why": "Les musées ferment trop tôt"})
            self.sent(1, answers={"use": "no", "why": "Adresse : 3 rue de la Paix"})
        with freeze_time(AFTER):
            assert self.texts().json["data"] == []
            moderator = sysadmin()
            status, page = self.page(moderator, "state=pending")
            assert (status, "Les musées ferment trop tôt" in page) == (200, True)
            assert "Adresse" not in self.page(UserFactory(), "state=pending")[1]
            ids = dict(
                re.findall(
                    r'auto">([^<]+)</p>\s*<form.*?name="text" value="([0-9a-f]{24})"', page, re.S
                )
            )
            museum, address = ids["Les musées ferment trop tôt"], ids["Adresse : 3 rue de la Paix"]
            assert self.page(UserFactory(), text=museum, decision="publish")[0] == 403
            assert self.page(moderator, text=museum, decision="publish")[0] == 200
            self.page(self.team, text=address, decision="hide")
            assert [one["text"] for one in self.texts().json["data"]] == [
                "Les musées ferment trop tôt"
            ]
            assert [one["text"] for one in self.texts("q=musee").json["data"]] != []
            assert self.texts("q=archives").json["data"] == []
            assert self.texts("question=lacking").json["data"] == []
            self.page(moderator, text=museum, decision="restore")
            assert self.texts().json["data"] == []
            for wrong in ({"text": "x"}, {"text": "6" * 24}):
                assert self.page(moderator, **wrong, decision="publish")[0] == 404
            assert self.page(moderator, text=museum, decision="burn")[0] == 400

    def test_what_waits_is_read_in_no_order_and_never_twice(self):
        with freeze_time(DURING):
            for n in range(60):
                self.sent(1, answers={"use": "no", "why": f"Le texte {n:02}"})
        with freeze_time(AFTER):
            pages = [self.page(sysadmin(), f"state=pending&page={n}")[1] for n in (1, 2, 3)]
            numbers = re.findall(r"Le texte (\d\d)", " ".join(pages))
        assert len(set(numbers)) == len(numbers) == 60
        assert numbers not in (sorted(numbers), sorted(numbers, reverse=True))

    def test_words_that_change_are_read_again_and_others_are_not(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille)
            before = responses().find_one({})["texts"]
            path = f"/consultations/{self.made['id']}/responses/"
            self.ask("PUT", path, {"answers": {"use": "no"}}, camille)
            assert responses().find_one({})["texts"] == before
            self.ask("PUT", path, {"answers": {"why": "Autre chose"}}, camille)
            [text] = responses().find_one({})["texts"]
        assert (text["text"], text["state"]) == ("Autre chose", "pending")
        assert text["id"] != before[0]["id"]

    def test_pages_of_texts_end(self):
        with freeze_time(DURING):
            self.sent(5, answers={"use": "no", "why": "Pareil"})
        responses().update_many({}, {"$set": {"texts.$[].state": "public"}})
        with freeze_time(AFTER):
            first = self.texts("page_size=3").json
            second = self.texts("page_size=3&page=2").json
            assert (len(first["data"]), first["more"]) == (3, True)
            assert (len(second["data"]), second["more"]) == (2, False)
            assert self.texts("page_size=100&page=1000").status_code == 404


@pytest.mark.options(**UNLIMITED)
class SynthesisTest(ResultsCase):
    def write(self, **synthesis: Any) -> Any:
        return self.change(self.made, self.team, synthesis=synthesis)

    def test_commitments_show_where_their_requests_stand_today(self):
        camille = UserFactory()
        with freeze_time(DURING):
            wish = {"title": "Les entrées", "description": "x", "kind": "new"}
            asked = self.ask("POST", "/requests/", wish, camille).json
        with freeze_time(AFTER):
            written = self.write(
                text={"fr": "# Bilan", "en": "# So"},
                commitments=[
                    {"text": {"en": "Open it"}, "request": asked["slug"]},
                    {"text": {"en": "Say it"}},
                ],
            )
            assert written.status_code == 200, written.json
            assert self.results_of(self.made)["synthesis"] is None
            self.write(text={"fr": "# Bilan", "en": "# So"}, publish=True)
            synthesis = self.results_of(self.made)["synthesis"]
            assert synthesis["text"] == "# So"
            # What is left out of a change is left out.
            assert synthesis["commitments"] == []
            self.write(
                text={"en": "# So"}, commitments=[{"text": {"en": "Open"}, "request": asked["id"]}]
            )
            [commitment] = self.results_of(self.made)["synthesis"]["commitments"]
            assert commitment["request"]["status"] == "submitted"
            requests().update_one({}, {"$set": {"status": "published"}})
            [commitment] = self.results_of(self.made)["synthesis"]["commitments"]
            assert commitment["request"]["status"] == "published"
            requests().update_one({}, {"$set": {"visibility": "hidden"}})
            [commitment] = self.results_of(self.made)["synthesis"]["commitments"]
            assert commitment["request"] is None

    def test_changes_after_publication_are_a_draft_until_they_are_published(self):
        path = f"/pages/consultations/{self.made['slug']}/synthesis?lang=en"
        results_page = f"/pages/consultations/{self.made['slug']}/results/?lang=en"

        def sent(**form: str) -> str:
            answer = self.ask("POST", path, user=self.team, data={"rows": "0"} | form)
            assert answer.status_code in (200, 303), answer.get_data(as_text=True)
            return str(answer.get_data(as_text=True))

        def public() -> str:
            return str(self.ask("GET", results_page).get_data(as_text=True))

        def editor() -> str:
            return str(self.ask("GET", path, user=self.team).get_data(as_text=True))

        with freeze_time(AFTER):
            previewed = sent(**{"text.en": "Some **first** words", "preview": "1"})
            assert "<strong>first</strong>" in previewed
            assert "first" not in editor()  # nothing was stored
            sent(**{"text.en": "The first words", "publish": "1"})
            sent(**{"text.en": "The second words"})
            assert "The first words" in public()
            assert "The second words" not in public()
            assert "The second words" in editor()
            assert "This is a draft of changes" in editor()
            sent(**{"text.en": "The second words", "publish": "1"})
            assert "The second words" in public()
            assert "This is a draft of changes" not in editor()

    def test_commitments_have_an_owner_a_status_a_date_and_a_feed(self):
        dataset = str(self.producer.dataset.id)
        feed = f"/consultations/{self.made['id']}/commitments.atom?lang=en"
        one = {"text": {"en": "Open the hours"}, "owner": "The office", "status": "doing"}
        one |= {"due": "2027-06-30", "dataset": dataset}
        with freeze_time(AFTER):
            assert self.ask("GET", feed).status_code == 404
            other = {"text": {"en": "Meet"}, "status": "done"}
            self.write(text={"en": "So"}, commitments=[one, other], publish=True)
            first, second = self.results_of(self.made)["synthesis"]["commitments"]
            assert (first["owner"], first["status_label"]) == ("The office", "In progress")
            assert (first["due"], first["dataset"]["title"]) == ("2027-06-30", "Musées")
            assert second["owner"] is second["due"] is second["dataset"] is None
            page = self.ask("GET", f"/pages/consultations/{self.made['slug']}/results/?lang=en")
            shown = html.unescape(page.get_data(as_text=True))
            for told in ("The office", "30 June 2027", "In progress", "Musées"):
                assert told in shown, told
            assert "commitment kept of 2" in " ".join(shown.split())
        with freeze_time("2023-03-01"):
            self.write(text={"en": "So"}, commitments=[one, other | {"status": "dropped"}])
            read = self.ask("GET", feed)
        told = read.get_data(as_text=True)
        assert read.content_type.startswith("application/atom+xml")
        assert told.index("Meet") < told.index("Open the hours")  # the latest changed first
        assert "Given up" in told
        assert "In progress — The office — 2027-06-30 — Musées" in told
        with freeze_time(AFTER):
            for field, value in (
                ("status", "perhaps"),
                ("due", "soon"),
                ("dataset", "nothing"),
                ("owner", ["me"]),
            ):
                wrong = self.write(text={"en": "So"}, commitments=[one | {field: value}])
                assert wrong.status_code == 400, field
                assert list(wrong.json["errors"]) == [f"commitments.0.{field}"]

    def test_a_quote_in_the_synthesis_goes_when_its_author_takes_it_back(self):
        camille = UserFactory()
        answers = ANSWERS | {"why": "Mes *mots* [ici](https://example.org)"}
        with freeze_time(DURING):
            self.answered(self.made, camille, answers=answers, open_data=True)
        responses().update_many(
            {}, {"$set": {"texts.$[].state": "public", "texts.$[].quoted": True}}
        )
        text = responses().find_one({})["texts"][0]["id"]
        page = f"/pages/consultations/{self.made['slug']}/results/?lang=en"
        with freeze_time(AFTER):
            said = f"They say:\n\n{{{{quote:{text}}}}}\n\nSo."
            self.write(text={"en": said}, publish=True)
            shown = self.ask("GET", page).get_data(as_text=True)
            assert "<blockquote>" in shown
            assert "Mes *mots* [ici](https://example.org)" in html.unescape(shown)
            path = f"/consultations/{self.made['id']}/responses/"
            self.ask("DELETE", path, user=camille)
            shown = self.ask("GET", page).get_data(as_text=True)
        assert "Mes" not in shown
        assert "<blockquote>" not in shown
        assert "{{quote" not in shown

    def test_what_is_wrong_is_named(self):
        with freeze_time(AFTER):
            refused = self.write(text="x", commitments=[{"text": "a", "request": "nothing"}])
            assert list(refused.json["errors"]) == ["commitments.0.request"]
            assert self.write(publish=True).status_code == 400
        with freeze_time(DURING):
            assert self.write(text="Already").status_code == 409

    def test_those_who_asked_are_told_once(self):
        camille, dominique = UserFactory(), UserFactory()
        path = f"/pages/consultations/{self.made['slug']}/follow"
        with freeze_time(DURING):
            self.ask("POST", path, user=camille, data={"synthesis": "1"})
            self.ask("POST", path, user=dominique, data={"reminder": "1"})
        with freeze_time(AFTER), capture_mails() as mails:
            self.write(text="Voilà", publish=True)
            self.write(text="Voilà !", publish=True)
            upkeep.tell_syntheses()
        assert [mail.recipients for mail in mails] == [[camille.email]]
        assert "/results/" in mails[0].body

    def test_who_asked_is_reminded_before_the_closing_unless_they_have_answered(self):
        camille, dominique = UserFactory(), UserFactory()
        path = f"/pages/consultations/{self.made['slug']}/follow"
        with freeze_time(DURING):
            for user in (camille, dominique):
                self.ask("POST", path, user=user, data={"reminder": "1"})
            self.answered(self.made, dominique)
        with capture_mails() as mails:
            for moment in ("2023-02-03 22:59:59", "2023-02-03 23:00:00", "2023-02-05", AFTER):
                with freeze_time(moment):
                    upkeep.remind()
        assert [mail.recipients for mail in mails] == [[camille.email]]

    def test_a_headline_says_what_comes_first_and_the_report_needs_nothing_else(self):
        with freeze_time(DURING):
            self.sent(12, profile="student")
            self.sent(6, answers={"use": "no", "themes": ["books"], "satisfied": 1})
        with freeze_time(AFTER):
            path = f"/pages/consultations/{self.made['slug']}/results/"
            page = html.unescape(self.ask("GET", f"{path}?lang=en").get_data(as_text=True))
            sent = self.ask("GET", f"{path}report.html?lang=en")
        for told in ("67% answer “Yes”", "“Museums” comes first: 100%", "67% choose “rather” or"):
            assert told in page, told
        assert page.count("18 responses") == 2  # « use » and « satisfied », once each
        assert "12 responses, several answers possible" in page
        assert sent.headers["Content-Disposition"].startswith("attachment")
        report = html.unescape(sent.get_data(as_text=True))
        assert "67% answer “Yes”" in report
        assert "<style>" in report
        assert not re.search(r"<link|<script|<form|<img", report)
        assert "<details>" not in report.replace("<details><summary>See the table", "")

    def test_the_page_of_one_profile_tells_no_more_than_the_crosses(self):
        with freeze_time(DURING):
            self.sent(12, profile="student")
            self.sent(11, profile="researcher", answers={"use": "no"})
            self.sent(3, profile="journalist", answers={"use": "no"})
        with freeze_time(AFTER):
            path = f"/pages/consultations/{self.made['slug']}/results/?lang=en"
            page = html.unescape(self.ask("GET", path).get_data(as_text=True))
            offered = re.findall(r'<option value="(\w+)"', page)
            students = self.ask("GET", f"{path}&profile=student").get_data(as_text=True)
            for hidden in ("researcher", "journalist", "nobody", "-", "x" * 999):
                other = self.ask("GET", f"{path}&profile={hidden}").get_data(as_text=True)
                assert "Answers of: " not in other, hidden
        assert offered == ["student"]
        assert "Answers of: " in students
        [_before, use] = students.split('id="cf-q-use"')
        assert "12 responses" in use.split('id="cf-q-themes"')[0]
        assert "26 responses" not in students

    def test_weeks_are_shown_where_participation_is_and_of_ten_people_at_least(self):
        with freeze_time(DURING):
            self.sent(13)
        days = {"day:2022-12-06": 4, "day:2022-12-13": 7, "day:2022-12-20": 12}
        days |= {"day:2023-01-03": 1, "day:2023-01-10": 3}
        with freeze_time(AFTER):
            assert self.results_of(self.made)["responses"]["weeks"] == []
            self.change(self.made, self.team, show_participation=True)
            assert self.results_of(self.made)["responses"]["weeks"] == [
                {"week": "2022-12-19", "count": 13}
            ]
        assert results_module._weeks(days) == [
            {"week": "2022-12-05", "count": 11},
            {"week": "2022-12-19", "count": 16},
        ]
        assert results_module._weeks({"day:2023-01-03": 9}) == []

    def test_the_page_shows_it_all_and_prints(self):
        with freeze_time(DURING):
            self.sent(12, profile="student")
            self.sent(6, answers={"use": "no"})
            for _one in range(5):
                self.give(UserFactory(), self.producer.dataset, ratings={"completeness": 2})
        with freeze_time(AFTER):
            self.write(text={"en": "**So** it is"}, publish=True)
            path = f"/pages/consultations/{self.made['slug']}/results/?lang=en"
            response = self.ask("GET", path)
            team = self.ask("GET", path, user=self.team).get_data(as_text=True)
        page = html.unescape(response.get_data(as_text=True))
        assert response.status_code == 200
        for text in (
            "<strong>18</strong> people answered",
            "<strong>So</strong> it is",
            "Do you use cultural data?",
            'role="img"',
            "Opinions on datasets",
            "Method and limits",
            "from 5 answers on",
        ):
            assert text in page, text
        assert "Write the synthesis" not in page
        assert "Write the synthesis" in team
        assert not re.search(r"<script>|style=|\son\w+=", page)
        found = Counter(re.findall(r' id="([^"]+)"', page))
        assert [id for id, n in found.items() if n > 1] == []


@pytest.mark.options(**UNLIMITED)
class MaintenanceTest(ResultsCase):
    def test_what_was_begun_and_never_sent_is_erased_after_a_while(self):
        camille = UserFactory()
        with freeze_time(DURING):
            page = f"/pages/consultations/{self.made['slug']}/"
            self.ask("POST", page, user=camille, data={"go": "save", "answers.use": "yes"})
            assert responses().count_documents({}) == 1
        with freeze_time("2023-02-13"):
            assert upkeep.erase_drafts() == 0
        with freeze_time("2023-02-15"):
            assert upkeep.erase_drafts() == 1
        assert responses().count_documents({}) == 0

    def test_every_step_may_run_twice(self):
        with freeze_time(DURING):
            self.sent(2)
            self.give(UserFactory(), self.producer.dataset)
        with freeze_time(AFTER):
            for _twice in range(2):
                for step in upkeep.STEPS.values():
                    step()
            before = self.results_of(self.made)
            for step in upkeep.STEPS.values():
                step()
            assert self.results_of(self.made) == before
        assert find(self.made["id"])["collected"]
        assert P
