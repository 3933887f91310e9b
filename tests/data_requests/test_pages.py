"""The pages of requests, as people without JavaScript use them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from ..cases import P, PluginTestCase, Producer

#: What our pages never have: it would need an exception in the Content-Security-Policy.
INLINE = re.compile(r"<script(?! type=\"module\" src=\"/[\w./-]+\"></script>)|style=|\son\w+=")


@pytest.mark.options(CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR=None, CULTURE_FEEDBACK_LIMIT_MANAGER=None)
class RequestPagesTest(PluginTestCase):
    def post(self, path: str, user: Any, **form: Any) -> Any:
        """Sends a form as somebody (a key without session stands for the page's own token)."""
        return self.ask("POST", path, user=user, data=form)

    def see(self, path: str, user: Any = None) -> str:
        response = self.ask("GET", path, user=user)
        assert response.status_code == 200, response.status_code
        return response.get_data(as_text=True)

    def request_by(self, user: Any, title: str, **form: Any) -> str:
        """Asks by the form, and answers the path of the request."""
        form = {"title": title, "description": "Pour une étude.", "kind": "new"} | form
        response = self.post("/pages/requests/new", user, checked="1", **form)
        assert response.status_code == 303, response.get_data(as_text=True)
        return re.sub(r"^.*/pages/", "/pages/", response.location.split("?")[0])

    def test_somebody_asks_from_a_dataset_page_and_is_followed_to_published(self):
        producer, camille = Producer(title="Fréquentation des musées"), UserFactory()
        page = self.see(f"/pages/datasets/{producer.dataset.slug}/")
        address = f"{P}/pages/requests/new?dataset={producer.dataset.slug}"
        assert address in page.replace("&amp;", "&")
        form = self.see(f"/pages/requests/new?dataset={producer.dataset.slug}", camille)
        assert "Fréquentation des musées" in form
        assert producer.organization.name in form
        path = self.request_by(
            camille,
            "Les entrées par mois",
            dataset=producer.dataset.slug,
            organization=producer.organization.slug,
        )
        assert "Les entrées par mois" in self.see(f"/pages/datasets/{producer.dataset.slug}/")
        data = DatasetFactory(organization=producer.organization)
        moved = self.post(
            f"{path}move",
            producer.admin,
            **{"to": "published", "from": "submitted", "datasets": data.slug},
        )
        assert moved.status_code == 303
        assert "Données disponibles" in self.see(path)
        assert "Ouvert à la demande de 1 personne." in self.see(f"/pages/datasets/{data.slug}/")
        assert self.post(f"{path}confirm", camille).status_code == 303
        assert self.see("/pages/requests/?status=published").count("Les entrées par mois") == 1

    def test_the_home_shows_the_most_supported_which_are_supported_there(self):
        self.request_by(UserFactory(), "Les archives sonores")
        for reader in (None, UserFactory()):
            home = self.see("/pages/", reader)
            assert "Les archives sonores" in home
        assert re.search(r'<form [^>]*action="[^"]*/les-archives-sonores/support', home)

    def test_requests_are_filtered_by_the_organization_whose_name_is_typed(self):
        museums, theatres = Producer(), Producer()
        for producer, title in ((museums, "Les entrées par mois"), (theatres, "Les salles")):
            producer.organization.name = f"Ministère : {title}"
            producer.organization.save()
            self.request_by(UserFactory(), title, organization=producer.organization.slug)
        blank = "theme=&kind=&sort=-created_at&organization=&q="
        everything = self.see(f"/pages/requests/?{blank}")
        assert "Les entrées par mois" in everything
        assert "Les salles" in everything
        typed = museums.organization.name.replace(" ", "+")
        sent = self.ask("GET", f"/pages/requests/?{blank}&organization_q={typed}")
        assert sent.status_code == 302
        query = f"?{sent.location.partition('?')[2]}"
        assert f"organization={museums.organization.id}" in query
        shown = self.see(f"/pages/requests/{query}").partition('id="cf-requests"')[2]
        assert "Les entrées par mois" in shown
        assert "Les salles" not in shown
        unclear = self.see(f"/pages/requests/?{blank}&organization_q=ministère")
        assert f'value="{museums.organization.id}"' in unclear
        assert f'value="{theatres.organization.id}"' in unclear

    def test_what_exists_is_shown_before_sending_and_can_be_supported_instead(self):
        first, second = UserFactory(), UserFactory()
        path = self.request_by(first, "Horaires des bibliothèques publiques")
        form = {"title": "horaire des bibliotheques", "description": "x", "kind": "new"}
        proposed = self.post("/pages/requests/new", second, **form)
        assert proposed.status_code == 200
        shown = proposed.get_data(as_text=True)
        assert "Horaires des bibliothèques publiques" in shown
        assert 'value="horaire des bibliotheques"' in shown  # what was typed is kept
        assert self.post(f"{path}support", second).status_code == 303
        assert ">1</strong></span> soutien" in self.see(path)
        assert self.post(f"{path}unsupport", second).status_code == 303
        assert ">0</strong></span> soutien" in self.see(path)

    def test_an_error_names_the_field_and_keeps_what_was_typed(self):
        response = self.post(
            "/pages/requests/new",
            UserFactory(),
            title="",
            description="Une longue explication",
            kind="new",
            evidence_url="pas une adresse",
        )
        shown = response.get_data(as_text=True)
        assert response.status_code == 400
        assert "Une longue explication" in shown
        assert 'id="cf-ask-title-error"' in shown
        assert 'id="cf-ask-evidence_url-error"' in shown
        refused = self.post("/pages/requests/new", None, title="Perdue ?", description="y")
        assert refused.status_code == 401
        assert "Perdue ?" in refused.get_data(as_text=True)

    def test_a_question_is_answered_on_the_page(self):
        producer, camille = Producer(), UserFactory()
        path = self.request_by(camille, "Un titre", organization=producer.organization.slug)
        asked = {"to": "needs_clarification", "from": "submitted", "message": "Quelle période ?"}
        assert self.post(f"{path}move", producer.editor, **asked).status_code == 303
        assert "Répondre à la question" in self.see(path, camille)
        answer = self.post(f"{path}message", camille, message="Depuis 2010 <script>")
        assert answer.status_code == 303
        shown = self.see(path)
        assert "Depuis 2010 &lt;script&gt;" in shown
        assert not INLINE.search(shown)
        assert "Prise en compte" in shown

    def test_a_move_from_where_the_request_no_longer_is_says_so(self):
        producer = Producer()
        path = self.request_by(UserFactory(), "Un titre", organization=producer.organization.slug)
        move = {"to": "acknowledged", "from": "submitted"}
        assert self.post(f"{path}move", producer.admin, **move).status_code == 303
        late = self.post(f"{path}move", producer.editor, **move)
        assert late.status_code == 409
        assert "Prise en compte" in late.get_data(as_text=True)

    def test_an_error_of_one_of_the_forms_leads_to_its_field(self):
        producer = Producer()
        path = self.request_by(UserFactory(), "Un titre", organization=producer.organization.slug)
        refused = self.post(
            f"{path}move", producer.admin, **{"to": "declined", "from": "submitted", "urls": "là"}
        )
        assert refused.status_code == 400
        page = refused.get_data(as_text=True)
        for link in re.findall(r'href="#(cf-[^"]+)"', page):
            assert f'id="{link}"' in page
        links = re.findall(r'href="#(cf-[^"]+)"', page)
        assert "cf-declined-urls" in links, links

    def test_the_day_it_was_asked_is_that_of_the_portal_as_its_clock_says(self):
        producer = Producer()
        with freeze_time("2026-10-06 22:36:00"):  # past midnight in Paris
            path = self.request_by(
                UserFactory(), "Un titre", organization=producer.organization.slug
            )
            page = self.see(path)
        assert "Reçue le 7 octobre 2026" in page
        assert "6 octobre 2026" not in page

    def test_nobody_moves_a_request_without_proof_that_the_form_is_ours(self):
        producer = Producer()
        path = self.request_by(UserFactory(), "Un titre", organization=producer.organization.slug)
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = producer.admin.fs_uniquifier
            session["_fresh"] = True
        form = {"to": "acknowledged", "from": "submitted"}
        refused = self.visit("POST", f"{P}{path}move", client=client, data=form)
        assert refused.status_code == 403
        assert "Déposée" in self.see(path)
        accepted = self.visit(
            "POST",
            f"{P}{path}move",
            client=client,
            data=form,
            headers={"X-Culture-Feedback": "form"},
        )
        assert accepted.status_code == 303

    def test_english_readers_get_english(self):
        path = self.request_by(UserFactory(), "A title")
        assert "Submitted" in self.see(f"{path}?lang=en")
        assert "Requests for data" in self.see("/pages/requests/?lang=en")

    def test_every_page_is_protected_and_has_no_inline_code(self):
        path = self.request_by(UserFactory(), "Un titre")
        for page in ("/pages/requests/", "/pages/requests/new", path):
            response = self.ask("GET", page)
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert not INLINE.search(response.get_data(as_text=True))
