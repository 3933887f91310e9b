"""Bodies that are too big, malformed or of the wrong types, at every unsafe route: refused, and
never an error of the server."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from .scene import AbuseCase, Scene
from .writes import ELSEWHERE, FORMS, JSON, Write, nothing, with_field

#: What no field expects, or only one kind of field does.
ODD: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "huge": 10**30,
    "longer than Python reads": 10**400,
    "half": 0.5,
    "NaN": math.nan,
    "Infinity": math.inf,
    "empty": "",
    "word": "x",
    "an id of nothing": "0" * 24,
    "lone surrogate": "\ud800",
    "null byte": "\x00",
    "bidi and zero width": "\u202e\u200b\u2066admin\ufeff",
    "operator": {"$ne": None},
    "where": {"$where": "sleep(1000)"},
    "dotted key": {"a.b": 1, "$set": {"v": 1}},
    "key with a null byte": {"a\x00b": 1},
    "key with a surrogate": {"\udfff": 1},
    "list": [],
    "list of lists": [[]],
    "list of null": [None],
    "list of numbers": [1, 10**30],
    "list of objects": [{}],
    "list of operators": [{"$gt": ""}],
    "list of surrogates": ["\ud800"],
    "object": {},
    "object with an id": {"id": {"$ne": None}},
    "object with a surrogate": {"id": "\ud800", "en": "\ud800", "title": "\ud800"},
    "many": ["x"] * 5000,
    "ten thousand lines": "ligne\n" * 10_000,
    "deep": json.loads("[" * 200 + "]" * 200),
    "a date that is none": "9999-12-31T23:59:59-23:59",
    "the first day": "0001-01-01T00:00+23:59",
}

#: Bodies that are no JSON object. Thousands of levels are not among them: Flask-Security reads the
#: body before any route of udata and fails on it (500, nothing done), see docs/security.md.
NOT_AN_OBJECT: dict[str, bytes] = {
    "nothing": b"",
    "bad JSON": b"{",
    "single quotes": b"{'a': 1}",
    "list": b"[]",
    "text": b'"text"',
    "number": b"12",
    "null": b"null",
    "NaN": b"NaN",
    "not UTF-8": b'{"comment": "\xff\xfe"}',
    "half a character": b'{"comment": "\xc3',
    "UTF-16": '{"comment": "x"}'.encode("utf-16"),
    "null bytes": b"\x00" * 100,
    "more digits than Python reads": b'{"days": ' + b"9" * 5000 + b"}",
    "twice the same key": b'{"fitness": "yes", "fitness": {"$ne": 1}}',
}


def with_body(writes: dict[str, Write]) -> list[str]:
    return [name for name, write in writes.items() if write.body is not nothing]


def some(values: dict[str, Any], turn: int, many: int = 12) -> list[tuple[str, Any]]:
    """Some of the values, others at each turn, so that every field and every value has its turn."""
    names = list(values)
    chosen = [names[(turn * 5 + step * 3) % len(names)] for step in range(many)]
    return [(name, values[name]) for name in dict.fromkeys(chosen)]


def parts(name: str) -> tuple[str, str]:
    verb, _space, route = name.partition(" ")
    return verb, route


class BodiesTest(AbuseCase):
    def test_every_unsafe_route_is_known_here(self):
        unsafe = {(verb, route) for verb, route, _rule in self.rules() if verb != "GET"}
        known = {parts(name) for name in JSON} | {("POST", route) for route in FORMS}
        assert unsafe == known

    def test_what_is_right_is_accepted(self):
        """Otherwise what follows would prove nothing."""
        scene, refused = self.scene(), []
        for name, write in JSON.items():
            answer = self.send(scene, name, write.body(scene))
            if answer.status_code not in (200, 201, 202, 204):
                refused.append(f"{name}: {answer.status_code} {answer.text}")
            scene.restore()
        for route, write in FORMS.items():
            path = scene.address(route) + write.query(scene)
            answer = scene.call(write.role, "POST", path, form=write.body(scene))
            if answer.status_code not in ELSEWHERE.get(route, (200, 303)):
                refused.append(f"{route}: {answer.status_code}")
            scene.restore()
        assert not refused

    def test_no_value_of_any_field_is_an_error_of_the_server(self):
        scene, wrong, tried = self.scene(), [], []
        for name in with_body(JSON):
            right = JSON[name].body(scene)
            for place in [*right, *JSON[name].texts]:
                for odd, value in some(ODD, len(tried)):
                    tried.append(odd)
                    answer = self.send(scene, name, with_field(right, place, value))
                    if answer.status_code >= 500:
                        wrong.append(f"{name} {place} {odd}: {answer.status_code}")
                    if answer.status_code < 300:
                        scene.restore()
                    elif not answer.json.get("message"):
                        wrong.append(f"{name} {place} {odd}: refused without a word")
        assert not wrong
        assert set(tried) == set(ODD)

    def test_a_body_that_is_no_object_is_refused(self):
        scene, wrong = self.scene(), []
        for name in with_body(JSON):
            for what, body in some(NOT_AN_OBJECT, len(name), 8):
                answer = self.send(scene, name, body)
                if what in ("twice the same key", "UTF-16"):  # which JSON allows
                    wrong += [name] if answer.status_code >= 500 else []
                elif answer.status_code not in (400, 404, 409) or not answer.json.get("message"):
                    wrong.append(f"{name} {what}: {answer.status_code} {answer.text}")
                if answer.status_code < 300:
                    scene.restore()
        assert not wrong

    @pytest.mark.parametrize("says_its_length", [True, False])
    def test_a_body_over_64_kib_is_413(self, says_its_length):
        scene = self.scene()
        for name in with_body(JSON):
            if not says_its_length and name == "POST requests/<id>/support/":
                continue  # takes none that does not say so, and does not read it
            body = JSON[name].body(scene) | {"more": "x" * 65_536}
            answer = self.send(scene, name, body, chunked=not says_its_length)
            assert answer.status_code == 413, (name, answer.text)
            assert "65536" in answer.json["message"]

    def test_what_is_no_json_is_415(self):
        scene = self.scene()
        for name in with_body(JSON):
            answer = self.send(scene, name, b"fitness=yes", content_type="text/plain")
            assert answer.status_code == 415, name

    def test_unknown_fields_are_ignored_and_never_stored(self):
        scene = self.scene()
        intruders = {
            "visibility": "public",
            "agent": False,
            "v": 99,
            "_id": "0" * 24,
            "counted": {"total": 99},
            "live": {"total": 99},
            "$set": {"visibility": "public"},
            "intruder.0": "intruder",
            "contributor": {"kind": "user", "key": "user:" + "0" * 24},
            "intruder": "intruder",
        }
        for name in with_body(JSON):
            answer = self.send(scene, name, JSON[name].body(scene) | intruders)
            assert answer.status_code < 500, name
            if answer.status_code < 300:
                stored = repr(scene.documents())
                assert "intruder" not in stored, name
                assert "'total': 99" not in stored, name
                scene.restore()

    def send(
        self, scene: Scene, name: str, body: Any, *, chunked: bool = False, **kwargs: Any
    ) -> Any:
        verb, route = parts(name)
        data = body if isinstance(body, bytes) else dumped(body)
        more: dict[str, Any] = {"data": data, "content_type": "application/json"} | kwargs
        if chunked:
            # As a client that does not know how long it will be.
            more |= {"headers": {"Transfer-Encoding": "chunked"}, "content_length": None}
            more["environ_overrides"] = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
        if JSON[name].body is nothing:
            more = {}
        return scene.call(JSON[name].role, verb, scene.address(route, verb), **more)


class FormsTest(AbuseCase):
    """The same of forms. What they answer is read by `test_payloads`."""

    def test_a_form_over_its_bound_is_refused(self):
        scene, wrong = self.scene(), []
        views = {
            path: self.app.view_functions[rule.endpoint]
            for verb, path, rule in self.rules()
            if verb == "POST"
        }
        for route, write in FORMS.items():
            if getattr(views[route], "takes_file", False):
                continue  # longer ones are refused in the tests of imports and of themes
            body = write.body(scene) | {"more": "x" * 65_536}
            path = scene.address(route) + write.query(scene)
            answer = scene.call(write.role, "POST", path, form=body)
            unread = write.body is nothing and answer.status_code < 400
            if answer.status_code != 413 and not unread:
                wrong.append((route, answer.status_code))
            scene.restore()
        assert not wrong

    def test_what_is_no_form_is_refused_and_no_error_of_the_server(self):
        scene = self.scene()
        bodies = [
            (b"\xff\xfe=\xff", "application/x-www-form-urlencoded"),
            (b"a=%FF%00&%00=1&=&&==", "application/x-www-form-urlencoded"),
            (b"&".join(b"f%d=1" % n for n in range(5000)), "application/x-www-form-urlencoded"),
            (b"no boundary", "multipart/form-data"),
            (b"--x\r\n\r\n--x", "multipart/form-data; boundary=x"),
            (b'{"fitness": "yes"}', "application/json"),
        ]
        for route, write in FORMS.items():
            for data, content_type in bodies:
                path = scene.address(route) + write.query(scene)
                more: dict[str, Any] = {"data": data, "content_type": content_type}
                answer = scene.call(write.role, "POST", path, **more)
                assert answer.status_code < 500, (route, data[:20], answer.status_code)
                if answer.status_code < 400:
                    scene.restore()


def dumped(body: Any) -> bytes:
    """JSON as an attacker writes it: lone surrogates escaped, NaN and Infinity as they are."""
    return json.dumps(body).encode()
