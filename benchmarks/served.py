"""The applications of gunicorn and Celery: udata with the plugin, and beside it the smallest
possible view. `UDATA_SETTINGS` names the database."""

from __future__ import annotations

from bson import ObjectId
from flask import Response, json
from udata.app import create_app, standalone
from udata.core.dataset.models import Dataset
from udata.tasks import celery

__all__ = ["app", "celery"]

app = standalone(create_app())


@app.route("/benchmark/<dataset>")
def bare(dataset: str) -> Response:
    """Return one document by its id."""
    found = Dataset._get_collection().find_one({"_id": ObjectId(dataset)}, {"title": 1})
    return Response(json.dumps({"title": found["title"]}), mimetype="application/json")
