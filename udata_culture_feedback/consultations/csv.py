"""The files of a consultation: its answers one by one, its figures, the feedback and the requests
given meanwhile. They protect small groups as the pages do; texts of an answer are included where
their author agreed and a moderator has read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from bson import ObjectId
from flask import Response
from udata.i18n import lazy_gettext as _

from ..contributions.neighbours import requests_asked
from ..figures.settle import Document
from ..opendata.generalisation import Known, generalised
from ..opendata.named import Datasets
from ..opendata.opinions import Row, opinion_columns
from ..opendata.tables import (
    Column,
    Table,
    batches,
    profile_column,
    shuffled,
    terms,
    told_profiles,
    version,
)
from ..portal import catalogue
from ..vocabulary import vocabularies
from ..web import refusals
from . import figures, results
from . import release as release_module
from .models import Channel, Consultation, Question, TextState, collected, responses
from .questions import BINNED, COUNTED, Kind, bin_of, labels, rows_of, wordless
from .release import Release, known_of, rows_where
from .release import of as release_of
from .wording import said

#: Fields read of an answer: nothing about its author.
READ = (
    *("answers", "profile", "channel", "sent_at", "open_data", "imported"),
    *("texts.question", "texts.text", "texts.state"),
)
#: Fields read of collected feedback.
READ_OF_COLLECTED = ("dataset", "fitness", "ratings", "usages", "profile", "month")

CHANNELS = {
    Channel.WEB: _("online"),
    Channel.PHONE: _("by phone, entered by the team"),
    Channel.POST: _("by post, entered by the team"),
}
KINDS = {
    Kind.SINGLE: _("one of several answers"),
    Kind.MULTIPLE: _("several answers"),
    Kind.SCALE: _("a step of a scale"),
    Kind.RANKING: _("an order, the first one first"),
    Kind.MATRIX: _("a step of a scale on each line"),
    Kind.NUMBER: _("a number, by ranges"),
    Kind.DATE: _("a date, by years"),
    Kind.TEXT: _("a text"),
    Kind.DATASET: _("a dataset of the portal"),
    Kind.MISSING_DATASET: _("data that are missing"),
}
#: Decimals of a share.
DECIMALS = 4


class ResponseRow:
    """A row of the file of answers, with what may be published of it."""

    def __init__(
        self, response: Document, release: Release, datasets: dict[Any, Any] | None = None
    ):
        self.release = release
        self.answers: Document = response.get("answers") or {}
        self.month, self.channel, self.profile = release.told(response)
        #: The profile within which ranges of numbers and dates are judged, published or not.
        self.within = known_of(response, release.profiles)[-1]
        self.datasets = datasets or {}
        #: The texts that may be published, by question.
        self.texts = {
            text["question"]: text["text"]
            for text in response.get("texts") or ()
            if response.get("open_data") is True and text["state"] == TextState.PUBLIC
        }

    def chosen(self, question: str) -> Any:
        """Return the options chosen, without the words that go with « other » and without rare
        answers."""
        rare = self.release.rare.get(question, set())
        answer = wordless(self.answers.get(question))
        if isinstance(answer, list):
            return [one for one in answer if one not in rare]
        return None if answer in rare else answer

    def ranked(self, question: str) -> Any:
        """Return a ranking; None where too few people put the same option first."""
        answer = self.answers.get(question)
        rare = self.release.rare.get(question, set())
        return None if not answer or answer[0] in rare else answer

    def on_row(self, question: str, row: str) -> Any:
        """Return the step chosen on a row of a matrix; None for a rare one."""
        step = (self.answers.get(question) or {}).get(row)
        return None if step in self.release.rare.get(f"{question}.{row}", set()) else step

    def range(self, question: Question) -> str | None:
        """Return the range of a number or a date, where enough people of this profile share it: the
        value itself might identify one person."""
        answer = self.answers.get(question["id"])
        if answer is None:
            return None
        found = bin_of(question, answer)
        hidden = self.release.ranges.get((question["id"], self.within), set())
        return None if found in hidden else found

    def dataset(self, question: str) -> str | None:
        named = self.answers.get(question)
        found = self.datasets.get(named) if named else None
        return str(found.id) if found and found.listed else None


class CollectedRow(Row):
    """A row of the file of feedback, made from a copy. `month` and the profile: as far as they may
    be published."""

    __slots__ = ("month",)

    month: str | None


# --- What is in each file -------------------------------------------------------------------------


def responses_table(consultation: Consultation) -> Table:
    """Describe the file of answers: one row for each."""
    return Table(
        "responses",
        str(_("Answers to the questions")),
        str(_("One row for each person who answered, with one column for each question.")),
        (
            Column(
                "month",
                _("Month"),
                attrgetter("month"),
                _(
                    "Month in which the answer was sent (UTC). Empty where less than ten people "
                    "would share month, channel and profile."
                ),
                type="yearmonth",
            ),
            Column(
                "channel",
                _("Channel"),
                attrgetter("channel"),
                _(
                    "How the answer was given. Empty where less than ten people would share "
                    "channel and profile."
                ),
                values=tuple((one.value, str(label)) for one, label in CHANNELS.items()),
            ),
            profile_column(),
            *(column for one in consultation["questions"] for column in _answer_columns(one)),
        ),
    )


def results_table() -> Table:
    """Describe the file of figures: one row for each possible answer."""
    return Table(
        "results",
        str(_("Results, question by question")),
        str(_("One row for each possible answer to each question, with how many chose it.")),
        _figures(),
        drawn=False,
    )


def crosses_table() -> Table:
    """Describe the file of figures by profile, for groups large enough to be published."""
    who = (
        Column("profile", _("Profile"), _of("profile"), values=terms(vocabularies()["profiles"])),
        Column("profile_label", _("Label of the profile"), _of("profile_label")),
    )
    return Table(
        "results-by-profile",
        str(_("Results by profile")),
        str(
            _(
                "The same people as in the results, profile by profile: only from ten people on, "
                "and never so that fewer could be worked out by subtraction. Not to be added to "
                "the results."
            )
        ),
        (*_figures()[:1], *who, *_figures()[1:]),
        drawn=False,
    )


def themes_table() -> Table:
    """Describe the file of themes: how many people each is about, of everybody and by profile."""
    return Table(
        "themes",
        str(_("Themes of the texts")),
        str(
            _(
                "One row for each theme that the team gave to texts, and one for each profile of "
                "which at least ten people speak of it. Rows of profiles are not to be added to "
                "the others."
            )
        ),
        (
            Column("theme", _("Theme"), _of("id"), _("Its id."), required=True),
            Column("theme_label", _("Name of the theme"), _of("label")),
            Column("definition", _("Definition"), _of("definition")),
            Column(
                "profile", _("Profile"), _of("profile"), values=terms(vocabularies()["profiles"])
            ),
            Column("profile_label", _("Label of the profile"), _of("profile_label")),
            Column(
                "people",
                _("People"),
                _of("people"),
                _("Who say something about it, in texts that are not hidden."),
                type="integer",
                least=0,
            ),
        ),
        drawn=False,
    )


def quotes_table() -> Table:
    """Describe the file of the texts that the team quotes."""
    return Table(
        "quotes",
        str(_("Quotes")),
        str(
            _(
                "Texts that the team quotes: their authors agreed to their publication as open "
                "data, and a moderator has read them. Nothing else is told of who wrote them."
            )
        ),
        (
            Column("theme", _("Theme"), _of("id"), _("Its id."), required=True),
            Column("theme_label", _("Name of the theme"), _of("label")),
            Column("quote", _("Text"), _of("quote"), required=True),
        ),
        drawn=False,
    )


def feedback_table() -> Table:
    """Describe the file of stamped feedback, as it stood at the closing."""
    columns = tuple(
        Column(
            "month",
            column.title,
            attrgetter("month"),
            _(
                "Month in which the feedback was given (UTC). Empty where less than ten people "
                "would share month and profile."
            ),
            type="yearmonth",
        )
        if column.name == "month"
        else column
        for column in opinion_columns()
    )
    return Table(
        "feedback",
        str(_("Opinions on datasets")),
        str(
            _(
                "One row for each opinion given on the page of a dataset while the consultation "
                "was open, as it stood at the closing. Without comments."
            )
        ),
        columns,
    )


def requests_table() -> Table:
    return requests_asked().file_table()


# --- Their rows -----------------------------------------------------------------------------------


def released(consultation: Consultation) -> Release:
    """Find what the file of answers may publish. The caller has checked the seal."""
    answered, _given = figures.read(consultation["_id"])
    return release_of(consultation, answered.get("totals") or {})


def response_rows(
    consultation: Consultation, release: Release | None = None
) -> Iterator[ResponseRow]:
    """Yield every answer, shuffled anew each time. The caller has checked the seal."""
    release = release or released(consultation)
    asked = [q["id"] for q in consultation["questions"] if q["kind"] == Kind.DATASET]
    where = rows_where(consultation, release.until)
    for batch in batches(shuffled(responses(), where, READ)):
        named = {(one.get("answers") or {}).get(id) for one in batch for id in asked}
        datasets = catalogue.datasets_by_id(id for id in named if isinstance(id, ObjectId))
        for one in batch:
            yield ResponseRow(one, release, datasets)


def result_rows(found: Document) -> Iterator[Document]:
    """Yield the rows of the file of figures. `found`: as `results.read` returns it."""
    for question in found["questions"]:
        yield from _of_question(question, question)


def cross_rows(found: Document) -> Iterator[Document]:
    for question in found["questions"]:
        for group in question.get("profiles") or ():
            who = {"profile": group["profile"], "profile_label": group["label"]}
            yield from _of_question(question, group, **who)


def theme_rows(found: Document) -> Iterator[Document]:
    """Yield the rows of the file of themes. `found`: as `results.read` returns it."""
    for theme in found["themes"]:
        yield {name: theme[name] for name in ("id", "label", "definition", "people")}
        for group in theme["profiles"]:
            yield {
                "id": theme["id"],
                "label": theme["label"],
                "profile": group["profile"],
                "profile_label": group["label"],
                "people": group["people"],
            }


def quote_rows(found: Document) -> Iterator[Document]:
    for theme in found["themes"]:
        for text in theme["quotes"]:
            yield {"id": theme["id"], "label": theme["label"], "quote": text}


def feedback_rows(consultation: Consultation) -> Iterator[CollectedRow]:
    """Yield the collected feedback that counts, shuffled anew each time."""
    _answered, given = figures.read(consultation["_id"])
    profiles = _told(given.get("totals") or {})
    where = {"consultation": consultation["_id"], "live.total": 1}
    known = _known_of_collected(where, profiles)
    datasets = Datasets()
    for batch in batches(shuffled(collected(), where, READ_OF_COLLECTED)):
        about = datasets.about([one["dataset"] for one in batch])
        for one, named in zip(batch, about, strict=True):
            row = CollectedRow(one, named, profiles)
            row.month, row.profile = known[one["month"], row.profile]
            yield row


def _known_of_collected(where: Document, profiles: set[str]) -> dict[Known, Known]:
    """Map month and profile of feedback to the values they are published as."""
    groups: Iterator[Any] = collected().aggregate(
        [
            {"$match": where},
            {"$group": {"_id": {"m": "$month", "p": "$profile"}, "n": {"$sum": 1}}},
        ]
    )
    sizes: Counter[Known] = Counter()
    for group in groups:
        profile = group["_id"].get("p")
        sizes[group["_id"]["m"], profile if profile in profiles else None] += group["n"]
    return generalised(sizes, release_module.LEAST)


def request_rows(consultation: Consultation) -> Iterator[Any]:
    return requests_asked().file_rows({"consultation": consultation["_id"]})


# --- One of them, on its own ----------------------------------------------------------------------


def responses_csv(consultation: Consultation) -> Response:
    """Return the file `P/consultations/<c>/responses.csv`. Raise NotFound while the seal holds."""
    results.must_be_there(consultation)
    table = responses_table(consultation)
    release = released(consultation)
    if release.tables_only:
        raise refusals.NotFound(
            _(
                "So few people answered alike that their answers are published as tables only: see "
                "the results."
            )
        )
    made_of = version(responses(), rows_where(consultation, release.until), table.header)
    rows = response_rows(consultation, release)
    return table.download(rows, made_of, f"responses-{consultation['slug']}")


def _told(totals: dict[str, int]) -> set[str]:
    """Return the profiles that a file may publish."""
    sizes = {id: totals.get(f"profile:{id}", 0) for id in vocabularies().ids("profiles")}
    return told_profiles(sizes, totals.get("total", 0))


def _answer_columns(question: Question) -> Iterator[Column]:
    """Yield the columns of a question: one, one for each line of a matrix, and one for the words
    that go with an option."""
    id, kind = question["id"], Kind(question["kind"])
    name, title = f"answers.{id}", str(said(question["text"]))
    told = str(KINDS[kind])
    values = tuple((one, str(label)) for one, label in labels(question))
    if kind is Kind.MATRIX:
        for row, label in rows_of(question):
            yield Column(
                f"{name}.{row}",
                f"{title} — {label}",
                _on_row(id, row),
                told,
                type="integer",
                values=values,
            )
    elif kind in BINNED:
        yield Column(name, title, _binned(question), told, values=values)
    elif kind is Kind.RANKING:
        options = tuple(rows_of(question))
        yield Column(name, title, lambda row: row.ranked(id), told, values=options, many=True)
    elif kind in COUNTED:
        several = kind is Kind.MULTIPLE
        commas = str(_("(with commas between them)"))
        yield Column(
            name,
            title,
            lambda row: row.chosen(id),
            f"{told} {commas}" if several else told,
            type="integer" if kind is Kind.SCALE else "string",
            values=values,
            many=several,
        )
        if any(option.get("other") for option in question.get("options", ())):
            words = str(_("in their own words"))
            yield _text_column(f"{name}.other", f"{title} — {words}", id)
    elif kind is Kind.DATASET:
        yield Column(
            name,
            title,
            lambda row: row.dataset(id),
            _("The id of a dataset of the portal; empty where it is no longer public."),
        )
    else:
        yield _text_column(name, title, id)


def _text_column(name: str, title: str, id: str) -> Column:
    return Column(
        name,
        title,
        lambda row: row.texts.get(id),
        _(
            "Only where its author agreed to its publication as open data, and a moderator has "
            "read it."
        ),
    )


def _on_row(id: str, row: str) -> Callable[[ResponseRow], Any]:
    return lambda one: one.on_row(id, row)


def _binned(question: Question) -> Callable[[ResponseRow], Any]:
    return lambda row: row.range(question)


def _figures() -> tuple[Column, ...]:
    return (
        Column("question", _("Question"), _of("question"), _("Its id."), required=True),
        Column("question_text", _("Text of the question"), _of("text")),
        Column(
            "kind",
            _("Kind of question"),
            _of("kind"),
            values=tuple((one.value, str(label)) for one, label in KINDS.items()),
            required=True,
        ),
        Column("item", _("Line"), _of("item"), _("Of a matrix or a ranking: the id of a line.")),
        Column("item_label", _("Label of the line"), _of("item_label")),
        Column(
            "answer",
            _("Answer"),
            _of("answer"),
            _("The id of the answer, the number of the step, or the id of a dataset."),
        ),
        Column("answer_label", _("Label of the answer"), _of("label")),
        Column("count", _("People"), _of("count"), _("Who chose it."), type="integer", least=0),
        Column(
            "answered",
            _("People who answered the question"),
            _of("answered"),
            type="integer",
            least=0,
            required=True,
        ),
        Column(
            "share",
            _("Share"),
            _of("share"),
            _("Of those who answered the question, from 0 to 1; empty below five of them."),
            type="number",
            least=0,
        ),
        Column(
            "mean",
            _("Mean"),
            _of("mean"),
            _("Of a scale, from 1; empty below five answers."),
            type="number",
        ),
    )


def _of(field: str) -> Callable[[Document], Any]:
    return lambda row: row.get(field)


def _of_question(question: Document, figures: Document, **who: Any) -> Iterator[Document]:
    """Yield the rows of a question, for everybody who answered it or for one group."""
    common = {
        "question": question["id"],
        "text": question["text"],
        "kind": question["kind"],
        "answered": figures["answered"],
        "mean": figures.get("mean"),
        **who,
    }
    for option in figures.get("options") or ():
        yield common | _of_option(option)
    for row in figures.get("rows") or ():
        line = {"item": row["id"], "item_label": row["label"]}
        line |= {"answered": row["answered"], "mean": row["mean"]}
        for option in row["options"]:
            yield common | line | _of_option(option)
    for dataset in figures.get("datasets") or ():
        yield common | {
            "answer": dataset["id"],
            "label": dataset["title"],
            "count": dataset["count"],
        }
    if question["kind"] in (Kind.TEXT, Kind.MISSING_DATASET):
        yield common


def _of_option(option: Document) -> Document:
    share = option["share"]
    return {
        "answer": option["id"],
        "label": option["label"],
        "count": option["count"],
        "share": None if share is None else round(share, DECIMALS),
    }
