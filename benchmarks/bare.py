"""The lower bound, served by gunicorn: Flask and pymongo, and nothing of udata."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from io import StringIO
from typing import Any

from bson import ObjectId
from flask import Flask, Response, json
from pymongo import MongoClient

app = Flask(__name__)
client: MongoClient[Any] = MongoClient(os.environ["BENCHMARK_DATABASE"], connect=False)

AXES = ("update_frequency", "completeness", "contextualisation", "georeferencing")
FIELDS = ("dataset", "organization", "created_at", "fitness", "usages", "profile", "resource")
ROWS = 100


@app.route("/one/<dataset>")
def one(dataset: str) -> Response:
    """Return one document by its id."""
    found = client.get_default_database().dataset.find_one({"_id": ObjectId(dataset)}, {"title": 1})
    assert found
    return Response(json.dumps({"title": found["title"]}), mimetype="application/json")


@app.route("/feedback.csv")
def feedback() -> Response:
    """Stream a cursor written by the csv module: the columns of our file that are in the
    document."""
    shown = (*FIELDS, "ratings", "wants_answer", "treatment.status")
    found = client.get_default_database().culture_feedback_feedback.find(
        {"listed": True}, dict.fromkeys(shown, 1)
    )
    return Response(_written(found), mimetype="text/csv")


def _written(found: Any) -> Iterator[str]:
    out = StringIO()
    writer = csv.writer(out, delimiter=";", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow((*FIELDS, *AXES, "wants_answer", "treatment"))
    for number, one in enumerate(found, 1):
        ratings = one["ratings"]
        writer.writerow(
            (
                *(one.get(field) for field in FIELDS),
                *(ratings.get(axis) for axis in AXES),
                one["wants_answer"],
                one["treatment"]["status"],
            )
        )
        if number % ROWS == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
