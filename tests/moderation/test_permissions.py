"""Who may decide what about what: role × decision × state, in one table."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from udata.core.organization.models import Member
from udata.core.user.factories import UserFactory

from tests.cases import Producer, sysadmin
from udata_culture_feedback.feedback.models import feedbacks

from .people import CLEAN, HELD, ModerationTestCase, moderator

#: Decisions with a reason that everybody may give, and with one that is not for one's own.
DECISIONS: dict[str, dict[str, Any]] = {
    "publish": {},
    "reject": {"reason": "abuse"},
    "reject off topic": {"reason": "off_topic"},
    "hide": {"reason": "abuse"},
    "hide off topic": {"reason": "off_topic"},
    "redact": {"strings": ["camille.martin@example.org"]},
    "restore": {},
}
STATES = ("pending", "public", "flagged", "hidden", "rejected")

#: What may be done at all, by state.
POSSIBLE = {
    "pending": {"publish", "reject", "reject off topic", "redact"},
    "public": {"hide", "hide off topic", "redact"},
    "flagged": {"publish", "hide", "hide off topic", "redact"},
    "hidden": {"restore"},
    "rejected": {"restore"},
}
OFF_TOPIC = {"reject off topic", "hide off topic"}

#: By role: which decisions, of those that are possible; and what the others are told.
ROLES: dict[str, tuple[set[str], int]] = {
    "nobody": (set(), 401),
    "citizen": (set(), 403),
    "author": (set(), 403),
    "admin of the producer": (set(), 403),
    "editor of the producer": (set(), 403),
    "partial editor of the producer": (set(), 403),
    "other producer": (set(), 403),
    "moderator of another organization": (set(), 404),
    "moderator of the organization": (set(DECISIONS), 409),
    "moderator who belongs to the organization": (set(DECISIONS) - OFF_TOPIC, 403),
    "moderator of everything who belongs to it": (set(DECISIONS) - OFF_TOPIC, 403),
    "moderator who wrote it": (set(), 403),
    "moderator": (set(DECISIONS), 409),
    "sysadmin": (set(DECISIONS), 409),
    "sysadmin who wrote it": (set(DECISIONS), 409),
}


class TableTest(ModerationTestCase):
    @pytest.mark.options(CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR=None)
    @pytest.mark.parametrize("role", ROLES)
    def test_each_role_decides_what_the_table_says(self, role):
        producer, author = Producer(), UserFactory()
        who = self.somebody(role, producer)
        if role in ("moderator who wrote it", "sysadmin who wrote it", "author"):
            author = who
        allowed, otherwise = ROLES[role]
        id = None
        for state in STATES:
            for name, more in DECISIONS.items():
                id = self.in_state(state, producer, author, id)
                expected = self.expected(state, name, name in allowed, otherwise)
                assert self.status(who, id, name, more) == expected, (role, state, name)

    def expected(self, state: str, name: str, allowed: bool, otherwise: int) -> int:
        if otherwise in (401, 404):
            # What is public is known to be there.
            return 403 if otherwise == 404 and state in ("public", "flagged") else otherwise
        if not allowed:
            return otherwise
        return 200 if name in POSSIBLE[state] else 409

    def status(self, who: Any, id: str, name: str, more: dict[str, Any]) -> int:
        response = self.decide(who, id, name.split()[0], **more)
        if response.status_code != 200:
            return response.status_code
        return response.json["results"][0]["status"]

    def in_state(self, state: str, producer: Producer, author: Any, before: str | None) -> str:
        """The feedback of that author, made anew in that state."""
        if before:
            self.ask("DELETE", f"/feedback/{before}/", user=author)
        admin = self.admin
        id = self.held(producer.dataset, author)
        if state not in ("pending", "rejected"):
            self.decided(admin, id, "publish")  # with the words to black out
        if state == "rejected":
            self.decided(admin, id, "reject", "abuse")
        elif state == "hidden":
            self.decided(admin, id, "hide", "abuse")
        elif state == "flagged":
            flag = self.ask("POST", f"/feedback/{id}/flag/", {"reason": "abuse"}, self.reader)
            assert flag.status_code == 201
        if state in ("public", "flagged"):
            # The decision that made it public could be undone: that is not asked here.
            feedbacks().update_one({"_id": ObjectId(id)}, {"$unset": {"moderated": ""}})
        return id

    @property
    def admin(self) -> Any:
        if not hasattr(self, "_admin"):
            self._admin, self._reader = sysadmin(), UserFactory()
        return self._admin

    @property
    def reader(self) -> Any:
        return self._reader

    def somebody(self, role: str, producer: Producer) -> Any:
        match role:
            case "nobody":
                return None
            case "admin of the producer":
                return producer.admin
            case "editor of the producer":
                return producer.editor
            case "partial editor of the producer":
                return producer.partial_editor
            case "other producer":
                return Producer().admin
            case "moderator of another organization":
                return moderator(Producer().organization)
            case "moderator of the organization":
                return moderator(producer.organization)
            case "moderator who belongs to the organization":
                return self.member(moderator(producer.organization), producer)
            case "moderator of everything who belongs to it":
                return self.member(moderator(), producer)
            case "moderator" | "moderator who wrote it":
                return moderator()
            case "sysadmin" | "sysadmin who wrote it":
                return sysadmin()
        return UserFactory()

    def member(self, who: Any, producer: Producer) -> Any:
        producer.organization.members.append(Member(user=who, role="partial_editor"))
        producer.organization.save()
        return who


class HiddenWordsTest(ModerationTestCase):
    def test_moderators_read_what_waits_within_their_remit(self):
        producer = Producer()
        id = self.held(producer.dataset)
        for who, expected in (
            (moderator(), HELD),
            (moderator(producer.organization), HELD),
            (moderator(Producer().organization), None),
            (producer.admin, None),
            (UserFactory(), None),
            (None, None),
        ):
            assert self.ask("GET", f"/feedback/{id}/", user=who).json["comment"] == expected

    def test_the_api_says_who_moderates(self):
        producer = Producer()
        id = self.said(producer.dataset, comment=CLEAN)
        for who, expected in (
            (moderator(producer.organization), True),
            (moderator(Producer().organization), False),
            (producer.admin, False),
        ):
            shown = self.ask("GET", f"/feedback/{id}/", user=who).json
            assert shown["permissions"]["moderate"] is expected


class MergeTest(ModerationTestCase):
    def test_a_limited_moderator_merges_two_requests_of_their_remit_only(self):
        ours, theirs = Producer(), Producer()
        limited = moderator(ours.organization)

        def wished(producer: Producer, title: str) -> str:
            asked = {"title": title, "description": "Par mois.", "kind": "new"}
            body = asked | {"organization": str(producer.organization.id)}
            return self.ask("POST", "/requests/", body, UserFactory()).json["id"]

        def merges(one: str, into: str, who: Any) -> int:
            move = {"to": "duplicate", "duplicate_of": into}
            return self.ask("POST", f"/requests/{one}/transitions/", move, who).status_code

        one, other = wished(ours, "La fréquentation"), wished(ours, "Les entrées")
        elsewhere = wished(theirs, "Les visiteurs")
        assert merges(one, elsewhere, limited) == 403
        assert merges(elsewhere, one, limited) == 403
        assert merges(one, other, limited) == 200
        assert merges(other, elsewhere, moderator()) == 200

        def parts(one: str, who: Any) -> int:
            address = f"/requests/{one}/transitions/"
            offered = self.ask("GET", address, user=who).json["allowed_transitions"]
            status: int = self.ask("POST", address, {"to": "submitted"}, who).status_code
            assert (offered == ["submitted"]) is (status == 200)
            return status

        for gone_along in (one, other):
            assert parts(gone_along, limited) == 403
            assert parts(gone_along, moderator()) == 200
        assert merges(one, other, moderator()) == 200
        assert parts(one, limited) == 200
