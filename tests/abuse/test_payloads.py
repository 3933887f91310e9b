"""Whatever people write is a text wherever it is shown: in pages and fragments, JSON, CSV, Atom,
RDF, mails and native discussions. Payloads go into every text of every write, and are looked for in
every answer that anybody can get."""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from bson import ObjectId
from mongoengine.connection import get_db
from udata.tests.helpers import capture_mails

from tests.cases import P
from udata_culture_feedback.app.maintenance import maintain
from udata_culture_feedback.consultations.models import TextState, responses
from udata_culture_feedback.data_requests.models import messages, requests
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.mail import outbox

from .payloads import GROUPS, INVISIBLE, PAYLOADS, POISON, Page, wrong_in
from .scene import AbuseCase, Scene
from .writes import FORMS, JSON, with_field

#: Who is shown most of a route.
READERS = ("anonymous", "author", "sysadmin")

#: Arguments of addresses, of all routes together.
ARGUMENTS = tuple(
    [
        "about",
        "action",
        "answer",
        "as",
        "axis",
        "cursor",
        "dataset",
        "done",
        "edit",
        "erased",
        "fitness",
        "from",
        "id",
        "instead",
        "kind",
        "lang",
        "level",
        "matching",
        "next",
        "older",
        "organization",
        "outdated",
        "page",
        "page_size",
        "profile",
        "q",
        "question",
        "reason",
        "resource",
        "sent",
        "show",
        "sort",
        "state",
        "status",
        "step",
        "target",
        "theme",
        "title",
        "token",
        "treated",
        "treatment",
        "visibility",
        "waiting",
    ]
)
#: Texts that may be long.
LONG = ("comment", "description", "message", "answer", "text", "introduction", "answers")

#: What would end a header, were it in one.
CONTROL = "x\r\nSet-Cookie: evil=1"

#: What every answer in HTML says to browsers.
HEADERS = {
    "X-Content-Type-Options": ("nosniff",),
    "Referrer-Policy": ("same-origin", "no-referrer"),
}


class PayloadCase(AbuseCase):
    def written(self, scene: Scene, payload: str) -> list[str]:
        """Puts a payload into every text of every write (its beginning where texts are short), one
        write after the other; answers the routes that took it."""
        taken = []
        for name, write in JSON.items():
            verb, _space, route = name.partition(" ")
            if not write.texts or route in ("moderation/", "me/"):
                continue  # one takes words away, the other changes the same feedback
            body = write.body(scene)
            for path in write.texts:
                value = payload if path.split(".")[0] in LONG else payload[:90]
                if path.endswith(("url", "urls.0")):
                    value = "https://evil.example/?" + "".join(payload.split())
                if path in ("answers.best", "formats.0", "scope.tags.0"):
                    continue  # not words
                body = with_field(body, path, value)
            if route.endswith("/transitions/"):
                body |= {"to": "needs_clarification", "reason": None, "review_at": None, "urls": []}
            answer = scene.call(write.role, verb, scene.address(route, verb), json_body=body)
            assert answer.status_code < 500, (name, answer.text)
            if answer.status_code < 300:
                taken.append(name)
        return taken

    def publish(self) -> None:
        """As if moderators had let all of it through."""
        for collection in (feedbacks(), requests(), messages()):
            collection.update_many(
                {"visibility": {"$ne": "public"}}, {"$set": {"visibility": "public"}}
            )
        public = {"texts.$[].state": TextState.PUBLIC.value}
        responses().update_many({"texts.0": {"$exists": True}}, {"$set": public})
        get_db()["culture_feedback_consultation"].update_many({}, {"$set": {"published": True}})

    def outputs(self, scene: Scene) -> list[tuple[str, str]]:
        """Everything that can be read: role and address."""
        found = []
        for verb, route, _rule in self.rules():
            if verb != "GET" or route.startswith(("static/", "proof/", "health/")):
                continue
            addresses = [scene.address(route)]
            if "consultations/<" in route:
                addresses += [scene.address(route).replace(scene.consultation, scene.closed)]
            if "decisions/" in route:
                addresses = [f"{addresses[0]}?token={scene.appeal_token}"]
            if route == "pages/better/<id>":
                addresses = [f"{addresses[0]}?token={scene.better_token}"]
            if route == "pages/requests/new":
                addresses += [f"{addresses[0]}?dataset={scene.dataset.id}"]
            for role in READERS:
                for address in addresses:
                    found.append((role, address))
                    if route.startswith("pages/") and role == "sysadmin":
                        found.append(
                            (role, address + ("&" if "?" in address else "?") + "as=fragment")
                        )
        return found


