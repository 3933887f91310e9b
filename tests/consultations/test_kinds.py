"""Every kind of question, from its making to the figures, the files and the import: rankings,
matrices, numbers, dates, « other », and conditions on several questions and on the profile."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from udata.core.user.factories import UserFactory

from udata_culture_feedback.consultations import figures, importing, release
from udata_culture_feedback.consultations.models import responses

from .consulting import (
    AFTER,
    BEFORE,
    DURING,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    stored,
    team_member,
)
from .test_pages import Browser

QUESTIONS: list[dict[str, Any]] = [
    {
        "id": "barrier",
        "kind": "multiple",
        "text": {"fr": "Qu’est-ce qui vous gêne ?", "en": "What hinders you?"},
        "max_choices": 2,
        "options": [
            {"id": "old", "label": {"fr": "Trop anciennes", "en": "Too old"}},
            {"id": "found", "label": {"fr": "Introuvables", "en": "Not found"}},
            {"id": "else", "label": {"fr": "Autre", "en": "Other"}, "other": True},
        ],
    },
    {
        "id": "first",
        "kind": "ranking",
        "text": "What comes first?",
        "step": 2,
        "options": [{"id": i, "label": i.title()} for i in ("hours", "images", "visits")],
    },
    {
        "id": "axes",
        "kind": "matrix",
        "text": "How good are they?",
        "step": 2,
        "required": True,
        "rows": [{"id": "fresh", "label": "Fresh"}, {"id": "whole", "label": "Whole"}],
        "scale": ["bad", "fair", "good"],
    },
    {
        "id": "shows",
        "kind": "number",
        "text": "How many shows a year?",
        "step": 2,
        "min": 0,
        "max": 1000,
        "unit": {"fr": "séances", "en": "shows"},
        "shown_if": {
            "any": [
                {"question": "profile", "answers": ["cultural_institution"]},
                {"question": "barrier", "answers": ["found"]},
            ]
        },
    },
    {"id": "last", "kind": "date", "text": "When did you last look?", "step": 2},
]

ANSWERS: dict[str, Any] = {
    "barrier": {"options": ["old", "else"], "other": "Le format"},
    "first": ["images", "hours"],
    "axes": {"fresh": 1, "whole": 3},
    "last": "2022-11-30",
}


@pytest.mark.options(**UNLIMITED)
class KindsCase(ConsultationCase):
    @pytest.fixture(autouse=True)
    def consultation(self, plugin: Any, instance_path: Any) -> None:
        self.team = team_member()
        with freeze_time(BEFORE):
            self.made = self.make(
                self.team, questions=QUESTIONS, steps=[{"en": "You"}, {"en": "Your uses"}]
            )

    def sends(self, answers: dict[str, Any], **fields: Any) -> Any:
        return self.answer(self.made, UserFactory(), answers=answers, **fields)


class AnsweringTest(KindsCase):
    def test_they_are_shown_as_they_were_made(self):
        with freeze_time(BEFORE):
            shown = {question["id"]: question for question in self.shown(self.made)["questions"]}
        assert shown["barrier"]["options"][2] == {"id": "else", "label": "Other", "other": True}
        assert shown["barrier"]["max_choices"] == 2
        assert shown["axes"]["rows"] == QUESTIONS[2]["rows"]
        assert (shown["shows"]["min"], shown["shows"]["max"]) == (0, 1000)
        assert shown["shows"]["unit"] == "shows"
        assert shown["shows"]["shown_if"] == QUESTIONS[3]["shown_if"]

    def test_what_is_answered_is_stored_and_shown_to_its_author(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille, answers=ANSWERS)
            mine = self.ask("GET", f"/consultations/{self.made['id']}/responses/", user=camille)
        assert mine.json["answers"] == ANSWERS
        [text] = responses().find_one()["texts"]
        assert (text["question"], text["text"]) == ("barrier", "Le format")
        assert text["state"] == "pending"  # moderated like any

    @pytest.mark.parametrize(
        ("question", "answer"),
        [
            ("barrier", ["old", "found", "else"]),
            ("barrier", {"options": ["nothing"]}),
            ("barrier", {"options": ["else"], "other": 3}),
            ("first", "images"),
            ("first", ["images", "images"]),
            ("first", ["nothing"]),
            ("first", {"images": 1, "hours": 1}),
            ("first", {"images": "one"}),
            ("axes", {"fresh": 1}),
            ("axes", {"fresh": 1, "whole": 4}),
            ("axes", {"fresh": 1, "nothing": 2}),
            ("axes", [1, 2]),
            ("shows", "many"),
            ("shows", 1001),
            ("shows", -1),
            ("shows", True),
            ("shows", 10**400),
            ("last", "yesterday"),
            ("last", "0999-01-01"),
            ("last", 2022),
        ],
    )
    def test_what_cannot_be_is_named(self, question: str, answer: Any):
        answers = ANSWERS | {"barrier": ["found"], question: answer}
        with freeze_time(DURING):
            refused = self.sends(answers)
        assert refused.status_code == 400, refused.json
        assert list(refused.json["errors"]) == [f"answers.{question}"]

    def test_a_question_is_asked_of_a_profile_or_of_those_who_answer(self):
        with freeze_time(DURING):
            for profile, barrier, kept in (
                ("cultural_institution", ["old"], True),
                ("researcher", ["found"], True),
                ("researcher", ["old"], False),
            ):
                answers = ANSWERS | {"barrier": barrier, "shows": "1 000,0"}
                sent = self.sends(answers, profile=profile).json
                assert ("shows" in sent["answers"]) is kept
                if kept:
                    assert sent["answers"]["shows"] == 1000


class PagesTest(KindsCase):
    def test_somebody_answers_them_step_by_step_without_javascript(self):
        camille = UserFactory()
        with freeze_time(DURING):
            page = Browser(self, camille).goes_to(
                f"/pages/consultations/{self.made['slug']}/?lang=en"
            )
            assert page.sees("2 answers at most.", "If you have chosen “Other”, say what")
            assert page.sees("My profile")  # a question depends on it
            page.presses(
                "go",
                "next",
                answers__barrier=["old", "else"],
                answers__barrier__other="Le format",
                profile="cultural_institution",
            )
            assert page.sees("How many shows a year?", "How good are they?"), page.text
            ranks = {"answers.first.images": "1", "answers.first.hours": "1"}
            lines = {"answers.axes.fresh": "1"}
            page.presses("go", "next", **ranks, **lines, answers__shows="12,5")
            assert page.sees("Two of them have the same place")
            ranks["answers.first.hours"] = "2"
            page.presses("go", "next", **ranks, **lines, answers__shows="12,5")
            assert page.sees("Each line needs an answer.")
            lines["answers.axes.whole"] = "3"
            page.presses(
                "go", "next", **ranks, **lines, answers__shows="12,5", answers__last="2022-11-30"
            )
            assert page.sees("1. Images", "2. Hours", "Fresh: bad", "Whole: good", "12.5 shows")
            assert page.sees("Le format", "30 November 2022") or page.sees("30 November 2022")
            page.presses("go", "send")
            assert page.sees("your answer is recorded")
        found = responses().find_one({"contributor.user": camille.id})
        assert found["answers"] == ANSWERS | {"shows": 12.5}
        assert found["profile"] == "cultural_institution"

    def test_their_team_makes_them_with_the_form(self):
        with freeze_time(BEFORE):
            page = Browser(self, self.team).goes_to(
                f"/pages/consultations/{self.made['slug']}/edit?lang=en"
            )
            assert page.sees("a matrix: several lines on one scale")
            page.presses(
                form=page.form_with("Add the question"),
                text__en="Which of them?",
                kind="matrix",
                step="2",
                answers__en="never\nsometimes\noften",
                rows__en="Museums\nLibraries",
                shown_if=["barrier:old", "profile:researcher"],
                join="any",
            )
            assert page.sees("The question is saved."), page.text
            made = stored(self.made)["questions"][-1]
            preview = Browser(self, self.team).goes_to(
                f"/pages/consultations/{self.made['slug']}/preview?lang=en"
            )
        assert [row["label"]["en"] for row in made["rows"]] == ["Museums", "Libraries"]
        assert [step["en"] for step in made["scale"]] == ["never", "sometimes", "often"]
        assert made["shown_if"] == {
            "any": [
                {"question": "barrier", "answers": ["old"]},
                {"question": "profile", "answers": ["researcher"]},
            ]
        }
        assert preview.sees("answer “Too old” to “What hinders you?” or have the profile")

    def test_of_two_who_edit_the_second_is_told_what_the_first_has_changed(self):
        path = f"/pages/consultations/{self.made['slug']}/edit?lang=en"
        with freeze_time(BEFORE):
            first, second = (Browser(self, self.team).goes_to(path) for _ in range(2))
            body = {"version": stored(self.made)["version"], "contact": "a@culture.example"}
            assert self.change(self.made, self.team, **body).status_code == 200
            again = self.change(self.made, self.team, **(body | {"contact": "b@culture.example"}))
            assert again.status_code == 409
            assert again.json["changed"] == ["contact"]
            form = second.form_with("closes_at")
            ministry = {"organization": str(stored(self.made)["organization"])}
            typed = ministry | {"title__en": "Mine", "opens_at": "2022-12-06T00:00"}
            typed["steps__en"] = "You\nYour uses"
            second.presses(form=form, **typed, closes_at="2023-02-07T00:00")
            assert second.sees("Somebody else has changed this meanwhile: the contact.", "Mine")
            second.presses(form=form, **typed, closes_at="2023-02-07T00:00")
            assert second.sees("The changes are saved."), second.text
        assert first.status == 200
        assert stored(self.made)["title"] == {"en": "Mine"}


class EditorTest(KindsCase):
    def editor(self) -> Browser:
        return Browser(self, self.team).goes_to(
            f"/pages/consultations/{self.made['slug']}/edit?lang=en"
        )

    def order(self) -> list[str]:
        return [question["id"] for question in stored(self.made)["questions"]]

    def of(self, page: Browser, question: str, button: str) -> int:
        """The small form of a question that has this button."""
        mine = f'name="question" value="{question}"'
        return next(n for n, form in enumerate(page.forms) if mine in form and button in form)

    def test_questions_move_and_are_duplicated_by_buttons(self):
        with freeze_time(BEFORE):
            page = self.editor()
            page.presses(form=self.of(page, "last", 'value="up"'), move="up")
            assert self.order() == ["barrier", "first", "axes", "last", "shows"]
            page.presses(form=self.of(page, "first", 'value="down"'), move="down")
            assert self.order() == ["barrier", "axes", "first", "last", "shows"]
            page.presses(form=self.of(page, "axes", "duplicate"), duplicate="1")
        assert self.order()[:3] == ["barrier", "axes", "how-good-are-they"]
        one, other = stored(self.made)["questions"][1:3]
        assert one["rows"] == other["rows"]

    def test_what_is_frozen_is_shown_as_such(self):
        with freeze_time(DURING):
            self.answered(self.made, answers=ANSWERS)
            page = self.editor()
            assert page.sees("What follows is fixed, since people have answered: a ranking")
            assert not page.sees("Move up")
            form = self.of(page, "axes", "Save the question")
            assert "<select" not in page.forms[form]
            page.presses(
                form=form,
                text__en="How good are they really?",
                answers__en="bad\nfair\ngood",
                rows__en="Fresh\nWhole",
            )
            assert page.sees("The question is saved."), page.text
        assert stored(self.made)["questions"][2]["text"]["en"] == "How good are they really?"

    def test_a_trial_acts_on_conditions_and_stores_nothing(self):
        before = responses().count_documents({})
        with freeze_time(BEFORE):
            page = Browser(self, self.team).goes_to(
                f"/pages/consultations/{self.made['slug']}/try?lang=en"
            )
            page.presses("go", "next", answers__barrier=["old"], profile="researcher")
            assert page.sees("What comes first?")
            assert not page.sees("How many shows a year?")
            page.presses("go", "previous")
            page.presses("go", "next", answers__barrier=["found"], profile="researcher")
            assert page.sees("How many shows a year?")
            page.presses("go", "next")
            assert page.sees("This question needs an answer.")
            lines = {"answers.axes.fresh": "1", "answers.axes.whole": "2"}
            page.presses("go", "next", **lines)
            assert page.sees("People would send this:", "Fresh: bad"), page.text
        assert responses().count_documents({}) == before
        assert not stored(self.made).get("answered")

    def test_the_checklist_says_what_is_better_looked_at(self):
        with freeze_time(BEFORE):
            self.made = self.make(self.team, publish=False)
            assert self.editor().sees(
                "worth a look", "There is no contact for questions.", "“Which dataset is missing?”"
            )

    def test_it_is_made_known_by_an_address_a_code_and_texts(self):
        with freeze_time(DURING):
            page = Browser(self, self.team).goes_to(
                f"/pages/consultations/{self.made['slug']}/spread?lang=en"
            )
            assert page.sees("A code to scan", "Opening culture: this public consultation is open")
            assert page.sees(f'src="pages/consultations/{self.made["slug"]}/"></culture-')
            code = Browser(self).goes_to(f"/pages/consultations/{self.made['slug']}/qr.svg")
            assert code.status == 200
            assert code.text.startswith("<?xml")
            assert "<path" in code.text
            draft = self.make(self.team, publish=False)
            hidden = Browser(self, self.team).goes_to(
                f"/pages/consultations/{draft['slug']}/qr.svg"
            )
            assert hidden.status == 404


class ResultsTest(KindsCase):
    @pytest.fixture(autouse=True)
    def answers(self, consultation: None) -> None:
        with freeze_time(DURING):
            for number in range(12):
                order = ["images", "hours"] if number < 8 else ["hours", "images", "visits"]
                given = ANSWERS | {
                    "barrier": ["found"],
                    "first": order,
                    "axes": {"fresh": 1 + number % 2, "whole": 3},
                    "shows": number * 10,
                    "last": f"{2010 + number % 2}-05-01",
                }
                assert self.sends(given, profile="researcher").status_code == 201
        figures.settle_all(stored(self.made)["_id"])

    def test_figures_count_each_kind(self):
        with freeze_time(AFTER):
            found = self.results_of(self.made)
            page = Browser(self).goes_to(
                f"/pages/consultations/{self.made['slug']}/results/?lang=en"
            )
        of = {question["id"]: question for question in found["questions"]}
        images, hours, visits = of["first"]["rows"]
        assert (images["id"], images["mean"], images["answered"]) == ("images", 1.33, 12)
        assert (hours["id"], hours["mean"]) == ("hours", 1.67)
        assert (visits["id"], visits["mean"], visits["answered"]) == ("visits", None, 4)
        fresh, whole = of["axes"]["rows"]
        assert [one["count"] for one in fresh["options"]] == [6, 6, 0]
        assert (fresh["mean"], whole["mean"]) == (1.5, 3.0)
        assert [(one["label"], one["count"]) for one in of["shows"]["options"]] == [
            ("from 0 to less than 100 shows", 10),
            ("from 100 to less than 200 shows", 2),
        ]
        assert of["shows"]["median"] == "from 0 to less than 100 shows"
        assert [(one["label"], one["count"]) for one in of["last"]["options"]] == [
            ("2010", 6),
            ("2011", 6),
        ]
        [group] = of["axes"]["profiles"]
        assert (group["profile"], group["answered"]) == ("researcher", 12)
        assert group["rows"] == of["axes"]["rows"]
        assert page.sees("from 100 to less than 200 shows", "Mean place", "Images", "Fresh")

    def test_files_have_a_column_for_each_line_and_ranges_for_numbers(self, monkeypatch):
        monkeypatch.setattr(release, "LEAST", 1)
        with freeze_time(AFTER):
            path = f"/consultations/{self.made['id']}/responses.csv"
            answer = self.ask("GET", path, buffered=True)
        rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True)), delimiter=";"))
        assert len(rows) == 12
        assert sorted({row["answers.first"] for row in rows}) == [
            "hours,images,visits",
            "images,hours",
        ]
        assert {row["answers.axes.whole"] for row in rows} == {"3"}
        assert {row["answers.last"] for row in rows} == {"2010", "2011"}
        assert {row["answers.shows"] for row in rows} == {"0", "1"}


class ImportTest(KindsCase):
    def test_they_are_brought_in_from_a_file(self, tmp_path: Path):
        file, mapping = tmp_path / "answers.csv", tmp_path / "mapping.json"
        file.write_text(
            "N;Frein;Précision;Ordre;Fraîches;Entières;Séances;Dernière fois\n"
            "1;Introuvables;;Hours | Images;bad;good;1 000;30/11/2022\n"
            "2;Autre;Le format;Visits;fair;2;;2022-11-30\n"
            "3;Autre;;;fair;perfect;beaucoup;hier\n",
            encoding="utf-8",
        )
        given = {
            "id": "N",
            "questions": {
                "barrier": {"column": "Frein", "other": "Précision"},
                "first": "Ordre",
                "axes": {"columns": {"Fraîches": "fresh", "Entières": "whole"}},
                "shows": "Séances",
                "last": "Dernière fois",
            },
        }
        mapping.write_text(json.dumps(given), encoding="utf-8")
        problems: list[str] = []
        with freeze_time(DURING):
            report = importing.import_file(
                self.made["slug"],
                file,
                mapping,
                skip_errors=True,
                told=lambda problem: problems.append(str(problem)),
            )
        assert (report.new, report.wrong) == (2, 1)
        assert any("perfect" in problem for problem in problems)
        found = {one["answers"]["first"][0]: one["answers"] for one in responses().find()}
        assert found["hours"] == {
            "barrier": ["found"],
            "first": ["hours", "images"],
            "axes": {"fresh": 1, "whole": 3},
            "shows": 1000,
            "last": "2022-11-30",
        }
        assert found["visits"]["barrier"] == {"options": ["else"], "other": "Le format"}
        assert found["visits"]["axes"] == {"fresh": 2, "whole": 2}
