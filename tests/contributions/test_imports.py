"""Files collected elsewhere are imported in the browser: sent, mapped, checked, stored, undone."""

from __future__ import annotations

import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from tests.cases import sysadmin
from tests.consultations.consulting import (
    AFTER,
    BEFORE,
    DURING,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    team_member,
)
from tests.consultations.test_pages import Browser
from udata_culture_feedback.app import maintenance, retention
from udata_culture_feedback.consultations.models import responses
from udata_culture_feedback.contributions import imports
from udata_culture_feedback.contributions.imports import LEASE, State
from udata_culture_feedback.data_requests.models import requests

HEADER = (
    "Numéro;Date;Utilisez-vous des données culturelles ?;Are you satisfied?;Pourquoi ?;Profil;Vide;"
)


class Importer(Browser):
    """Somebody who sends a file, and looks at what its page says."""

    def sends(self, path: str, *lines: str, header: str = HEADER, encoding: str = "utf-8") -> Any:
        text = "\r\n".join((header, *lines, ""))
        file = (io.BytesIO(text.encode(encoding)), "answers.csv")
        return self.goes_to(path).presses(file=file)

    @property
    def chosen(self) -> dict[str, str]:
        """Field → column, as its form has them."""
        selects = re.findall(
            r'<select id="[^"]+" name="(column\.[^"]+)".*?</select>', self.text, re.S
        )
        found = {}
        for name in selects:
            form = re.search(rf'name="{re.escape(name)}".*?</select>', self.text, re.S)
            assert form
            picked = re.search(r'value="([^"]*)" selected', form[0])
            if picked:
                found[name] = html.unescape(picked[1])
        return found

    def checks(self, **columns: str) -> Importer:
        """Sends the form of columns as it is, but for these."""
        sent = self.chosen | {f"column.{k.replace('__', '.')}": v for k, v in columns.items()}
        form = self.form_with("Check the file with these columns")
        return self.presses(form=form, **sent)  # type: ignore[return-value]

    def starts(self, words: str) -> Importer:
        return self.presses(form=self.form_with(words))  # type: ignore[return-value]

    @property
    def problems(self) -> list[tuple[str, ...]]:
        table = re.search(r'aria-labelledby="cf-wrong">.*?</table>', self.text, re.S)
        rows = re.findall(r"<tr><th[^>]*>(.*?)</th><td[^>]*>(.*?)</td>", table[0] if table else "")
        return [tuple(map(html.unescape, row)) for row in rows]


