"""Processes that receive the same proof of work: what `test_proof` runs."""

from __future__ import annotations

from typing import Any

from udata import settings as udata_settings
from udata.app import UDataApp, create_app

import udata_culture_feedback

P = "/api/1/culture-feedback"


def prepare(uri: str) -> UDataApp:
    class Settings(udata_settings.Testing):
        MONGODB_HOST_TEST = uri

    app = create_app(udata_settings.Defaults, override=Settings)
    from udata import api

    api.init_app(app)
    udata_culture_feedback.init_app(app)
    return app


def give(app: UDataApp, settings: dict[str, Any], dataset: str, proof: str) -> int:
    """Answers as a browser of its own, and tells how that went."""
    app.config.update(settings)
    client = app.test_client()
    asked = client.get(f"{P}/proof/?action=feedback&target={dataset}")
    body = {
        "dataset": dataset,
        "fitness": "yes",
        "proof": proof,
        "contributor_token": asked.get_json()["contributor_token"],
    }
    return client.post(f"{P}/feedback/", json=body).status_code