class TextsTest(PayloadCase):
    @pytest.mark.parametrize("names", GROUPS, ids="-".join)
    def test_a_payload_is_a_text_wherever_it_is_shown(self, names: tuple[str, ...]):
        scene, payload = self.scene(), " ".join(PAYLOADS[name] for name in names)
        with capture_mails() as mails:
            taken = self.written(scene, payload)
            assert {"POST feedback/", "PUT feedback/<id>/", "POST requests/"} <= set(taken)
            assert "PUT consultations/<id>/" in taken
            self.publish()
            maintain()
            outbox.deliver_due()
        wrong = []
        for role, address in self.outputs(scene):
            answer = scene.call(role, "GET", address)
            if answer.status_code >= 500:
                wrong.append(f"{role} {address}: {answer.status_code}")
            wrong += [f"{role} {address}: {what}" for what in self.harm(answer)]
        for mail in mails:
            wrong += [f"mail {mail.subject!r}: {what}" for what in harm_of_mail(mail)]
        wrong += [f"discussion: {what}" for what in harm_of_discussions()]
        assert not wrong

    def harm(self, answer: Any) -> list[str]:
        """What is wrong with an answer, by its type."""
        text, kind = answer.text, answer.mimetype
        wrong = ["a header of theirs"] if "evil" in str(answer.headers.get("Set-Cookie")) else []
        if kind == "text/html":
            return wrong + wrong_in(text) + headers_missing(answer)
        if answer.headers.get("X-Content-Type-Options") != "nosniff" and kind != "application/json":
            wrong.append(f"{kind} without nosniff")
        if kind == "text/csv":
            wrong += [f"formula {cell!r}" for cell in formulas(text)]
        elif kind.endswith("xml"):
            names = {
                element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()
            }
            wrong += ["an element of theirs"] if names & {"evil", "script", "img"} else []
        elif kind == "application/json":
            assert answer.json is not None
        if kind != "application/json" and INVISIBLE.search(text.removeprefix("\ufeff")):
            wrong.append("invisible characters")
        return wrong


class RefusedTest(PayloadCase):
    """What is refused is shown again with the form: every field of every form, one at a time."""

    def test_what_is_typed_in_a_form_is_shown_as_text(self):
        scene, wrong = self.scene(), []
        for route, write in FORMS.items():
            right = write.body(scene)
            path = scene.address(route) + write.query(scene)
            bad = dict.fromkeys(right, POISON)
            for body in (bad, *({**right, name: POISON} for name in right)):
                answer = scene.call(write.role, "POST", path, form=body)
                if answer.status_code >= 500:
                    which = [name for name in body if body[name] == POISON]
                    wrong.append(f"{route} {which}: {answer.status_code}")
                elif answer.mimetype == "text/html":
                    shown = INVISIBLE.sub("", answer.text)  # what was typed is given back as it was
                    wrong += [f"{route}: {what}" for what in wrong_in(shown)]
                wrong += [f"{route}: {what}" for what in headers_missing(answer)]
                if answer.status_code < 400:
                    scene.restore()
        assert not wrong

    def test_an_argument_of_an_address_is_text_and_no_header(self):
        scene, wrong = self.scene(), []
        for verb, route, _rule in self.rules():
            if route.startswith(("static/", "health/")):
                continue
            path = scene.address(route, verb)
            form = FORMS[route].body(scene) if verb == "POST" and route in FORMS else None
            if verb != "GET" and form is None:
                continue
            role = FORMS[route].role if form is not None else "sysadmin"
            for value in (POISON, CONTROL, "9" * 5000, "²"):
                arguments = dict.fromkeys(ARGUMENTS, value)
                for query in (arguments, arguments | {"as": "fragment", "lang": "en"}):
                    if form is not None:  # a file is closed once it is sent
                        form = FORMS[route].body(scene)
                    answer = scene.call(role, verb, path, form=form, query_string=query)
                    if answer.status_code >= 500:
                        wrong.append(f"{verb} {route} {value[:9]!r}: {answer.status_code}")
                    elif answer.mimetype == "text/html":
                        shown = INVISIBLE.sub("", answer.text)
                        wrong += [f"{verb} {route}: {what}" for what in wrong_in(shown)]
                    if "evil" in str(answer.headers.get("Set-Cookie")):
                        wrong.append(f"{verb} {route}: a header of theirs")
                    if form is not None and answer.status_code < 400:
                        scene.restore()
        assert not wrong

    def test_an_address_that_makes_no_sense_is_not_found(self):
        scene, wrong = self.scene(), []
        strange = ("%00", "%FF%FE", "%ED%A0%80", "a" * 5000, "%3Cscript%3E$where{{1337*7331}}",
                   "%0D%0ASet-Cookie:evil=1", "0" * 24)  # fmt: skip
        for verb, route, _rule in self.rules():
            if "<" not in route:
                continue
            for value in strange:
                address = re.sub("<[a-z]+>", value, route)
                form = FORMS[route].body(scene) if verb == "POST" and route in FORMS else None
                json = JSON[f"{verb} {route}"].body(scene) if f"{verb} {route}" in JSON else None
                answer = scene.call("sysadmin", verb, address, form=form, json_body=json)
                if answer.status_code not in (302, 303, 308, 400, 404, 409):
                    wrong.append(f"{verb} {address[:60]}: {answer.status_code}")
                if answer.mimetype == "text/html":
                    wrong += [f"{verb} {address[:60]}: {what}" for what in wrong_in(answer.text)]
        assert not wrong


