"""The form of an import of answers: the columns it asks for, and the mapping that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.imports import Field, ImportKind, Target, Word
from ..people.viewer import Viewer
from ..web import refusals
from ..web.languages import in_languages
from ..web.refusals import Errors
from ..web.untyped import Payload
from . import permissions
from .import_mapping import CHANNELS, FIELDS, Mapped
from .importing import Answers
from .models import Channel, Consultation, Option, Question
from .questions import Kind, labels
from .repository import find, no_such_consultation
from .wording import Texts, said

CHANNEL_LABELS = {
    Channel.IMPORT: _("Collected elsewhere"),
    Channel.POST: _("By post"),
    Channel.PHONE: _("By phone"),
}


class ImportOfAnswers(ImportKind):
    what = _("Import answers")

    def may(self, viewer: Viewer) -> bool:
        return permissions.is_team(viewer)

    def target(self, id: ObjectId | None) -> Target:
        consultation = _consultation(id)
        slug, title = consultation["slug"], str(said(consultation["title"]))
        return Target(
            consultation["_id"],
            title,
            f"consultations/{slug}/import",
            (
                ("consultations/", str(_("Public consultations"))),
                (f"consultations/{slug}/edit", title),
            ),
        )

    def fields(self, target: ObjectId | None) -> list[Field]:
        questions = _consultation(target)["questions"]
        return [*_of_lines(), *(one for question in questions for one in _of_question(question))]

    def importer(
        self,
        target: ObjectId | None,
        columns: Mapping[str, str],
        words: Iterable[Word],
        import_id: ObjectId,
    ) -> Answers:
        consultation = _consultation(target)
        _must_be_answerable(consultation["questions"], columns)
        given = mapping(consultation["questions"], columns, list(words))
        return Answers(consultation, Mapped.of(given, consultation), import_id)


def mapping(questions: list[Question], columns: Mapping[str, str], words: list[Word]) -> Payload:
    """Return the mapping that `import_mapping` reads, from the columns and words of the form."""

    def valued(column: str, *, steps: bool = False) -> dict[str, dict[str, str | int]]:
        meant: dict[str, str | int] = {
            one["word"]: int(one["meaning"]) if steps and one["meaning"] else one["meaning"]
            for one in words
            if one["column"] == column
        }
        return {"values": meant} if meant else {}

    given: Payload = {name: columns[name] for name in FIELDS if columns.get(name)}
    for name in ("channel", "profile"):
        if name in given:
            given[name] = {"column": given[name], **valued(given[name])}
    given["questions"] = {}
    for question in questions:
        where = f"questions.{question['id']}"
        steps = question["kind"] in (Kind.SCALE, Kind.MATRIX)
        several = {
            columns[name]: option["id"]
            for name, option in _columns_of(question)
            if columns.get(name)
        }
        asked: Payload = {}
        if several:
            asked = {"columns": several}
        elif columns.get(where):
            asked = {"column": columns[where]}
        if not asked:
            continue
        if question["kind"] in _WORDED and (steps or not several):
            for column in several or (columns[where],):
                for name, meant in valued(column, steps=steps).items():
                    asked.setdefault(name, {}).update(meant)
        for name in ("other", "details"):
            if columns.get(f"{where}.{name}"):
                asked[name] = columns[f"{where}.{name}"]
        given["questions"][question["id"]] = asked
    return given


#: Kinds whose answers are words of a list.
_WORDED = (Kind.SINGLE, Kind.MULTIPLE, Kind.SCALE, Kind.RANKING, Kind.MATRIX)


def _must_be_answerable(questions: list[Question], columns: Mapping[str, str]) -> None:
    """Raise Invalid, naming the fields of questions that need a column or have two places."""
    errors: Errors = {}
    for question in questions:
        where = f"questions.{question['id']}"
        several = [name for name, _option in _columns_of(question) if columns.get(name)]
        if columns.get(where) and several:
            errors[f"column.{where}"] = _("Either one column, or one for each answer.")
        needed = question["required"] and not question.get("shown_if")
        if needed and not several and not columns.get(where):
            first = where if _has_column(question) else _columns_of(question)[0][0]
            errors[f"column.{first}"] = _("Everybody answers this question: choose its column.")
    if not errors and not any(columns.get(f) for f in columns if f.startswith("questions.")):
        raise refusals.Invalid(_("Choose the column of one question at least."))
    if errors:
        raise refusals.Invalid(_("Some columns are to be chosen."), errors)


# --- The fields -----------------------------------------------------------------------------------


def _of_lines() -> list[Field]:
    """List what a line may say besides answers."""
    profiles = [
        (one.id, str(one.label), tuple(in_languages(one.label).values()))
        for one in vocabulary.vocabularies()["profiles"]
    ]
    return [
        Field(
            "id",
            str(_("Identifier of the line")),
            hint=str(
                _(
                    "Never an e-mail address. Without one, two lines that say the same are two "
                    "people."
                )
            ),
            headers=("id", "n°", "numéro", "numéro de bulletin", "response id", "id de réponse"),
        ),
        Field(
            "date",
            str(_("Day of the answer")),
            headers=("date", "reçu le", "submitdate", "date de soumission", "date submitted"),
        ),
        Field(
            "channel",
            str(_("How it was received")),
            headers=("channel", "canal", "voie"),
            choices=tuple((one.value, str(CHANNEL_LABELS[one])) for one in CHANNELS),
        ),
        Field(
            "profile",
            str(_("Profile")),
            headers=("profile", "profil", "vous êtes", "you are"),
            choices=tuple((id, label) for id, label, _labels in profiles),
        ),
        Field(
            "open_data",
            str(_("Texts may be published as open data")),
            hint=str(_("Yes or no; without a column: no.")),
            headers=("open_data", "accord", "accord de diffusion"),
        ),
    ]


def _of_question(question: Question) -> list[Field]:
    """List the columns that a question may have."""
    where, asked = f"questions.{question['id']}", str(said(question["text"]))
    texts = tuple(question["text"].values())
    found = []
    if _has_column(question):
        found.append(
            Field(
                where,
                str(_("Answer")),
                asked,
                headers=(question["id"], *texts),
                choices=_choices(question),
            )
        )
    several = question["kind"] == Kind.MULTIPLE
    for name, option in _columns_of(question):
        label = str(said(option["label"]))
        found.append(
            Field(
                name,
                str(_("Only “%(answer)s”, yes or no", answer=label)) if several else label,
                asked,
                headers=_in_brackets(question["text"], option["label"]),
                choices=() if several else _choices(question),
            )
        )
    if any(option.get("other") for option in question.get("options", ())):
        heads = tuple(f"{text} [{other}]" for text in texts for other in ("Autre", "Other"))
        found.append(Field(f"{where}.other", str(_("In their own words")), asked, headers=heads))
    if question["kind"] == Kind.MISSING_DATASET:
        heads = ("détails", "précisions", "details")
        found.append(Field(f"{where}.details", str(_("Details")), asked, headers=heads))
    return found


def _has_column(question: Question) -> bool:
    """Return whether all answers to a question may be in one column."""
    return question["kind"] != Kind.MATRIX


def _columns_of(question: Question) -> list[tuple[str, Option]]:
    """List the columns for one answer, or one row of a matrix, with what each is for."""
    where = f"questions.{question['id']}"
    if question["kind"] == Kind.MULTIPLE:
        return [(f"{where}.options.{one['id']}", one) for one in question["options"]]
    if question["kind"] == Kind.MATRIX:
        return [(f"{where}.rows.{one['id']}", one) for one in question["rows"]]
    return []


def _choices(question: Question) -> tuple[tuple[str, str], ...]:
    if question["kind"] not in _WORDED:
        return ()
    if question["kind"] in (Kind.RANKING, Kind.MATRIX):
        rows = question.get("scale") or [one["label"] for one in question["options"]]
        ids = range(1, len(rows) + 1) if "scale" in question else None
        if ids:
            return tuple((str(n), str(said(row))) for n, row in zip(ids, rows, strict=True))
        return tuple((one["id"], str(said(one["label"]))) for one in question["options"])
    return tuple((str(id), str(label)) for id, label in labels(question))


def _in_brackets(text: Texts, label: Texts) -> tuple[str, ...]:
    """Return how forms name the column of one answer: « Quels thèmes ? [Musées] », or alone."""
    pairs = [(text[lang], words) for lang, words in label.items() if lang in text]
    return (*(f"{asked} [{words}]" for asked, words in pairs), *label.values())


def _consultation(id: ObjectId | None) -> Consultation:
    found = find(id)
    if found is None:
        raise no_such_consultation()
    return found
