"""The seal: before the closing nothing tells what was answered, by whom, how many did, or what was
given on dataset pages meanwhile. Every route of the application is asked, as people in each role,
with and without what the seal covers: the answers must be the same to the letter."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pytest
from bs4 import BeautifulSoup
from bson import ObjectId
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.tests.helpers import capture_mails

from udata_culture_feedback.consultations import answering, figures, upkeep
from udata_culture_feedback.consultations.kind import TEXTS
from udata_culture_feedback.consultations.models import (
    collected,
    consultations,
    of_responses,
    responses,
    results,
)
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.mail.models import outbox
from udata_culture_feedback.opendata.tables import ROW
from udata_culture_feedback.people import roles
from udata_culture_feedback.people.viewer import Viewer

from ..cases import P, Producer, sysadmin
from .consulting import (
    AFTER,
    ANSWERS,
    BEFORE,
    DURING,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    team_member,
    utc,
)

#: Asked at random, or good for one moment: the same thing is never answered twice.
AT_RANDOM = ("/proof/",)
#: What stands for each parameter of a route: by the route's beginning where one name means several
#: things. A route with another parameter fails `test_every_route_is_really_asked`.
PARAMETERS = {
    ("", "dataset"): "dataset",
    ("", "org"): "organization",
    ("", "organization"): "organization",
    ("", "extension"): "extension",
    ("/consultations/", "id"): "slug",
    ("/pages/consultations/", "reference"): "slug",
    ("/feedback/", "id"): "feedback",
    ("/pages/feedback/", "id"): "feedback",
    ("/pages/better/", "id"): "feedback",
    ("/pages/dashboard/feedback/", "id"): "feedback",
    ("/requests/", "id"): "request",
    ("/pages/requests/", "reference"): "request",
    ("/pages/me/requests/", "id"): "request",
    ("/pages/moderation/decisions/", "id"): "decision",
    ("/pages/moderation/<", "id"): "feedback",
