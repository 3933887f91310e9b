"""Another site cannot act as somebody who is logged in: every unsafe page view, found in the
application itself, refuses a session without proof and takes each of the three proofs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask_login import encode_cookie
from udata.core.user.models import User

from tests.cases import P

from .scene import AbuseCase, Scene
from .writes import ELSEWHERE, FORMS, JSON

#: Their POST does what a signed token in it says, whoever is logged in: a session is no part of it.
BY_TOKEN = {
    "unsubscribe/": 303,
    "pages/confirm/": 303,
    "pages/consultations/<reference>/resume": None,  # their own tests have its link
    "pages/requests/interested": None,
    "pages/requests/answer": None,
    "pages/better/<id>": 303,
    "pages/me/open": 303,
}

#: Done for whoever sends it, and about nobody: a link is mailed, a visit ends.
FOR_ANYBODY = {"pages/me/", "pages/me/leave"}

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class GuardTest(AbuseCase):
    def session_of(self, user: User | None) -> Any:
        assert user
        client = self.app.test_client()
        with client.session_transaction() as session:
            session |= {"_user_id": user.fs_uniquifier, "_fresh": True}
        return client

    def post(self, client: Any, path: str, form: dict[str, Any], **headers: str) -> Any:
        return self.visit(
            "POST", f"{P}/{path}", client=client, data=form, headers=headers, buffered=True
        )

    def pages(self, scene: Scene) -> list[tuple[str, str, User, dict[str, Any]]]:
        """Every unsafe page view: its route, its address, somebody who may, what they send."""
        unsafe = [
            route
            for verb, route, rule in self.rules()
            if verb != "GET" and not rule.endpoint.startswith("api.")
        ]
        assert unsafe
        found = []
        for route in unsafe:
            assert route in FORMS, f"{route}: say in writes.py what it takes"
            write = FORMS[route]
            user = scene.users[write.role] or scene.author
            found.append((route, scene.address(route), user, write.body(scene)))
        return found

    def test_a_session_without_proof_changes_nothing(self):
        scene = self.scene()
        forged: list[tuple[str, dict[str, str], dict[str, str]]] = [
            ("", {}, {}),
            ("?token=x", {}, {}),  # an argument that looks like a token is none
            ("?as=fragment", {}, {}),
            ("", {"csrf_token": ""}, {}),
            ("", {"csrf_token": "IjEi.forged"}, {}),
            ("", {}, {"X-API-KEY": "x"}),
            ("", {}, {"Origin": "https://elsewhere.example", "X-CSRFToken": "x"}),
        ]
        wrong = []
        for route, path, user, form in self.pages(scene):
            expected = (400, 401, 403, 404, 410)
            if route in FOR_ANYBODY:
                continue
            if route in BY_TOKEN:
                form = {name: value for name, value in form.items() if name != "token"}
            if route == "pages/consultations/<reference>/resume":
                expected = (303,)  # back to the page that says that the link is not whole
            before = stored(scene)
            for query, fields, headers in forged:
                client = self.session_of(user)
                answer = self.post(client, path + query, form | fields, **headers)
                if answer.status_code not in expected:
                    wrong.append(f"{route}{query} {fields} {headers}: {answer.status_code}")
            after = stored(scene)
            if changed := {name for name in before if after.get(name) != before[name]}:
                wrong.append(f"{route}: {changed}")
                scene.restore()
        assert not wrong

    def test_each_of_the_three_proofs_is_enough(self):
        scene, wrong = self.scene(), []
        for route, path, user, form in self.pages(scene):
            if route in BY_TOKEN:
                continue
            token, client = self.token_of(user)
            attempts = {
                "token": (client, form | {"csrf_token": token}, {}),
                "header": (self.session_of(user), form, {"X-Culture-Feedback": "form"}),
                "key": (None, form, {"X-API-KEY": self.key_of(user)}),
            }
            for name, (client, sent, headers) in attempts.items():
                answer = self.post(client, path, sent, **headers)
                if answer.status_code not in ELSEWHERE.get(route, (200, 303)):
                    wrong.append(f"{route} by {name}: {answer.status_code}")
                scene.restore()
        assert not wrong

    def test_the_token_of_somebody_else_is_no_proof(self):
        scene, wrong = self.scene(), []
        token, _client = self.token_of(scene.users["other"])
        for route, path, user, form in self.pages(scene):
            if route in BY_TOKEN or route in FOR_ANYBODY:
                continue
            answer = self.post(self.session_of(user), path, form | {"csrf_token": token})
            if answer.status_code != 403:
                wrong.append(f"{route}: {answer.status_code}")
                scene.restore()
        assert not wrong

    def test_what_a_signed_token_opens_needs_no_session(self):
        scene = self.scene()
        for route, status in BY_TOKEN.items():
            if status is None:
                continue
            path = scene.address(route) + FORMS[route].query(scene)
            assert self.post(None, path, FORMS[route].body(scene)).status_code == status, route
            scene.restore()

    def test_the_api_takes_no_form(self):
        """A form of another site has no JSON and no header: by a session alone it does nothing."""
        scene, wrong = self.scene(), []
        forms = [
            {"data": b'{"fitness": "no"}', "content_type": content_type}
            for content_type in ("application/x-www-form-urlencoded", "text/plain")
        ]
        for name, write in JSON.items():
            verb, _space, route = name.partition(" ")
            if verb != "POST":
                continue  # which no form sends
            before = stored(scene)
            for form in ({}, *forms):
                client = self.session_of(scene.users[write.role] or scene.author)
                path = f"{P}/{scene.address(route, verb)}"
                answer = self.visit(verb, path, client=client, **form)
                if answer.status_code != 403:
                    wrong.append(f"{name} {form}: {answer.status_code}")
            assert stored(scene) == before, name
        assert not wrong

    def test_the_cookie_that_remembers_somebody_is_no_more_than_a_session(self):
        """`remember_token` has no SameSite: the browser sends it with a form of another site."""
        scene = self.scene()
        path = f"{P}/datasets/{scene.dataset.id}/subscription/"
        user = scene.users["editor"]
        assert user
        with self.app.test_request_context("/"):
            remembered = encode_cookie(user.fs_uniquifier)

        def post(**kwargs: Any) -> int:
            client = self.app.test_client()
            client.set_cookie("remember_token", remembered, domain="local.test")
            return self.visit("POST", path, client=client, **kwargs).status_code

        before = stored(scene)
        assert post() == 403
        assert post(data=b"{}", content_type="text/plain") == 403
        assert stored(scene) == before
        assert post(json={}) == 200

    @pytest.mark.options(CORS_ALLOWED_ORIGINS=["https://front.example"])
    def test_another_site_is_refused_whatever_it_sends(self):
        """By the headers that a browser adds by itself, and a page cannot change."""
        scene = self.scene()
        path = f"{P}/datasets/{scene.dataset.id}/subscription/"
        user = scene.users["editor"]
        theirs = {"Origin": "https://elsewhere.example"}
        wrong = []
        for status, headers in (
            (403, theirs | {"Sec-Fetch-Site": "cross-site"}),
            (403, theirs | {"Sec-Fetch-Site": "same-site"}),
            (403, theirs),
            (403, {"Sec-Fetch-Site": "cross-site"}),
            (403, {"Origin": "null"}),
            (200, {"Origin": "http://local.test"}),
            (200, {"Origin": "https://front.example", "Sec-Fetch-Site": "cross-site"}),
            (200, {"Sec-Fetch-Site": "same-origin"}),
            (200, theirs | {"X-API-KEY": self.key_of(user)}),
        ):
            for verb in ("POST", "DELETE"):
                sent = {"json": {}} if verb == "POST" else {}
                client = self.session_of(user)
                answer = self.visit(verb, path, client=client, headers=headers, **sent)
                if answer.status_code != status:
                    wrong.append((verb, headers, answer.status_code))
        assert not wrong
        page = scene.address("pages/requests/<reference>/support")
        refused = theirs | {"Sec-Fetch-Site": "cross-site", "X-Culture-Feedback": "form"}
        assert self.post(self.session_of(user), page, {}, **refused).status_code == 403

    def test_the_api_takes_json_and_the_header_of_a_session(self):
        scene = self.scene()
        client = self.session_of(scene.users["editor"])
        path = f"{P}/datasets/{scene.dataset.id}/subscription/"
        header = {"X-Culture-Feedback": "1"}
        assert self.visit("POST", path, client=client, headers=header).status_code == 200
        assert self.visit("POST", path, client=client, json={}).status_code == 200

    def token_of(self, user: User | None) -> tuple[str, Any]:
        """The token that our pages give in the session of somebody."""
        assert user
        client = self.session_of(user)
        shown = self.visit("GET", f"{P}/pages/requests/new?lang=en", client=client)
        [token] = set(TOKEN.findall(shown.text))
        return token, client


def stored(scene: Scene) -> dict[str, str]:
    """What there is, by collection, without what anybody's reading brings up to date."""
    derived = {"culture_feedback_results", "culture_feedback_summary", "dataset", "user"}
    return {name: repr(rows) for name, rows in scene.documents().items() if name not in derived}
