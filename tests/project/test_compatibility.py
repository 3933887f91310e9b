"""Each part of udata that we rely on and that udata promises to nobody, named once: a release of
udata that changes one fails here, and says which. docs/compatibility.md says what each is for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from udata.api import API, api
from udata.core.dataset.models import Dataset
from udata.core.discussions.models import Discussion, Message
from udata.core.reports.models import Report
from udata.core.user.models import User
from udata.db.migrations import Record
from udata.mail import MailMessage

DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.md"
PACKAGE = Path(__file__).parents[2] / "udata_culture_feedback"


def has(path: str, *names: str) -> bool:
    """Whether a module has these names."""
    module = import_module(path)
    return all(hasattr(module, name) for name in names)


def takes(function: Callable[..., Any], *names: str) -> bool:
    """Whether a function can be called with these arguments."""
    parameters = inspect.signature(function).parameters
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values()) or set(names) <= set(
        parameters
    )


def fields_of(document: Any, *names: str) -> bool:
    return set(names) <= set(document._fields)


#: What we rely on, by the name that docs/compatibility.md gives it.
RELIED_ON: dict[str, Callable[[], bool]] = {
    "api.authentify": lambda: callable(api.authentify),
    "api.blueprint and api.ns_urls": lambda: hasattr(api, "blueprint") and hasattr(api, "ns_urls"),
    "api.json_payload": lambda: callable(api.json_payload),
    "API.dispatch_request": lambda: callable(API.dispatch_request),
    "HEADER_API_KEY": lambda: has("udata.api", "HEADER_API_KEY"),
    "app.csrf": lambda: has("udata.app", "csrf"),
    "cors.get_allowed_origins": lambda: has("udata.cors", "get_allowed_origins"),
    "Dataset fields": lambda: fields_of(
        Dataset, "private", "deleted", "archived", "owner", "organization", "slug", "resources"
    ),
    "Dataset signals": lambda: all(
        hasattr(Dataset, name) for name in ("on_create", "on_update", "on_delete", "after_save")
    ),
    "resource signals": lambda: all(
        hasattr(Dataset, f"on_resource_{done}") for done in ("added", "updated", "removed")
    ),
    "Discussion fields": lambda: fields_of(
        Discussion, "user", "organization", "subject", "title", "discussion", "closed", "extras"
    ),
    "Message fields": lambda: fields_of(
        Message, "id", "content", "posted_on", "posted_by", "posted_by_organization"
    ),
    "Discussion.signal_new": lambda: callable(Discussion.signal_new),
    "discussion signals": lambda: has(
        "udata.core.discussions.signals",
        "on_new_discussion",
        "on_new_discussion_comment",
        "on_discussion_closed",
        "on_discussion_deleted",
        "on_discussion_message_deleted",
    ),
    "Report fields": lambda: fields_of(
        Report, "subject", "reason", "message", "dismissed_at", "callbacks"
    ),
    "SpamMixin": lambda: has("udata.core.spam.models", "SpamMixin"),
    "User fields": lambda: fields_of(
        User, "prefered_language", "mail_cadence", "notifications_paused", "deleted", "active"
    ),
    "organization needs": lambda: has(
        "udata.core.organization.permissions",
        "AssignmentNeed",
        "OrganizationAdminNeed",
        "OrganizationEditorNeed",
        "OrganizationNeed",
        "OrganizationPartialEditorNeed",
    ),
    "Assignment": lambda: has("udata.core.organization.assignment", "Assignment"),
    "SlugFollow": lambda: has("udata.mongo.slug_fields", "SlugFollow"),
    "MailMessage": lambda: takes(MailMessage, "subject", "paragraphs", "footer"),
    "MailCadence": lambda: has("udata.features.notifications.constants", "MailCadence"),
    "set_rule": lambda: has("udata.features.notifications.settings", "set_rule"),
    "migration records": lambda: takes(Record.add, "_type", "migration", "output"),
    "resource storage": lambda: has("udata.core.storages", "resources"),
    "dataset_to_rdf": lambda: has("udata.core.dataset.api", "dataset_to_rdf"),
    "dataset_to_graph_id": lambda: has("udata.core.dataset.rdf", "dataset_to_graph_id"),
    "cdata_url": lambda: has("udata.uris", "cdata_url"),
}


@pytest.mark.parametrize("name", RELIED_ON)
def test_udata_still_has(name: str) -> None:
    assert RELIED_ON[name](), f"udata no longer has: {name} (docs/compatibility.md)"


def test_the_documentation_names_them_all() -> None:
    said = set(re.findall(r"^\| `([^`|]+)` \|", DOCUMENT.read_text(), flags=re.M))
    assert said == set(RELIED_ON)


def test_no_module_of_udata_is_used_that_is_not_listed() -> None:
    """A new import of a part of udata is a new thing to watch: it is added to the document."""
    used = set()
    for path in PACKAGE.rglob("*.py"):
        used |= set(re.findall(r"^\s*from (udata\.[\w.]+) import", path.read_text(), re.M))
    listed = set(re.findall(r"`(udata\.[\w.]+)`", DOCUMENT.read_text()))
    assert used <= listed, f"docs/compatibility.md does not name: {sorted(used - listed)}"
