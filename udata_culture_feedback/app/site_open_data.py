"""Publish the feedback and the requests of the whole portal as a dataset of the organization that a
setting names: what `P/site/feedback.csv` and `P/site/requests.csv` contain, as of the day."""

from __future__ import annotations

import logging
import tempfile
from functools import partial
from pathlib import Path

from flask import current_app
from udata.core.dataset.constants import UpdateFrequency
from udata.i18n import lazy_gettext as _
from udata.tasks import job

from ..consultations import publishing
from ..data_requests import csv as requests_csv
from ..feedback import csv as feedback_csv
from ..figures.summary_ids import SITE
from ..opendata import portal
from ..opendata.files import Made, files_of
from ..opendata.portal import Published, Sheet, heading
from ..opendata.suppression import LEAST_FOR_CROSSES
from ..portal import catalogue
from ..web import refusals
from ..web.languages import speaking

log = logging.getLogger(__name__)


def publish_site() -> Published | None:
    """Publish the files of the portal that have changed; return None where no organization is set
    for that. Raise Conflict as `portal.put` does, and for an organization that does not exist."""
    reference = current_app.config["CULTURE_FEEDBACK_OPEN_DATA_ORGANIZATION"]
    if not reference:
        return None
    organization = catalogue.find_organization(reference)
    if organization is None or organization.deleted:
        raise refusals.Conflict(_("There is no such organization."))
    with (
        speaking(current_app.config["DEFAULT_LANGUAGE"]),
        tempfile.TemporaryDirectory(prefix="culture-feedback-") as folder,
    ):
        made: list[Made] = [
            (feedback_csv.table(), partial(feedback_csv.rows, {"listed": True}, SITE)),
            (requests_csv.table(), requests_csv.rows),
        ]
        files = files_of(made, Path(folder))
        return portal.put(SITE, organization.id, _sheet(), files)


@job("culture-feedback-publish", route="low.culture-feedback")
def publish_everything(self: object) -> dict[str, int]:
    """Bring our datasets in line with what there is to publish. Schedule it every day."""
    done = publishing.publish_all()
    refused = sum(isinstance(one, refusals.Refusal) for one in done.values())
    changed = sum(isinstance(one, Published) and bool(one.changed) for one in done.values())
    try:
        site = publish_site()
        changed += bool(site and site.changed)
    except refusals.Refusal as refusal:
        log.warning("The files of the portal are not published: %s", refusal)
        refused += 1
    return {"published": changed, "refused": refused}


def _sheet() -> Sheet:
    config = current_app.config
    paragraphs = [
        _(
            "What people say of the datasets of %(portal)s, on the pages of these, and the data "
            "they ask for: one row for each opinion, and one for each public request, every day as "
            "they stand.",
            portal=config["CULTURE_FEEDBACK_PORTAL_NAME"] or config["SITE_TITLE"],
        ),
        heading(_("Limits")),
        _(
            "Whoever wished to speak did: these are not the opinions of a representative sample. "
            "What producers say of their own data is left out."
        ),
        heading(_("What protects people")),
        _(
            "No name and no pseudonym. Rows have ids and an order drawn at random at each "
            "publication; dates are months; a profile stands in a file only where at least "
            "%(crosses)d people share it. A text is there only if its author agreed to its "
            "publication as open data, and once a moderator has read it.",
            crosses=LEAST_FOR_CROSSES,
        ),
        heading(_("Files")),
        _(
            "CSV in UTF-8, semicolons, texts in quotes; each has its Table Schema, and all of them "
            "a data dictionary. A text that begins like a formula has an apostrophe before it."
        ),
    ]
    return Sheet(
        str(_("What users say about the data, and what they ask for")),
        "\n\n".join(str(paragraph) for paragraph in paragraphs),
        tuple(config["CULTURE_FEEDBACK_OPEN_DATA_TAGS"]),
        UpdateFrequency.DAILY,
    )
