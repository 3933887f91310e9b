"""Who sees which dashboard: one table, role × page."""

from __future__ import annotations

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.assignment import Assignment
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from ..cases import Producer, sysadmin
from .producing import PAGES, DashboardCase, of, say
from .test_pages import text_of

PARTS = ("", "inbox/", "datasets/", "feedback.csv")

ROLES = {
    "nobody": 401,
    "citizen": 403,
    "admin of another organization": 403,
    "partial editor": 200,
    "assigned partial editor": 200,
    "editor": 200,
    "admin": 200,
    "sysadmin": 200,
}


class PermissionsTest(DashboardCase):
    @pytest.mark.parametrize("part", PARTS)
    @pytest.mark.parametrize(("role", "status"), ROLES.items())
    def test_who_sees_the_dashboard_of_an_organization(
        self, role: str, status: int, part: str
    ) -> None:
        producer = Producer()
        say(producer.dataset, comment="Il manque les horaires.")
        user = {
            "nobody": lambda: None,
            "citizen": UserFactory,
            "admin of another organization": lambda: Producer().admin,
            "partial editor": lambda: producer.partial_editor,
            "assigned partial editor": lambda: producer.assigned,
            "editor": lambda: producer.editor,
            "admin": lambda: producer.admin,
            "sysadmin": sysadmin,
        }[role]()
        text = self.see(of(producer.organization, part), user, status)
        # What is on one's own public page is no secret; the name of a dataset proves one is in.
        # The overview names none of which fewer than five people say something.
        sees = status == 200 and role != "partial editor" and part != ""
        assert (producer.dataset.title in text.replace("&#39;", "'")) == sees

    @pytest.mark.parametrize("part", PARTS)
    def test_an_organization_that_is_not_there_is_404(self, part: str) -> None:
        gone = OrganizationFactory(deleted="2026-01-01")
        for user, status in ((sysadmin(), 404), (None, 401)):
            self.see(f"dashboard/organizations/nothing/{part}", user, status)
            self.see(f"dashboard/organizations/{gone.id}/{part}", user, status)

    @pytest.mark.parametrize("part", ["", *PARTS])
    def test_everybody_has_a_dashboard_of_their_own(self, part: str) -> None:
        self.see(f"dashboard/me/{part}", None, 401)
        self.see(f"dashboard/me/{part}", UserFactory())

    def test_who_has_to_log_in_is_told_where_and_comes_back(self) -> None:
        producer = Producer()
        text = self.see(f"{of(producer.organization)}?lang=en", None, 401)
        back = (
            f"/api/1/culture-feedback/pages/dashboard/organizations/{producer.organization.slug}/"
        )
        assert f'login?next={back}%3Flang%3Den"' in text
        assert "data-login" in text

    def test_nothing_of_it_is_stored_on_the_way(self) -> None:
        producer = Producer()
        pages = ["dashboard/", "dashboard/me/", *(of(producer.organization, p) for p in PARTS)]
        for user in (producer.admin, UserFactory(), None):
            for page in pages:
                client = self.browser_of(user)
                answer = self.visit("GET", f"{PAGES}/{page}", client=client, buffered=True)
                assert answer.headers["Cache-Control"] == "no-store"
                assert "ETag" not in answer.headers

    def test_a_partial_editor_sees_what_is_assigned_and_nothing_else(self) -> None:
        producer = Producer(title="Le leur")
        other = DatasetFactory(organization=producer.organization, title="Un autre")
        elsewhere = Producer(title="Ailleurs")
        # Assigned in an organization that they are a member of no more.
        Assignment(
            user=producer.assigned, organization=elsewhere.organization, subject=elsewhere.dataset
        ).save()
        for dataset, words in (
            (producer.dataset, "Premier texte"),
            (other, "Second texte"),
            (elsewhere.dataset, "Troisième texte"),
        ):
            say(dataset, 3, comment=words, wants_answer=True)
        for part in PARTS:
            text = self.see(of(producer.organization, part), producer.assigned)
            assert ("Le leur" in text) == bool(part)
            assert "Un autre" not in text
            assert "Ailleurs" not in text
            assert "Second texte" not in text
            assert "Troisième texte" not in text
            self.see(of(elsewhere.organization, part), producer.assigned, 403)
        overview = self.see(of(producer.organization) + "?lang=en", producer.assigned)
        assert "3 comments to answer" in text_of(overview)
        assert 'id="cf-requests"' not in overview
        everything = self.see(of(producer.organization) + "?lang=en", producer.editor)
        assert "6 comments to answer" in text_of(everything)
        nothing = self.see(of(producer.organization) + "?lang=en", producer.partial_editor)
        assert "0 comments to answer" in text_of(nothing)

    def test_a_filter_never_leads_out_of_the_dashboard(self) -> None:
        producer, elsewhere = Producer(), Producer()
        say(elsewhere.dataset, comment="Pas pour vous")
        for part in ("inbox/", "feedback.csv"):
            page = of(producer.organization, f"{part}?dataset={elsewhere.dataset.id}")
            assert "Pas pour vous" not in self.see(page, producer.admin)

    def test_ones_own_datasets_are_those_without_organization(self) -> None:
        owner = UserFactory()
        mine = DatasetFactory(owner=owner, title="Mes jardins")
        producer = Producer(title="Ceux de l’organisation")
        producer.dataset.owner = owner
        say(mine, 2, comment="Merci", wants_answer=True)
        say(producer.dataset, comment="Ailleurs")
        say(DatasetFactory(owner=UserFactory(), title="Ceux d’un autre"), comment="Autre")
        for part in PARTS:
            text = self.see(f"dashboard/me/{part}", owner)
            assert ("Mes jardins" in text) == bool(part)
            assert "Ceux d" not in text
        overview = self.see("dashboard/me/?lang=en", owner)
        assert "2 comments to answer" in text_of(overview)

    def test_what_is_not_public_is_on_no_dashboard(self) -> None:
        producer, owner = Producer(title="Public"), UserFactory()
        say(producer.dataset, comment="Visible")
        for change in ({"private": True}, {"deleted": "2026-01-01"}):
            for whose in ({"organization": producer.organization}, {"owner": owner}):
                hidden = DatasetFactory(title="Caché", **whose)
                say(hidden, comment="Texte caché", wants_answer=True)
                for field, value in change.items():
                    setattr(hidden, field, value)
                hidden.save()
        for part in PARTS:
            for page, user in (
                (of(producer.organization, part), producer.admin),
                (f"dashboard/me/{part}", owner),
            ):
                text = self.see(page, user)
                assert "Caché" not in text
                assert "Texte caché" not in text
        overview = self.see(of(producer.organization) + "?lang=en", producer.admin)
        assert "0 comments to answer" in text_of(overview)

    def test_the_list_of_dashboards_is_that_of_what_one_edits(self) -> None:
        producer = Producer(title="Le leur")
        say(producer.dataset, 2, comment="Texte", wants_answer=True)
        other = DatasetFactory(organization=producer.organization)
        say(other, 5, comment="Texte", wants_answer=True)
        for user, waiting in (
            (producer.admin, "7 texts want"),
            (producer.editor, "7 texts want"),
            (producer.assigned, "2 texts want"),
            (producer.partial_editor, "No text is waiting"),
        ):
            text = self.see("dashboard/?lang=en", user)
            assert producer.organization.name in text.replace("&#39;", "'")
            assert waiting in text
        assert (
            "you are a member of no organization"
            in self.see("dashboard/?lang=en", UserFactory()).lower()
        )
        owner = UserFactory()
        say(DatasetFactory(owner=owner), comment="Texte")
        assert "My own datasets" in self.see("dashboard/?lang=en", owner)
        self.see("dashboard/", None, 401)
