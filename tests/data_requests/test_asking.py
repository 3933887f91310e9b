"""The form by which one asks for data, as browsers without JavaScript and the loader use it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.people import tokens
from udata_culture_feedback.search import unmet_searches

from ..cases import P, PluginTestCase, Producer

FORM = {"title": "Horaires des musées", "description": "Pour les visiteurs.", "kind": "new"}


@pytest.mark.options(CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR=None, CULTURE_FEEDBACK_LIMIT_MANAGER=None)
class AskingCase(PluginTestCase):
    def post(self, path: str, user: Any, **form: Any) -> Any:
        return self.ask("POST", path, user=user, data=form)

    def see(self, path: str, user: Any = None) -> str:
        answer = self.ask("GET", path, user=user)
        assert answer.status_code == 200, answer.text
        return html.unescape(answer.text)

    def asks(self, user: Any = None, path: str = "/pages/requests/new", **form: Any) -> Any:
        return self.post(path, user or UserFactory(), **(FORM | form))

    def only_request(self) -> dict[str, Any]:
        [found] = requests().find()
        return found


class HolderTest(AskingCase):
    def choices(self, shown: str) -> list[tuple[str, bool]]:
        """The holders to choose from, and whether each is chosen."""
        found = re.findall(
            r'<input type="radio" name="organization"[^>]*?( checked)?> <span>(.*?)</span>', shown
        )
        return [(html.unescape(name), bool(checked)) for checked, name in found]

    def test_who_publishes_the_dataset_is_chosen_at_first(self):
        producer = Producer()
        shown = self.see(f"/pages/requests/new?dataset={producer.dataset.slug}")
        names = [producer.organization.name, "I do not know: somebody will look for the holder"]
        assert self.choices(self.see(f"/pages/requests/new?dataset={producer.dataset.id}&lang=en"))
        assert [checked for _name, checked in self.choices(shown)] == [True, False]
        assert self.choices(shown)[0][0] == names[0]

    def test_it_can_be_set_to_nobody_known(self):
        producer = Producer()
        answer = self.asks(dataset=str(producer.dataset.id), organization="")
        assert answer.status_code == 303
        assert self.only_request().get("organization") is None

    def test_a_name_that_one_organization_has_is_enough(self):
        holder = OrganizationFactory(name="Centre des monuments nationaux")
        OrganizationFactory(name="Centre des monuments nationaux de Lyon")
        answer = self.asks(organization="", organization_q="centre des Monuments nationaux")
        assert answer.status_code == 303
        assert self.only_request()["organization"] == holder.id

    @pytest.mark.parametrize("given", ["slug", "page", "id"])
    def test_an_address_is_enough_too(self, given):
        holder = OrganizationFactory(name="Centre des monuments nationaux")
        typed = {
            "slug": holder.slug,
            "page": f"https://portal.example/organizations/{holder.slug}/?lang=fr",
            "id": str(holder.id),
        }
        assert self.asks(organization_q=typed[given]).status_code == 303
        assert self.only_request()["organization"] == holder.id

    def test_a_name_that_several_have_is_asked_about_and_all_that_was_typed_is_kept(self):
        producer = Producer()
        lyon = OrganizationFactory(name="Musée de Lyon")
        OrganizationFactory(name="Musée de Brest")
        form = {"dataset": str(producer.dataset.id), "themes": ["musee"], "spatial": "Lyon"}
        answer = self.asks(**form, organization=str(producer.organization.id), organization_q="mus")
        assert answer.status_code == 400
        shown = html.unescape(answer.text)
        assert not requests().find_one()
        names = [name for name, checked in self.choices(shown) if not checked]
        assert {"Musée de Lyon", "Musée de Brest", producer.organization.name} <= set(names)
        assert not [name for name, checked in self.choices(shown) if checked]
        for kept in ("Horaires des musées", "Pour les visiteurs.", 'value="Lyon"', "data-kept"):
            assert kept in shown
        assert re.search(r'value="musee" checked', shown)
        assert self.asks(**form, organization=str(lyon.id)).status_code == 303
        assert self.only_request()["organization"] == lyon.id

    def test_a_name_that_nobody_has_is_given_back(self):
        answer = self.asks(organization_q="Zzyzx")
        assert answer.status_code == 400
        assert 'value="Zzyzx"' in answer.text
        assert 'id="cf-ask-organization-error"' in answer.text

    def test_a_private_dataset_gives_no_context_to_who_may_not_see_it(self):
        producer = Producer(title="Secret de fabrique", private=True)
        path = f"/pages/requests/new?dataset={producer.dataset.id}"
        shown = self.see(path, UserFactory())
        assert "Secret" not in shown
        assert producer.organization.name not in shown
        assert "Secret" in self.see(path, producer.admin)


class SimilarThingsTest(AskingCase):
    def test_what_was_looked_for_in_vain_is_the_title_to_begin_with(self):
        found = self.see("/pages/requests/?q=cloches+des+villages")
        assert 'name="q" value="cloches des villages"' in found
        address = self.post("/pages/requests/unmet", None, q="cloches des villages").location
        assert 'value="cloches des villages"' in self.see(address.removeprefix(P), UserFactory())

    def test_they_are_shown_with_a_way_to_support_them(self):
        author, reader = UserFactory(), UserFactory()
        self.asks(author)
        path = "/pages/requests/similar?q=horaire+des+musees"
        assert "/pages/requests/horaires-des-musees/support" in self.see(path, reader)
        assert "formaction" not in self.see(path, author)  # one's own
        assert "formaction" not in self.see(path)  # nobody is known
        assert "<mark>Horaires</mark> des <mark>musées</mark>" in self.see(path)
        assert "data-found" not in self.see("/pages/requests/similar?q=", reader)

    def test_the_dataset_one_asks_from_is_not_proposed(self):
        here = DatasetFactory(title="Horaires des musées de France")
        there = DatasetFactory(title="Horaires des musées de Bretagne")
        path = "/pages/requests/similar?q=horaires+des+musees"
        assert here.title.split()[-1] in self.see(path)
        page = self.see(f"{path}&dataset={here.id}")
        assert "France" not in page
        assert there.title.split()[-1] in page
        form = self.see(f"/pages/requests/new?dataset={here.slug}", UserFactory())
        assert f"similar?dataset={here.slug}" in form

    def test_in_the_widget_a_support_is_shown_where_the_form_was(self):
        self.asks(UserFactory())
        shown = self.see("/pages/requests/similar?q=horaire+musee&as=fragment", UserFactory())
        [address] = re.findall(r'formaction="([^"]+)"', shown)
        assert address.endswith("/support?show=card")
        path = address.removeprefix(P) + "&as=fragment"
        answer = self.post(path, UserFactory(), instead="ask:6564aa00aa00aa00aa00aa00")
        assert answer.headers["X-Culture-Feedback"] == "fragment"
        assert 'id="cf-ask"' in answer.text
        assert 'data-sent="ask:6564aa00aa00aa00aa00aa00"' in answer.text
        assert "<form" not in answer.text
        refused = self.visit("POST", P + path, headers={"X-Culture-Feedback": "form"})
        assert refused.status_code == 401
        assert 'id="cf-ask-errors"' in refused.text

    def test_who_has_seen_them_sends_at_once(self):
        self.asks(UserFactory())
        again = {"title": "Horaire des musées"}
        shown = self.asks(**again)
        assert shown.status_code == 200
        assert 'name="checked"' in shown.text
        assert requests().count_documents({}) == 1
        assert self.asks(**again, checked="1").status_code == 303


class UnmetTest(AskingCase):
    def seen(self) -> list[int]:
        return [one["seen"] for one in unmet_searches._unmet().find()]

    def goes_on(self, who: Any = None, **form: Any) -> Any:
        return self.post("/pages/requests/unmet", who, q="Cloches des villages", **form)

    def test_going_on_from_an_empty_search_counts_each_person_once(self):
        page = self.see("/pages/requests/?q=Cloches+des+villages", UserFactory())
        assert f'action="{P}/pages/requests/unmet' in page
        people = [UserFactory() for _one in range(6)]
        for one in (*people, people[0]):
            answer = self.goes_on(one)
            assert answer.status_code == 303
            assert "/pages/requests/new?title=Cloches+des+villages" in answer.location
        assert self.seen() == [6]

    def test_a_browser_counts_by_its_token_and_nobody_without_one(self):
        browser = tokens.new_browser()
        for form in ({}, {"contributor_token": browser}, {"contributor_token": browser}):
            assert self.goes_on(**form).status_code == 303
        assert self.seen() == [1]
        [stored] = unmet_searches._unmet().find()
        assert browser not in str(stored)

    def test_what_was_shown_and_is_something_else_counts_once_it_is_asked(self):
        self.asks(UserFactory(), title="Horaires des piscines")
        unmet_searches._unmet().delete_many({})
        asked = self.asks(UserFactory(), title="Horaires des piscines")
        assert "data-found" in asked.text
        assert self.seen() == []
        self.asks(UserFactory(), title="Horaires des piscines", checked="1")
        assert self.seen() == [1]


class InTheWidgetTest(AskingCase):
    def test_what_was_sent_is_shown_with_its_dates_where_the_form_was(self):
        producer = Producer()
        path = f"/pages/requests/new?dataset={producer.dataset.slug}&as=fragment&level=3"
        form = self.see(path, UserFactory())
        assert '<h5 id="cf-ask-heading"' in form
        [action] = set(re.findall(r'<form [^>]*action="([^"#]+)', form))
        dataset = re.search(r'name="dataset" value="(\w+)"', form)
        assert dataset
        answer = self.asks(path=f"{action.removeprefix(P)}&as=fragment", dataset=dataset[1])
        assert answer.status_code == 200
        assert answer.headers["X-Culture-Feedback"] == "fragment"
        shown = html.unescape(answer.text)
        assert 'id="cf-ask"' in shown
        assert "Horaires des musées" in shown
        assert f'data-sent="ask:{producer.dataset.id}"' in shown
        assert producer.organization.name in shown
        assert re.search(r"Réponse attendue avant le \d", shown)
        assert "/pages/requests/horaires-des-musees/" in shown

    def test_ids_do_not_meet_those_of_the_page_of_the_dataset(self):
        producer, author = Producer(), UserFactory()
        self.give(author, producer.dataset)
        edited = f"/pages/datasets/{producer.dataset.slug}/?as=fragment&edit=1"
        around = set(re.findall(r'\sid="([^"]+)"', self.see(edited, author)))
        asked = f"/pages/requests/new?dataset={producer.dataset.slug}&as=fragment"
        ids = re.findall(r'\sid="([^"]+)"', self.see(asked, author))
        assert len(ids) == len(set(ids))
        assert around & set(ids) == {"cf-ask"}  # which is what it replaces


class DraftTest(AskingCase):
    def test_what_is_refused_comes_back_from_the_server_and_not_from_the_draft(self):
        user = UserFactory()
        assert "data-kept" not in self.see("/pages/requests/new", user)
        assert 'data-draft="ask:"' in self.see("/pages/requests/new", user)
        assert "data-kept" in self.asks(user, title="").text
        too_long = self.asks(user, description="é" * 70_000)
        assert too_long.status_code == 413
        assert "data-kept" not in too_long.text  # nothing could be read of it

    def test_each_dataset_has_its_own(self):
        first, second = DatasetFactory(), DatasetFactory()
        for dataset in (first, second):
            shown = self.see(f"/pages/requests/new?dataset={dataset.slug}", UserFactory())
            assert f'data-draft="ask:{dataset.id}"' in shown
            assert f'data-drafted="ask:{dataset.id}"' in self.see(f"/pages/datasets/{dataset.id}/")

    def test_it_is_forgotten_once_sent(self):
        user = UserFactory()
        answer = self.asks(user, dataset=str(DatasetFactory().id))
        assert 'data-sent="ask:' in self.see(answer.location.split(P)[1].split("#")[0], user)

    def test_an_address_forges_no_name_of_a_draft(self):
        dataset = DatasetFactory()
        self.asks(UserFactory(), dataset=str(dataset.id))
        path = "/pages/requests/horaires-des-musees/"
        answer = self.post(f"{path}support", UserFactory(), instead='"><b>')
        assert "sent=" not in answer.location
        assert '"><b>' not in self.ask("GET", f'{path}?done=asked&sent="><b>').text

    def test_details_of_an_opinion_have_one_too(self):
        user, dataset = UserFactory(), DatasetFactory()
        self.give(user, dataset)
        path = f"/pages/datasets/{dataset.slug}/"
        assert f'data-draft="feedback:{dataset.id}"' in self.see(f"{path}?edit=1", user)
        assert "data-sent" not in self.see(f"{path}?done=answered", user)
        assert f'data-sent="feedback:{dataset.id}"' in self.see(f"{path}?done=detailed", user)


class PickersTest(AskingCase):
    """Without JavaScript the words are looked up once the form is sent."""

    def request(self, producer: Producer, **form: Any) -> str:
        answer = self.asks(organization=str(producer.organization.id), checked="1", **(FORM | form))
        assert answer.status_code == 303, answer.text
        return re.sub(r"^.*/pages/", "/pages/", answer.location.split("?")[0])

    def test_datasets_are_linked_by_their_titles(self):
        producer = Producer()
        path = self.request(producer)
        one = DatasetFactory(title="Musées de Brest")
        two = DatasetFactory(title="Musées de Lyon")
        move = {"to": "published", "from": "submitted"}
        unclear = self.post(f"{path}move", producer.admin, **move, datasets_q="musées")
        assert unclear.status_code == 400
        for dataset in (one, two):
            assert f'<input type="checkbox" name="datasets" value="{dataset.id}">' in unclear.text
        chosen = {"datasets": [str(one.id), str(two.id)]}
        assert self.post(f"{path}move", producer.admin, **move, **chosen).status_code == 303
        assert requests().find_one()["fulfilled_by"]["datasets"] == [one.id, two.id]

    def test_a_title_adds_to_what_is_chosen_already(self):
        producer = Producer()
        path = self.request(producer)
        one = DatasetFactory(title="Musées de Brest")
        two = DatasetFactory(title="Musées de Lyon")
        form = {"to": "published", "from": "submitted", "datasets": str(one.id)}
        answer = self.post(f"{path}move", producer.admin, **form, datasets_q="Musees de Lyon")
        assert answer.status_code == 303
        assert requests().find_one()["fulfilled_by"]["datasets"] == [one.id, two.id]

    def test_a_private_dataset_is_not_found(self):
        producer = Producer(title="Musées de Brest", private=True)
        path = self.request(producer)
        form = {"to": "published", "from": "submitted", "datasets_q": "Musées de Brest"}
        answer = self.post(f"{path}move", producer.admin, **form)
        assert answer.status_code == 400
        assert 'id="cf-datasets-error"' in answer.text

    def test_a_request_is_sent_to_an_organization_by_its_name(self):
        producer = Producer()
        path = self.request(producer)
        other = OrganizationFactory(name="Médiathèque du patrimoine")
        form = {"organization_q": "mediatheque du patrimoine", "message": "Elle les détient."}
        assert self.post(f"{path}transfer", producer.admin, **form).status_code == 303
        assert requests().find_one()["organization"] == other.id

    def test_an_unclear_name_keeps_the_message_of_a_transfer(self):
        producer = Producer()
        path = self.request(producer)
        form = {"organization_q": "Zzyzx", "message": "Elle les détient."}
        answer = self.post(f"{path}transfer", producer.admin, **form)
        assert answer.status_code == 400
        assert re.search(r'cf-transfer-message"[^>]*>\s*Elle les détient\.', answer.text)
        assert "Elle les détient." not in re.sub(
            r"cf-transfer-message.*", "", answer.text, flags=re.S
        )

    def test_a_request_is_merged_into_another_by_its_title(self):
        producer = Producer()
        path = self.request(producer)
        target = self.request(producer, title="Horaires d’ouverture des musées de France")
        form = {"to": "duplicate", "from": "submitted"}
        typed = "Horaires d’ouverture des musées de France"
        answer = self.post(f"{path}move", producer.admin, **form, duplicate_of_q=typed)
        assert answer.status_code == 303, answer.text
        slugs = {slug.strip("/").rpartition("/")[2] for slug in (path, target)}
        merged = requests().find_one({"status": "duplicate"})
        assert {
            merged["slug"],
            requests().find_one({"_id": merged["duplicate_of"]})["slug"],
        } == slugs
