"""The results of a consultation as a dataset of the portal, owned by the organization that
consults: created once it has closed, then kept up to date with what may be published."""

from __future__ import annotations

import logging
import tempfile
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.core.dataset.constants import UpdateFrequency
from udata.i18n import lazy_gettext as _

from ..opendata import portal
from ..opendata.files import Made, files_of
from ..opendata.portal import File, Published, Sheet, heading
from ..opendata.tables import as_json
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.collections import now
from ..web import refusals
from ..web.languages import speaking
from ..web.moments import iso, local_day, portal_zone
from ..web.urls import api_url, pages_url
from . import csv, figures, permissions, representation, results, results_collection
from .models import Consultation, consultations
from .release import Release
from .repository import addresses, find, no_such_consultation, readable
from .signals import on_publication_wanted
from .window import Window, grace, in_words, until_in_words
from .wording import said

log = logging.getLogger(__name__)

#: Most rows that a request publishes itself; more are left to a task.
AT_ONCE = 5000


def publish(consultation_id: Any) -> Published:
    """Publish the results of a consultation (its id or slug), or what has changed of them.
    Idempotent. Return the dataset, and what was written of it.

    Raise NotFound for an unknown consultation; Conflict while its seal holds, while it is being
    published elsewhere, and where its dataset was deleted or transferred.
    """
    consultation = find(consultation_id)
    if consultation is None or not consultation.get("published"):
        raise no_such_consultation()
    _must_be_unsealed(consultation)
    if not results_collection.collect(consultation):
        raise refusals.Conflict(_("The results are being prepared. Please come back in a while."))
    figures.settle_all(consultation["_id"])
    owner = catalogue.organizations_by_id([consultation["organization"]])
    organization = owner.get(consultation["organization"])
    if organization is None or organization.deleted:
        raise refusals.Conflict(_("The organization that consulted no longer exists."))
    with (
        speaking(current_app.config["DEFAULT_LANGUAGE"]),
        tempfile.TemporaryDirectory(prefix="culture-feedback-") as folder,
    ):
        found = results.read(consultation)
        moment, release = now(), csv.released(consultation)
        files = _files(consultation, found, organization.name, Path(folder), release)
        sheet = _sheet(consultation, found)
        made = portal.put(_name(consultation), organization.id, sheet, files)
        if release.until is None:  # otherwise later imports wait for more of them
            consultations().update_one(
                {"_id": consultation["_id"]}, {"$set": {"released_until": moment}}
            )
        return made


def publish_as(viewer: Viewer, reference: Any) -> Published | None:
    """Publish the results on behalf of a member of the team; return None where there is so much
    that a task does it. Raise Forbidden for anybody else."""
    must_be_known(viewer)
    consultation = readable(viewer, reference)
    spend_write(viewer, manages=True)
    if not permissions.is_team(viewer):
        raise refusals.Forbidden(_("Only the team of consultations may do this."))
    _must_be_unsealed(consultation)
    answered, given = figures.read(consultation["_id"])
    rows = sum((one.get("totals") or {}).get("total", 0) for one in (answered, given))
    if rows <= AT_ONCE:
        return publish(consultation["_id"])
    on_publication_wanted.send(consultation["_id"])
    return None


def publish_all() -> dict[ObjectId, Published | refusals.Refusal]:
    """Publish every consultation whose seal is broken, one after the other; a failure does not stop
    the rest. Return the result or the refusal of each."""
    closed = {"published": {"$ne": None}, "closes_at": {"$lte": now() - grace()}}
    made: dict[ObjectId, Published | refusals.Refusal] = {}
    for one in list(consultations().find(closed, {"_id": 1}, sort=[("closes_at", 1)])):
        try:
            made[one["_id"]] = publish(one["_id"])
        except refusals.Refusal as refusal:
            log.info("Consultation %s is not published: %s", one["_id"], refusal)
            made[one["_id"]] = refusal
        except Exception:
            log.exception("Consultation %s could not be published", one["_id"])
    return made


def dataset_of(consultation: Consultation) -> catalogue.DatasetFacts | None:
    """Return the dataset of the results, if it is public."""
    return portal.dataset_of(_name(consultation))


def responses_address(consultation: Consultation) -> str:
    """Return the address at which the current answers can be downloaded."""
    return api_url(f"consultations/{consultation['slug']}/responses.csv")


def _name(consultation: Consultation) -> str:
    return f"consultation:{consultation['_id']}"


def _must_be_unsealed(consultation: Consultation) -> None:
    window = Window.of(consultation)
    if window.sealed(now()):
        message = _(
            "The results will be there once the consultation has closed, on %(moment)s.",
            moment=in_words(window.unsealed_at),
        )
        raise refusals.Conflict(message, sealed_until=iso(window.unsealed_at))


