"""A dataset appears, and may be what people were waiting for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.organization.models import Member
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.tests.helpers import capture_mails

from udata_culture_feedback.data_requests import actions, dataset_matches
from udata_culture_feedback.data_requests.dataset_matches import matches as stored_matches
from udata_culture_feedback.data_requests.indexing import index_dataset
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.people.viewer import viewer_of
from udata_culture_feedback.web.refusals import Conflict, Forbidden, NotFound

from ..cases import PluginTestCase, sysadmin
from .asking import UNLIMITED, as_user, assert_figures, stored

TITLE = "Fréquentation des musées par mois"
DATA = "Fréquentation mensuelle des musées"


class Matching(PluginTestCase):
    @pytest.fixture(autouse=True)
    def people(self, plugin: None) -> None:
        self.app.config.update(UNLIMITED)
        self.admin, self.camille = UserFactory(), UserFactory(prefered_language="fr")
        self.museum = OrganizationFactory(name="Musée de Bretagne", admins=[self.admin])

    def ask_for(self, title: str = TITLE, holder: Any = "museum") -> str:
        organization = self.museum if holder == "museum" else holder
        body = {
            "title": title,
            "description": "Pour étudier les saisons.",
            "kind": "new",
            "organization": organization and str(organization.id),
        }
        made, _new = self.does(self.camille, lambda viewer: actions.ask(viewer, body))
        return str(made["_id"])

    def does(self, who: User | None, what: Any) -> Any:
        done = as_user(self.app, who, what)
        if isinstance(done, Exception):
            raise done
        return done

    def publish(self, title: str = DATA, **fields: Any) -> Any:
        return DatasetFactory(title=title, organization=self.museum, **fields)

    def proposed(self) -> list[tuple[str, str]]:
        found = stored_matches().find({"state": "proposed"}).sort("_id", 1)
        return [(str(match["request"]), str(match["dataset"])) for match in found]

    def shown(self, who: User, request: str) -> list[dict[str, Any]]:
        return self.does(who, lambda viewer: dataset_matches.proposals_on(viewer, stored(request)))


class ProposingTest(Matching):
    def test_a_new_dataset_is_proposed_for_the_open_requests_that_resemble_it(self):
        id = self.ask_for()
        self.ask_for("Liste des jardins remarquables")
        dataset = self.publish()
        assert self.proposed() == [(id, str(dataset.id))]

    def test_one_that_is_made_public_is(self):
        id = self.ask_for()
        dataset = self.publish(private=True)
        assert self.proposed() == []
        dataset.private = False
        dataset.save()
        assert self.proposed() == [(id, str(dataset.id))]

    def test_one_that_was_public_before_the_request_is_not(self):
        dataset = self.publish()
        self.ask_for()
        dataset.description = "Autre chose"
        dataset.save()
        assert self.proposed() == []

    def test_requests_to_others_are_not_proposed_but_those_to_nobody_are(self):
        self.ask_for(holder=OrganizationFactory())
        id = self.ask_for(holder=None)
        dataset = self.publish()
        assert self.proposed() == [(id, str(dataset.id))]

    def test_requests_that_are_answered_or_not_public_are_not(self):
        hidden, answered = self.ask_for(), self.ask_for()
        requests().update_one({"_id": ObjectId(hidden)}, {"$set": {"visibility": "hidden"}})
        move = {"to": "published", "urls": ["https://example.org/"]}
        self.does(self.admin, lambda viewer: actions.move(viewer, answered, move))
        self.publish()
        assert self.proposed() == []

    def test_after_a_crash_the_same_is_proposed_once_and_told_once(self):
        self.ask_for()
        with capture_mails() as sent:
            dataset = self.publish()
            from udata_culture_feedback.search.index import entries

            entries().delete_one({"_id": f"dataset:{dataset.id}"})
            index_dataset(str(dataset.id))
        assert len(self.proposed()) == 1
        assert len(sent) == 1

    def test_the_producer_has_one_mail_for_a_dataset_whatever_it_resembles(self):
        first, second = self.ask_for(), self.ask_for("Fréquentation des musées par semaine")
        with capture_mails() as sent:
            self.publish()
        assert len(self.proposed()) == 2
        [mail] = sent
        assert mail.recipients == [self.admin.email]
        assert DATA in mail.subject
        for id in (first, second):
            assert f"/pages/requests/{stored(id)['slug']}/" in mail.body

    def test_where_the_holder_is_unknown_the_desk_has_it_too(self):
        keeper = UserFactory()
        desk = OrganizationFactory(name="Guichet", admins=[keeper])
        self.app.config["CULTURE_FEEDBACK_DESK"] = str(desk.id)
        self.ask_for(holder=None)
        with capture_mails() as sent:
            self.publish()
        assert {mail.recipients[0] for mail in sent} == {self.admin.email, keeper.email}
        listed = self.does(keeper, lambda viewer: dataset_matches.proposals_for(viewer, [desk.id]))
        assert [one["request"]["title"] for one in listed] == [TITLE]

    def test_a_dataset_that_is_purged_is_proposed_no_more(self):
        self.ask_for()
        self.publish().delete()
        assert self.proposed() == []

    def test_a_request_that_is_deleted_either(self):
        id = self.ask_for()
        self.publish()
        self.does(self.camille, lambda viewer: actions.delete(viewer, id))
        assert self.proposed() == []


class DecidingTest(Matching):
    @pytest.fixture(autouse=True)
    def proposal(self, people: None) -> None:
        self.request = self.ask_for()
        self.dataset = self.publish()
        self.id = f"{self.request}:{self.dataset.id}"

    def accept(self, who: User | None) -> Any:
        return self.does(who, lambda viewer: dataset_matches.accept(viewer, self.id))

    def dismiss(self, who: User | None) -> Any:
        return self.does(who, lambda viewer: dataset_matches.dismiss(viewer, self.id))

    def test_its_producer_sees_it_on_the_request_and_nobody_else_does(self):
        [shown] = self.shown(self.admin, self.request)
        assert shown["id"] == self.id
        assert shown["dataset"]["title"] == DATA
        assert shown["request"]["title"] == TITLE
        for who in (self.camille, UserFactory()):
            assert self.shown(who, self.request) == []
        with self.app.test_request_context("/"):
            assert dataset_matches.proposals_for(viewer_of(self.admin), [ObjectId()]) == []

    def test_accepting_publishes_the_request_with_the_dataset_and_tells_the_requester(self):
        with capture_mails() as sent:
            self.accept(self.admin)
        request = stored(self.request)
        assert request["status"] == "published"
        assert request["fulfilled_by"]["datasets"] == [self.dataset.id]
        assert [mail.recipients for mail in sent] == [[self.camille.email]]
        assert DATA in sent[0].body
        assert self.shown(self.admin, self.request) == []
        self.accept(self.admin)
        assert len(stored(self.request)["history"]) == 1

    def test_the_requester_confirms_or_reopens(self):
        self.accept(self.admin)
        self.does(self.camille, lambda viewer: actions.confirm(viewer, self.request))
        assert stored(self.request)["confirmed_at"]
        again = {"to": "acknowledged", "message": "Il manque 2019."}
        self.does(self.camille, lambda viewer: actions.move(viewer, self.request, again))
        assert stored(self.request)["status"] == "acknowledged"

    def test_others_cannot_accept_or_dismiss(self):
        for who in (self.camille, UserFactory()):
            with pytest.raises(Forbidden):
                self.accept(who)
            with pytest.raises(Forbidden):
                self.dismiss(who)
        assert stored(self.request)["status"] == "submitted"
        assert len(self.proposed()) == 1

    def test_what_is_dismissed_does_not_come_back(self):
        self.dismiss(self.admin)
        self.dismiss(self.admin)
        self.dataset.private = True
        self.dataset.save()
        self.dataset.private = False
        self.dataset.save()
        assert self.shown(self.admin, self.request) == []
        with pytest.raises(Conflict):
            self.accept(self.admin)

    def test_what_is_accepted_cannot_be_dismissed(self):
        self.accept(self.admin)
        with pytest.raises(Conflict):
            self.dismiss(self.admin)

    def test_a_dataset_that_turned_private_is_not_shown(self):
        self.dataset.private = True
        self.dataset.save()
        assert self.shown(self.admin, self.request) == []

    def test_a_transfer_takes_it_to_the_new_holder(self):
        keeper = UserFactory()
        archives = OrganizationFactory(name="Archives", admins=[keeper])
        payload = {"organization": str(archives.id), "message": "C'est à eux."}
        self.does(self.admin, lambda v: actions.transfer(v, self.request, payload))
        mine = self.does(self.admin, lambda v: dataset_matches.proposals_for(v, [self.museum.id]))
        theirs = self.does(keeper, lambda v: dataset_matches.proposals_for(v, [archives.id]))
        assert (len(mine), len(theirs)) == (0, 1)

    def test_what_is_no_proposal_is_not_found(self):
        for id in ("nonsense", f"{ObjectId()}:{ObjectId()}", None, 3):
            with pytest.raises(NotFound):
                self.does(self.admin, lambda viewer, id=id: dataset_matches.accept(viewer, id))
        requests().update_one({"_id": ObjectId(self.request)}, {"$set": {"visibility": "hidden"}})
        with pytest.raises(NotFound):
            self.accept(self.admin)


class ClaimingTest(Matching):
    """Nobody knows who holds the data, and then a dataset answers the request."""

    @pytest.fixture(autouse=True)
    def proposal(self, people: None) -> None:
        self.request = self.ask_for(holder=None)
        self.dataset = self.publish()
        self.id = f"{self.request}:{self.dataset.id}"

    def accept(self, who: User) -> Any:
        return self.does(who, lambda viewer: dataset_matches.accept(viewer, self.id))

    def test_its_producer_sees_it_on_the_request_and_on_the_dashboard(self):
        [shown] = self.shown(self.admin, self.request)
        assert shown["dataset"]["title"] == DATA
        listed = self.does(self.admin, lambda v: dataset_matches.proposals_for(v, [self.museum.id]))
        assert [one["id"] for one in listed] == [self.id]

    def test_other_producers_and_the_requester_do_not(self):
        other = UserFactory()
        archives = OrganizationFactory(name="Archives", admins=[other])
        for who in (other, self.camille):
            assert self.shown(who, self.request) == []
            with pytest.raises(Forbidden):
                self.accept(who)
        assert self.does(other, lambda v: dataset_matches.proposals_for(v, [archives.id])) == []

    def test_accepting_makes_the_request_theirs_and_publishes_it_at_once(self):
        with freeze_time("2026-03-02 10:00"):
            self.accept(self.admin)
        request = stored(self.request)
        assert request["organization"] == self.museum.id
        assert request["received_at"] == datetime(2026, 3, 2, 10)
        assert request["status"] == "published"
        assert request["fulfilled_by"]["datasets"] == [self.dataset.id]
        sent, published = request["history"]
        assert sent["transferred_to"] == self.museum.id
        assert sent["from"] == sent["to"] == "submitted"
        assert (published["from"], published["to"]) == ("submitted", "published")
        assert sent["by"]["organization"] == published["by"]["organization"] == self.museum.id
        assert_figures()

    def test_the_requester_has_one_mail_for_both(self):
        with capture_mails() as sent:
            self.accept(self.admin)
        [mail] = sent
        assert mail.recipients == [self.camille.email]
        assert DATA in mail.body

    def test_an_editor_may_a_partial_editor_may_not(self):
        editor, partial = UserFactory(), UserFactory()
        for user, role in ((editor, "editor"), (partial, "partial_editor")):
            self.museum.members.append(Member(user=user, role=role))
        self.museum.save()
        with pytest.raises(Forbidden):
            self.accept(partial)
        self.accept(editor)
        assert stored(self.request)["organization"] == self.museum.id

    def test_a_dataset_that_turned_private_claims_nothing(self):
        self.dataset.private = True
        self.dataset.save()
        with pytest.raises(Forbidden):
            self.accept(self.admin)
        assert "organization" not in stored(self.request)

    def test_a_request_that_went_to_somebody_else_meanwhile_is_theirs(self):
        archives = OrganizationFactory(name="Archives")
        payload = {"organization": str(archives.id), "message": "C'est à eux."}
        self.does(sysadmin(), lambda v: actions.transfer(v, self.request, payload))
        with pytest.raises(Forbidden):
            self.accept(self.admin)
        assert stored(self.request)["organization"] == archives.id

    def test_the_desk_publishes_it_without_becoming_its_holder(self):
        keeper = UserFactory()
        desk = OrganizationFactory(name="Guichet", admins=[keeper])
        self.app.config["CULTURE_FEEDBACK_DESK"] = str(desk.id)
        self.accept(keeper)
        request = stored(self.request)
        assert request["status"] == "published"
        assert "organization" not in request

    def test_its_producer_may_say_that_it_is_something_else(self):
        self.does(self.admin, lambda viewer: dataset_matches.dismiss(viewer, self.id))
        assert self.shown(self.admin, self.request) == []

    def test_a_dataset_given_to_another_organization_is_theirs_to_claim(self):
        keeper = UserFactory()
        archives = OrganizationFactory(name="Archives", admins=[keeper])
        self.dataset.organization = archives
        self.dataset.save()
        with pytest.raises(Forbidden):
            self.accept(self.admin)
        self.accept(keeper)
        assert stored(self.request)["organization"] == archives.id