class LinksTest(PayloadCase):
    def test_links_of_people_help_nobodys_ranking(self):
        scene = self.scene()
        self.written(scene, "Voir https://evil.example/page ou [ici](https://evil.example/page)")
        move = {"to": "published", "urls": ["https://evil.example/donnees"]}
        scene.call("editor", "POST", f"requests/{scene.other_request}/transitions/", json_body=move)
        self.publish()
        found, wrong = 0, []
        for role, address in self.outputs(scene):
            if not address.startswith("pages/"):
                continue
            for href, rel in Page(scene.call(role, "GET", address).text).links:
                if "evil.example" in href and not href.startswith(("/", "mailto:")):
                    found += 1
                    if not {"nofollow", "ugc"} <= set(rel.split()):
                        wrong.append(f"{role} {address}: {href} rel={rel!r}")
        assert found
        assert not wrong


class HeadersTest(AbuseCase):
    def test_every_answer_in_html_is_protected(self):
        scene, wrong = self.scene(), []
        for verb, route, rule in self.rules():
            if rule.endpoint.startswith("api.") or verb != "GET":
                continue
            for role in ("anonymous", "sysadmin"):
                for path in (scene.address(route), re.sub("<[a-z]+>", "nothing", route)):
                    answer = scene.call(role, "GET", path)
                    wrong += [f"{role} {path}: {what}" for what in headers_missing(answer)]
        assert not wrong

    def test_who_may_show_our_pages_in_a_frame_is_the_operators_choice(self, app: Any):
        app.config["CULTURE_FEEDBACK_FRAME_ANCESTORS"] = []
        answer = self.visit("GET", f"{P}/pages/charter/")
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def headers_missing(answer: Any) -> list[str]:
    if answer.mimetype != "text/html" or 300 <= answer.status_code < 400:
        return []
    wrong = []
    policy = answer.headers.get("Content-Security-Policy", "")
    for part in ("default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors "):
        if part not in policy:
            wrong.append(f"no {part}")
    if "unsafe" in policy or "*" in policy:
        wrong.append(policy)
    for name, expected in HEADERS.items():
        if answer.headers.get(name) not in expected:
            wrong.append(f"{name}: {answer.headers.get(name)}")
    return wrong


def formulas(text: str) -> list[str]:
    """The cells that a spreadsheet would compute."""
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    number = re.compile(r"-?\d+(\.\d+)?")
    return [
        cell
        for row in rows
        for cell in row
        if cell[:1] in tuple("=+-@\t\r\n＝＋－＠") and cell and not number.fullmatch(cell)
    ]


def harm_of_mail(mail: Any) -> list[str]:
    """A mail has the headers that we gave it, one reader, and its HTML is ours."""
    wrong = []
    head = [str(mail.subject), str(mail.sender), *map(str, mail.recipients)]
    if any("\n" in line or "\r" in line for line in head):
        wrong.append("a header is broken")
    if len(mail.recipients) != 1 or mail.cc or mail.bcc:
        wrong.append("somebody else receives it")
    html = str(mail.html or "")
    # udata's own template of mails has a style attribute; it has no script and no link of theirs.
    for found in re.findall(r"<(script|img|iframe|svg|base)\b[^>]*(?:evil|onerror)", html):
        wrong.append(f"<{found}>")
    if re.search(r"<[a-z][^>]*\s(on\w+|srcdoc)\s*=", html) or "javascript:evil" in hrefs(html):
        wrong.append("a script")
    if "9801547" in html + str(mail.body):
        wrong.append("a text was computed")
    return wrong


def hrefs(html: str) -> str:
    return " ".join(re.findall(r'href="([^"]*)"', html))


def harm_of_discussions() -> list[str]:
    """Words there are plain text, which udata escapes; nothing invisible, no lone surrogate."""
    wrong = []
    for discussion in get_db()["discussion"].find():
        texts = [discussion["title"], *(one["content"] for one in discussion["discussion"])]
        for text in texts:
            if INVISIBLE.search(text) or "\r" in text:
                wrong.append(repr(text[:40]))
        assert isinstance(discussion["_id"], ObjectId)
    return wrong
