"""Signed links and tokens: good for one purpose, one target, by our key, and not for ever. What
proofs of work and confirmations refuse is in tests/people and tests/email_confirmation."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time

import udata_culture_feedback
from tests.cases import P
from udata_culture_feedback.consultations import form_tokens
from udata_culture_feedback.consultations.models import responses
from udata_culture_feedback.feedback.reassessment import LINK_LIFETIME
from udata_culture_feedback.people import proof, tokens
from udata_culture_feedback.people.access_modes import Action
from udata_culture_feedback.people.proof import spent
from udata_culture_feedback.people.viewer import TOKEN_HEADER
from udata_culture_feedback.portal.collections import now

from .scene import AbuseCase, Scene

SOURCES = sorted(Path(udata_culture_feedback.__file__).parent.rglob("*.py"))

#: What a token opens: for each kind, how it is used, and the status of success.
Use = Callable[[Scene, str], Any]


def _get(path: str) -> Use:
    return lambda scene, token: scene.case.visit("GET", f"{P}/{path}".format(s=scene, token=token))


def _post(path: str, form: dict[str, Any]) -> Use:
    return lambda scene, token: scene.case.visit(
        "POST",
        f"{P}/{path}".format(s=scene, token=token),
        data={name: value.format(token=token) for name, value in form.items()},
    )


def _json(path: str, field: str) -> Use:
    return lambda scene, token: scene.case.ask("POST", path, {field: token})


def _contributor(scene: Scene, token: str) -> Any:
    path = f"{P}/requests/{scene.request}/support/"
    return scene.case.visit("DELETE", path, headers={TOKEN_HEADER: token})


#: kind → (the good token of the scene, its uses, what is answered to a good one)
KINDS: dict[str, tuple[Callable[[Scene], str], tuple[Use, ...], int]] = {
    "confirm": (
        lambda s: s.confirm_token,
        (_get("pages/confirm/?token={token}"), _post("pages/confirm/", {"token": "{token}"}),
         _json("/confirm/", "token")),
        200,
    ),
    "my-contributions": (
        lambda s: s.me_token,
        (_get("pages/me/open?token={token}"), _post("pages/me/open", {"token": "{token}"}),
         _json("/me/", "token")),
        200,
    ),
    "better": (
        lambda s: s.better_token,
        (_get("pages/better/{s.feedback}?token={token}"),
         _post("pages/better/{s.feedback}?token={token}", {"answer": "yes"})),
        200,
    ),
    "appeal": (
        lambda s: s.appeal_token,
        (_get("pages/moderation/decisions/{s.decision}/appeal?token={token}"),
         _post("pages/moderation/decisions/{s.decision}/appeal?token={token}", {"text": "Non."})),
        200,
    ),
    "unsubscribe": (
        lambda s: s.unsubscribe_token,
        (_get("unsubscribe/?token={token}"), _post("unsubscribe/?token={token}", {"wish": "stop"})),
        200,
    ),
    "resume": (
        lambda s: resume_token(s),
        (_get("pages/consultations/{s.consultation}/resume?token={token}"),),
        200,
    ),
    "contributor": (lambda s: s.confirmed, (_contributor,), 200),
}  # fmt: skip


def resume_token(scene: Scene) -> str:
    response = responses().find_one({"consultation": ObjectId(scene.consultation)})
    assert response
    return form_tokens.resume_token(response["_id"], response["contributor"]["key"])


def signed_by_another_key(case: AbuseCase, make: Callable[[], str]) -> str:
    """What somebody makes who knows our code and not our key."""
    key = case.app.config["CULTURE_FEEDBACK_TOKEN_KEY"]
    case.app.config["CULTURE_FEEDBACK_TOKEN_KEY"] = "a key of somebody else, of forty chars .."
    try:
        return make()
    finally:
        case.app.config["CULTURE_FEEDBACK_TOKEN_KEY"] = key


class TokensTest(AbuseCase):
    def refused(self, scene: Scene, kind: str, token: str) -> list[str]:
        """How a token that should open nothing was answered, where that was no refusal."""
        wrong = []
        for number, use in enumerate(KINDS[kind][1]):
            before = repr(scene.documents())
            answer = use(scene, token)
            # The page of a link that is not whole says so.
            if not 400 <= answer.status_code < 500:
                wrong.append(f"{kind} {number} {token[:30]}: {answer.status_code}")
            if repr(scene.documents()) != before:
                wrong.append(f"{kind} {number} {token[:30]}: something has changed")
        return wrong

    def test_a_good_one_opens_what_it_is_for(self):
        """Otherwise what follows would prove nothing."""
        scene = self.scene()
        for kind, (good, uses, status) in KINDS.items():
            with self.app.test_request_context("/"):
                token = good(scene)
            answer = uses[0](scene, token)
            assert answer.status_code == status, (kind, answer.text)

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_that_was_changed_or_is_for_something_else_opens_nothing(self, kind: str):
        scene = self.scene()
        with self.app.test_request_context("/"):
            all_of_them = {name: good(scene) for name, (good, _uses, _status) in KINDS.items()}
            good = all_of_them.pop(kind)
            again = [signed_by_another_key(self, lambda g=g: forged(g)) for g in (good,)]
        head, _dot, signature = good.rpartition(".")
        wrong = []
        for token in (
            *all_of_them.values(),
            *again,
            head,
            f"{head}.",
            f"{head}.{signature[:-2]}",
            f"{head}.{signature[::-1]}",
            f"A{good}",
            "." + good,
            good.replace(".", ""),
            "x" * 5000,
            "é\u202e",
            "null",
            "[]",
        ):
            wrong += self.refused(scene, kind, token)
        assert not wrong

    def test_one_for_another_thing_of_the_same_kind_opens_nothing(self):
        scene = self.scene()
        other = self.give(scene.author, scene.producer.dataset.__class__.objects.get(
            id=self.other_dataset(scene)
        ))["id"]  # fmt: skip
        better = f"pages/better/{other}?token={scene.better_token}"
        assert scene.call("anonymous", "POST", better, form={"answer": "yes"}).status_code == 401
        appeal = f"pages/moderation/decisions/{scene.contested}/appeal?token={scene.appeal_token}"
        assert scene.call("anonymous", "GET", appeal).status_code == 404
        with self.app.test_request_context("/"):
            resume = resume_token(scene)
        path = f"pages/consultations/{scene.closed}/resume?token={resume}"
        assert scene.call("anonymous", "GET", path).status_code == 400

    def other_dataset(self, scene: Scene) -> Any:
        from udata.core.dataset.factories import DatasetFactory

        return DatasetFactory(organization=scene.organization).id

    def test_one_address_counts_once_whatever_it_was_confirmed_for(self):
        """In each scope an address has another fingerprint: the token of one is no second voice in
        another."""
        scene = self.scene()
        answers = {"answers": {"use": "yes"}}
        for path, body in (
            (f"requests/{scene.request}/support/", {}),
            (f"requests/{scene.request}/flag/", {"reason": "abuse"}),
            (f"consultations/{scene.consultation}/responses/", answers),
            ("requests/", {"title": "Les cinémas", "description": "Tous.", "kind": "new"}),
        ):
            refused = scene.call("confirmed", "POST", path, json_body=body)
            assert (refused.status_code, "email" in refused.json["ways"]) == (401, True), path
        given = {"dataset": str(scene.dataset.id), "fitness": "no"}
        assert scene.call("confirmed", "POST", "feedback/", json_body=given).status_code == 201

    def test_they_end(self):
        scene = self.scene()
        for kind, lifetime in {
            "confirm": timedelta(hours=24),
            "my-contributions": timedelta(hours=1),
            "better": LINK_LIFETIME,
            "contributor": timedelta(hours=1),
        }.items():
            good, uses, _status = KINDS[kind]
            with self.app.test_request_context("/"):
                token = good(scene)
            with freeze_time(now() + lifetime + timedelta(minutes=1)):
                answer = uses[0](scene, token)
            assert 400 <= answer.status_code < 500, (kind, answer.status_code)

    @pytest.mark.parametrize("kind", ["confirm", "my-contributions"])
    def test_replayed_they_are_gone(self, kind: str):
        scene = self.scene()
        good, uses, _status = KINDS[kind]
        assert uses[-1](scene, good(scene)).status_code in (200, 201)
        after = scene.documents()
        for use in uses:
            assert use(scene, good(scene)).status_code == 410
        assert repr(scene.documents()) == repr(after)

    def test_a_proof_is_good_for_its_action_its_target_and_once(self):
        """The forged, the expired and the raced ones are in tests/people/test_proof.py."""
        from tests.people.without_account import solve

        scene = self.scene()
        support = f"requests/{scene.request}/support/"
        with self.app.test_request_context("/"):
            token = tokens.new_browser()

            def made(action: Action, target: str) -> dict[str, Any]:
                challenge = proof.challenge(action, target)
                return {"proof": solve(challenge), "contributor_token": token}

            elsewhere = made(Action.SUPPORT, scene.other_request)
            another = made(Action.FEEDBACK, scene.request)
            right = made(Action.SUPPORT, scene.request)
        for body in (elsewhere, another):
            refused = scene.call("anonymous", "POST", support, json_body=body)
            assert (refused.status_code, refused.json["proof"]) == (403, "elsewhere")
        assert spent().count_documents({}) == 0
        assert scene.call("anonymous", "POST", support, json_body=right).status_code == 200
        with self.app.test_request_context("/"):
            thief = right | {"contributor_token": tokens.new_browser()}
        replayed = scene.call("anonymous", "POST", support, json_body=thief)
        assert (replayed.status_code, replayed.json["proof"]) == (403, "spent")


def forged(good: str) -> str:
    """The same payload as a good token, signed anew for every purpose by the key there is now."""
    payload = good.split(".")[0]
    signer = tokens.signer("confirm").make_signer()
    return signer.sign(payload).decode()


def test_each_purpose_has_a_key_of_its_own():
    """A purpose that two modules share would make the token of one good for the other."""
    asked: dict[str, set[str]] = {}
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = name or (node.func.id if isinstance(node.func, ast.Name) else "")
            if name not in ("signer", "timed", "for_tokens"):
                continue
            given = node.args[0]
            purpose = given.value if isinstance(given, ast.Constant) else None
            if isinstance(given, ast.Name):
                purpose = constants.get(given.id)
            if purpose:
                asked.setdefault(str(purpose), set()).add(path.name)
    assert {"confirm", "contributor", "better", "unsubscribe"} <= set(asked)
    assert {purpose: modules for purpose, modules in asked.items() if len(modules) > 1} == {}


#: Names of what somebody may try to guess.
SECRET = re.compile(r"(?<!contributor_)token|digest|signature|secret|csrf|hash\(|\blink\b|guard\b")


def test_secrets_are_compared_in_constant_time():
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare) or len(node.ops) != 1:
                continue
            if not isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
                continue
            sides = [ast.unparse(node.left), ast.unparse(node.comparators[0])]
            if any(isinstance(one, ast.Constant) for one in (node.left, node.comparators[0])):
                continue  # a fixed word is no secret
            # What a signature was checked of is no secret any more.
            if any(SECRET.search(side) for side in sides) and ".loads(" not in "".join(sides):
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []
