"""Name the few types that really may be anything by what they are."""

from __future__ import annotations

from typing import Any

#: A JSON object as the API shows it, or what a template is given.
Shown = dict[str, Any]
#: What a client sent: a JSON object or the fields of a form, not checked yet.
Payload = dict[str, Any]
#: A condition, a projection, an update or a stage of a pipeline, in MongoDB's language.
Query = dict[str, Any]
#: A document, or a part of one, whose fields are not known here.
Document = dict[str, Any]
