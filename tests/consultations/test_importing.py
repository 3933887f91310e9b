"""Answers collected on paper or by another form become answers to the consultation, once each."""

from __future__ import annotations

import csv
import json
import random
import re
import tracemalloc
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.consultations import importing, upkeep
from udata_culture_feedback.consultations.models import Channel, responses
from udata_culture_feedback.web.csv_reading import Problem, Unreadable

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

HEADER = "N°;Reçu le;Utilisez-vous ?;Thèmes;Satisfait;Pourquoi;Vous êtes;Accord"

MAPPING = """
id = "N°"
date = "Reçu le"
open_data = "Accord"

[profile]
column = "Vous êtes"
values = { "Prof" = "teacher", "Autre chose" = "" }

[questions]
satisfied = "Satisfait"
why = "Pourquoi"

[questions.use]
column = "Utilisez-vous ?"
values = { "Souvent" = "yes", "Jamais" = "no" }

[questions.themes]
column = "Thèmes"
"""


class ImportCase(ConsultationCase):
    @pytest.fixture(autouse=True)
    def consultation(self, plugin: Any, instance_path: Any, tmp_path: Path) -> None:
        self.folder = tmp_path
        with freeze_time(BEFORE):
            self.made = self.make()

    def file(self, *lines: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
        path = self.folder / "answers.csv"
        path.write_bytes("\r\n".join((header, *lines, "")).encode(encoding))
        return path

    def mapping(self, text: str = MAPPING, name: str = "mapping.toml") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def run(
        self, path: Path, *options: str, at: str = AFTER, status: int = 0, mapping: str = MAPPING
    ) -> str:
        name = "mapping.json" if mapping.startswith("{") else "mapping.toml"
        command = ["feedback", "import-responses", self.made["slug"], str(path)]
        command += ["--mapping", str(self.mapping(mapping, name)), *options]
        with freeze_time(at):
            result = self.cli(*command, expect_error=True)
        assert result.exit_code == status, result.output
        return result.output

    def stored(self) -> list[dict[str, Any]]:
        return list(responses().find({}).sort("_id", 1))

    def one(self) -> dict[str, Any]:
        (found,) = self.stored()
        return found

    def results(self) -> Any:
        with freeze_time(AFTER):
            return self.results_of(self.made)


@pytest.mark.options(DEFAULT_LANGUAGE="en")
class ImportTest(ImportCase):
    def test_a_line_becomes_an_answer_that_counts(self):
        said = self.run(
            self.file("12;20/12/2022;souvent;museums | Livres;4;Parce que.;Prof;oui"), at=DURING
        )
        assert "1 imported, 0 there already, 0 wrong" in said
        answer = self.one()
        assert answer["answers"] == {
            "use": "yes",
            "themes": ["museums", "books"],
            "satisfied": 4,
            "why": "Parce que.",
        }
        assert answer["profile"] == "teacher"
        assert answer["open_data"] is True
        assert answer["channel"] == Channel.IMPORT
        assert answer["sent_at"] == datetime(2022, 12, 20, 11)  # noon in Paris
        assert answer["imported"] == datetime(2022, 12, 20, 12)
        assert [(text["text"], text["state"]) for text in answer["texts"]] == [
            ("Parce que.", "pending")
        ]
        assert answer["contributor"]["kind"] == "unverified"
        assert "12" not in answer["contributor"]["key"].split(":")[0]
        shown = self.results()["responses"]
        assert (shown["total"], shown["channels"]["import"]) == (1, 1)

    def test_it_counts_on_a_consultation_that_has_closed_and_been_collected(self):
        dataset = DatasetFactory(title="Les entrées")
        with freeze_time(AFTER):
            assert upkeep.collect() == 1
        assert stored(self.made)["collected"]
        header = "Utilisez-vous ?;Le meilleur"
        mapping = '[questions]\nuse = "Utilisez-vous ?"\nbest = "Le meilleur"\n'
        lines = [f"oui;{dataset.slug}", f"oui;https://x.example/datasets/{dataset.id}/", "non;"]
        self.run(self.file(*lines, header=header), mapping=mapping)
        shown = self.results()
        assert shown["responses"]["total"] == 3
        (best,) = (q for q in shown["questions"] if q["id"] == "best")
        assert [(one["title"], one["count"]) for one in best["datasets"]] == [("Les entrées", 2)]

    def test_the_page_of_results_says_how_many_were_imported(self):
        self.run(self.file("1;;oui;;;;;", "2;;non;;;;;"))
        with freeze_time(AFTER):
            page = self.ask("GET", f"/pages/consultations/{self.made['slug']}/results/?lang=en")
        assert "Collected elsewhere: 2." in page.get_data(as_text=True)

    def test_run_again_it_adds_nothing_but_what_is_new(self):
        self.run(self.file("1;;oui;;;;;", "2;;non;;;;;"))
        before = self.stored()
        said = self.run(self.file("3;;oui;;;;;", "2;;oui;;4;Changé;;", "1;;oui;;;;;"))
        assert "1 imported, 2 there already, 0 wrong" in said
        assert self.stored()[:2] == before
        assert self.results()["responses"]["total"] == 3

    def test_without_an_id_a_line_is_what_it_says_and_two_may_say_the_same(self):
        mapping = MAPPING.replace('id = "N°"\n', "")
        lines = [";;oui;;3;;;", ";;oui;;3;;;", ";;non;;;;;"]
        self.run(self.file(*lines), mapping=mapping)
        assert len(self.stored()) == 3
        said = self.run(self.file(*reversed(lines), ";;oui;;3;;;"), mapping=mapping)
        assert "1 imported, 3 there already, 0 wrong" in said
        assert self.results()["responses"]["total"] == 4

    def test_interrupted_it_goes_on_and_figures_are_exact(self):
        path = self.file(*(f"{n};;oui;;;;;" for n in range(7)))

        def stop(done: int, total: int) -> None:
            assert total == 7
            if done == 4:
                raise KeyboardInterrupt

        with freeze_time(AFTER):
            with pytest.raises(KeyboardInterrupt):
                importing.import_file(
                    self.made["slug"], path, self.mapping(), progress=stop, batch=2
                )
            assert len(self.stored()) == 4
            report = importing.import_file(self.made["slug"], path, self.mapping())
        assert (report.new, report.known, report.wrong) == (3, 4, 0)
        assert self.results()["responses"]["total"] == 7

    def test_a_dry_run_writes_nothing_and_names_every_bad_line_and_why(self):
        said = self.run(
            self.file(
                '1;;oui;;;"Sur\r\ndeux lignes";;',
                ";;oui;;;;;",
                "",
                "3;;peut-être;;;;;",
                "4;;oui;museums|fromages;6;;Prince;bof",
                "5;;;;;;;",
                "1;;oui;;;;;",
                "7;01/12/2022;oui;;;;;",
                "8;2023-02-07;oui;;;;;",
                "9;hier;oui;;;;;",
                "10;;;;3;;;",
                f"11;;oui;;;{'x' * 15001};;",
            ),
            "--dry-run",
            status=1,
        )
        for expected in (
            "line 4, N°:",
            "line 6, Utilisez-vous ?: “peut-être”",
            "line 7, Thèmes: “fromages”",
            "line 7, Satisfait: “6”",
            "line 7, Vous êtes: “Prince”",
            "line 7, Accord: “bof”",
            "line 8, Utilisez-vous ?:",
            "line 9, N°: “1” is on line 2 already",
            "line 10, Reçu le:",
            "line 11, Reçu le:",
            "line 12, Reçu le:",
            "line 13, Utilisez-vous ?:",
            "line 14, Pourquoi:",
            "1 to import, 0 there already, 10 wrong",
        ):
            assert expected in said, said
        assert self.stored() == []
        assert not stored(self.made).get("answered")

    def test_one_bad_line_and_nothing_is_written_unless_the_others_shall_be(self):
        path = self.file("1;;oui;;;;;", "2;;quoi;;;;;", "3;;non;;;;;")
        said = self.run(path, status=1)
        assert "line 3" in said
        assert "Nothing is written" in said
        assert self.stored() == []
        said = self.run(path, "--skip-errors", status=1)
        assert "2 imported, 0 there already, 1 wrong" in said
        assert len(self.stored()) == 2

    @pytest.mark.parametrize(
        ("written", "moment"),
        [
            ("2022-12-20", datetime(2022, 12, 20, 11)),
            ("20/12/2022", datetime(2022, 12, 20, 11)),
            ("20/12/2022 14:30", datetime(2022, 12, 20, 13, 30)),
            ("20/12/2022 00:00", datetime(2022, 12, 20, 11)),
            ("1/2/2023", datetime(2023, 2, 1, 11)),
            ("1/2/2023 9:05", datetime(2023, 2, 1, 8, 5)),
            ("2022-12-20T14:30:15", datetime(2022, 12, 20, 13, 30, 15)),
            ("2022-12-20 14:30:15+00:00", datetime(2022, 12, 20, 14, 30, 15)),
            ("2022-12-06", datetime(2022, 12, 6, 11)),
            ("2023-02-06", datetime(2023, 2, 6, 11)),
            ("", datetime(2023, 2, 6, 22, 59, 59, 999000)),
        ],
    )
    def test_dates_are_those_of_the_portal_and_within_the_consultation(self, written, moment):
        self.run(self.file(f"1;{written};oui;;;;;"))
        assert self.one()["sent_at"] == self.one()["created_at"] == moment

    def test_the_day_on_which_it_opens_or_closes_belongs_to_it_as_far_as_it_was_open(self):
        with freeze_time(BEFORE):
            self.made = self.make(opens_at="2022-12-06T18:00", closes_at="2023-02-06T09:00")
        self.run(self.file("1;2022-12-06;oui;;;;;", "2;2023-02-06;oui;;;;;"))
        moments = [one["sent_at"] for one in self.stored()]
        assert moments[0] == datetime(2022, 12, 6, 17)
        assert moments[1] == datetime(2023, 2, 6, 8) - timedelta(milliseconds=1)
        assert "line 2" in self.run(self.file("3;2022-12-06 17:59;oui;;;;;"), status=1)

    def test_nothing_is_imported_before_it_opens_or_of_one_that_is_not_there(self):
        path = self.file("1;;oui;;;;;")
        assert "has not opened yet" in self.run(path, at=BEFORE, status=1)
        with freeze_time(BEFORE):
            self.made = self.make(publish=False)
        assert "has not opened yet" in self.run(path, status=1)
        self.made["slug"] = "nothing"
        assert "no consultation nothing" in self.run(path, status=1)

    @pytest.mark.options(CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR="2 per hour")
    def test_neither_limits_nor_the_read_only_switch_hold_for_it(self):
        with freeze_time(DURING):
            self.change(self.made, team_member(), read_only=True)
        self.run(self.file(*(f"{n};;oui;;;;;" for n in range(5))), at=DURING)
        assert len(self.stored()) == 5

    def test_the_seal_holds_for_what_was_imported(self):
        self.run(self.file("1;;oui;;;Un secret;;"), at=DURING)
        with freeze_time(DURING):
            self.results_of(self.made, 404)
            assert "Un secret" not in self.ask(
                "GET", f"/pages/consultations/{self.made['slug']}/"
            ).get_data(as_text=True)

    def test_answers_given_here_are_counted_beside(self):
        with freeze_time(DURING):
            self.answered(self.made, UserFactory())
        self.run(self.file("1;;non;;;;;"))
        shown = self.results()["responses"]
        assert (shown["total"], shown["channels"]["web"], shown["channels"]["import"]) == (2, 1, 1)

    def test_once_imported_the_questions_are_frozen(self):
        self.run(self.file("1;;oui;;;;;"), at=DURING)
        assert stored(self.made)["answered"] is True


@pytest.mark.options(DEFAULT_LANGUAGE="en")
class MappingTest(ImportCase):
    def wrong(self, mapping: str, header: str = HEADER) -> str:
        return self.run(self.file("1;;oui;;;;;", header=header), mapping=mapping, status=1)

    def test_columns_to_tick_details_and_channels(self):
        header = "A;Musées;Archives;Manque;Détails;Par"
        mapping = json.dumps(
            {
                "channel": {"column": "Par", "values": {"courrier": "post", "tél.": "phone"}},
                "questions": {
                    "use": "A",
                    "themes": {"columns": {"Musées": "museums", "Archives": "archives"}},
                    "lacking": {"column": "Manque", "details": "Détails"},
                },
            }
        )
        lines = ["oui;X;;Les entrées;par jour;courrier", "oui;1;1;;;tél.", "oui;0;non;;;"]
        self.run(self.file(*lines, header=header), mapping=mapping)
        found = self.stored()
        assert [one["channel"] for one in found] == ["post", "phone", "import"]
        assert [one["answers"].get("themes") for one in found] == [
            ["museums"],
            ["museums", "archives"],
            None,
        ]
        assert found[0]["answers"]["lacking"] == {
            "title": "Les entrées",
            "description": "par jour",
        }
        said = self.run(self.file("oui;;peut-être;;;", header=header), mapping=mapping, status=1)
        assert "line 2, Archives: “peut-être” is neither yes nor no." in said

    def test_labels_in_any_language_ids_and_numbers_stand_for_answers(self):
        lines = ["1;;YES;Archives;rather;;Recherche;", "2;;Non;;2;;researcher;non"]
        self.run(self.file(*lines))
        first, second = self.stored()
        assert first["answers"] == {"use": "yes", "themes": ["archives"], "satisfied": 3}
        assert first["profile"] == second["profile"] == "researcher"
        assert second["answers"] == {"use": "no", "satisfied": 2}

    def test_answers_to_questions_that_one_was_not_asked_are_left_out(self):
        self.run(self.file("1;;non;museums;;;;"))  # themes are asked of who uses such data
        assert self.one()["answers"] == {"use": "no"}

    def test_a_mapping_that_is_wrong_says_all_that_is(self):
        said = self.wrong(
            """
            name = "x"
            date = 3
            channel = 3
            profile = { columns = "Vous êtes" }
            [questions]
            nothing = "A"
            why = { column = "B", values = {} }
            themes = { column = "C", columns = { "D" = "cheese" } }
            satisfied = { column = "E", values = { "très" = 9 } }
            lacking = { columns = {} }
            """
        )
        for expected in (
            "name: unknown",
            "date: the name of a column",
            "channel: a column",
            "profile: a column",
            "questions.nothing: no such question",
            "questions.why.values: unknown",
            "questions.themes: either",
            "questions.satisfied.values.très: no such answer",
            "questions.use: needs an answer",
        ):
            assert expected in said, said
        assert "mapping.toml" in self.wrong("= nonsense")
        assert "mapping.json" in self.wrong("{nonsense")
        assert "questions: a table" in self.wrong('{"questions": {}}')

    def test_the_mapping_that_the_documentation_shows_is_one(self):
        told = (Path(__file__).parents[2] / "docs" / "importing.md").read_text("utf-8")
        (example,) = re.findall(r"```toml\n(.*?)```", told, re.DOTALL)
        mapped = importing.Mapped.read(self.mapping(example), stored(self.made))
        assert [asked.question["id"] for asked in mapped.questions] == [
            *("use", "themes", "why", "lacking")
        ]
        assert mapped.channel == Channel.POST

    def test_a_column_that_is_not_in_the_file_is_named(self):
        assert "no column Accord" in self.wrong(MAPPING, HEADER.replace("Accord", "Autre"))
        assert "more than once" in self.wrong(MAPPING, HEADER.replace("Accord", "Accord;Accord"))
        path = self.file("1;;oui;;;;;", encoding="cp1252")
        assert "--encoding" in self.run(path, status=1)
        self.run(path, "--encoding", "cp1252")
        assert len(self.stored()) == 1


@pytest.mark.options(**UNLIMITED)
class VolumeTest(ImportCase):
    def test_figures_of_a_long_file_are_exact(self):
        chance = random.Random(6)
        given: Counter[str] = Counter()
        lines = []
        for n in range(3300):  # more than one settling counts
            use = chance.choice(("oui", "non"))
            satisfied = chance.choice(("", "1", "2", "3", "4"))
            given.update({f"use:{use}": 1, f"satisfied:{satisfied}": 1})
            lines.append(f"{n};;{use};;{satisfied};;;")
        self.run(self.file(*lines))
        shown = self.results()
        assert shown["responses"]["total"] == 3300
        use, satisfied = (
            {str(one["id"]): one["count"] for one in question["options"]}
            for question in shown["questions"]
            if question["id"] in ("use", "satisfied")
        )
        assert use == {"yes": given["use:oui"], "no": given["use:non"]}
        assert satisfied == {str(n): given[f"satisfied:{n}"] for n in range(1, 5)}

    def test_a_file_is_never_read_as_a_whole(self):
        """Twice as many lines of ten thousand characters take no more memory."""
        peaks = []
        for many in (200, 400):
            path = self.folder / "long.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, delimiter=";")
                writer.writerow(HEADER.split(";"))
                for n in range(many):
                    writer.writerow([n, "", "oui", "", "", f"{n} " + "mot " * 2500, "", ""])
            with freeze_time(AFTER):
                tracemalloc.start()
                report = importing.import_file(
                    self.made["slug"], path, self.mapping(), dry_run=True, batch=20
                )
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
            assert (report.new, report.wrong) == (many, 0)
        assert peaks[1] < peaks[0] * 1.5, peaks


def test_a_problem_says_where_it_is():
    assert str(Problem(3, "Thèmes", "x")) == "line 3, Thèmes: x"
    assert str(Problem(3, None, "x")) == "line 3: x"
    assert issubclass(Unreadable, Exception)