def _files(
    consultation: Consultation,
    found: dict[str, Any],
    organization: str,
    folder: Path,
    release: Release,
) -> list[File]:
    """Write every file into the folder."""
    made: list[Made] = [
        (csv.results_table(), partial(csv.result_rows, found)),
        (csv.crosses_table(), partial(csv.cross_rows, found)),
        (csv.feedback_table(), partial(csv.feedback_rows, consultation)),
        (csv.requests_table(), partial(csv.request_rows, consultation)),
    ]
    if found["themes"]:
        made.append((csv.themes_table(), partial(csv.theme_rows, found)))
        made.append((csv.quotes_table(), partial(csv.quote_rows, found)))
    if not release.tables_only:
        rows = partial(csv.response_rows, consultation, release)
        made.insert(0, (csv.responses_table(consultation), rows))
    questionnaire = folder / "questionnaire.json"
    asked = as_json(questionnaire, _questionnaire(consultation, organization))
    return [
        *files_of(made, folder),
        File(
            questionnaire.name,
            str(_("Questionnaire")),
            str(_("The questions as they were asked, in each language (JSON).")),
            questionnaire,
            asked,
            type="documentation",
        ),
    ]


def _sheet(consultation: Consultation, found: dict[str, Any]) -> Sheet:
    window, zone = Window.of(consultation), portal_zone()
    last = local_day(window.closes_at - timedelta(microseconds=1), zone)
    tags = {"consultation-publique", *current_app.config["CULTURE_FEEDBACK_OPEN_DATA_TAGS"]}
    return Sheet(
        str(_("Results of the consultation “%(title)s”", title=said(consultation["title"]))),
        _description(consultation, found),
        tuple(tags),
        UpdateFrequency.PUNCTUAL,
        local_day(window.opens_at, zone),
        last,
    )


def _description(consultation: Consultation, found: dict[str, Any]) -> str:
    """Describe the dataset in Markdown: what it is, how it was made, and its limits."""
    window = Window.of(consultation)
    channels = found["responses"]["channels"]
    method = found["method"]
    about = addresses(consultation)["self_web_url"]
    results_page = pages_url(f"consultations/{consultation['slug']}/results/")
    paragraphs = [
        _(
            "Answers to the public consultation [%(title)s](%(url)s), open from %(opening)s "
            "%(until)s, and what was said of datasets and asked for meanwhile. The same figures "
            "stand, with charts, on [its results page](%(results)s).",
            title=str(said(consultation["title"])).replace("[", "(").replace("]", ")"),
            url=about,
            opening=in_words(window.opens_at),
            until=until_in_words(window.closes_at),
            results=results_page,
        ),
        heading(_("Method")),
        _(
            "%(total)d answers: %(web)d online, %(phone)d by phone, %(post)d by post. One answer "
            "per person, changed as often as they wished until the closing. %(feedback)d opinions "
            "on datasets were given meanwhile. Nobody saw an answer or a figure before the "
            "closing.",
            total=found["responses"]["total"],
            feedback=found["feedback"]["total"],
            **channels,
        ),
        heading(_("Limits")),
        _(
            "Whoever wished to answer did: these are not the opinions of a representative sample. "
            "Shares and means are given from %(means)d answers on.",
            means=method["least_for_means"],
        ),
        heading(_("What protects people")),
        _(
            "No name and no pseudonym. Rows have ids and an order drawn at random at each "
            "publication. When, how and by which profile an answer was given is told only as far "
            "as at least %(crosses)d people share all of it: months are left out first, then the "
            "channel, then the profile. Left out too are answers that fewer people gave, and "
            "ranges of a number or a date that fewer people of a profile share; where that takes "
            "more than a fifth of the cells, tables only are published. A text is there only if "
            "its author agreed to its publication as open data, and once a moderator has read it.",
            crosses=method["least_for_crosses"],
        ),
        heading(_("Files")),
        _(
            "CSV in UTF-8, semicolons, texts in quotes; each has its Table Schema, and all of them "
            "a data dictionary. A text that begins like a formula has an apostrophe before it."
        ),
    ]
    return "\n\n".join(str(paragraph) for paragraph in paragraphs)


def _questionnaire(consultation: Consultation, organization: str) -> dict[str, Any]:
    """Return the questions as they were asked, in every language."""
    source = representation.source(consultation)
    told = ("title", "introduction", "outcome", "opens_at", "closes_at", "steps", "questions")
    return {
        "id": str(consultation["_id"]),
        "organization": organization,
        "url": addresses(consultation)["self_web_url"],
        **{field: source[field] for field in told},
    }