@pytest.mark.options(**UNLIMITED)
class AnswersTest(ConsultationCase):
    @pytest.fixture(autouse=True)
    def consultation(self, plugin: Any, instance_path: Any) -> None:
        self.team = team_member()
        with freeze_time(BEFORE):
            self.made = self.make(self.team)
        self.path = f"/pages/consultations/{self.made['slug']}/import?lang=en"

    def someone(self, user: Any = None) -> Importer:
        return Importer(self, user or self.team)

    def stored(self) -> list[Any]:
        return list(responses().find({"deleted": {"$exists": False}}).sort("_id", 1))

    def total(self) -> int:
        with freeze_time(AFTER):
            return self.results_of(self.made)["responses"]["total"]

    def test_a_file_is_sent_mapped_looked_at_imported_and_undone(self):
        with freeze_time(AFTER):
            page = self.someone().sends(
                self.path,
                '1;20/12/2022;oui;4;"Parce; que";Recherche;;',
                "2;21/12/2022;NON;;;;;",
                "3;hier;oui;;;;;",
                ";;oui;;;;;",
            )
            assert page.sees("Import of answers.csv", "4 lines", "Parce; que")
            assert page.chosen == {
                "column.id": "Numéro",
                "column.date": "Date",
                "column.profile": "Profil",
                "column.questions.use": "Utilisez-vous des données culturelles ?",
                "column.questions.satisfied": "Are you satisfied?",
                "column.questions.why": "Pourquoi ?",
            }
            page.checks()
            assert page.problems == [("4", "Date"), ("5", "Numéro")]
            assert page.sees("Import 2 lines", "wrong, left out")
            assert self.stored() == []
            page.starts("Import 2 lines")
            assert page.sees("2 lines are imported.", "2 were left out.")
            first, second = self.stored()
            assert first["answers"] == {"use": "yes", "satisfied": 4, "why": "Parce; que"}
            assert (first["profile"], second["answers"]) == ("researcher", {"use": "no"})
            assert imports.parts().count_documents({}) == 0  # the file is not kept
            assert self.total() == 2
            page.starts("Undo this import")
            assert page.sees("2 lines are removed.")
        assert self.stored() == []
        assert self.total() == 0

    def test_twice_is_once_and_what_was_undone_may_be_imported_again(self):
        with freeze_time(AFTER):
            for lines, imported in ((["1;;oui;;;;;"], 1), (["1;;oui;;;;;", "2;;non;;;;;"], 1)):
                page = self.someone().sends(self.path, *lines)
                page.checks().starts("Import 1 line")
                assert page.sees(f"{imported} line is imported.")
            assert page.sees("1 was there already.")
            page.starts("Undo this import")
            assert [one["answers"]["use"] for one in self.stored()] == ["yes"]
            self.someone().sends(self.path, "2;;non;;;;;").checks().starts("Import 1 line")
        assert self.total() == 2

    def test_words_that_stand_for_no_answer_are_given_a_meaning(self):
        with freeze_time(AFTER):
            page = self.someone().sends(self.path, "1;;parfois;;;Prof;;", "2;;oui;;;;;").checks()
            assert page.sees("“parfois”", "“Prof”", "Import 1 line")
            word = {"word_column": page.chosen["column.questions.use"], "word": "parfois"}
            page.checks()  # nothing said of them: still wrong
            page.presses(
                form=page.form_with("Check the file"), **page.chosen, **word, meaning="yes"
            )
            assert not page.sees("parfois” is none of")
            profile = {"word_column": ["Profil", word["word_column"]], "word": ["Prof", "parfois"]}
            page.presses(
                form=page.form_with("Check the file"),
                **page.chosen,
                **profile,
                meaning=["teacher", "yes"],
            )
            page.starts("Import 2 lines")
        first, _second = self.stored()
        assert (first["answers"], first["profile"]) == ({"use": "yes"}, "teacher")

    def test_columns_to_tick_as_forms_export_them_are_recognised(self):
        header = (
            "Response ID,Do you use cultural data?,"
            "On which themes? [Museums],On which themes? [Archives]"
        )
        with freeze_time(AFTER):
            page = self.someone().sends(self.path, "7,Yes,Yes,No", header=header)
            assert page.chosen["column.questions.themes.options.museums"].endswith("[Museums]")
            page.checks().starts("Import 1 line")
        [one] = self.stored()
        assert one["answers"] == {"use": "yes", "themes": ["museums"]}

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
    def test_encodings_of_spreadsheets_are_recognised(self, encoding):
        with freeze_time(AFTER):
            page = self.someone().sends(self.path, "1;;oui;;été;;;", encoding=encoding)
            page.checks().starts("Import 1 line")
        assert self.stored()[0]["answers"]["why"] == "été"

    def test_what_is_no_table_is_refused_at_its_field(self):
        with freeze_time(AFTER):
            page = self.someone().goes_to(self.path).presses(file=(io.BytesIO(b""), "x.csv"))
            assert page.status == 400
            assert page.sees("There is no line below its header.")
            assert 'id="cf-file-error"' in page.text
            assert self.someone().goes_to(self.path).presses().status == 400
            bad = '1;;"oui;;;;;'
            assert self.someone().sends(self.path, bad).status == 400
            assert imports.imports().count_documents({}) == 0

    def test_a_question_that_everybody_answers_needs_its_column(self):
        with freeze_time(AFTER):
            page = self.someone().sends(self.path, "1;;oui;;;;;").checks(questions__use="")
            assert page.status == 400
            assert page.sees("Everybody answers this question: choose its column.")
            assert 'id="cf-column-questions-use-error"' in page.text
            page.checks(questions__use="Pourquoi ?", id="Nowhere")
            assert page.status == 200
            assert page.sees("wrong, left out")

    def test_it_speaks_the_language_of_the_person(self):
        with freeze_time(AFTER):
            page = self.someone().sends(self.path.replace("=en", "=fr"), "1;;bof;;;;;")
            page.presses(form=page.form_with("/columns"), **page.chosen)
            assert page.sees("n’est aucun de", "Oui, Non")

    def test_under_seal_what_a_file_says_is_shown_to_its_sender_only(self):
        colleague = team_member()
        with freeze_time(DURING):
            page = self.someone().sends(self.path, "1;;oui;;Un secret;;;", "2;;Jamais!;;;;;")
            page.checks()
            assert page.sees("Un secret", "Jamais!")
            address = re.search(r'action="([^"]+)/start', page.text)[1]  # type: ignore[index]
            theirs = self.someone(colleague).goes_to(f"{address}?lang=en")
            assert theirs.status == 200
            assert not theirs.sees("Un secret")
            assert not theirs.sees("Jamais!")
            assert self.someone(UserFactory()).goes_to(f"{address}?lang=en").status == 404
            page.starts("Import 1 line")
            for one in (page, theirs.goes_to(f"{address}?lang=en")):
                assert not one.sees("Un secret")
            self.results_of(self.made, 404)

    def test_before_it_opens_nothing_is_imported(self):
        with freeze_time(BEFORE):
            page = self.someone().sends(self.path, "1;;oui;;;;;").checks()
            assert page.status == 400
            assert page.sees("This consultation has not opened yet.")

    def test_two_colleagues_do_not_start_the_same_import_twice(self):
        with freeze_time(AFTER):
            page = self.someone().sends(self.path, "1;;oui;;;;;").checks()
            twin = self.someone().goes_to(page.response.request.path + "?lang=en")
            page.starts("Import 1 line")
            twin.starts("Import 1 line")
            assert twin.status == 409
            assert twin.sees("This import has moved on meanwhile", "1 line is imported.")
        assert self.total() == 1

    def test_a_large_file_is_worked_on_by_a_task_that_may_die(self, monkeypatch):
        handed: list[Any] = []
        monkeypatch.setattr(imports, "later", lambda _task, id: handed.append(id))
        lines = [f"{n};;{'oui' if n % 3 else 'non'};;;;;" for n in range(700)]
        with freeze_time(AFTER) as clock:
            page = self.someone().sends(self.path, *lines).checks()
            assert page.sees("It is being checked", "0 of 700 lines", "data-follow")
            imports.work_on(handed.pop())
            page.goes_to(page.response.request.path + "?lang=en").starts("Import 700 lines")
            # The task dies after its first batch.
            seen = imports._alive
            monkeypatch.setattr(imports, "_alive", lambda found: _dies)
            with pytest.raises(KeyboardInterrupt):
                imports.work_on(handed.pop())
            monkeypatch.setattr(imports, "_alive", seen)
            assert len(self.stored()) == 500
            assert imports.resume() == 0  # it might be alive
            clock.tick(LEASE + timedelta(seconds=1))
            assert maintenance.steps()["imports_resumed"]() == 1
            page.goes_to(page.response.request.path + "?lang=en")
            assert page.sees("700 lines are imported.")
        assert self.total() == 700

    def test_files_that_nobody_imports_go_and_wait_in_small_numbers(self):
        with freeze_time(AFTER) as clock:
            for _one in range(imports.MOST_WAITING):
                assert self.someone().sends(self.path, "1;;oui;;;;;").sees("Which column is what")
            refused = self.someone().sends(self.path, "1;;oui;;;;;")
            assert refused.status == 409
            page = self.someone().goes_to(self.path)
            page.goes_to(re.search(r'href="([^"]*/imports/[^"]+)"', page.text)[1])  # type: ignore[index]
            page.presses(form=page.form_with("/delete"))
            assert imports.imports().count_documents({}) == imports.MOST_WAITING - 1
            clock.tick(imports.FILE_KEPT + timedelta(seconds=1))
            retention.erase_expired()
        assert imports.imports().count_documents({}) == imports.parts().count_documents({}) == 0

    def test_the_operator_decides_how_long_a_file_may_be(self):
        self.app.config["CULTURE_FEEDBACK_IMPORT_MAX_BYTES"] = 100_000
        with freeze_time(AFTER):
            long = self.someone().sends(
                self.path, *(f"{n};;oui;;{'x' * 90};;;" for n in range(700))
            )
            assert long.status == 200
            more = self.someone().sends(
                self.path, *(f"{n};;oui;;{'x' * 90};;;" for n in range(999))
            )
            assert more.status == 413


