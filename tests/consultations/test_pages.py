"""The pages of who answers, as people without JavaScript use them."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.consultations.models import followers, responses
from udata_culture_feedback.data_requests.models import requests

from ..cases import P
from .consulting import (
    AFTER,
    ANSWERS,
    BEFORE,
    DURING,
    QUESTIONS,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    team_member,
)


class Browser:
    """Somebody who fills in what a page shows, presses a button, and follows where it leads."""

    def __init__(self, test: Any, user: User | None = None, key: bool = True):
        self.test = test
        self.client = test.app.test_client()
        self.headers = {"X-API-KEY": test.key_of(user)} if user and key else {}
        self.text = ""
        self.status = 0
        self.path = ""

    def goes_to(self, path: str) -> Browser:
        address = path if path.startswith("/api/") else P + path
        return self._shown(self.test.visit("GET", address, self.client, headers=self.headers))

    def presses(self, name: str = "", value: str = "", form: int = 0, **fields: Any) -> Browser:
        """Sends the form that has that button, with its hidden fields and what was typed."""
        forms = self.forms
        chosen = [f for f in forms if f'name="{name}" value="{value}"' in f] if name else forms
        action = html.unescape(re.search(r'action="([^"#]+)', chosen[form]).group(1))  # type: ignore[union-attr]
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', chosen[form])
        sent: dict[str, Any] = {key: html.unescape(text) for key, text in hidden}
        sent |= {key.replace("__", "."): value for key, value in fields.items()}
        if name:
            sent[name] = value
        self.sent = sent
        response = self.test.visit("POST", action, self.client, data=sent, headers=self.headers)
        if response.status_code in (302, 303):
            where = response.location.split("#")[0]
            return self.goes_to(re.sub(r"^https?://[^/]+", "", where))
        return self._shown(response)

    @property
    def forms(self) -> list[str]:
        """Those of the content: not those of the frame, by which one logs out."""
        content = self.text.partition("<main")[2] or self.text
        return re.findall(r"<form[^>]*method=\"post\".*?</form>", content, re.S)

    def form_with(self, words: str) -> int:
        """The place of the form that has these words."""
        return next(number for number, form in enumerate(self.forms) if words in form)

    def _shown(self, response: Any) -> Browser:
        self.status = response.status_code
        self.text = response.get_data(as_text=True)
        self.response = response
        return self

    def sees(self, *texts: str) -> bool:
        seen = html.unescape(self.text)
        return all(text in seen for text in texts)


@pytest.mark.options(**UNLIMITED)
class PageCase(ConsultationCase):
    @pytest.fixture(autouse=True)
    def consultation(self, plugin: Any, instance_path: Any) -> None:
        self.team = team_member()
        with freeze_time(BEFORE):
            self.made = self.make(self.team, introduction="**Everybody** may answer.")
        self.path = f"/pages/consultations/{self.made['slug']}/?lang=en"

    def on_the_page(self, user: User | None = None) -> Browser:
        return Browser(self, user).goes_to(self.path)

    def stored_of(self, user: User) -> Any:
        return responses().find_one({"contributor.user": user.id})


class StepTest(PageCase):
    def test_somebody_answers_step_by_step_leaves_comes_back_and_sends(self):
        camille, dataset = UserFactory(), DatasetFactory(title="Musées de France")
        with freeze_time(DURING):
            page = self.on_the_page(camille)
            assert page.sees(
                "Step 1 of 4: You", "Next step: Your uses", "Do you use cultural data?"
            )
            assert page.sees("<strong>Everybody</strong> may answer.", "48 days left")
            assert not page.sees("On which themes?")
            page.presses("go", "next", answers__use="yes")
            assert page.sees("Step 2 of 4: Your uses", "On which themes?", "not at all")
            page.presses("go", "save", answers__themes=["books", "museums"])
            assert page.sees("What you have begun is saved.")
            # Another day, another browser.
            back = self.on_the_page(camille)
            assert back.sees("Step 2 of 4: Your uses")
            assert re.search(r'value="books" checked', back.text)
            back.presses("go", "next", answers__themes=["books"], answers__satisfied="3")
            assert back.sees("Step 3 of 4: The data")
            back.presses("go", "next", answers__best_q="Musées de France")
            assert back.sees("Review your answer and send it", "Musées de France", "Books")
            assert self.stored_of(camille).get("sent_at") is None
            back.presses("go", "send", profile="student", open_data="1")
            assert back.sees("Thank you, your answer is recorded.", "Change my answer")
        stored = self.stored_of(camille)
        assert stored["answers"] == {
            "use": "yes",
            "themes": ["books"],
            "satisfied": 3,
            "best": dataset.id,
        }
        assert (stored["profile"], stored["open_data"]) == ("student", True)
        assert "draft" not in stored

    def test_a_question_that_hangs_on_another_is_asked_to_whom_it_concerns(self):
        camille = UserFactory()
        with freeze_time(DURING):
            page = self.on_the_page(camille).presses("go", "next", answers__use="no")
            assert page.sees("Are you satisfied?")
            assert not page.sees("On which themes?")
            page.presses("go", "previous", answers__why="Pour voir")
            assert page.sees("Step 1 of 4")
            assert self.stored_of(camille)["draft"]["answers"]["why"] == "Pour voir"
            page.presses("go", "next", answers__use="yes")
            assert page.sees("On which themes?", "Pour voir")

    def test_a_step_whose_questions_do_not_concern_somebody_is_left_out(self):
        questions = [QUESTIONS[0], QUESTIONS[1], QUESTIONS[3] | {"step": 3}]
        with freeze_time(BEFORE):
            made = self.make(self.team, questions=questions)
        with freeze_time(DURING):
            page = Browser(self, UserFactory())
            page.goes_to(f"/pages/consultations/{made['slug']}/?lang=en")
            page.presses("go", "next", answers__use="no")
            assert page.sees("Step 2 of 3: The data", "Why?")
            page.presses("go", "previous").presses("go", "next", answers__use="yes")
            assert page.sees("Step 2 of 4: Your uses")

    def test_what_is_missing_is_named_where_it_is_and_nothing_is_lost(self):
        with freeze_time(DURING):
            page = self.on_the_page(UserFactory()).presses("go", "next")
            assert page.status == 400
            assert page.sees('href="#cf-answers-use"', 'id="cf-answers-use-error"')
            assert page.sees("This question needs an answer.", "Step 1 of 4")
            page.presses("go", "next", answers__use="yes")
            page.presses("go", "next", answers__satisfied="9", answers__why="Des mots")
            assert page.status == 400
            assert page.sees("Des mots", 'id="cf-answers-satisfied-error"')

    def test_what_is_sent_incomplete_leads_to_the_step_that_lacks_something(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.on_the_page(camille).presses("go", "save", answers__use="")
            page = Browser(self, camille).goes_to(f"{self.path}&step=4")
            page.presses("go", "send")
            assert page.status == 400
            assert page.sees("Step 1 of 4", 'id="cf-answers-use-error"')

    def test_who_has_answered_changes_it_and_the_old_one_stays_until_then(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille)
            page = self.on_the_page(camille)
            assert page.sees("Recorded on", "Change my answer", "Parce que.")
            page.goes_to(f"{self.path}&edit=1")
            assert page.sees("it stays as it is until you send this one")
            page.presses("go", "next", answers__use="no")
            assert self.stored_of(camille)["answers"] == ANSWERS
            page.presses("go", "next", answers__satisfied="1").presses("go", "next")
            page.presses("go", "send")
            assert page.sees("Thank you, your answer is recorded.")
        assert self.stored_of(camille)["answers"] == {"use": "no", "satisfied": 1}

    def test_it_is_deleted_after_a_look(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille)
            page = self.on_the_page(camille)
            page.presses(form=-2)
            assert page.sees("Your answer has been deleted.", "Step 1 of 4")
        assert self.stored_of(camille) is None

    def test_on_one_page_everything_is_asked_at_once(self):
        questions = [{**q, "step": 1} for q in QUESTIONS if "shown_if" not in q]
        with freeze_time(BEFORE):
            made = self.make(self.team, questions=questions, steps=[])
        with freeze_time(DURING):
            page = Browser(self, UserFactory())
            page.goes_to(f"/pages/consultations/{made['slug']}/?lang=en")
            assert page.sees("Do you use cultural data?", "Which dataset is missing?", "My profile")
            assert not page.sees("Step 1")
            wish = {"answers__lacking.title": "Les entrées", "answers__lacking.ask": "1"}
            page.presses("go", "send", answers__use="yes", **wish)
            assert page.sees("Thank you, your answer is recorded.")
        assert requests().count_documents({"title": "Les entrées"}) == 1

    def test_personal_data_in_a_text_is_shown_to_its_author_who_decides(self):
        camille = UserFactory()
        mine = "Appelez-moi au 06 39 98 12 47."
        with freeze_time(DURING):
            page = self.on_the_page(camille).presses("go", "next", answers__use="no")
            page.presses("go", "next", answers__satisfied="3", answers__why=mine)
            assert page.status == 400
            assert page.sees("Step 2 of", mine, "a telephone number: “06 39 98 12 47”")
            field = page.text[page.text.index('id="cf-answers-why-error"') :]
            box = field.index('id="cf-read_again" name="read_again"')
            assert box < field.index('<textarea id="cf-answers-why"')
            assert 'href="#cf-read_again"' in page.text
            page.presses("go", "next", answers__satisfied="3", answers__why=mine, read_again="1")
            assert page.sees("Step 3 of")
            page.presses("go", "next").presses("go", "send")
            assert page.sees("Thank you, your answer is recorded.")
        assert self.stored_of(camille)["answers"]["why"] == mine

    def test_an_institutions_own_details_ask_for_nothing(self):
        said = "Le standard du musée, 01 99 00 12 00, ne répond pas."
        with freeze_time(DURING):
            page = self.on_the_page(UserFactory()).presses("go", "next", answers__use="no")
            page.presses("go", "next", answers__satisfied="3", answers__why=said)
            assert page.sees("Step 3 of")

    def test_a_dataset_is_chosen_among_what_was_found(self):
        for title in ("Musées de France", "Musées de Paris"):
            DatasetFactory(title=title, organization=OrganizationFactory())
        with freeze_time(DURING):
            camille = UserFactory()
            page = self.on_the_page(camille).presses("go", "next", answers__use="no")
            page.presses("go", "next").presses("go", "next", answers__best_q="nothing like it")
            assert page.status == 400
            assert page.sees("Nothing has that name", "nothing like it")

    def test_a_form_that_is_not_ours_changes_nothing(self):
        camille = UserFactory()
        client = self.app.test_client()
        with freeze_time(DURING):
            with client.session_transaction() as session:
                session["_user_id"] = camille.fs_uniquifier
                session["_fresh"] = True
            forged = {"go": "send", "answers.use": "yes", "answers.why": "Mes mots"}
            path = f"{P}/pages/consultations/{self.made['slug']}/"
            refused = self.visit("POST", path, client, data=forged)
        assert refused.status_code == 403
        assert responses().count_documents({}) == 0

    def test_a_person_asks_to_be_told_and_stops(self):
        camille = UserFactory()
        with freeze_time(DURING):
            page = self.on_the_page(camille)
            page.presses(form=-1, reminder="1", synthesis="1")
            assert page.sees("Your choice is recorded.")
            assert followers().find_one({})["user"] == camille.id
            page.presses(form=-1)
        assert followers().count_documents({}) == 0


class ResumeTest(PageCase):
    def begun(self, user: User) -> str:
        """The link to go on elsewhere."""
        page = self.on_the_page(user).presses("go", "save", answers__use="yes")
        found = re.search(r'href="([^"]+/resume\?[^"]+)"', page.text)
        assert found
        return html.unescape(found.group(1))

    def test_the_link_goes_on_elsewhere_without_logging_in(self):
        camille = UserFactory()
        with freeze_time(DURING):
            link = self.begun(camille)
            phone = Browser(self).goes_to(link)
            assert phone.sees("Go on with this answer")
            assert "Set-Cookie" not in phone.response.headers
            assert phone.response.headers["Cache-Control"] == "no-store"
            phone.presses()
            assert phone.sees("Step 1 of 4")
            assert re.search(r'value="yes" required checked', phone.text)
            assert phone.response.headers["Cache-Control"] == "no-store"
            phone.presses("go", "next", answers__use="yes")
            phone.presses("go", "next", answers__themes=["books"]).presses("go", "next")
            phone.presses("go", "send")
            assert phone.sees("Thank you, your answer is recorded.")
        assert self.stored_of(camille)["answers"] == {"use": "yes", "themes": ["books"]}

    def test_opening_the_link_changes_nothing(self):
        camille = UserFactory()
        with freeze_time(DURING):
            link = self.begun(camille)
            before = self.stored_of(camille)
            for _ in range(3):
                Browser(self).goes_to(link)
        assert self.stored_of(camille) == before

    def test_by_the_link_nothing_else_is_done_in_that_name(self):
        camille = UserFactory()
        with freeze_time(DURING):
            phone = Browser(self).goes_to(self.begun(camille)).presses()
            assert not phone.sees("Hear what comes next")
            assert not phone.sees("Log in to answer")
            wish = {"answers__lacking.title": "Les entrées", "answers__lacking.ask": "1"}
            phone.presses("go", "next", answers__use="no").presses("go", "next")
            phone.presses("go", "next", **wish).presses("go", "send")
            assert phone.sees("Thank you, your answer is recorded.")
            other = Browser(self)
            other.client = phone.client
            other.goes_to("/pages/requests/?lang=en")
            assert other.sees("Requests for data")
        assert requests().count_documents({}) == 0

    def test_another_site_cannot_use_it(self):
        camille = UserFactory()
        with freeze_time(DURING):
            phone = Browser(self).goes_to(self.begun(camille)).presses()
            theirs = re.search(r'name="opening" value="([^"]+)"', self.on_the_page().text)
            forged = {"go": "next", "answers.use": "no", "step": "1"}
            for opening in ("", theirs.group(1) if theirs else "x"):
                refused = self.visit(
                    "POST",
                    f"{P}/pages/consultations/{self.made['slug']}/",
                    phone.client,
                    data=forged | {"opening": opening},
                )
                assert refused.status_code == 403
        assert self.stored_of(camille)["draft"]["answers"] == {"use": "yes"}

    @pytest.mark.parametrize("token", ["", "x", "x" * 5000, "é"])
    def test_what_is_no_link_of_ours_says_so(self, token):
        page = Browser(self).goes_to(f"{self.path.split('?')[0]}resume?lang=en&token={token}")
        assert page.status == 400
        assert page.sees("This link is incomplete")

    def test_the_link_dies_with_the_answer(self):
        camille = UserFactory()
        with freeze_time(DURING):
            link = self.begun(camille)
            self.ask("DELETE", f"/consultations/{self.made['id']}/responses/", user=camille)
            assert Browser(self).goes_to(link).status == 400


class LateTest(PageCase):
    def test_who_comes_too_late_gets_their_text_back(self):
        camille = UserFactory()
        with freeze_time(DURING):
            page = self.on_the_page(camille)
            page.presses("go", "next", answers__use="yes")
        with freeze_time(AFTER):
            page.presses("go", "next", answers__why="Des mots\nsur deux lignes <b>")
        assert page.status == 410
        assert page.sees("It is below, so that you can copy it.", "Des mots\nsur deux lignes")
        assert "&lt;b&gt;" in page.text
        assert page.sees("Do you use cultural data?", "Yes")
        assert page.response.headers["Cache-Control"] == "no-store"

    def test_who_began_in_time_is_in_time(self):
        camille = UserFactory()
        with freeze_time("2023-02-06 22:59:59"):
            page = self.on_the_page(camille).presses("go", "next", answers__use="no")
        with freeze_time("2023-02-06 23:10:00"):
            page.presses("go", "next").presses("go", "next").presses("go", "send")
            assert page.sees("It was open from", "You have answered this consultation.")
        assert self.stored_of(camille)["answers"] == {"use": "no"}

    def test_before_it_opens_it_says_when(self):
        with freeze_time(BEFORE):
            page = self.on_the_page()
            assert page.sees("You will be able to answer from 6 December 2022 at 12:00")
            assert 'name="go"' not in page.text

    def test_after_the_closing_it_says_when_the_results_come_then_leads_there(self):
        with freeze_time("2023-02-06 23:01:00"):
            page = self.on_the_page()
            assert page.sees("It was open from 6 December 2022 until the end of 6 February 2023")
            assert page.sees("The results will be here on 7 February 2023 at 12:15")
        with freeze_time(AFTER):
            assert self.on_the_page().sees("See the results")


class WithoutAccountTest(PageCase):
    def test_somebody_unknown_is_led_to_log_in(self):
        with freeze_time(DURING):
            page = self.on_the_page()
            assert page.sees("Log in to answer")
            assert 'name="go"' not in page.text
            assert "public" in page.response.headers["Cache-Control"]


class EveryPageTest(PageCase):
    def test_the_list_shows_what_is_open_first(self):
        with freeze_time(DURING):
            self.make(self.team, title={"en": "A later one"}, opens_at="2023-01-15T00:00")
            self.make(self.team, title={"en": "Not yet"}, publish=False)
            page = Browser(self).goes_to("/pages/consultations/?lang=en")
            assert page.sees("Open now", "Opening culture", "Opening soon", "A later one")
            assert page.text.index("Opening culture") < page.text.index("A later one")
            assert not page.sees("Not yet")
            team = Browser(self, self.team).goes_to("/pages/consultations/?lang=en")
            assert team.sees("Not yet", "Make a consultation")

    def test_every_page_is_protected_and_has_no_inline_code(self):
        camille = UserFactory()
        with freeze_time(DURING):
            for user, path in (
                (None, self.path),
                (camille, self.path),
                (camille, f"{self.path}&step=2"),
                (camille, f"{self.path}&step=4"),
                (camille, f"{self.path}&step=99"),
                (None, "/pages/consultations/"),
                (None, f"/pages/consultations/{self.made['slug']}/resume?token=x"),
            ):
                page = Browser(self, user).goes_to(path)
                assert page.status in (200, 400), path
                assert "default-src 'none'" in page.response.headers["Content-Security-Policy"]
                assert not re.search(r"<script>|style=|\son\w+=", page.text)
        assert Browser(self).goes_to("/pages/consultations/nothing/").status == 404

    def test_the_same_is_a_fragment(self):
        camille = UserFactory()
        with freeze_time(DURING):
            page = Browser(self, camille).goes_to(f"{self.path}&as=fragment&level=3")
            assert page.response.headers["X-Culture-Feedback"] == "fragment"
            assert "<html" not in page.text
            assert page.sees("<h3")

    def test_french_readers_get_french(self):
        with freeze_time(DURING):
            page = Browser(self, UserFactory()).goes_to(self.path.replace("lang=en", "lang=fr"))
            assert page.sees(
                "Utilisez-vous des données culturelles\u00a0?", "<h1>Ouvrir la culture</h1>"
            )
            assert page.sees('<span lang="en">Your uses</span>')  # it has no French
