"""Participation is no opinion: the team sees it while the seal holds, everybody the total where the
team says so. A consultation begins from another one, or from the model that is shipped, and says
what somebody without an account has to give."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app import migrations
from udata_culture_feedback.consultations import figures, upkeep
from udata_culture_feedback.consultations.models import of_responses, responses, results

from ..people.without_account import SETTINGS
from .consulting import (
    AFTER,
    ANSWERS,
    BEFORE,
    DURING,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    stored,
    team_member,
)
from .test_pages import Browser

MORNING_AFTER = "2022-12-20T23:30:00+00:00"  # the 21st in Paris


@pytest.mark.options(**UNLIMITED)
class ParticipationTest(ConsultationCase):
    @pytest.fixture(autouse=True)
    def consultation(self, plugin: Any, instance_path: Any) -> None:
        self.team = team_member()
        with freeze_time(BEFORE):
            self.made = self.make(self.team)
        self.path = f"/consultations/{self.made['id']}/participation/"

    def answers(self) -> None:
        for _ in range(3):
            with freeze_time(DURING):
                self.answered(self.made, profile="teacher")
        with freeze_time(MORNING_AFTER):
            self.answered(self.made)
            body = {"answers": ANSWERS, "channel": "post", "reference": "Lettre 1"}
            path = f"/consultations/{self.made['id']}/responses/"
            assert self.ask("POST", path, body, self.team).status_code == 201

    def test_its_team_sees_how_many_answer_by_day_and_by_way(self):
        self.answers()
        with freeze_time(DURING):
            found = self.ask("GET", self.path, user=self.team).json
            page = Browser(self, self.team).goes_to(
                f"/pages/consultations/{self.made['slug']}/participation?lang=en"
            )
        assert found["total"] == 5
        assert found["days"] == [
            {"day": "2022-12-20", "count": 3},
            {"day": "2022-12-21", "count": 2},
        ]
        assert found["ways"] == {
            "account": 4,
            "verified": 0,
            "unverified": 0,
            "entered": 1,
            "imported": 0,
        }
        assert found["profiles"] == []  # three teachers are not ten
        assert page.sees("5 answers, of which 3 on Dec 20, 2022.", "Opinions are sealed"), page.text
        assert page.sees("Entered by the team")

    def test_everybody_sees_the_total_where_the_team_says_so(self):
        self.answers()
        with freeze_time(DURING):
            assert self.ask("GET", self.path).status_code == 404
            page = Browser(self).goes_to(f"/pages/consultations/{self.made['slug']}/?lang=en")
            assert not page.sees("5 answers")
            shown = self.change(self.made, self.team, show_participation=True)
            assert shown.status_code == 200
            assert self.ask("GET", self.path).json == {"total": 5}
            page.goes_to(f"/pages/consultations/{self.made['slug']}/?lang=en")
            assert page.sees("5 answers")

    def test_profiles_are_told_in_tens_from_ten_on(self):
        figures.results().insert_one(
            {
                "_id": of_responses(self.made["id"]),
                "v": 1,
                "totals": {"total": 60, "profile:teacher": 9, "profile:researcher": 27},
            }
        )
        with freeze_time(DURING):
            found = self.ask("GET", self.path + "?lang=en", user=self.team).json
        assert found["profiles"] == [{"id": "researcher", "label": "Research", "at_least": 20}]

    def test_reminders_are_dated(self):
        with freeze_time("2023-02-05T12:00:00+00:00"):
            upkeep.remind()
            upkeep.remind()
            found = self.ask("GET", self.path, user=self.team).json
        assert found["reminders"] == ["2023-02-05T12:00:00+00:00"]

    def test_answers_of_before_are_counted_by_the_migration(self):
        self.answers()
        sent = {"sent_at": {"$exists": True}}
        id = of_responses(self.made["id"])
        for response in list(responses().find(sent)):
            old = {
                key: n
                for key, n in response["live"].items()
                if not key.startswith(("way:", "day:"))
            }
            responses().update_one({"_id": response["_id"]}, {"$set": {"live": old, "due": [id]}})
        figures.settle_all(ObjectId(self.made["id"]))
        assert not any("way:" in key and n for key, n in _totals(id).items())
        assert migrations.run("0007-count-participation") == "5 responses count anew"
        assert _totals(id)["way:account"] == 4
        assert _totals(id)["by:verified:answered:use"] == 5
        assert migrations.run("0007-count-participation") == "0 responses count anew"


def _totals(id: str) -> dict[str, int]:
    found = results().find_one({"_id": id})
    assert found is not None
    return found["totals"]


@pytest.mark.options(**UNLIMITED, **SETTINGS)
class CopyTest(ConsultationCase):
    def test_a_copy_has_the_same_questions_and_opens_the_next_day(self, instance_path: Any):
        team = team_member()
        with freeze_time(BEFORE):
            made = self.make(team, scope={"tags": ["musee"]}, mode="email")
        with freeze_time(AFTER):
            path = f"/consultations/{made['slug']}/copy/"
            assert self.ask("POST", path, {}, UserFactory()).status_code == 403
            copied = self.ask("POST", path, {"title": {"en": "Again"}}, team)
            page = Browser(self, team).goes_to(f"/pages/consultations/{made['slug']}/edit?lang=en")
            page.presses(form=page.form_with("Make a copy"))
            assert page.sees("This is a copy, which only the team sees"), page.text
        assert copied.status_code == 201
        shown = copied.json
        assert (shown["state"], shown["title"], shown["mode"]) == ("draft", "Again", "email")
        assert shown["source"]["questions"] == made["source"]["questions"]
        assert shown["source"]["scope"]["tags"] == ["musee"]
        assert shown["opens_at"] == "2023-02-07T23:00:00+00:00"
        assert shown["closes_at"] == "2023-04-11T23:00:00+00:00"

    def test_one_begins_from_the_culture_model(self, instance_path: Any):
        team = team_member()
        ministry = OrganizationFactory(name="Ministère de la Culture")
        body = {
            "model": "culture",
            "organization": str(ministry.id),
            "opens_at": "2022-12-06T00:00",
            "closes_at": "2023-02-07T00:00",
        }
        with freeze_time(BEFORE):
            made = self.ask("POST", "/consultations/?lang=en", body, team)
            assert made.status_code == 201, made.json
            refused = self.ask("POST", "/consultations/", body | {"model": "nothing"}, team)
            assert refused.json["errors"].keys() == {"model"}
            page = Browser(self, team).goes_to("/pages/consultations/new?lang=en&model=culture")
            assert page.sees("Données culturelles ouvertes : vos besoins, vos usages")
            texts = {"title.fr": "La mienne", "steps.fr": "Un\nDeux\nTrois"}
            picked = {"organization": str(ministry.id)}
            dates = {"opens_at": "2022-12-06T00:00", "closes_at": "2023-02-07T00:00"}
            form = page.form_with("Make the consultation")
            page.presses(form=form, **texts, **picked, **dates)
            assert page.sees("The consultation is made.", "10 questions"), page.text
        kinds = [question["kind"] for question in made.json["questions"]]
        assert kinds[0] == "single"
        assert "matrix" in kinds
        assert made.json["title"] == "Open cultural data: your needs, your uses"


@pytest.mark.options(**UNLIMITED, **SETTINGS)
class ModeTest(ConsultationCase):
    def test_each_says_what_somebody_without_an_account_has_to_give(self, instance_path: Any):
        team = team_member()
        for mode, ways in (
            ("open", ["account", "proof", "email"]),
            ("email", ["account", "email"]),
            ("account", None),
        ):
            with freeze_time(BEFORE):
                made = self.make(team, mode=mode)
            assert made["mode"] == mode
            with freeze_time(DURING):
                refused = self.answer(made, None)
                assert refused.status_code == 401
                assert refused.json.get("ways") == ways
                asked = f"/proof/?action=response&target={made['slug']}"
                challenge = self.ask("GET", asked).status_code
                assert challenge == (200 if mode == "open" else 403)
                by_email = self.answer(made, None, email="camille@example.org")
                assert by_email.status_code == (401 if mode == "account" else 202)
                changed = self.change(made, team, mode="open" if mode != "open" else "account")
                assert changed.status_code == 409  # it has opened

    def test_what_is_wrong_is_named(self, instance_path: Any):
        team = team_member()
        with freeze_time(BEFORE):
            made = self.make(team)
            assert self.change(made, team, mode="closed").json["errors"].keys() == {"mode"}
            assert self.change(made, team, mode="account").status_code == 200
        assert stored(made)["mode"] == "account"

    def test_results_tell_the_verified_from_the_others(self, instance_path: Any):
        team = team_member()
        with freeze_time(BEFORE):
            made = self.make(team)
        with freeze_time(DURING):
            for number in range(22):
                self.answered(made)
                if number < 11:
                    response = responses().find_one(sort=[("_id", -1)])
                    assert response
                    _as_a_browser(response, made)
        figures.settle_all(ObjectId(made["id"]))
        with freeze_time(AFTER):
            found = self.results_of(made)
        counted = found["responses"]["by_contributor"]
        assert counted == {"account": 11, "verified": 0, "unverified": 11}
        groups = found["questions"][0]["by_contributor"]
        assert [(one["group"], one["answered"]) for one in groups] == [
            ("verified", 11),
            ("unverified", 11),
        ]


def _as_a_browser(response: Any, made: Any) -> None:
    """Makes an answer one of somebody without an account, who gave a proof of work."""
    who = {"kind": "unverified", "key": f"token:{response['_id']}"}
    response["contributor"] = who
    live = figures.live_totals(stored(made)["questions"], response)
    due = [of_responses(made["id"])]
    update = {"$set": {"contributor": who, "live": live, "due": due}, "$inc": {"v": 1}}
    responses().update_one({"_id": response["_id"]}, update)