@pytest.mark.options(**UNLIMITED)
class PlansTest(ConsultationCase):
    @pytest.fixture(autouse=True)
    def holder(self, plugin: Any, instance_path: Any) -> None:
        OrganizationFactory(name="Musée de Bretagne")
        self.boss = sysadmin()

    def plan(self, *lines: str) -> Importer:
        header = "Numéro;Intitulé;Producteur;Statut;Demandé le;Remarque interne"
        page = Importer(self, self.boss).sends(
            "/pages/requests/import?lang=en", *lines, header=header
        )
        return page.checks()

    def test_a_plan_is_imported_by_the_same_pages_and_undone_but_for_what_lives(self):
        page = self.plan(
            "1;Les entrées;musee de bretagne;En cours d’ouverture;31/01/2024;Vu avec Jeanne",
            "2;Les horaires;;;1/2/2024;",
            "3;Les tarifs;Nobody;;;",
        )
        assert page.problems == [("4", "organization")]
        page.starts("Import 2 lines")
        assert page.sees("2 lines are imported.")
        first, second = requests().find({}).sort("external_id", 1)
        assert (first["status"], second["status"]) == ("in_progress", "submitted")
        assert "Jeanne" not in str(first)
        support = self.ask("POST", f"/requests/{second['_id']}/support/", {}, UserFactory())
        assert support.status_code == 200
        page.starts("Undo this import")
        assert page.sees("1 line is removed.", "1 stays, since somebody has worked on it.")
        standing = {"external_id": {"$exists": True}}
        assert [one["external_id"] for one in requests().find(standing)] == ["2"]
        assert self.ask("GET", f"/requests/{first['slug']}/").status_code == 404
        self.plan("1;Les entrées;;;;").starts("Import 1 line")
        assert requests().count_documents(standing) == 2

    def test_columns_that_each_line_needs_are_asked_for(self):
        page = self.plan("1;Les entrées;;;;")
        page.checks(title="", status="Numéro")
        assert page.status == 400
        assert page.sees("Each line has one: choose its column.", "This column is chosen twice.")

    def test_nobody_else_imports_on_behalf_of_all_holders(self):
        for user in (None, UserFactory(), team_member()):
            assert Browser(self, user).goes_to("/pages/requests/import").status == 404
        self.plan("1;Les entrées;;;;").starts("Import 1 line")
        [made] = imports.imports().find({})
        assert made["state"] == State.DONE
        address = f"/pages/imports/{made['_id']}"
        assert Browser(self, team_member()).goes_to(address).status == 404
        assert Browser(self, self.boss).goes_to(f"/pages/imports/{ObjectId()}").status == 404
        assert Browser(self, self.boss).goes_to("/pages/imports/x").status == 404


def _dies(done: int) -> None:
    raise KeyboardInterrupt
