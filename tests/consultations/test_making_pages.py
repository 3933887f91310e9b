"""The pages of the team: a consultation is made, looked at, published, put off and reported on
without JavaScript and without reading code."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.consultations.models import consultations, responses
from udata_culture_feedback.data_requests.models import requests

from ..cases import sysadmin
from .consulting import (
    AFTER,
    BEFORE,
    CLOSES,
    DURING,
    OPENS,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    team_member,
)
from .test_pages import Browser


@pytest.mark.options(**UNLIMITED)
class MakingPagesTest(ConsultationCase):
    @pytest.fixture(autouse=True)
    def people(self, plugin: Any, instance_path: Any) -> None:
        self.team = team_member()
        self.ministry = OrganizationFactory(name="Ministère de la Culture")

    def basics(self, **fields: Any) -> dict[str, Any]:
        return {
            "title__fr": "Ouvrir la culture",
            "title__en": "Opening culture",
            "organization_q": "Ministère de la Culture",
            "opens_at": OPENS,
            "closes_at": CLOSES,
            "introduction__fr": "**Pourquoi**",
            "controller__fr": "Le ministère",
            "steps__fr": "Vous\nVos usages\n",
            "steps__en": "You\nYour uses",
            "scope__tags": "musee, archives",
        } | fields

    def question(self, page: Browser, **fields: Any) -> Browser:
        """Adds a question by the last form of the page."""
        return page.presses(form=page.form_with("Add the question"), **fields)

    def made(self) -> Browser:
        page = Browser(self, self.team).goes_to("/pages/consultations/new?lang=en")
        page.presses(**self.basics())
        assert page.sees("The consultation is made. Add its questions"), page.text
        return page

    def test_a_team_makes_a_consultation_looks_at_it_and_publishes_it(self):
        with freeze_time(BEFORE):
            page = self.made()
            assert page.sees("It needs a question") is False  # there are datasets in its scope
            self.question(
                page,
                text__fr="Utilisez-vous des données ?",
                text__en="Do you use data?",
                kind="single",
                step="1",
                required="1",
                position="1",
                answers__fr="Oui\nNon\n",
                answers__en="Yes\nNo",
            )
            assert page.sees("The question is saved.", "1 question")
            [stored] = consultations().find()
            [first] = stored["questions"]
            assert first["options"] == [
                {"id": "oui", "label": {"fr": "Oui", "en": "Yes"}},
                {"id": "non", "label": {"fr": "Non", "en": "No"}},
            ]
            assert stored["steps"] == [
                {"fr": "Vous", "en": "You"},
                {"fr": "Vos usages", "en": "Your uses"},
            ]
            assert stored["scope"]["tags"] == ["musee", "archives"]
            assert stored["organization"] == self.ministry.id
            self.question(
                page,
                text__en="How satisfied?",
                kind="scale",
                step="2",
                position="2",
                answers__en="Not\nA little\nVery",
                shown_if=f"{first['id']}:oui",
            )
            assert page.sees("2 questions")
            [stored] = consultations().find()
            assert stored["questions"][1]["shown_if"] == {
                "question": first["id"],
                "answers": ["oui"],
            }
            slug = stored["slug"]
            preview = Browser(self, self.team)
            preview.goes_to(f"/pages/consultations/{slug}/preview?lang=en")
            assert preview.sees("This is a preview", "Do you use data?", "A little", "in French")
            assert preview.sees("Asked only of those who answer “Yes” to “Do you use data?”.")
            assert 'name="go"' not in preview.text
            page.goes_to(f"/pages/consultations/{slug}/edit?lang=en")
            forms = page.forms
            page.presses(form=next(n for n, f in enumerate(forms) if "/publish" in f))
            assert page.sees("The consultation is published.", "It opens on 6 December 2022")
        assert Browser(self).goes_to(f"/pages/consultations/{slug}/?lang=en").sees("Opening")

    def test_what_is_wrong_is_named_and_what_was_typed_is_kept(self):
        page = Browser(self, self.team).goes_to("/pages/consultations/new?lang=en")
        page.presses(
            **self.basics(title__fr="", title__en="", closes_at=OPENS, steps__en="A\nB\nC")
        )
        assert page.status == 400
        assert page.sees('href="#cf-title"', "**Pourquoi**", "A\nB\nC", "musee, archives")
        assert consultations().count_documents({}) == 0
        page.presses(**self.basics(organization_q="Nobody knows it"))
        assert page.status == 400
        assert page.sees("Nothing has that name", 'href="#cf-organization"')

    def test_a_question_that_is_wrong_is_named_in_its_form(self):
        with freeze_time(BEFORE):
            page = self.made()
            self.question(page, text__en="Which?", kind="single", step="1", answers__en="Alone")
        assert page.status == 400
        assert page.sees("From 2 to 40 options.", "Which?", "Alone", 'id="cf-new-options-error"')

    def test_questions_are_changed_moved_and_removed(self):
        with freeze_time(BEFORE):
            page = self.made()
            for text in ("One?", "Two?", "Three?"):
                self.question(page, text__en=text, kind="text", step="1", position="9")
            forms = page.forms

            def form_of(text: str) -> int:
                return next(n for n, f in enumerate(forms) if f'value="{text}"' in f)

            page.presses(
                form=form_of("Three?"), text__en="First?", kind="text", step="1", position="1"
            )
            forms = page.forms
            assert [q["text"]["en"] for q in consultations().find_one({})["questions"]] == [
                "First?",
                "One?",
                "Two?",
            ]
            page.presses(form=form_of("One?"), delete="1")
            assert page.sees("The question is removed.")
        assert [q["id"] for q in consultations().find_one({})["questions"]] == ["three", "two"]

    def test_what_was_answered_to_is_corrected_word_by_word_and_put_off(self):
        with freeze_time(BEFORE):
            made = self.make(self.team)
        with freeze_time(DURING):
            self.answered(made)
            page = Browser(self, self.team)
            page.goes_to(f"/pages/consultations/{made['slug']}/edit?lang=en")
            assert page.sees("People have taken part", "Save the question")
            assert not page.sees("Remove the question")
            same = dict(re.findall(r'name="((?:title|steps)\.\w+)"[^>]*value="([^"]*)"', page.text))
            assert same["title.en"] == "Opening culture"
            forms = page.forms
            first = forms[0]
            sent = self.as_shown(first) | {"closes_at": "2023-03-01T00:00", "title.en": "Open it"}
            page.presses(form=0, **{k.replace(".", "__"): v for k, v in sent.items()})
            assert page.sees("The changes are saved.", "put off: open until the end of 28 February")
            public = Browser(self).goes_to(f"/pages/consultations/{made['slug']}/?lang=en")
            assert public.sees(
                "put off", "words corrected", "Opening culture</del>", "Open it</ins>"
            )
            page.presses(
                form=0,
                **{
                    k.replace(".", "__"): v
                    for k, v in (sent | {"closes_at": "2023-02-10T00:00"}).items()
                    if k != "version"  # that of the page as it now is
                },
            )
            assert page.status == 400
            assert page.sees("that can only be put off")

    def as_shown(self, form: str) -> dict[str, Any]:
        """The fields of a form as they are shown."""
        sent: dict[str, Any] = {}
        for tag in re.findall(r"<input[^>]*>", form):
            name = re.search(r'name="([^"]+)"', tag)
            value = re.search(r'value="([^"]*)"', tag)
            if not name or (
                ('type="radio"' in tag or 'type="checkbox"' in tag) and "checked" not in tag
            ):
                continue
            sent[name.group(1)] = html.unescape(value.group(1)) if value else ""
        for name, text in re.findall(
            r'<textarea[^>]*name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.S
        ):
            sent[name] = html.unescape(text)
        return sent

    def test_answers_received_by_post_are_entered(self):
        with freeze_time(BEFORE):
            made = self.make(self.team)
        with freeze_time(DURING):
            path = f"/pages/consultations/{made['slug']}/entry?lang=en"
            page = Browser(self, self.team).goes_to(path)
            page.presses(answers__use="yes", answers__satisfied="2")
            assert page.status == 400
            assert page.sees('id="cf-channel-error"', 'id="cf-reference-error"')
            letter = {"channel": "post", "reference": "12", "answers__use": "no"}
            page.presses(**letter)
            assert page.sees("The answer is entered.")
            page.presses(**letter)
            assert page.status == 409
            page.presses(**letter, replace="1", answers__satisfied="1")
            assert page.sees("The answer is entered.")
            page.goes_to(path).presses(**letter, replace="1", answers__why="Tél. 06 39 98 12 47")
            assert page.status == 400
            assert page.sees("06 39 98 12 47", 'name="read_again"')
        [stored] = responses().find()
        assert stored["answers"] == {"use": "no", "satisfied": 1}

    def test_the_synthesis_is_written_and_published(self):
        with freeze_time(BEFORE):
            made = self.make(self.team)
        with freeze_time(DURING):
            wish = {"title": "Les entrées", "description": "x", "kind": "new"}
            asked = self.ask("POST", "/requests/", wish, UserFactory()).json
            path = f"/pages/consultations/{made['slug']}/synthesis?lang=en"
            assert Browser(self, self.team).goes_to(path).sees("Answers are sealed")
        with freeze_time(AFTER):
            page = Browser(self, self.team).goes_to(path)
            fields = {
                "text__en": "# So\nIt *is*.",
                "commitments__0__text__en": "Open the entries",
                "commitments__0__request": asked["self_web_url"],
            }
            page.presses(**fields)
            assert page.sees("The synthesis is saved.", "Not published yet")
            page.presses("publish", "1", **fields)
            assert page.sees("those who asked for it are told")
            shown = Browser(self).goes_to(f"/pages/consultations/{made['slug']}/results/?lang=en")
            assert shown.sees("It <em>is</em>.", "Open the entries", "Submitted", "Les entrées")
            wrong = fields | {"commitments__0__request": "nothing"}
            page.presses(**wrong)
            assert page.status == 400
            assert page.sees("There is no such request.", "Open the entries")
        assert requests().count_documents({}) == 1

    def test_these_pages_are_the_teams(self):
        with freeze_time(BEFORE):
            made = self.make(self.team)
            paths = [f"{made['slug']}/{page}" for page in ("edit", "preview", "entry", "synthesis")]
            for path in ("new", *paths):
                for user, status in (
                    (None, 404),
                    (UserFactory(), 404),
                    (self.team, 200),
                    (sysadmin(), 200),
                ):
                    page = Browser(self, user).goes_to(f"/pages/consultations/{path}")
                    assert page.status == status, path
                    assert not re.search(r"<script>|style=|\son\w+=", page.text)
                    if status == 200:
                        assert page.response.headers["Cache-Control"] == "no-store"
            before = consultations().find_one({})
            for path, form in (
                (f"{made['slug']}/edit", self.basics()),
                (f"{made['slug']}/questions", {"question": "use", "delete": "1"}),
                (f"{made['slug']}/publish", {}),
                (f"{made['slug']}/delete", {}),
                (f"{made['slug']}/synthesis", {"text.en": "x"}),
                ("new", self.basics()),
            ):
                sent = {key.replace("__", "."): value for key, value in form.items()}
                for user in (None, UserFactory()):
                    response = self.ask(
                        "POST", f"/pages/consultations/{path}", user=user, data=sent
                    )
                    assert response.status_code in (401, 403), path
        assert list(consultations().find()) == [before]
