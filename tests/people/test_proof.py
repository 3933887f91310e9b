"""Taking part under a proof of work: what a browser can do with it, and what nobody can."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import altcha
import pytest
from freezegun import freeze_time
from udata import settings as udata_settings
from udata.core.dataset.factories import DatasetFactory, HiddenDatasetFactory
from udata.core.user.factories import UserFactory

from tests.processes import Workers
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.people import keys, limits, tokens
from udata_culture_feedback.people.models import Kind
from udata_culture_feedback.people.proof import LIFETIME, spent

from . import spenders
from .without_account import SETTINGS, WithoutAccountTestCase, solve


def later(delay: timedelta) -> Any:
    return freeze_time(datetime.now(UTC) + delay)


class ABrowserTest(WithoutAccountTestCase):
    """What somebody without an account does."""

    def test_a_browser_answers_and_is_counted_at_once(self):
        dataset = DatasetFactory()
        given = self.browser().gives(dataset, ratings={"completeness": 2})
        assert given["contributor"] == {"kind": "unverified", "name": None}
        assert given["visibility"] == "public"  # no words: nothing waits
        summary = self.summary(dataset)
        assert summary["total"] == 1
        assert summary["by_contributor"] == {"account": 0, "verified": 0, "unverified": 1}

    def test_its_words_wait_and_its_rating_does_not(self):
        dataset = DatasetFactory()
        browser = self.browser()
        given = browser.gives(dataset, comment="Il manque l’outre-mer.", name="Camille")
        assert given["visibility"] == "pending"
        seen = self.ask("GET", f"/feedback/{given['id']}/").json
        assert seen["comment"] is None
        assert seen["contributor"]["name"] is None
        assert self.summary(dataset)["total"] == 1
        assert self.summary(dataset)["commented"] == 0

    def test_words_are_never_shown_again_on_the_token_alone(self):
        browser, dataset = self.browser(), DatasetFactory()
        given = browser.gives(dataset, comment="Sur un ordinateur partagé", name="Camille")
        assert given["comment"] is None
        header = {"X-Culture-Feedback-Token": browser.token}
        seen = self.ask("GET", f"/feedback/{given['id']}/", headers=header)
        assert "partagé" not in seen.get_data(as_text=True)
        assert "Camille" not in seen.get_data(as_text=True)
        assert seen.json["permissions"]["edit"]
        assert seen.headers["Cache-Control"] == "private, no-cache"

    def test_the_same_browser_changes_and_erases_its_answer(self):
        browser, dataset = self.browser(), DatasetFactory()
        given = browser.gives(dataset)
        changed = browser.send("PUT", f"/feedback/{given['id']}/", fitness="no")
        assert changed.status_code == 200
        assert self.summary(dataset)["fitness"] == {"yes": 0, "partly": 0, "no": 1}
        header = {"X-Culture-Feedback-Token": browser.token}
        assert self.ask("DELETE", f"/feedback/{given['id']}/", headers=header).status_code == 204
        assert self.summary(dataset)["total"] == 0

    def test_another_browser_cannot(self):
        dataset = DatasetFactory()
        given = self.browser().gives(dataset)
        other = self.browser()
        other.proof(dataset.id)
        assert other.send("PUT", f"/feedback/{given['id']}/", fitness="no").status_code == 403
        header = {"X-Culture-Feedback-Token": other.token}
        assert self.ask("DELETE", f"/feedback/{given['id']}/", headers=header).status_code == 403

    def test_a_browser_answers_once_about_a_dataset(self):
        browser, dataset = self.browser(), DatasetFactory()
        given = browser.gives(dataset)
        again = browser.tries(dataset)
        assert again.status_code == 409
        assert again.json["id"] == given["id"]

    def test_a_retry_may_carry_the_same_proof(self):
        browser, dataset = self.browser(), DatasetFactory()
        proof = browser.proof(dataset.id)
        first = browser.tries(dataset, proof=proof, submission_id="once-or-twice")
        again = browser.tries(dataset, proof=proof, submission_id="once-or-twice")
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json["id"] == again.json["id"]

    def test_a_wrong_answer_does_not_cost_the_proof(self):
        browser, dataset = self.browser(), DatasetFactory()
        proof = browser.proof(dataset.id)
        assert browser.tries(dataset, proof=proof, fitness="perhaps").status_code == 400
        assert browser.tries(dataset, proof=proof).status_code == 201

    def test_the_token_opens_nothing_else(self):
        browser = self.browser()
        browser.gives(DatasetFactory())
        asked = browser.send("POST", "/requests/", title="Des données", description="Voilà.")
        assert asked.status_code == 401

    def test_who_sends_nothing_is_told_which_ways_are_open(self):
        dataset = DatasetFactory()
        body = {"dataset": str(dataset.id), "fitness": "yes"}
        refused = self.ask("POST", "/feedback/", body)
        assert refused.status_code == 401
        assert refused.json["ways"] == ["account", "proof", "email"]
        assert refused.json["proof_url"].endswith(f"/proof/?action=feedback&target={dataset.id}")

    def test_an_account_is_asked_for_no_proof_and_its_session_wins(self):
        browser, dataset = self.browser(), DatasetFactory()
        browser.proof(dataset.id)
        body = {"dataset": str(dataset.id), "fitness": "yes", "contributor_token": browser.token}
        given = self.ask("POST", "/feedback/", body, UserFactory())
        assert given.status_code == 201
        assert given.json["contributor"]["kind"] == "user"

    def test_the_challenge_is_never_kept(self):
        response = self.ask("GET", f"/proof/?action=feedback&target={DatasetFactory().slug}")
        assert response.headers["Cache-Control"] == "no-store"
        assert "ETag" not in response.headers

    def test_there_is_no_challenge_for_a_dataset_that_is_not_public(self):
        hidden = HiddenDatasetFactory()
        for target in (hidden.id, hidden.slug, "no-such-dataset", ""):
            response = self.ask("GET", f"/proof/?action=feedback&target={target}")
            assert response.status_code == 404

    @pytest.mark.parametrize(
        ("action", "status"), [("request", 403), ("", 400), ("treatment", 400)]
    )
    def test_a_proof_opens_only_some_actions(self, action: str, status: int):
        target = DatasetFactory().id
        response = self.ask("GET", f"/proof/?action={action}&target={target}")
        assert response.status_code == status


class AbuseTest(WithoutAccountTestCase):
    """Each of these is refused, says why, and records nothing."""

    def refused(self, response: Any, why: str, status: int = 403) -> None:
        assert response.status_code == status, response.get_data(as_text=True)
        assert response.json["proof"] == why
        assert feedbacks().count_documents({}) == 0

    def test_no_proof(self):
        browser, dataset = self.browser(), DatasetFactory()
        browser.proof(dataset.id)
        self.refused(browser.tries(dataset, proof=None), "missing")

    def test_a_proof_that_was_spent(self):
        browser, dataset, other = self.browser(), DatasetFactory(), self.browser()
        proof = browser.proof(dataset.id)
        browser.gives(dataset, proof=proof)
        other.proof(dataset.id)
        replayed = other.tries(dataset, proof=proof)
        assert (replayed.status_code, replayed.json["proof"]) == (403, "spent")
        assert feedbacks().count_documents({}) == 1

    def test_a_spent_proof_is_not_freed_by_erasing(self):
        browser, dataset = self.browser(), DatasetFactory()
        proof = browser.proof(dataset.id)
        given = browser.gives(dataset, proof=proof)
        header = {"X-Culture-Feedback-Token": browser.token}
        self.ask("DELETE", f"/feedback/{given['id']}/", headers=header)
        self.refused(browser.tries(dataset, proof=proof), "spent")

    def test_a_proof_for_another_dataset(self):
        browser, dataset = self.browser(), DatasetFactory()
        self.refused(browser.tries(dataset, proof=browser.proof(DatasetFactory().id)), "elsewhere")

    def test_a_proof_for_another_action(self):
        dataset, browser = DatasetFactory(), self.browser()
        browser.proof(dataset.id)
        from udata_culture_feedback.people import proof
        from udata_culture_feedback.people.access_modes import Action

        made = proof.challenge(Action.SUPPORT, str(dataset.id))
        self.refused(browser.tries(dataset, proof=solve(made)), "elsewhere")

    def test_a_proof_that_is_too_old(self):
        browser, dataset = self.browser(), DatasetFactory()
        proof = browser.proof(dataset.id)
        with later(LIFETIME + timedelta(seconds=5)):
            self.refused(browser.tries(dataset, proof=proof), "expired")

    def test_a_proof_made_longer_or_easier(self):
        browser, dataset = self.browser(), DatasetFactory()
        good = json.loads(base64.b64decode(browser.proof(dataset.id)))
        for change in (
            {"expiresAt": good["challenge"]["parameters"]["expiresAt"] + 3600},
            {"cost": 0},
            {"keyPrefix": "00"},
            {"data": good["challenge"]["parameters"]["data"] | {"target": "another"}},
        ):
            forged = json.loads(json.dumps(good))
            forged["challenge"]["parameters"] |= change
            self.refused(browser.tries(dataset, proof=encoded(forged)), "invalid")

    def test_a_challenge_of_ones_own(self):
        browser, dataset = self.browser(), DatasetFactory()
        browser.proof(dataset.id)
        own = altcha.create_challenge(
            "PBKDF2/SHA-256",
            1,
            counter=1,
            expires_at=datetime.now(UTC) + LIFETIME,
            data={"action": "feedback", "target": str(dataset.id), "made": 0},
            hmac_secret="mine",
            hmac_key_secret="mine",
        )
        self.refused(browser.tries(dataset, proof=solve(own.to_dict())), "invalid")

    def test_a_challenge_that_was_not_solved(self):
        browser, dataset = self.browser(), DatasetFactory()
        good = json.loads(base64.b64decode(browser.proof(dataset.id)))
        good["solution"]["derivedKey"] = "00" * 32
        self.refused(browser.tries(dataset, proof=encoded(good)), "invalid")

    @pytest.mark.parametrize(
        "proof",
        [
            "x",
            "é" * 100,
            "A" * 5000,
            {"challenge": {}},
            ["proof"],
            12,
            True,
            base64.b64encode(b"[]").decode(),
            base64.b64encode(b"{}").decode(),
            base64.b64encode(b'{"challenge": null, "solution": null}').decode(),
            base64.b64encode(b'{"challenge": {"parameters": []}, "solution": []}').decode(),
            base64.b64encode(b'{"challenge": "$where", "solution": {"counter": {}}}').decode(),
            base64.b64encode(b"[" * 2000).decode(),
        ],
    )
    def test_what_is_no_proof_at_all(self, proof: Any):
        browser, dataset = self.browser(), DatasetFactory()
        browser.proof(dataset.id)
        self.refused(browser.tries(dataset, proof=proof), "invalid")

    def test_a_token_that_is_no_token(self):
        dataset, browser = DatasetFactory(), self.browser()
        proof = browser.proof(dataset.id)
        good = browser.token or ""
        signed_elsewhere = tokens.timed("proof").dumps(["unverified", "x" * 32])
        of_the_future = tokens.timed("contributor").dumps(["user", "user:1"])
        for token in (
            "x",
            good[:-1],
            good + "A",
            "é",
            "A" * 2000,
            signed_elsewhere,
            of_the_future,
            {"$ne": None},
            ["a"],
            7,
        ):
            browser.token = token  # type: ignore[assignment]
            refused = browser.tries(dataset, proof=proof)
            assert refused.status_code == 401, token
        assert feedbacks().count_documents({}) == 0

    def test_a_token_that_is_too_old(self):
        dataset, browser = DatasetFactory(), self.browser()
        given = browser.gives(dataset)
        with later(tokens.LIFETIMES[Kind.UNVERIFIED] + timedelta(seconds=5)):
            assert browser.send("PUT", f"/feedback/{given['id']}/", fitness="no").status_code == 401

    def test_the_key_of_one_kind_of_token_is_that_of_no_other(self, app: Any):
        assert len({keys.for_tokens(p) for p in ("proof", "contributor", "confirm")}) == 3

    def test_only_a_hash_of_the_token_is_stored(self):
        browser = self.browser()
        browser.gives(DatasetFactory())
        assert browser.token
        assert browser.token not in self.everything_stored()
        _kind, secret = tokens.timed("contributor").loads(browser.token)
        assert secret not in self.everything_stored()

    def test_marks_of_spent_proofs_expire(self):
        self.browser().gives(DatasetFactory())
        [mark] = spent().find()
        assert mark["expires_at"] > datetime.now(UTC).replace(tzinfo=None) + LIFETIME
        indexes = spent().index_information().values()
        assert any(index.get("expireAfterSeconds") == 0 for index in indexes)


class SpentTwiceTest(WithoutAccountTestCase):
    """Two processes receive the same proof at the same moment."""

    @pytest.fixture(scope="class")
    def workers(self) -> Iterator[Workers]:
        with Workers(spenders.__name__, udata_settings.Testing.MONGODB_HOST_TEST) as workers:
            yield workers

    def test_it_is_good_for_one_of_them(self, workers: Workers):
        for _time in range(3):
            dataset = DatasetFactory()
            proof = self.browser().proof(dataset.id)
            jobs = [
                ("give", {"settings": SETTINGS, "dataset": str(dataset.id), "proof": proof})
                for _job in range(4)
            ]
            assert sorted(workers.run(*jobs)) == [201, 403, 403, 403]
            assert feedbacks().count_documents({"dataset": dataset.id}) == 1


class LimitsTest(WithoutAccountTestCase):
    """Many contributions at once slow those without an account, and nobody else."""

    def test_a_dataset_takes_so_many_without_an_account(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_TARGET"] = "2 per 10 minutes"
        dataset, other = DatasetFactory(), DatasetFactory()
        self.browser().gives(dataset)
        self.browser().gives(dataset)
        refused = self.browser().tries(dataset)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 600
        self.browser().gives(other)
        self.give(UserFactory(), dataset)
        assert self.by_email(dataset).status_code == 202

    def test_so_does_the_portal(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_SITE"] = "1 per 10 minutes"
        self.browser().gives(DatasetFactory())
        assert self.browser().tries(DatasetFactory()).status_code == 429

    def test_proofs_are_harder_from_half_of_it(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_TARGET"] = "2 per 10 minutes"
        dataset = DatasetFactory()
        assert limits.difficulty(f"feedback:{dataset.id}") == 1
        self.browser().gives(dataset)
        assert limits.difficulty(f"feedback:{dataset.id}") == limits.HARDER

    def test_nobody_closes_a_dataset_with_bad_proofs(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_TARGET"] = "1 per 10 minutes"
        dataset = DatasetFactory()
        for _attempt in range(3):
            browser = self.browser()
            browser.proof(dataset.id)
            assert browser.tries(dataset, proof="bad").status_code == 403
        self.browser().gives(dataset)

    def test_one_browser_writes_so_much(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = "2 per 10 minutes"
        browser, dataset = self.browser(), DatasetFactory()
        given = browser.gives(dataset)
        assert browser.send("PUT", f"/feedback/{given['id']}/", fitness="no").status_code == 200
        assert browser.send("PUT", f"/feedback/{given['id']}/", fitness="no").status_code == 429


def encoded(proof: Any) -> str:
    return base64.b64encode(json.dumps(proof).encode()).decode()
