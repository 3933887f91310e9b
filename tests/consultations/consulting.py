"""What tests of consultations build upon: a team, a questionnaire, people who answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from freezegun import freeze_time as freeze
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import Role, User

from udata_culture_feedback.consultations.models import collected, consultations, responses, results
from udata_culture_feedback.consultations.permissions import ROLE

from ..cases import PluginTestCase

#: Marks of the settings that tests of many writes need.
UNLIMITED = {"CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR": None, "CULTURE_FEEDBACK_LIMIT_MANAGER": None}

#: The one of the Ministry of Culture.
OPENS = "2022-12-06T00:00"
CLOSES = "2023-02-07T00:00"
BEFORE = "2022-12-01T12:00:00+00:00"
DURING = "2022-12-20T12:00:00+00:00"
AFTER = "2023-02-07T12:00:00+00:00"

QUESTIONS: list[dict[str, Any]] = [
    {
        "id": "use",
        "kind": "single",
        "text": {
            "fr": "Utilisez-vous des données culturelles ?",
            "en": "Do you use cultural data?",
        },
        "required": True,
        "options": [
            {"id": "yes", "label": {"fr": "Oui", "en": "Yes"}},
            {"id": "no", "label": {"fr": "Non", "en": "No"}},
        ],
    },
    {
        "id": "themes",
        "kind": "multiple",
        "text": {"fr": "Sur quels thèmes ?", "en": "On which themes?"},
        "step": 2,
        "options": [
            {"id": "museums", "label": {"fr": "Musées", "en": "Museums"}},
            {"id": "archives", "label": {"fr": "Archives", "en": "Archives"}},
            {"id": "books", "label": {"fr": "Livres", "en": "Books"}},
        ],
        "shown_if": {"question": "use", "answers": ["yes"]},
    },
    {
        "id": "satisfied",
        "kind": "scale",
        "text": {"fr": "Êtes-vous satisfait ?", "en": "Are you satisfied?"},
        "step": 2,
        "scale": [{"en": label} for label in ("not at all", "little", "rather", "fully")],
    },
    {"id": "why", "kind": "text", "text": {"fr": "Pourquoi ?", "en": "Why?"}, "step": 2},
    {"id": "best", "kind": "dataset", "text": {"en": "Which dataset do you use most?"}, "step": 3},
    {
        "id": "lacking",
        "kind": "missing_dataset",
        "text": {"en": "Which dataset is missing?"},
        "step": 3,
    },
]

ANSWERS = {"use": "yes", "themes": ["museums"], "satisfied": 3, "why": "Parce que."}


def freeze_time(moment: str) -> Any:
    """Stops the clock of the portal, and not that of the driver: years would pass for its
    heartbeats."""
    return freeze(moment, ignore=["pymongo"])


def team_member() -> User:
    role = Role.objects(name=ROLE).first() or Role(name=ROLE).save()
    return UserFactory(roles=[role])


class ConsultationCase(PluginTestCase):
    """With a consultation of three steps, from 6 December 2022 to 6 February 2023 included."""

    def body(self, **fields: Any) -> dict[str, Any]:
        return {
            "title": {"fr": "Ouvrir la culture", "en": "Opening culture"},
            "organization": str(OrganizationFactory().id),
            "opens_at": OPENS,
            "closes_at": CLOSES,
            "controller": {"en": "Ministry of Culture"},
            "steps": [{"en": "You"}, {"en": "Your uses"}, {"en": "The data"}],
            "questions": QUESTIONS,
        } | fields

    def make(self, user: User | None = None, *, publish: bool = True, **fields: Any) -> Any:
        """A consultation, as its team sees it."""
        user = user or team_member()
        response = self.ask(
            "POST", "/consultations/", self.body(**fields) | {"publish": publish}, user
        )
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json

    def answer(self, consultation: Any, user: User | None, **fields: Any) -> Any:
        body = {"answers": ANSWERS} | fields
        return self.ask("POST", f"/consultations/{consultation['id']}/responses/", body, user)

    def answered(self, consultation: Any, user: User | None = None, **fields: Any) -> Any:
        response = self.answer(consultation, user or UserFactory(), **fields)
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json

    def shown(self, consultation: Any, user: User | None = None) -> Any:
        response = self.ask("GET", f"/consultations/{consultation['id']}/?lang=en", user=user)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    def results_of(self, consultation: Any, status: int = 200) -> Any:
        response = self.ask("GET", f"/consultations/{consultation['id']}/results/?lang=en")
        assert response.status_code == status, response.get_data(as_text=True)
        return response.json

    def change(self, consultation: Any, user: User, **fields: Any) -> Any:
        return self.ask("PUT", f"/consultations/{consultation['id']}/", fields, user)


def stored(consultation: Any) -> dict[str, Any]:
    found = consultations().find_one({"_id": ObjectId(consultation["id"])})
    assert found is not None
    return found


def reopened(consultation: Any, **shift: int) -> None:
    """Puts the closing elsewhere, without what usually follows."""
    closes_at = stored(consultation)["closes_at"] + timedelta(**shift)
    consultations().update_one(
        {"_id": ObjectId(consultation["id"])}, {"$set": {"closes_at": closes_at}}
    )


def everything() -> dict[str, Any]:
    """Who looks for words or people finds all of it here."""
    return {c.name: list(c.find()) for c in (consultations(), responses(), collected(), results())}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
