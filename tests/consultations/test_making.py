"""Making a consultation: what a team writes, what it may still change, and who is in the team."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from ..cases import P, Producer, sysadmin
from .consulting import (
    AFTER,
    BEFORE,
    CLOSES,
    DURING,
    QUESTIONS,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    stored,
    team_member,
)

#: A field, and what it cannot be.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"title": ""}, "title"),
    ({"title": {"xx": "a"}}, "title"),
    ({"title": {"fr": 3}}, "title"),
    ({"title": {"fr": "x" * 151}}, "title"),
    ({"organization": "nobody"}, "organization"),
    ({"organization": None}, "organization"),
    ({"closes_at": "2022-12-06T00:00"}, "closes_at"),
    ({"contact": "javascript:alert(1)"}, "contact"),
    ({"contact": "a b@c.d"}, "contact"),
    ({"scope": []}, "scope"),
    ({"scope": {"datasets": ["nothing"]}}, "scope.datasets"),
    ({"scope": {"organizations": [1]}}, "scope.organizations"),
    ({"scope": {"tags": [""]}}, "scope.tags"),
    ({"steps": [""]}, "steps.0"),
    ({"steps": ["x"] * 9}, "steps"),
    ({"questions": {}}, "questions"),
    ({"questions": ["x"]}, "questions.0"),
    ({"read_only": "yes"}, "read_only"),
]

#: What is wrong with a question.
WRONG_QUESTION: list[tuple[dict[str, Any], str]] = [
    ({"text": {}}, "text"),
    ({"kind": "essay"}, "kind"),
    ({"kind": ["single"]}, "kind"),
    ({"kind": "single"}, "options"),
    ({"kind": "single", "options": [{"label": "one"}]}, "options"),
    ({"kind": "multiple", "options": [{"id": "a", "label": "x"}] * 2}, "options"),
    ({"kind": "multiple", "options": ["x", ""]}, "options"),
    ({"kind": "scale"}, "scale"),
    ({"kind": "scale", "scale": ["one"]}, "scale"),
    ({"kind": "scale", "scale": ["one", ""]}, "scale"),
    ({"kind": "single", "options": ["Oui", "oui"]}, "options"),
    ({"kind": "single", "options": [{"label": x, "other": True} for x in "ab"]}, "options"),
    ({"kind": "multiple", "options": ["a", "b"], "max_choices": 3}, "max_choices"),
    ({"kind": "multiple", "options": ["a", "b"], "max_choices": "2"}, "max_choices"),
    ({"kind": "ranking", "options": ["a"]}, "options"),
    ({"kind": "ranking", "options": [str(n) for n in range(16)]}, "options"),
    ({"kind": "matrix", "scale": ["bad", "good"]}, "rows"),
    ({"kind": "matrix", "scale": ["bad", "good"], "rows": []}, "rows"),
    ({"kind": "matrix", "scale": ["bad", "good"], "rows": ["a", "A"]}, "rows"),
    ({"kind": "matrix", "rows": ["a"]}, "scale"),
    ({"kind": "number", "min": "1"}, "min"),
    ({"kind": "number", "min": 2, "max": 1}, "max"),
    ({"kind": "number", "max": 10**10}, "max"),
    ({"kind": "number", "unit": 3}, "unit"),
    ({"kind": "date", "min": "2026-13-01"}, "min"),
    ({"kind": "date", "min": "2026-01-02", "max": "2026-01-01"}, "max"),
    ({"id": "A b"}, "id"),
    ({"id": "use"}, "id"),
    ({"step": 0}, "step"),
    ({"step": "1"}, "step"),
    ({"step": 4}, "step"),
    ({"shown_if": "use"}, "shown_if"),
    ({"shown_if": {"question": "use", "answers": ["yes"]}, "step": 1}, "shown_if"),
    ({"shown_if": {"question": "nothing", "answers": ["yes"]}}, "shown_if"),
    ({"shown_if": {"question": "use", "answers": ["perhaps"]}}, "shown_if"),
    ({"shown_if": {"question": "use", "answers": [True]}}, "shown_if"),
    ({"shown_if": {"all": "use"}}, "shown_if"),
    ({"shown_if": {"all": [], "any": []}}, "shown_if"),
    ({"shown_if": [{"question": "use", "answers": ["perhaps"]}]}, "shown_if"),
    ({"shown_if": {"any": [{"question": "why", "answers": ["x"]}]}}, "shown_if"),
    ({"shown_if": [{"question": "profile", "answers": ["nobody"]}]}, "shown_if"),
    ({"shown_if": [{"question": "profile", "answers": ["researcher"]}], "step": 1}, "shown_if"),
]


@pytest.mark.options(**UNLIMITED)
class MakingTest(ConsultationCase):
    def test_a_team_makes_it_and_everybody_sees_it_once_it_is_published(self):
        producer, team = Producer(), team_member()
        scope = {"organizations": [producer.organization.slug], "tags": ["musee"]}
        with freeze_time(BEFORE):
            made = self.make(team, publish=False, scope=scope, contact="open@culture.example")
            assert made["state"] == "draft"
            assert self.ask("GET", f"/consultations/{made['slug']}/").status_code == 404
            assert self.ask("GET", "/consultations/").json["total"] == 0
            assert self.ask("GET", "/consultations/", user=team).json["total"] == 1
            published = self.change(made, team, publish=True)
            assert published.status_code == 200
            assert published.json["state"] == "scheduled"
            shown = self.shown(made)
        assert shown["title"] == "Opening culture"
        assert shown["slug"].startswith("o")
        assert shown["controller"] == "Ministry of Culture"
        assert shown["contact"] == "open@culture.example"
        assert [o["id"] for o in shown["scope"]["organizations"]] == [str(producer.organization.id)]
        assert [q["id"] for q in shown["questions"]] == [q["id"] for q in QUESTIONS]
        assert shown["questions"][0]["options"][0] == {"id": "yes", "label": "Yes"}
        assert shown["questions"][2]["scale"] == ["not at all", "little", "rather", "fully"]
        assert shown["timezone"] == "Europe/Paris"
        assert "source" not in shown
        french = self.ask("GET", f"/consultations/{made['id']}/?lang=fr").json
        assert french["title"] == "Ouvrir la culture"
        assert self.ask("GET", "/consultations/?state=scheduled").json["total"] in (0, 1)

    def test_what_the_team_gets_can_be_sent_back_as_it_is(self):
        team = team_member()
        with freeze_time(BEFORE):
            made = self.make(team, scope={"tags": ["musee"]})
            version = stored(made)["version"]
            again = self.change(made, team, **made["source"])
            assert again.status_code == 200
            assert again.json["source"] == made["source"]
            assert stored(made)["version"] == version

    def test_ids_are_made_where_none_is_given(self):
        questions = [
            {
                "kind": "single",
                "text": {"fr": "Été ou hiver ?"},
                "options": ["Été", "Hiver", "Ete"],
            },
            {"kind": "text", "text": "Été ou hiver ?"},
            {"kind": "text", "text": "？？"},
        ]
        made = self.make(publish=False, questions=questions, steps=[])["source"]["questions"]
        assert [q["id"] for q in made] == ["ete-ou-hiver", "ete-ou-hiver-2", "question"]
        assert [o["id"] for o in made[0]["options"]] == ["ete", "hiver", "ete-2"]

    @pytest.mark.parametrize(("wrong", "field"), WRONG, ids=str)
    def test_what_is_wrong_is_named(self, wrong, field):
        refused = self.ask("POST", "/consultations/", self.body(**wrong), team_member())
        assert refused.status_code == 400, refused.json
        assert list(refused.json["errors"]) == [field]

    @pytest.mark.parametrize(("wrong", "field"), WRONG_QUESTION, ids=str)
    def test_what_is_wrong_with_a_question_is_named(self, wrong, field):
        question = {"id": "more", "kind": "text", "text": "More?", "step": 2} | wrong
        body = self.body(questions=[QUESTIONS[0], question])
        refused = self.ask("POST", "/consultations/", body, team_member())
        assert refused.status_code == 400, refused.json
        assert f"questions.1.{field}" in refused.json["errors"]

    def test_it_is_published_only_when_it_says_what_it_must(self):
        team = team_member()
        with freeze_time(AFTER):
            body = self.body(controller={}, questions=[], closes_at=CLOSES)
            made = self.ask("POST", "/consultations/", body, team).json
            refused = self.change(made, team, publish=True)
        assert refused.status_code == 400
        assert set(refused.json["errors"]) == {"controller", "questions", "closes_at"}

    @pytest.mark.options(CULTURE_FEEDBACK_CONSULTATION_CONTROLLER={"en": "The portal"})
    def test_the_portal_may_say_who_is_responsible_for_all_of_them(self):
        with freeze_time(BEFORE):
            made = self.make(controller={})
            assert self.shown(made)["controller"] == "The portal"

    def test_a_draft_is_deleted_and_what_was_published_is_not(self):
        team = team_member()
        with freeze_time(BEFORE):
            draft, public = self.make(team, publish=False), self.make(team)
        assert self.ask("DELETE", f"/consultations/{draft['id']}/", user=team).status_code == 204
        assert self.ask("GET", f"/consultations/{draft['id']}/", user=team).status_code == 404
        assert self.ask("DELETE", f"/consultations/{public['id']}/", user=team).status_code == 409

    def test_two_of_the_same_title_have_two_addresses(self):
        first, second = self.make(publish=False), self.make(publish=False)
        assert first["slug"] != second["slug"]
        new = self.make(publish=False, title="New")
        assert new["slug"] != "new"


@pytest.mark.options(**UNLIMITED)
class FrozenTest(ConsultationCase):
    def answered_one(self, team: Any, **fields: Any) -> Any:
        with freeze_time(BEFORE):
            made = self.make(team, **fields)
        with freeze_time(DURING):
            self.answered(made)
        return made

    @pytest.mark.parametrize(
        "change",
        [
            {"questions": QUESTIONS[:1]},
            {"questions": [*QUESTIONS[:4], QUESTIONS[5], QUESTIONS[4]]},
            {"questions": [*QUESTIONS[:3], QUESTIONS[3] | {"step": 3}, *QUESTIONS[4:]]},
            {"questions": [QUESTIONS[0] | {"required": False}, *QUESTIONS[1:]]},
            {"questions": [QUESTIONS[0] | {"kind": "multiple"}, *QUESTIONS[1:]]},
            {"steps": [{"en": "You"}, {"en": "Uses"}, {"en": "Data"}, {"en": "End"}]},
            {"scope": {"tags": ["musee"]}},
            {"organization": True},
            {"opens_at": "2022-12-07T00:00"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_people_have_answered_to_does_not_change(self, change):
        team = team_member()
        made = self.answered_one(team)
        if change.get("organization"):
            change = {"organization": str(OrganizationFactory().id)}
        before = stored(made)
        with freeze_time(DURING):
            refused = self.change(made, team, **change)
        assert refused.status_code == 409, refused.json
        assert stored(made) == before

    def test_before_the_first_answer_it_does(self):
        team = team_member()
        with freeze_time(BEFORE):
            made = self.make(team)
        with freeze_time(DURING):
            assert self.change(made, team, questions=QUESTIONS[:1]).status_code == 200

    def test_a_typo_is_corrected_and_everybody_sees_what_it_was(self):
        team = team_member()
        made = self.answered_one(team)
        questions = copy.deepcopy(QUESTIONS)
        questions[0]["text"]["en"] = "Do you use cultural open data?"
        questions[1]["options"][0]["label"]["fr"] = "Les musées"
        with freeze_time(DURING):
            changed = self.change(made, team, questions=questions, title={"en": "Open culture"})
            assert changed.status_code == 200
            [entry] = self.shown(made)["journal"]
        assert entry["what"] == "corrected"
        assert "by" not in entry
        changes = {(c["field"], c["language"]): (c["before"], c["after"]) for c in entry["changes"]}
        assert changes == {
            ("title", "fr"): ("Ouvrir la culture", None),
            ("title", "en"): ("Opening culture", "Open culture"),
            ("questions.use.text", "en"): (
                "Do you use cultural data?",
                "Do you use cultural open data?",
            ),
            ("questions.themes.options.museums", "fr"): ("Musées", "Les musées"),
        }

    def test_the_closing_is_put_off_never_back_and_everybody_sees_it(self):
        team = team_member()
        made = self.answered_one(team)
        with freeze_time(DURING):
            back = self.change(made, team, closes_at="2023-02-06T00:00")
            assert back.status_code == 400
            assert "closes_at" in back.json["errors"]
            forward = self.change(made, team, closes_at="2023-02-14T00:00")
            assert forward.status_code == 200
            [entry] = self.shown(made)["journal"]
        assert entry["what"] == "extended"
        assert entry["before"] == "2023-02-06T23:00:00+00:00"
        assert entry["to"] == "2023-02-13T23:00:00+00:00"
        with freeze_time("2023-02-10"):
            self.answered(made)
        with freeze_time("2023-02-14"):
            late = self.change(made, team, closes_at="2023-03-14T00:00")
            assert late.status_code == 409  # answers are known

    def test_it_can_be_suspended_and_go_on(self):
        team = team_member()
        with freeze_time(BEFORE):
            made = self.make(team)
        with freeze_time(DURING):
            self.change(made, team, read_only=True)
            assert self.answer(made, UserFactory()).status_code == 423
            assert self.shown(made)["permissions"]["answer"] is False
            self.change(made, team, read_only=False)
            self.answered(made)
            whats = [entry["what"] for entry in self.shown(made)["journal"]]
        assert whats == ["read_only", "reopened"]

    def test_an_answer_to_questions_that_change_meanwhile_is_read_again(self):
        """Somebody sends what the old questions asked, as the team replaces them."""
        team = team_member()
        with freeze_time(BEFORE):
            made = self.make(team)
        with freeze_time(DURING):
            other = QUESTIONS[0] | {"id": "other"}
            self.change(made, team, questions=[other])
            refused = self.answer(made, UserFactory(), answers={"use": "yes"})
        assert refused.status_code == 400
        assert set(refused.json["errors"]) == {"answers.other"}


#: action → who may: everybody else is told 403, nobody 401.
TEAM = ("member of the team", "sysadmin")
ACTIONS = ("create", "edit", "publish", "delete", "enter", "synthesis")


@pytest.mark.options(**UNLIMITED)
class PermissionTest(ConsultationCase):
    def roles(self) -> dict[str, Any]:
        producer = Producer()
        return {
            "anonymous": None,
            "citizen": UserFactory(),
            "producer admin": producer.admin,
            "producer editor": producer.editor,
            "member of the team": team_member(),
            "sysadmin": sysadmin(),
        }

    def status(self, action: str, user: Any, made: Any, draft: Any) -> int:
        public, hidden = f"/consultations/{made['id']}/", f"/consultations/{draft['id']}/"
        paper = {"answers": {"use": "no"}, "channel": "post", "reference": f"{action}-{user}"}
        verb, path, body = {
            "create": ("POST", "/consultations/", self.body()),
            "edit": ("PUT", public, {"contact": "https://example.org"}),
            "publish": ("PUT", hidden, {"publish": True}),
            "delete": ("DELETE", hidden, None),
            "enter": ("POST", f"{public}responses/", paper),
            "synthesis": ("PUT", public, {"synthesis": {"text": "So."}}),
        }[action]
        return self.ask(verb, path, body, user).status_code

    @pytest.mark.parametrize("action", ACTIONS)
    def test_each_role_is_answered_what_the_table_says(self, action):
        expected = {"create": 201, "delete": 204, "enter": 201, "synthesis": 409}
        wrong = []
        for role, user in self.roles().items():
            with freeze_time(BEFORE):
                made, draft = self.make(), self.make(publish=False)
            with freeze_time(DURING):
                found = self.status(action, user, made, draft)
            wanted = 401 if role == "anonymous" else 403
            if role in TEAM:
                wanted = expected.get(action, 200)
            if found != wanted:
                wrong.append((role, found, wanted))
        assert wrong == []

    def test_a_draft_does_not_exist_for_others(self):
        with freeze_time(BEFORE):
            draft = self.make(publish=False)
        for role, user in self.roles().items():
            paths = ["", "responses/", "results/", "results/texts/"]
            found = [
                self.ask("GET", f"/consultations/{draft['slug']}/{path}", user=user).status_code
                for path in paths
            ]
            expected = [200, 200, 404, 404] if role in TEAM else [404] * 4
            assert found == expected, role
            sent = self.answer(draft, user)
            assert sent.status_code == (401 if user is None else 409 if role in TEAM else 404)

    def test_words_of_any_kind_find_nothing_and_break_nothing(self):
        for reference in ("nothing", "a%00b", "%ED%A0%80", "$ne", "6" * 24, "new"):
            response = self.visit("GET", f"{P}/consultations/{reference}/")
            assert response.status_code == 404, reference


@pytest.mark.options(**UNLIMITED)
class ScopeTest(ConsultationCase):
    def test_a_scope_names_what_anybody_may_see(self):
        hidden = DatasetFactory(private=True)
        with freeze_time(BEFORE):
            made = self.make(scope={"datasets": [str(hidden.id)]})
            assert self.shown(made)["scope"]["datasets"] == []
