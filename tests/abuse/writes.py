"""What every unsafe route of ours takes: a body that is right, who may send it, and which of its
fields are texts of people. Tests change it in all the ways that people should not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from tests.consultations.consulting import QUESTIONS

from .scene import Scene

Body = dict[str, Any]


class Sent(BytesIO):
    """A file that can be sent more than once: who has sent it closes it."""

    def close(self) -> None:
        self.seek(0)


@dataclass(frozen=True)
class Write:
    """`role`: somebody who may do it. `texts`: what people write, `a.b` within objects."""

    role: str
    body: Callable[[Scene], Body]
    texts: tuple[str, ...] = ()
    #: Arguments of the address, where it carries a token.
    query: Callable[[Scene], str] = lambda scene: ""


def nothing(_scene: Scene) -> Body:
    return {}


def _of(**body: Any) -> Callable[[Scene], Body]:
    return lambda _scene: dict(body)


def _treatment(_scene: Scene) -> Body:
    return {"status": "planned", "answer": "C’est prévu.", "note": "À voir.", "from": "new"}


def _in_inbox(scene: Scene) -> Body:
    return _treatment(scene) | {"read": scene.feedback, "template": "", "assignee": ""}


def _in_request_inbox(scene: Scene) -> Body:
    return {"read": scene.request, "act": "assign", "assignee": ""}


def _consultation(scene: Scene) -> Body:
    return {
        "title": {"fr": "Titre", "en": "Title"},
        "introduction": {"fr": "Bonjour", "en": "Hello"},
        "outcome": {"en": "We will answer"},
        "controller": {"en": "Ministry"},
        "dpo": {"en": "dpo"},
        "retention": {"en": "a year"},
        "contact": "contact@example.org",
        "organization": str(scene.organization.id),
        "opens_at": "2026-01-01T00:00",
        "closes_at": "2126-02-01T00:00",
        "scope": {"organizations": [], "tags": ["musée"], "datasets": [str(scene.dataset.id)]},
        "steps": [{"en": "You"}, {"en": "Your uses"}, {"en": "The data"}],
        "questions": [question | {"help": {"en": "Help"}} for question in QUESTIONS],
        "read_only": False,
        "publish": True,
    }


CONSULTATION_TEXTS = (
    *(f"{name}.en" for name in ("title", "introduction", "outcome", "controller", "dpo")),
    "retention.en",
    "scope.tags.0",
    "steps.1.en",
    "questions.0.text.en",
    "questions.0.help.en",
    "questions.0.options.0.label.en",
    "questions.2.scale.0.en",
)

ANSWERS: Body = {
    "use": "yes",
    "themes": ["museums"],
    "satisfied": 2,
    "why": "Parce que.",
    "lacking": {"title": "Les horaires", "description": "Par jour."},
}
ANSWER_TEXTS = (
    "answers.why",
    "answers.best",
    "answers.lacking.title",
    "answers.lacking.description",
)


def _response(scene: Scene) -> Body:
    answers = ANSWERS | {"best": str(scene.dataset.id)}
    return {"answers": answers, "profile": "other", "open_data": True}


def _request(scene: Scene) -> Body:
    return {
        "title": "Les entrées des cinémas",
        "description": "Par semaine.",
        "kind": "new",
        "themes": ["archives"],
        "usages": ["research"],
        "profile": "other",
        "evidence_url": "https://example.org/rapport",
        "formats": ["csv"],
        "frequency": "monthly",
        "spatial": "La France",
        "signature": "name",
        "name": "Camille",
        "dataset": str(scene.dataset.id),
        "organization": str(scene.organization.id),
        "consultation": None,
        "submission_id": "une-demande-1",
    }


REQUEST_TEXTS = ("title", "description", "evidence_url", "spatial", "name", "formats.0")

_FEEDBACK: Body = {
    "fitness": "no",
    "ratings": {"completeness": 2},
    "comment": "Rien.",
    "wants_answer": True,
    "usages": ["research"],
    "profile": "other",
    "signature": "name",
    "name": "Camille",
    "consultation": None,
}


def _mine(scene: Scene) -> Body:
    return {"kind": "feedback", "id": scene.feedback}


def _feedback(scene: Scene) -> Body:
    about = {"dataset": str(scene.dataset.id), "resource": None}
    return about | _FEEDBACK | {"submission_id": "un-avis-1"}


_MOVE: Body = {
    "to": "declined",
    "from": "submitted",
    "message": "Nous ne les avons pas.",
    "reason": "not_existing",
    "datasets": [],
    "urls": ["https://example.org/donnees"],
    "duplicate_of": None,
    "partial": False,
    "review_at": "2030-01-01",
}


def _gesture(scene: Scene) -> Body:
    return {
        "items": [scene.feedback],
        "decision": "redact",
        "reason": "personal_data",
        "strings": ["outre-mer"],
        "ranges": [{"field": "comment", "start": 0, "end": 5}],
        "found": False,
    }


JSON: dict[str, Write] = {
    "POST confirm/": Write("anonymous", lambda s: {"token": s.confirm_token}),
    "POST consultations/": Write("team", _consultation, CONSULTATION_TEXTS),
    "PUT consultations/<id>/": Write("team", _consultation, CONSULTATION_TEXTS),
    "DELETE consultations/<id>/": Write("team", nothing),
    "POST consultations/<id>/copy/": Write("team", _consultation, CONSULTATION_TEXTS),
    "POST consultations/<id>/responses/": Write(
        "citizen",
        lambda s: _response(s) | {"submission_id": "une-reponse-1"},
        ANSWER_TEXTS,
    ),
    "PUT consultations/<id>/responses/": Write("author", _response, ANSWER_TEXTS),
    "DELETE consultations/<id>/responses/": Write("author", nothing),
    "POST datasets/<dataset>/subscription/": Write("editor", nothing),
    "DELETE datasets/<dataset>/subscription/": Write("editor", nothing),
    "POST feedback/": Write("citizen", _feedback, ("comment", "name")),
    "PUT feedback/<id>/": Write("author", _of(**_FEEDBACK), ("comment", "name")),
    "DELETE feedback/<id>/": Write("author", nothing),
    "POST feedback/<id>/flag/": Write(
        "citizen", _of(reason="abuse", message="Lisez.", about=None), ("message",)
    ),
    "PUT feedback/<id>/treatment/": Write("editor", _treatment, ("answer", "note")),
    "POST feedback/treatments/": Write(
        "editor", lambda s: _treatment(s) | {"ids": [s.feedback]}, ("answer", "note")
    ),
    "POST me/": Write("anonymous", _of(email="somebody@example.org")),
    "PUT me/": Write("author", lambda s: _mine(s) | {"comment": "Autrement."}, ("comment",)),
    "DELETE me/": Write("author", lambda s: {"items": [_mine(s)], "everything": False}),
    "POST moderation/": Write("moderator", _gesture, ("strings.0",)),
    "POST organizations/<org>/answer-templates/": Write(
        "admin", _of(name="Oui", text="Oui pour {title}."), ("name", "text")
    ),
    "PUT organizations/<org>/answer-templates/<id>/": Write(
        "admin", _of(name="Non", text="Non pour {title}."), ("name", "text")
    ),
    "DELETE organizations/<org>/answer-templates/<id>/": Write("admin", nothing),
    "PUT organizations/<org>/settings/": Write(
        "admin",
        _of(
            notify_contact_point=True,
            weekly_digest=False,
            escalate_after_days=7,
            service_name="Accueil",
        ),
        ("service_name",),
    ),
    "POST organizations/<org>/subscription/": Write("editor", nothing),
    "DELETE organizations/<org>/subscription/": Write("editor", nothing),
    "POST requests/": Write("citizen", _request, REQUEST_TEXTS),
    "PUT requests/<id>/": Write("author", _request, REQUEST_TEXTS),
    "DELETE requests/<id>/": Write("author", nothing),
    "POST requests/<id>/messages/": Write(
        "author",
        _of(message="Une question.", signature="name", submission_id="un-message-1"),
        ("message",),
    ),
    "POST requests/<id>/support/": Write("citizen", _of(signature="name")),
    "DELETE requests/<id>/support/": Write("citizen", nothing),
    "POST requests/<id>/follow/": Write("citizen", nothing),
    "DELETE requests/<id>/follow/": Write("citizen", nothing),
    "POST requests/<id>/transfer/": Write(
        "editor",
        lambda s: {"organization": str(s.elsewhere), "message": "C’est à eux."},
        ("message",),
    ),
    "POST requests/<id>/transitions/": Write("editor", _of(**_MOVE), ("message", "urls.0")),
    "POST requests/<reference>/flag/": Write(
        "citizen", _of(reason="abuse", message="Lisez.", about=None), ("message",)
    ),
}


def _form_of_consultation(scene: Scene) -> Body:
    texts = ("title", "introduction", "outcome", "controller", "dpo", "retention")
    return {f"{name}.{language}": "Mots" for name in texts for language in ("fr", "en")} | {
        "steps.fr": "Vous\nVos usages\nLes données",
        "steps.en": "You\nYour uses\nThe data",
        "opens_at": "2026-01-01T00:00",
        "closes_at": "2126-02-01T00:00",
        "contact": "contact@example.org",
        "organization": str(scene.organization.id),
        "organization_q": "",
        "scope.organizations": "",
        "scope.organizations_q": "",
        "scope.datasets": str(scene.dataset.id),
        "scope.datasets_q": "",
        "scope.tags": "musée",
        "read_only": "",
        "mode": "open",
        "version": "",
    }


_STEP: Body = {
    "step": "1",
    "go": "next",
    "opening": "",
    "carried": "",
    "submission_id": "une-reponse-2",
    "answers.use": "yes",
    "answers.why": "Parce que.",
    "answers.best": "",
    "answers.best_q": "",
    "answers.lacking.title": "",
    "answers.lacking.description": "",
    "profile": "other",
    "about": "1",
    "email": "",
    "proof": "",
    "contributor_token": "",
}

#: Forms of pages, under `pages/` but for one. Fields whose presence alone means something else
#: (`delete`, `by_email`, `draft`…) are left to the tests of their page.
FORMS: dict[str, Write] = {
    "pages/better/<id>": Write(
        "author", _of(answer="yes"), query=lambda s: f"?token={s.better_token}"
    ),
    "pages/confirm/": Write("anonymous", lambda s: {"token": s.confirm_token}),
    "pages/consultations/<reference>/": Write("citizen", _of(**_STEP), ("answers.why",)),
    "pages/consultations/<reference>/copy": Write("team", nothing),
    "pages/consultations/<reference>/delete": Write("team", nothing),
    "pages/consultations/<reference>/edit": Write("team", _form_of_consultation),
    "pages/consultations/<reference>/entry": Write(
        "team", _of(**_STEP, channel="post", reference="Lettre 1"), ("reference",)
    ),
    "pages/consultations/<reference>/erase": Write("author", nothing),
    "pages/consultations/<reference>/follow": Write("citizen", _of(reminder="1", synthesis="1")),
    "pages/consultations/<reference>/import": Write("team", _of(encoding="")),
    "pages/consultations/<reference>/publish": Write("team", nothing),
    "pages/consultations/<reference>/questions": Write(
        "team",
        _of(
            **{
                "question": "",
                "kind": "single",
                "text.en": "Why?",
                "help.en": "Help",
                "answers.en": "One\nTwo",
                "step": "1",
                "position": "1",
                "required": "1",
            }
        ),
    ),
    "pages/consultations/<reference>/results/publish": Write("team", nothing),
    "pages/consultations/<reference>/texts-back": Write("author", nothing),
    "pages/consultations/<reference>/results/texts": Write(
        "team", lambda s: {"text": s.text, "decision": "publish"}
    ),
    "pages/consultations/<reference>/results/themes/edit": Write(
        "team",
        _of(**{"label.en": "Hours", "definition.en": "Opening hours", "colour": "red"}),
        ("label.en", "definition.en"),
    ),
    "pages/consultations/<reference>/results/themes/import": Write(
        "team", lambda _scene: {"file": (Sent(b"text;themes\n"), "tags.csv")}
    ),
    "pages/consultations/<reference>/results/themes/publish": Write("team", _of(public="1")),
    "pages/consultations/<reference>/results/themes/quote": Write(
        "team", lambda s: {"text": s.text, "quoted": "0"}
    ),
    "pages/consultations/<reference>/results/themes/tag": Write(
        "team", lambda s: {"texts": [s.text], "theme": s.theme, "act": "add"}
    ),
    "pages/consultations/<reference>/try": Write("team", _of(**_STEP)),
    "pages/consultations/<reference>/resume": Write("anonymous", _of(token="")),
    "pages/consultations/<reference>/synthesis": Write(
        "team",
        _of(
            **{
                "text.en": "What came of it",
                "rows": "1",
                "commitments.0.text.en": "We open it",
                "commitments.0.request": "",
                "commitments.0.request_q": "",
                "commitments.0.dataset": "",
                "commitments.0.owner": "The office",
                "commitments.0.status": "doing",
                "commitments.0.due": "2126-12-31",
            }
        ),
    ),
    "pages/consultations/new": Write("team", _form_of_consultation),
    "pages/dashboard/feedback/<id>": Write(
        "editor", lambda s: _treatment(s) | {"template": "", "assignee": ""}
    ),
    "pages/dashboard/me/inbox/": Write("editor", _in_inbox),
    "pages/dashboard/portal/returned": Write(
        "sysadmin", _of(old="0" * 24, new="1" * 24, decision="refuse")
    ),
    "pages/dashboard/organizations/<organization>/inbox/": Write("editor", _in_inbox),
    "pages/dashboard/me/requests/": Write("editor", _in_request_inbox),
    "pages/dashboard/organizations/<organization>/requests/": Write("editor", _in_request_inbox),
    "pages/dashboard/organizations/<org>/templates": Write(
        "admin", lambda s: {"template": s.template, "name": "Oui", "text": "Oui."}
    ),
    "pages/dashboard/organizations/<organization>/settings": Write(
        "admin",
        _of(notify_contact_point="1", escalate_after_days="7", service_name="Accueil"),
        ("service_name",),
    ),
    "pages/datasets/<dataset>/": Write(
        "citizen",
        _of(
            details="1",
            fitness="no",
            comment="Rien.",
            usages="research",
            profile="other",
            signature="name",
            name="Camille",
            rating_completeness="2",
            submission_id="un-avis-2",
            email="",
            proof="",
            contributor_token="",
        ),
    ),
    "pages/datasets/<dataset>/erase": Write("author", nothing),
    "pages/feedback/<id>/flag": Write("citizen", _of(reason="abuse", message="Lisez.")),
    "pages/me/": Write("anonymous", _of(email="somebody@example.org")),
    "pages/me/erase": Write("author", _mine),
    "pages/me/leave": Write("anonymous", nothing),
    "pages/me/open": Write("anonymous", lambda s: {"token": s.me_token}),
    "pages/me/requests/<id>": Write(
        "author", _of(title="Les horaires", description="Par jour.", evidence_url="", spatial="")
    ),
    "pages/moderation/": Write(
        "moderator",
        lambda s: {
            "decision": "publish",
            "items": s.feedback,
            "shown": f"{s.feedback}.1.public",
            "reason": "abuse",
            "scope": "",
            "one": "",
        },
    ),
    "pages/moderation/appeals/": Write(
        "sysadmin", lambda s: {"appeal": s.contested, "outcome": "dismissed", "answer": "Non."}
    ),
    "pages/moderation/decisions/<id>/appeal": Write("author", _of(text="Ce n’est pas juste.")),
    "pages/moderation/team/": Write(
        "sysadmin", lambda s: {"email": s.author.email, "organizations": "", "revoke": ""}
    ),
    "pages/moderation/undo": Write("moderator", lambda s: {"batch": s.batch}),
    "pages/requests/<reference>/confirm": Write("author", nothing),
    "pages/requests/<reference>/delete": Write("author", nothing),
    "pages/requests/<reference>/extend": Write(
        "editor", _of(days="7", extension_reason="Beaucoup de travail.")
    ),
    "pages/requests/<reference>/flag": Write("citizen", _of(reason="abuse", message="Lisez.")),
    "pages/requests/<reference>/follow": Write("citizen", _of(email="", proof="")),
    "pages/requests/<reference>/unfollow": Write("citizen", nothing),
    "pages/requests/<reference>/match": Write("editor", _of(match="x", decision="accept")),
    "pages/requests/<reference>/message": Write(
        "author", _of(message="Une question.", submission_id="un-message-2", instead="")
    ),
    "pages/requests/<reference>/message-delete": Write("author", lambda s: {"id": s.message}),
    "pages/requests/<reference>/message-edit": Write(
        "author", lambda s: {"id": s.message, "message": "Autrement."}, ("message",)
    ),
    "pages/requests/<reference>/move": Write(
        "editor",
        lambda s: (
            {name: value or "" for name, value in _MOVE.items()}
            | {"urls": "https://example.org/donnees", "datasets_q": "", "duplicate_of_q": ""}
        ),
    ),
    "pages/requests/<reference>/support": Write(
        "citizen", _of(instead="", email="", proof="", contributor_token="")
    ),
    "pages/requests/<reference>/transfer": Write(
        "editor",
        lambda s: {"organization": str(s.elsewhere), "organization_q": "", "message": "À eux."},
    ),
    "pages/requests/<reference>/unsupport": Write("citizen", nothing),
    "pages/requests/answer": Write("anonymous", _of(message="Par musée.", submission_id="")),
    "pages/imports/<import_id>/columns": Write(
        "team",
        _of(
            **{
                "column.id": "id",
                "column.questions.use": "use",
                "word_column": "use",
                "word": "Bof",
                "meaning": "no",
            }
        ),
    ),
    "pages/imports/<import_id>/delete": Write("team", nothing),
    "pages/imports/<import_id>/start": Write("team", nothing),
    "pages/imports/<import_id>/undo": Write("team", nothing),
    "pages/requests/import": Write("moderator", _of(encoding="")),
    "pages/requests/interested": Write("anonymous", nothing),
    "pages/requests/unmet": Write("citizen", _of(q="Cloches des villages")),
    "pages/requests/new": Write(
        "citizen",
        lambda s: {name: _typed(value) for name, value in _request(s).items()} | {"checked": "1"},
    ),
    "unsubscribe/": Write(
        "anonymous", _of(wish="stop"), query=lambda s: f"?token={s.unsubscribe_token}"
    ),
}


def _typed(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else value or ""


#: Forms that this scene has no use for: their own tests have.
ELSEWHERE = {
    "pages/requests/<reference>/confirm": (409,),  # nothing is published
    "pages/requests/interested": (400, 410),  # nobody was asked
    "pages/requests/answer": (400, 410),  # nobody was asked
    "pages/consultations/<reference>/resume": (303,),  # to the page that says it is not whole
    "pages/requests/<reference>/match": (404,),  # nothing is proposed
    "pages/consultations/<reference>/import": (400,),  # there is no file
    "pages/requests/import": (400,),
    "pages/imports/<import_id>/start": (409,),  # nothing is checked
    "pages/imports/<import_id>/undo": (409,),  # nothing is imported
    "pages/dashboard/portal/returned": (404,),  # nothing is proposed
    "pages/dashboard/me/inbox/": (403,),  # the dataset belongs to an organization
    "pages/dashboard/me/requests/": (404,),  # nor is the request in the list of one's own datasets
}


def with_field(body: Body, path: str, value: Any) -> Body:
    """The same body with another value somewhere in it, `a.0.b` in objects and lists."""
    copy: Any = _copied(body)
    place, names = copy, path.split(".")
    for name in names[:-1]:
        place = place[int(name) if isinstance(place, list) else name]
    place[int(names[-1]) if isinstance(place, list) else names[-1]] = value
    return copy


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value
