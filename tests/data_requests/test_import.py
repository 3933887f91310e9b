"""An opening plan kept in a spreadsheet becomes requests, once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.tests.helpers import capture_mails

from udata_culture_feedback.contributions.importing import File, run
from udata_culture_feedback.data_requests import importing, upkeep
from udata_culture_feedback.data_requests.deadlines_shown import window_of
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.people.service_account import service_account

from ..cases import PluginTestCase
from .asking import assert_figures

HEADER = (
    "external_id;title;description;kind;organization;dataset;themes;formats;evidence_url;status;"
    "requested_at;decided_at;published;reason;message"
)


class ImportTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def museum(self, plugin: None, tmp_path: Path) -> None:
        self.admin = UserFactory()
        self.organization = OrganizationFactory(name="Musée de Bretagne", admins=[self.admin])
        self.folder = tmp_path

    def file(self, *lines: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
        path = self.folder / "plan.csv"
        path.write_bytes("\r\n".join((header, *lines, "")).encode(encoding))
        return path

    def run(self, path: Path, *options: str, status: int = 0) -> str:
        result = self.cli("feedback", "import-requests", str(path), *options, expect_error=True)
        assert result.exit_code == status, result.output
        return result.output

    def one(self, external_id: str) -> dict[str, Any]:
        found = requests().find_one({"external_id": external_id})
        assert found is not None
        return found

    def test_a_line_becomes_a_request_that_everybody_reads(self):
        dataset = DatasetFactory(organization=self.organization)
        said = self.run(
            self.file(
                f"a-1;La fréquentation des musées;Par mois ;new;musee de  bretagne;{dataset.slug};"
                "musee,archives;csv,json;https://example.org/rapport;submitted;31/01/2024;;;;"
            )
        )
        assert "1 imported, 0 there already, 0 wrong" in said
        request = self.one("a-1")
        shown = self.ask("GET", f"/requests/{request['slug']}/").json
        assert shown["title"] == "La fréquentation des musées"
        assert shown["organization"]["name"] == "Musée de Bretagne"
        assert shown["dataset"]["id"] == str(dataset.id)
        assert shown["themes"] == ["musee", "archives"]
        assert shown["formats"] == ["csv", "json"]
        assert shown["contributor"]["name"] is None
        assert shown["supports"] == 0
        assert request["created_at"] == request["received_at"] == datetime(2024, 1, 31, 11)
        assert request["contributor"]["user"] == service_account().id
        assert self.ask("GET", "/requests/?q=frequentation").json["total"] == 1
        assert_figures()

    @pytest.mark.parametrize(
        ("word", "status", "kind"),
        [
            ("", "submitted", "new"),
            ("Ouverture demandée", "submitted", "new"),
            ("à enclencher", "accepted", "new"),
            ("En cours d'ouverture", "in_progress", "new"),
            ("En cours d’ouverture", "in_progress", "new"),
            ("En cours de mise à jour", "in_progress", "update"),
            ("Ouverture réalisée", "published", "new"),
            ("MISE À JOUR RÉALISÉE", "published", "update"),
            ("Mise à jour demandée", "submitted", "update"),
            ("À l'arrêt", "accepted", "new"),
            ("Non disponible", "submitted", "new"),
            ("Disponible", "published", "new"),
            ("acknowledged", "acknowledged", "new"),
        ],
    )
    def test_the_words_of_the_tracker_are_understood(self, word: str, status: str, kind: str):
        self.run(self.file(f"a-1;Les musées;;;;;;;;{word};;;https://example.org/;;"))
        assert (self.one("a-1")["status"], self.one("a-1")["kind"]) == (status, kind)

    def test_what_is_at_a_standstill_says_so_in_its_history(self):
        self.run(self.file("a-1;Les musées;;;;;;;;À l'arrêt;;;;;"))
        [entry] = self.ask("GET", f"/requests/{self.one('a-1')['_id']}/").json["history"]
        assert entry["to"] == "accepted"
        assert entry["stalled"] is True

    def test_published_data_are_datasets_of_the_portal_or_addresses(self):
        dataset = DatasetFactory(title="Fréquentation")
        self.run(
            self.file(
                f"a-1;Les musées;;;;;;;;published;2024-01-01;2024-06-01;"
                f"{dataset.slug} https://example.org/api;;Les voici."
            )
        )
        shown = self.ask("GET", f"/requests/{self.one('a-1')['_id']}/").json
        assert [one["title"] for one in shown["fulfilled_by"]["datasets"]] == ["Fréquentation"]
        assert shown["fulfilled_by"]["urls"] == ["https://example.org/api"]
        assert [entry["message"] for entry in shown["history"]] == ["Les voici."]
        assert shown["clock"]["due_at"] is None

    def test_run_again_it_adds_nothing_but_what_is_new(self):
        self.run(self.file("a-1;Les musées;;;;;;;;;;;;;"))
        before = self.one("a-1")
        said = self.run(self.file("a-1;Un autre titre;;;;;;;;;;;;;", "a-2;Les musées;;;;;;;;;;;;;"))
        assert "1 imported, 1 there already, 0 wrong" in said
        assert self.one("a-1") == before
        assert self.one("a-2")["slug"] != before["slug"]

    def test_interrupted_it_goes_on(self):
        lines = [f"a-{number};Demande {number};;;;;;;;;;;;;" for number in range(6)]

        def stop(done: int, total: int) -> None:
            assert total == 6
            if done == 4:
                raise KeyboardInterrupt

        file = File(self.file(*lines))
        with pytest.raises(KeyboardInterrupt):
            run(importing.Plan({}), file, batch=2, progress=stop)
        assert requests().count_documents({}) == 4
        report = run(importing.Plan({}), file)
        assert (report.new, report.known) == (2, 4)

    def test_a_dry_run_writes_nothing_and_names_each_bad_line_and_why(self):
        said = self.run(
            self.file(
                'a-1;"Les musées\r\net leurs horaires";;;;;;;;;;;;;',
                ";Sans identifiant;;;;;;;;;;;;;",
                "",
                "a-3;;;;;;;;;;;;;;",
                "a-4;Les musées;;nonsense;Nobody;no-dataset;nonsense;;;nonsense;soon;;;;",
                "a-5;Les musées;;;;;;;;published;;;;;",
                "a-6;Les musées;;;;;;;;declined;;;;;",
                "a-7;Les musées;;;;;;;;withdrawn;;;;;",
                "a-1;Encore;;;;;;;;;;;;;",
                "a-8;Les musées;;;;;;;;;2999-01-01;;;;",
                "a-9;Les musées;;;;;;;;;2024-02-01;2024-01-01;;;",
            ),
            "--dry-run",
            status=1,
        )
        for expected in (
            "line 4, external_id:",
            "line 6, title:",
            "line 7, kind:",
            "line 7, organization:",
            "line 7, dataset:",
            "line 7, themes:",
            "line 7, status:",
            "line 7, requested_at:",
            "line 8, published:",
            "line 9, reason:",
            "line 9, message:",
            "line 10, status:",
            "line 11, external_id:",
            "figure déjà à la ligne 2",
            "line 12, requested_at:",
            "line 13, decided_at:",
            "1 to import, 0 there already, 9 wrong",
        ):
            assert expected in said, said
        assert requests().count_documents({}) == 0

    def test_a_file_as_a_spreadsheet_saves_it_is_read(self):
        path = self.file(
            "a-1;Les musées;31/01/2024 00:00;;;",
            "a-2;Les archives;1/2/2024 9:41;;;",
            header='sep=;\r\nexternal_id;title;requested_at;"Remarques, diverses"',
            encoding="utf-16",
        )
        assert "2 imported, 0 there already, 0 wrong" in self.run(path)
        assert self.one("a-1")["created_at"] == datetime(2024, 1, 31, 11)
        assert self.one("a-2")["created_at"] == datetime(2024, 2, 1, 11)

    def test_a_quote_that_ends_early_names_its_line(self):
        path = self.file("a-1;Les musées", 'a-2;"Les "grands" musées"', header="external_id;title")
        assert "ligne 3 : un guillemet se ferme" in self.run(path, status=1)

    def test_the_good_lines_of_a_bad_file_are_imported(self):
        said = self.run(self.file("a-1;;;;;;;;;;;;;;", "a-2;Les musées;;;;;;;;;;;;;"), status=1)
        assert "1 imported, 0 there already, 1 wrong" in said
        assert self.one("a-2")["title"] == "Les musées"

    def test_columns_of_another_name_are_mapped_and_unknown_ones_left_out(self):
        path = self.file(
            "7,Les musées,Ouverture demandée,Jeanne",
            header="Numéro,Intitulé,Statut,Demandeur",
        )
        self.run(
            path,
            *("--mapping", "Numéro=external_id"),
            *("--mapping", "Intitulé=title"),
            *("--mapping", "Statut=status"),
        )
        request = self.one("7")
        assert request["title"] == "Les musées"
        assert "Jeanne" not in str(request)

    def test_a_file_that_cannot_be_read_is_said_to_be_so(self):
        assert "external_id" in self.run(self.file(header="titre"), status=1)
        path = self.file("a-1;Les musées;;;;;;;;;;;;;", encoding="cp1252")
        assert "--encoding" in self.run(path, status=1)
        self.run(path, "--encoding", "cp1252")
        assert self.one("a-1")["title"] == "Les musées"
        path = self.file()
        assert "pas de colonne nothing" in self.run(path, "--mapping", "nothing=title", status=1)
        assert "OURS" in self.run(path, "--mapping", "title=nothing", status=2)

    def test_two_organizations_of_one_name_are_not_guessed(self):
        OrganizationFactory(name="Musée de Bretagne")
        line = "a-1;Les musées;;;Musée de Bretagne;;;;;;;;;;"
        assert "line 2, organization" in self.run(self.file(line), status=1)
        line = f"a-1;Les musées;;;{self.organization.id};;;;;;;;;;"
        self.run(self.file(line))
        assert self.one("a-1")["organization"] == self.organization.id

    def test_nobody_is_written_to_about_the_past(self):
        with capture_mails() as sent:
            self.run(
                self.file(
                    "a-1;Les musées;;;Musée de Bretagne;;;;;;2020-01-01;;;;",
                    "a-2;Les livres;;;Musée de Bretagne;;;;;accepted;2020-01-01;;;;",
                )
            )
            upkeep.tell_overdue()
            upkeep.announce()
        assert sent == []

    def test_but_about_what_comes_afterwards_its_supporters_are(self):
        self.run(self.file("a-1;Les musées;;;Musée de Bretagne;;;;;;2020-01-01;;;;"))
        id, sam = str(self.one("a-1")["_id"]), UserFactory()
        assert self.ask("POST", f"/requests/{id}/support/", {}, sam).status_code == 200
        with capture_mails() as sent:
            move = {"to": "accepted"}
            response = self.ask("POST", f"/requests/{id}/transitions/", move, self.admin)
        assert response.status_code == 200
        assert [mail.recipients for mail in sent] == [[sam.email]]

    @pytest.mark.options(CULTURE_FEEDBACK_FORMAL_REQUESTS=True)
    def test_it_opens_no_appeal(self):
        self.organization.add_badge("public-service")
        self.run(self.file("a-1;Les musées;;;Musée de Bretagne;;;;;;;;;;"))
        assert window_of(self.one("a-1")) is None

    def test_limits_do_not_count_it(self):
        self.app.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = "2 per hour"
        self.run(self.file(*(f"a-{n};Demande {n};;;;;;;;;;;;;" for n in range(5))))
        assert requests().count_documents({}) == 5
