"""Moderators, what they look at, and what they do through the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bson import ObjectId
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Organization
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from tests.cases import PluginTestCase
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.moderation.models import journal
from udata_culture_feedback.people import roles

#: A text that a check holds back.
HELD = "Écrivez-moi à camille.martin@example.org, je vous dirai ce qui manque."
CLEAN = "Il manque les musées d’outre-mer."


def moderator(*organizations: Organization) -> User:
    """Somebody who moderates everything, or only some organizations."""
    user = UserFactory()
    roles.grant(user.id, [one.id for one in organizations] or None)
    return user.reload()


class ModerationTestCase(PluginTestCase):
    """What moderators do."""

    def queue(self, who: User, **query: Any) -> Any:
        response = self.ask("GET", "/moderation/", user=who, query_string=query)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    def waiting(self, who: User, **query: Any) -> list[str]:
        return [item["id"] for item in self.queue(who, **query)["data"]]

    def decide(self, who: User, items: Any, decision: str, reason: str | None = None, **more: Any):
        items = items if isinstance(items, list) else [items]
        body = {"items": [str(item) for item in items], "decision": decision} | more
        if reason:
            body["reason"] = reason
        return self.ask("POST", "/moderation/", body, who)

    def decided(self, who: User, items: Any, decision: str, reason: str | None = None, **more: Any):
        """The same, which must be done."""
        response = self.decide(who, items, decision, reason, **more)
        assert response.status_code == 200, response.get_data(as_text=True)
        assert response.json["refused"] == 0, response.json
        return response.json

    def refused(self, who: User, items: Any, decision: str, reason: str | None = None, **more: Any):
        """The status with which one contribution is refused."""
        response = self.decide(who, items, decision, reason, **more)
        assert response.status_code == 200, response.get_data(as_text=True)
        assert response.json["done"] == 0, response.json
        return response.json["results"][0]["status"]

    def held(self, dataset: Dataset, author: User | None = None, comment: str = HELD) -> str:
        """The id of a feedback whose words wait."""
        feedback = self.give(author or UserFactory(), dataset, comment=comment)
        assert feedback["visibility"] == "pending", feedback
        return feedback["id"]

    def crowd(self, id: str, number: int) -> None:
        """As many others whose feedback waits like this one, later, of the same words."""
        one = feedbacks().find_one({"_id": ObjectId(id)})
        feedbacks().insert_many(
            one
            | {
                "_id": ObjectId(),
                "contributor": one["contributor"] | {"key": f"user:{n}"},
                "review": one["review"] | {"since": one["review"]["since"] + timedelta(seconds=n)},
            }
            for n in range(1, number + 1)
        )

    def said(self, dataset: Dataset, author: User | None = None, comment: str = CLEAN) -> str:
        """The id of a feedback whose words are public."""
        feedback = self.give(author or UserFactory(), dataset, comment=comment)
        assert feedback["visibility"] == "public", feedback
        return feedback["id"]

    def lines(self, item: str) -> list[dict[str, Any]]:
        """What the journal has of one contribution, the oldest first."""
        return list(journal().find({"item": ObjectId(item)}, sort=[("_id", 1)]))
